//! The solo sequencer on a small chain.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, Signature, TxKind, U256};
use mundi_chain::{
    DeveloperGenesis, Genesis, Ledger, LedgerConfig, LedgerPools, OrderedTransaction, PayloadSource,
    ProposalLimits, Sequencer as _,
};
use mundi_consensus::{Clock, Mining, Solo, SoloConfig};
use mundi_state::{Config, Store};
use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

const SENDER: Address = Address::repeat_byte(0xaa);

/// A clock that stands where it is put.
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Transactions in a line.
#[derive(Default)]
struct Line(Mutex<VecDeque<Arc<OrderedTransaction>>>);

impl PayloadSource for Line {
    fn propose(&self, limits: &ProposalLimits) -> Vec<Arc<OrderedTransaction>> {
        let mut line = self.0.lock().unwrap();
        let count = line.len().min(limits.transactions);
        line.drain(..count).collect()
    }

    fn returned(&self, transactions: &[Arc<OrderedTransaction>]) {
        let mut line = self.0.lock().unwrap();
        for transaction in transactions.iter().rev() {
            line.push_front(Arc::clone(transaction));
        }
    }
}

struct World {
    ledger: Arc<Ledger>,
    line: Arc<Line>,
    clock: Arc<Hands>,
    solo: Solo,
}

/// A transfer of the rich account; who ordered it is taken at their word.
fn transfer(nonce: u64) -> Arc<OrderedTransaction> {
    let tx = TxEip1559 {
        chain_id: 31337,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10_000_000_000,
        to: TxKind::Call(Address::repeat_byte(0xbb)),
        value: U256::from(1),
        ..TxEip1559::default()
    };
    let signature = Signature::new(U256::from(1), U256::from(1), false);
    Arc::new(OrderedTransaction::new(TxEnvelope::from(tx.into_signed(signature)), SENDER))
}

/// On a chain with Ethereum's rule of time.
fn world(config: SoloConfig) -> World {
    let genesis = DeveloperGenesis {
        accounts: vec![SENDER],
        timestamp: 1_000,
        equal_timestamps: false,
        ..DeveloperGenesis::default()
    };
    let genesis = Genesis::developer(&genesis).unwrap();
    let pool = || Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
    let store = Config { cache_bytes: 8 << 20, ..Config::default() };
    let store = Store::in_memory(&store, &genesis.record(), &genesis.alloc, &pool()).unwrap();
    let pools = LedgerPools { engine: pool(), background: pool() };
    let settings = LedgerConfig { threads: NonZeroUsize::MIN, ..LedgerConfig::default() };
    let ledger = Ledger::start(Arc::new(store), Arc::new(genesis.spec.clone()), settings, pools, None);
    let ledger = Arc::new(ledger.unwrap());
    let line = Arc::<Line>::default();
    let clock = Arc::new(Hands(5_000.into()));
    let source = Arc::clone(&line) as Arc<dyn PayloadSource>;
    let solo =
        Solo::start(Arc::clone(&ledger), source, Arc::clone(&clock) as Arc<dyn Clock>, config).unwrap();
    World { ledger, line, clock, solo }
}

fn manual() -> World {
    world(SoloConfig { mining: Mining::Manual, ..SoloConfig::default() })
}

impl World {
    fn add(&self, nonces: std::ops::Range<u64>) {
        self.line.0.lock().unwrap().extend(nonces.map(transfer));
        self.solo.wake();
    }

    /// Waits for the head to reach a height.
    fn reach(&self, height: u64) {
        let mut events = self.ledger.events();
        while self.ledger.head().block.header.number < height {
            events.blocking_recv().expect("the ledger runs");
        }
    }
}

#[test]
fn what_waits_is_made_a_block_at_once() {
    let world = world(SoloConfig::default());
    world.add(0..3);
    world.reach(1);
    let head = world.ledger.head();
    assert_eq!(head.block.body.transactions.len(), 3);
    assert_eq!(head.block.header.timestamp, 5_000);
    let finality = world.solo.finality();
    assert_eq!((finality.safe, finality.finalized), (1, 1));
}

#[test]
fn nothing_is_lost_or_doubled_under_a_stream() {
    let world = world(SoloConfig { payload_transactions: 7, ..SoloConfig::default() });
    for nonce in 0..200 {
        world.add(nonce..nonce + 1);
    }
    let mut events = world.ledger.events();
    let included = || -> u64 {
        let head = world.ledger.head().block.header.number;
        (1..=head)
            .map(|height| world.ledger.block(height).unwrap().unwrap().body.transactions.len() as u64)
            .sum()
    };
    while included() < 200 {
        events.blocking_recv().expect("the ledger runs");
    }
    assert_eq!(included(), 200);
    let head = world.ledger.head().block.header.number;
    assert!(head >= 200 / 7, "no payload is larger than asked for");
}

#[test]
fn empty_blocks_come_by_the_clock_and_on_command() {
    let world =
        world(SoloConfig { mining: Mining::Interval(Duration::from_millis(1)), ..SoloConfig::default() });
    world.reach(3);
    world.solo.set_mining(Mining::Manual);
    let before = world.solo.produce().unwrap().block.header.number;
    assert_eq!(world.solo.produce().unwrap().block.header.number, before + 1);
}

#[test]
fn time_never_stands_still_and_can_be_decided() {
    let world = manual();
    let time = || world.solo.produce().unwrap().block.header.timestamp;
    assert_eq!([time(), time()], [5_000, 5_001]);
    world.clock.0.store(6_000, Relaxed);
    assert_eq!(time(), 6_000);
    world.solo.decide(|next| next.timestamp = Some(9_000));
    assert_eq!(time(), 9_000);
    world.clock.0.store(6_010, Relaxed);
    assert_eq!(time(), 9_010, "time goes on from there");
    world.solo.decide(|next| next.interval = Some(12));
    assert_eq!([time(), time()], [9_022, 9_034]);
}

#[test]
fn fees_randomness_and_beneficiary_can_be_decided() {
    let world = manual();
    let other = Address::repeat_byte(7);
    world.solo.decide(|next| {
        next.base_fee = Some(3);
        next.prev_randao = Some(B256::repeat_byte(9));
        next.beneficiary = Some(other);
    });
    let first = world.solo.produce().unwrap();
    let header = &first.block.header;
    assert_eq!(header.base_fee_per_gas, Some(3));
    assert_eq!((header.mix_hash, header.beneficiary), (B256::repeat_byte(9), other));
    let second = world.solo.produce().unwrap();
    assert_ne!(second.block.header.mix_hash, B256::repeat_byte(9), "for one block only");
    assert_eq!(second.block.header.beneficiary, other, "from here on");
}

#[test]
fn after_a_stop_nothing_is_ordered() {
    let world = world(SoloConfig::default());
    world.add(0..1);
    world.reach(1);
    world.solo.stop();
    world.add(1..2);
    assert_eq!(world.line.0.lock().unwrap().len(), 1);
    world.ledger.close().unwrap();
    assert!(world.solo.produce().is_err());
    assert_eq!(world.line.0.lock().unwrap().len(), 1, "what was taken is back");
}

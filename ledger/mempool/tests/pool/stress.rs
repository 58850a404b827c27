//! Many threads at once: bounds hold, nobody is handed out twice, nonces have no gaps.

use crate::world::*;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, Signature, U256, map::HashMap};
use mundi_chain::{ChainSpec, ForkPoint, ProposalLimits};
use mundi_execution::{Account, MemoryState};
use mundi_mempool::{Config, Head, Mempool, NewHead};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

const SENDERS: u64 = 40;
const MAX_TRANSACTIONS: usize = 300;

fn sender(number: u64) -> Address {
    Address::from_word(B256::from(U256::from(0x1000 + number * 7)))
}

/// The value makes each of them another transaction: one that was removed while in flight does not come back.
fn unsigned(from: Address, nonce: u64, tip: u128, value: u64) -> TxEnvelope {
    let r = U256::from_be_slice(from.as_slice());
    let tx = TxEip1559 { value: U256::from(value), ..transfer(nonce, 1000 + tip, tip) };
    tx.into_signed(Signature::new(r, U256::from(1), false)).into()
}

/// A random number from a seed, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn invariants_hold_under_many_threads() {
    let spec = Arc::new(ChainSpec::at_fork("Osaka").unwrap().with_chain_id(CHAIN));
    let mut state = MemoryState::new();
    (0..SENDERS).for_each(|number| state.insert_account(sender(number), 0, U256::from(ETHER), None));
    let head = |nonces: &HashMap<Address, u64>, height: u64| {
        let mut state = state.clone();
        for (address, nonce) in nonces {
            state.insert_account(*address, *nonce, U256::from(ETHER), None);
        }
        Head {
            point: ForkPoint::new(height, height),
            base_fee: 10 + height % 7,
            blob_base_fee: 1,
            gas_limit: 30_000_000,
            state: Arc::new(state),
        }
    };
    let config = Config { max_transactions: MAX_TRANSACTIONS, exempt_local: false, ..Config::default() };
    let pool = Mempool::new(config, spec, head(&HashMap::default(), 1));
    let in_flight: Mutex<HashMap<B256, (Address, u64)>> = Mutex::default();
    let (done, accepted) = (AtomicBool::new(false), AtomicUsize::new(0));

    std::thread::scope(|scope| {
        let submitters: Vec<_> = (0..3)
            .map(|seed| {
                let (pool, accepted) = (&pool, &accepted);
                scope.spawn(move || {
                    let mut random = Random(seed);
                    for step in 0..6_000 {
                        let from = sender(random.below(SENDERS));
                        let next = pool.next_nonce(&from).unwrap_or_else(|| random.below(3));
                        let nonce = (next + random.below(3)).saturating_sub(random.below(3));
                        let tx = unsigned(from, nonce, u128::from(random.below(200)), seed * 6_000 + step);
                        if pool.submit_unsigned(tx, from).is_ok() {
                            accepted.fetch_add(1, Ordering::Relaxed);
                        }
                        if random.below(50) == 0 {
                            // Not one that may be in flight: who takes those out gives their nonces out again.
                            pool.content_from(&from).queued.first().map(|tx| pool.remove(&tx.hash()));
                        }
                        assert!(pool.status().bytes <= pool.config().max_bytes);
                    }
                })
            })
            .collect();

        // The proposer hands payloads to the block maker, through what is in flight.
        let proposer = scope.spawn(|| {
            let mut random = Random(77);
            while !done.load(Ordering::Relaxed) {
                let limits = ProposalLimits {
                    gas: 30_000_000,
                    bytes: 1 << 20,
                    blobs: 0,
                    transactions: random.below(60) as usize,
                    base_fee: 10 + random.below(7),
                    blob_base_fee: 1,
                };
                // Held from before the proposal, so that the block maker sees payloads whole.
                let mut in_flight = in_flight.lock().unwrap();
                let mut last: HashMap<Address, u64> = HashMap::default();
                // Sometimes another leader proposes, who knows what this pool knew a moment ago.
                let proposed: Vec<_> = if random.below(4) == 0 {
                    let waiting = (0..SENDERS).flat_map(|number| pool.pending_of(&sender(number)));
                    let waiting: Vec<_> = waiting.take(limits.transactions).collect();
                    let claimed = pool.claim(waiting.iter().map(|tx| tx.hash()));
                    let of = |hash| waiting.iter().find(|tx| tx.hash() == hash).unwrap();
                    claimed.into_iter().map(|hash| Arc::clone(of(hash).ordered())).collect()
                } else {
                    pool.propose(&limits)
                };
                for tx in proposed {
                    let nonce = tx.executable.env.nonce;
                    assert!(last.insert(tx.sender, nonce).is_none_or(|last| last < nonce), "nonces in order");
                    let twice = in_flight.insert(tx.hash(), (tx.sender, nonce));
                    assert!(twice.is_none(), "{} is handed out twice", tx.hash());
                }
            }
        });

        let maker = scope.spawn(|| {
            let mut random = Random(99);
            let mut nonces: HashMap<Address, u64> = HashMap::default();
            let mut height = 1;
            while !done.load(Ordering::Relaxed) {
                let mut in_flight = in_flight.lock().unwrap();
                let mut payload: Vec<_> = in_flight.drain().collect();
                payload.sort_by_key(|(hash, (sender, nonce))| (*sender, *nonce, *hash));
                let mut included = Vec::new();
                for (hash, (sender, nonce)) in payload {
                    let next = nonces.entry(sender).or_default();
                    if *next == nonce && random.below(10) > 0 {
                        *next += 1;
                        included.push(hash);
                    } else {
                        pool.returned([hash]);
                    }
                }
                height += 1;
                let accounts = nonces.iter().map(|(address, nonce)| {
                    let account = Account { nonce: *nonce, balance: U256::from(ETHER), ..Account::default() };
                    (*address, Some(account))
                });
                let accounts = accounts.collect();
                let head = head(&nonces, height);
                pool.on_head(&NewHead { head, accounts, included, skipped: Vec::new() });
                drop(in_flight);
                std::thread::yield_now();
            }
        });

        submitters.into_iter().for_each(|thread| thread.join().unwrap());
        done.store(true, Ordering::Relaxed);
        proposer.join().unwrap();
        maker.join().unwrap();
    });

    assert!(accepted.load(Ordering::Relaxed) > 1_000, "{accepted:?} were taken");
    let content = pool.content();
    let (mut transactions, mut bytes) = (0, 0);
    for (address, content) in &content {
        for pair in content.pending.windows(2) {
            assert_eq!(pair[0].nonce() + 1, pair[1].nonce(), "{address} has a gap");
        }
        for tx in content.pending.iter().chain(&content.queued) {
            assert!(pool.contains(&tx.hash()));
            transactions += 1;
            bytes += tx.size();
        }
    }
    let status = pool.status();
    assert_eq!((status.pending + status.queued, status.bytes), (transactions, bytes));
    assert!(transactions <= MAX_TRANSACTIONS);
    pool.clear();
    assert_eq!(pool.status(), Default::default());
}

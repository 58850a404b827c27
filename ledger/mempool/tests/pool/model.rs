//! The pool against a model that computes everything anew each time.

use crate::world::*;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, Signature, U256};
use mundi_chain::{ChainSpec, ForkPoint, ProposalLimits};
use mundi_execution::{Account, MemoryState};
use mundi_mempool::{Config, ErrorKind, Head, Mempool, NewHead, Order, Reorganised};
use proptest::prelude::*;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

const SENDERS: usize = 4;
const GAS: u128 = 21_000;

#[derive(Clone, Debug)]
enum Deed {
    Submit { sender: usize, nonce: u64, cap: u64, tip: u64, value: u64 },
    Propose { transactions: usize, base_fee: u64 },
    Return { which: prop::sample::Index },
    Claim { which: Vec<prop::sample::Index>, strangers: bool },
    Block { base_fee: u64, accounts: Vec<(usize, u64, u64)> },
    Reorganise { accounts: Vec<(usize, u64, u64)> },
    Remove { which: prop::sample::Index },
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let account = || (0..SENDERS, 0_u64..8, 0_u64..40);
    let deed = prop_oneof![
        8 => (0..SENDERS, 0_u64..10, 0_u64..40, 0_u64..40, 0_u64..12)
            .prop_map(|(sender, nonce, cap, tip, value)| Deed::Submit { sender, nonce, cap, tip, value }),
        2 => (0_usize..6, 0_u64..40).prop_map(|(transactions, base_fee)| Deed::Propose { transactions, base_fee }),
        1 => any::<prop::sample::Index>().prop_map(|which| Deed::Return { which }),
        2 => (prop::collection::vec(any::<prop::sample::Index>(), 0..6), any::<bool>())
            .prop_map(|(which, strangers)| Deed::Claim { which, strangers }),
        2 => (0_u64..40, prop::collection::vec(account(), 0..3))
            .prop_map(|(base_fee, accounts)| Deed::Block { base_fee, accounts }),
        1 => prop::collection::vec(account(), 0..3).prop_map(|accounts| Deed::Reorganise { accounts }),
        1 => any::<prop::sample::Index>().prop_map(|which| Deed::Remove { which }),
    ];
    prop::collection::vec(deed, 1..60)
}

#[derive(Clone, Debug)]
struct Tx {
    hash: B256,
    cap: u64,
    tip: u64,
    cost: u128,
    arrival: usize,
    in_flight: bool,
}

impl Tx {
    fn effective(&self, base_fee: u64) -> i128 {
        i128::from(self.tip).min(i128::from(self.cap) - i128::from(base_fee))
    }
}

/// Whether it is pending, its effective tip, and its arrival: the least is evicted.
type Worth = (bool, i128, Reverse<usize>);

/// The model: transactions by sender and nonce, and what the chain says of the senders.
struct Model {
    txs: BTreeMap<(usize, u64), Tx>,
    accounts: Vec<(u64, u128)>,
    base_fee: u64,
    arrivals: usize,
    bound: usize,
    order: Order,
}

impl Model {
    fn of(&self, sender: usize) -> impl DoubleEndedIterator<Item = (u64, &Tx)> {
        self.txs.range((sender, 0)..=(sender, u64::MAX)).map(|((_, nonce), tx)| (*nonce, tx))
    }

    /// Where the pending ones of a sender end.
    fn pending_end(&self, sender: usize) -> u64 {
        let (mut next, balance) = self.accounts[sender];
        let mut cost = 0;
        while let Some(tx) = self.txs.get(&(sender, next))
            && cost + tx.cost <= balance
        {
            cost += tx.cost;
            next += 1;
        }
        next
    }

    /// What the last transaction of a sender is worth, unless it is in flight.
    fn tail(&self, sender: usize) -> Option<(Worth, u64)> {
        let (nonce, last) = self.of(sender).next_back().filter(|(_, tx)| !tx.in_flight)?;
        Some(((nonce < self.pending_end(sender), self.floor(sender), Reverse(last.arrival)), nonce))
    }

    fn floor(&self, sender: usize) -> i128 {
        let cap = self.of(sender).map(|(_, tx)| tx.cap).min().unwrap();
        let tip = self.of(sender).map(|(_, tx)| tx.tip).min().unwrap();
        i128::from(tip).min(i128::from(cap) - i128::from(self.base_fee))
    }

    fn submit(&mut self, sender: usize, nonce: u64, mut tx: Tx) -> Result<(), ErrorKind> {
        let (next, balance) = self.accounts[sender];
        if self.txs.values().any(|other| other.hash == tx.hash) {
            return Err(ErrorKind::Known);
        }
        if tx.tip > tx.cap {
            return Err(ErrorKind::Invalid);
        }
        if nonce < next {
            return Err(ErrorKind::NonceTooLow);
        }
        if tx.cost > balance {
            return Err(ErrorKind::Funds);
        }
        tx.arrival = self.arrivals;
        if let Some(old) = self.txs.get(&(sender, nonce)) {
            let needed = |fee: u64| fee + (fee / 10).max(1);
            if old.in_flight || tx.cap < needed(old.cap) || tx.tip < needed(old.tip) {
                return Err(ErrorKind::Replacement);
            }
            self.txs.insert((sender, nonce), tx);
        } else {
            if self.txs.len() == self.bound {
                // What it would be worth if it were there, of which its own place in the queue is a part.
                let before: Vec<_> =
                    self.of(sender).filter(|(other, _)| *other < nonce).map(|(_, tx)| tx).collect();
                let cap = before.iter().map(|tx| tx.cap).chain([tx.cap]).min().unwrap();
                let tip = before.iter().map(|tx| tx.tip).chain([tx.tip]).min().unwrap();
                let floor = i128::from(tip).min(i128::from(cap) - i128::from(self.base_fee));
                let end = self.pending_end(sender);
                let paid: u128 =
                    self.of(sender).filter(|(nonce, _)| *nonce < end).map(|(_, tx)| tx.cost).sum();
                let pending = nonce <= end && paid + tx.cost <= balance;
                let worst = (0..SENDERS).filter_map(|sender| Some((self.tail(sender)?, sender))).min();
                let worse = worst.filter(|(((other, tip, _), _), _)| (*other, *tip) < (pending, floor));
                let Some(((_, last), victim)) = worse else { return Err(ErrorKind::Full) };
                self.txs.remove(&(victim, last));
            }
            tx.arrival = self.arrivals;
            self.txs.insert((sender, nonce), tx);
        }
        self.arrivals += 1;
        Ok(())
    }

    fn propose(&mut self, transactions: usize, base_fee: u64) -> Vec<B256> {
        let mut proposed = Vec::new();
        while proposed.len() < transactions {
            let candidates = (0..SENDERS).filter_map(|sender| {
                let end = self.pending_end(sender);
                let first = self.accounts[sender].0;
                let mut pending = self.of(sender).filter(|(nonce, _)| (first..end).contains(nonce));
                let (nonce, tx) = pending.find(|(_, tx)| !tx.in_flight)?;
                let tip = match self.order {
                    Order::Fees => tx.effective(base_fee),
                    Order::Fifo if tx.cap < base_fee => return None,
                    Order::Fifo => 0,
                };
                (tip >= 0).then_some(((tip, Reverse(tx.arrival)), (sender, nonce)))
            });
            let Some((_, place)) = candidates.max() else { break };
            let tx = self.txs.get_mut(&place).unwrap();
            tx.in_flight = true;
            proposed.push(tx.hash);
        }
        proposed
    }

    /// Of these places, in the order given, those whose turn it is are gone.
    fn claim(&mut self, places: &[(usize, u64)]) -> Vec<B256> {
        let mut claimed = Vec::new();
        for place @ (sender, _) in places {
            let pending = self.accounts[*sender].0..self.pending_end(*sender);
            let next = pending.map(|nonce| (*sender, nonce)).find(|place| !self.txs[place].in_flight);
            if next == Some(*place) {
                let tx = self.txs.get_mut(place).unwrap();
                tx.in_flight = true;
                claimed.push(tx.hash);
            }
        }
        claimed
    }

    fn update(&mut self, accounts: &[(usize, u64, u64)]) {
        for (sender, nonce, balance) in accounts {
            let balance = u128::from(*balance) * GAS * 10;
            self.accounts[*sender] = (*nonce, balance);
            self.txs.retain(|(of, at), tx| {
                of != sender || (*at >= *nonce && (tx.cost <= balance || tx.in_flight))
            });
        }
    }
}

fn sender(number: usize, one_shard: bool) -> Address {
    let mut address = Address::repeat_byte(number as u8 + 1);
    if one_shard {
        address.0[19] = 5;
    }
    address
}

fn head(model: &Model, height: u64, one_shard: bool) -> Head {
    let mut state = MemoryState::new();
    for (number, (nonce, balance)) in model.accounts.iter().enumerate() {
        state.insert_account(sender(number, one_shard), *nonce, U256::from(*balance), None);
    }
    Head {
        point: ForkPoint::new(height, height),
        base_fee: model.base_fee,
        blob_base_fee: 1,
        gas_limit: 30_000_000,
        state: Arc::new(state),
    }
}

fn run(deeds: Vec<Deed>, order: Order, bound: usize, one_shard: bool) -> Result<(), TestCaseError> {
    let mut model = Model {
        txs: BTreeMap::new(),
        accounts: vec![(0, 20 * 10 * GAS); SENDERS],
        base_fee: 10,
        arrivals: 0,
        bound,
        order,
    };
    let spec = Arc::new(ChainSpec::at_fork("Osaka").unwrap().with_chain_id(CHAIN));
    let config = Config { order, max_transactions: bound, exempt_local: false, ..Config::default() };
    let pool = Mempool::new(config, spec, head(&model, 1, one_shard));
    let mut height = 1;
    for deed in deeds {
        height += 1;
        match deed.clone() {
            Deed::Submit { sender: number, nonce, cap, tip, value } => {
                let value = u128::from(value) * GAS * 5;
                let tx = TxEip1559 { value: U256::from(value), ..transfer(nonce, cap.into(), tip.into()) };
                let from = sender(number, one_shard);
                let r = U256::from_be_slice(from.as_slice());
                let tx: TxEnvelope = tx.into_signed(Signature::new(r, U256::from(1), false)).into();
                let cost = GAS * u128::from(cap) + value;
                let modelled = Tx { hash: *tx.tx_hash(), cap, tip, cost, arrival: 0, in_flight: false };
                let expected = model.submit(number, nonce, modelled);
                let got = pool.submit_unsigned(tx, from).map(|_| ()).map_err(|error| error.kind());
                prop_assert_eq!(got, expected, "{:?}", deed);
            }
            Deed::Propose { transactions, base_fee } => {
                let limits = ProposalLimits {
                    gas: u64::MAX,
                    bytes: usize::MAX,
                    blobs: 0,
                    transactions,
                    base_fee,
                    blob_base_fee: 1,
                };
                let got: Vec<B256> = pool.propose(&limits).iter().map(|tx| tx.hash()).collect();
                prop_assert_eq!(got, model.propose(transactions, base_fee), "{:?}", deed);
            }
            Deed::Return { which } => {
                let mut flying: Vec<&mut Tx> = model.txs.values_mut().filter(|tx| tx.in_flight).collect();
                if !flying.is_empty() {
                    let at = which.index(flying.len());
                    flying[at].in_flight = false;
                    pool.returned([flying[at].hash]);
                }
            }
            Deed::Claim { which, strangers } => {
                let places: Vec<_> = model.txs.keys().copied().collect();
                let chosen = which.iter().filter(|_| !places.is_empty());
                let chosen: Vec<_> = chosen.map(|which| places[which.index(places.len())]).collect();
                let mut hashes: Vec<B256> = chosen.iter().map(|place| model.txs[place].hash).collect();
                if strangers {
                    hashes.insert(0, B256::repeat_byte(0xdd));
                }
                prop_assert_eq!(pool.claim(hashes), model.claim(&chosen), "{:?}", deed);
            }
            Deed::Block { base_fee, accounts } => {
                model.base_fee = base_fee;
                model.update(&accounts);
                let mut changed: BTreeSet<usize> = accounts.iter().map(|(sender, ..)| *sender).collect();
                // In the order given, as the model does: the last word counts.
                let accounts = accounts.iter().map(|(number, nonce, balance)| {
                    changed.remove(number);
                    let balance = U256::from(u128::from(*balance) * GAS * 10);
                    let account = Account { nonce: *nonce, balance, ..Account::default() };
                    (sender(*number, one_shard), Some(account))
                });
                pool.on_head(&NewHead {
                    accounts: accounts.collect(),
                    head: head(&model, height, one_shard),
                    included: Vec::new(),
                    skipped: Vec::new(),
                });
            }
            Deed::Reorganise { accounts } => {
                // The state shows only the last of them.
                let last: BTreeMap<usize, (usize, u64, u64)> =
                    accounts.iter().map(|account| (account.0, *account)).collect();
                model.update(&last.into_values().collect::<Vec<_>>());
                // Everybody is looked at, those too who came back from a payload and cannot pay.
                let balances: Vec<u128> = model.accounts.iter().map(|(_, balance)| *balance).collect();
                model.txs.retain(|(sender, _), tx| tx.cost <= balances[*sender] || tx.in_flight);
                pool.on_reorganised(&Reorganised {
                    head: head(&model, height, one_shard),
                    removed: Vec::new(),
                });
            }
            Deed::Remove { which } => {
                let places: Vec<_> = model.txs.keys().copied().collect();
                if !places.is_empty() {
                    let tx = model.txs.remove(&places[which.index(places.len())]).unwrap();
                    prop_assert_eq!(pool.remove(&tx.hash).map(|tx| tx.hash()), Some(tx.hash));
                }
            }
        }
        compare(&pool, &model, one_shard, &deed)?;
    }
    Ok(())
}

fn compare(pool: &Mempool, model: &Model, one_shard: bool, deed: &Deed) -> Result<(), TestCaseError> {
    let mut pending_of_all = 0;
    for number in 0..SENDERS {
        let content = pool.content_from(&sender(number, one_shard));
        let end = model.pending_end(number);
        let first = model.accounts[number].0;
        let (pending, queued): (Vec<_>, Vec<_>) =
            model.of(number).partition(|(nonce, _)| (first..end).contains(nonce));
        pending_of_all += pending.len();
        let hashes = |txs: &[Arc<mundi_mempool::PooledTransaction>]| -> Vec<B256> {
            txs.iter().map(|tx| tx.hash()).collect()
        };
        let expected = |txs: Vec<(u64, &Tx)>| -> Vec<B256> { txs.iter().map(|(_, tx)| tx.hash).collect() };
        prop_assert_eq!(
            hashes(&content.pending),
            expected(pending),
            "pending of {} after {:?}",
            number,
            deed
        );
        prop_assert_eq!(hashes(&content.queued), expected(queued), "queued of {} after {:?}", number, deed);
    }
    let status = pool.status();
    prop_assert_eq!((status.pending, status.queued), (pending_of_all, model.txs.len() - pending_of_all));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_pool_does_what_the_model_does(deeds in deeds(), fifo in any::<bool>()) {
        run(deeds, if fifo { Order::Fifo } else { Order::Fees }, 1_000, false)?;
    }

    #[test]
    fn a_full_pool_evicts_what_the_model_evicts(deeds in deeds(), bound in 1_usize..8) {
        run(deeds, Order::Fees, bound, true)?;
    }
}

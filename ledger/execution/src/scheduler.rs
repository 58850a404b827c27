//! Which transaction a free worker should speculate on.
//!
//! Workers take transactions in block order, within a window ahead of the commit. What is likely to read the
//! writes of an earlier transaction waits for that one, so that it runs once and rightly. The likelihood is
//! learned from the block itself: transactions to one address form a chain, and a chain whose members turn out
//! to depend on each other is followed in order.
//!
//! # Invariant
//!
//! A transaction is claimed at most once ([`Scheduler::claim`]), by a worker or by the committer. Whatever the
//! scheduler gets wrong costs time, never correctness.

use crate::{
    block::{Block, TxIndex},
    sync::{AtomicBool, AtomicU8, AtomicU32, Ordering},
};
use alloy_primitives::{
    Address, TxKind,
    map::{AddressMap, HashMap},
};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Mutex, OnceLock, PoisonError},
};

/// How far a transaction's speculative execution has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Nobody has started it.
    Ready = 0,
    /// Somebody executes it.
    Running = 1,
    /// Its result lies in its slot, or there is none to be had.
    Done = 2,
    /// It has been executed, and its result is being put in place.
    Publishing = 3,
    /// The committer executes it, although somebody else did.
    Stolen = 4,
}

/// No transaction.
const NONE: u32 = u32::MAX;

/// Hands out transactions.
pub(crate) struct Scheduler {
    status: Box<[AtomicU8]>,
    /// Which transactions were executed after those that they are suspected to depend on. The others may have seen
    /// stale values, and so may whoever reads theirs.
    fresh: Box<[AtomicBool]>,
    /// The first transaction nobody has looked at.
    next: Padded<AtomicU32>,
    /// The next transaction to be committed.
    frontier: Padded<AtomicU32>,
    window: u32,
    plain: Box<[bool]>,
    gas: u64,
    hinted: Option<Hinted>,
    chains: OnceLock<Chains>,
    waiting: Mutex<Waiting>,
    /// Whether `waiting` holds anything that is ready.
    has_ready: Padded<AtomicBool>,
    /// Whether anybody ever waited.
    has_waited: AtomicBool,
    /// Nobody speculates before this transaction is next to be committed.
    resume_at: AtomicU32,
    /// How many transactions the next pause lasts.
    pause: AtomicU32,
}

/// Keeps what is written often out of the cache lines of what is read often.
#[repr(align(128))]
struct Padded<T>(T);

#[derive(Default)]
struct Waiting {
    /// Who waits for whom.
    on: HashMap<u32, Vec<u32>>,
    ready: BinaryHeap<Reverse<u32>>,
}

/// The order that access hints ask for.
struct Hinted {
    /// For each transaction, how many of its predecessors are not done.
    pending: Box<[AtomicU32]>,
    followers: Vec<Vec<u32>>,
}

impl Hinted {
    fn new(predecessors: Vec<Vec<u32>>) -> Self {
        let mut followers = vec![Vec::new(); predecessors.len()];
        for (tx, before) in (0..).zip(&predecessors) {
            before.iter().for_each(|&on| followers[on as usize].push(tx));
        }
        let pending = predecessors.iter().map(|before| AtomicU32::new(before.len() as u32)).collect();
        Self { pending, followers }
    }

    fn is_pending(&self, tx: TxIndex) -> bool {
        self.pending[tx.0 as usize].load(Ordering::Acquire) > 0
    }
}

/// What is suspected of which transaction.
struct Chains {
    /// The transaction before it in its chain.
    previous: Vec<u32>,
    /// The chain it belongs to.
    chain: Vec<u32>,
    /// For each chain, how many of its members lately depended on the one before, from 0 to 255.
    heat: Box<[AtomicU8]>,
    /// The transaction before it with the same sender and target.
    sibling: Vec<u32>,
}

/// From this on, members of a chain wait for the one before.
const HOT: u8 = 90;

/// From this on, a chain is taken to be serial.
const SERIAL: u8 = 220;

/// Up to this many transactions, every chain is suspected until it proves innocent: a small block has no time
/// to learn from mistakes. In a large one a few mistakes cost less than looking at every transaction.
const SMALL_BLOCK: usize = 4096;

impl Scheduler {
    /// `plain` tells which transactions need no execution. `predecessors` holds for each transaction those that
    /// it waits for, if hints say so.
    pub(crate) fn new(
        block: &Block,
        plain: Box<[bool]>,
        threads: usize,
        predecessors: Option<Vec<Vec<u32>>>,
    ) -> Self {
        let chains = OnceLock::new();
        let limits = block.transactions.iter().zip(&plain).filter(|(_, plain)| !**plain);
        let gas = limits.fold(0, |sum: u64, (tx, _)| sum.saturating_add(tx.env.gas_limit));
        if plain.len() <= SMALL_BLOCK {
            chains.get_or_init(|| Chains::new(block, &plain, HOT));
        }
        Self {
            fresh: (0..plain.len()).map(|_| AtomicBool::new(false)).collect(),
            status: (0..plain.len()).map(|_| AtomicU8::new(Status::Ready as u8)).collect(),
            next: Padded(AtomicU32::new(0)),
            frontier: Padded(AtomicU32::new(0)),
            window: (threads * 64) as u32,
            gas,
            plain,
            hinted: predecessors.map(Hinted::new),
            chains,
            waiting: Mutex::default(),
            has_ready: Padded(AtomicBool::new(false)),
            has_waited: AtomicBool::new(false),
            resume_at: AtomicU32::new(0),
            pause: AtomicU32::new(16),
        }
    }

    /// Whether the transaction is a plain transfer as far as can be told without state.
    pub(crate) fn is_plain(&self, tx: TxIndex) -> bool {
        self.plain[tx.0 as usize]
    }

    /// Gas limits of all transactions that need execution.
    pub(crate) fn gas(&self) -> u64 {
        self.gas
    }

    /// Whether the next transactions hold enough for another worker.
    pub(crate) fn is_promising(&self) -> bool {
        const LOOK_AHEAD: u32 = 32;
        const ENOUGH: usize = 16;
        let frontier = self.frontier.0.load(Ordering::Relaxed);
        if frontier < self.resume_at.load(Ordering::Relaxed) {
            return false;
        }
        let next = self.next.0.load(Ordering::Relaxed).max(frontier + 1);
        let end = next.saturating_add(LOOK_AHEAD).min(self.status.len() as u32);
        let (mut plain, mut free, mut bound) = (0, 0, 0);
        for tx in (next..end).map(TxIndex) {
            match () {
                () if self.is_plain(tx) => plain += 1,
                () if self.suspect(tx).is_none() => free += 1,
                () => bound += 1,
            }
        }
        // Where nearly all wait for each other, a second worker gains less than it costs to wake it.
        let worth_it = plain + free * (ENOUGH / 2) >= ENOUGH && free * 4 + plain >= bound;
        self.has_ready.0.load(Ordering::Relaxed) || worth_it
    }

    pub(crate) fn status(&self, tx: TxIndex) -> Status {
        match self.status[tx.0 as usize].load(Ordering::Acquire) {
            0 => Status::Ready,
            1 => Status::Running,
            2 => Status::Done,
            3 => Status::Publishing,
            _ => Status::Stolen,
        }
    }

    /// Takes a ready transaction for oneself.
    pub(crate) fn claim(&self, tx: TxIndex) -> bool {
        let status = &self.status[tx.0 as usize];
        let (ready, running) = (Status::Ready as u8, Status::Running as u8);
        status.compare_exchange(ready, running, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// A claimed transaction has been executed. `false` if the committer has lost patience and taken it over: then the
    /// result must not be published, nor the transaction be called done.
    pub(crate) fn publish(&self, tx: TxIndex) -> bool {
        let (running, publishing) = (Status::Running as u8, Status::Publishing as u8);
        let status = &self.status[tx.0 as usize];
        status.compare_exchange(running, publishing, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Takes a running transaction over for the committer.
    pub(crate) fn steal(&self, tx: TxIndex) -> bool {
        let (running, stolen) = (Status::Running as u8, Status::Stolen as u8);
        let status = &self.status[tx.0 as usize];
        status.compare_exchange(running, stolen, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Speculation on `tx` did harm: it ran long on values that were wrong. Nobody speculates for a while, each time
    /// for twice as long.
    pub(crate) fn back_off(&self, tx: TxIndex) {
        let pause = self.pause.fetch_add(self.pause.load(Ordering::Relaxed), Ordering::Relaxed);
        self.resume_at.fetch_max(tx.0.saturating_add(pause), Ordering::Relaxed);
    }

    /// The transaction has been executed: its result, if any, is in place, or it is committed.
    pub(crate) fn done(&self, tx: TxIndex) {
        let before = self.status[tx.0 as usize].swap(Status::Done as u8, Ordering::AcqRel);
        if before == Status::Done as u8 {
            return;
        }
        if let Some(hinted) = &self.hinted {
            self.release_hinted(hinted, tx);
        }
        if self.is_fresh(tx) {
            self.release(tx);
        }
    }

    /// Transactions before `next` are committed.
    pub(crate) fn advance(&self, next: TxIndex) {
        self.frontier.0.store(next.0, Ordering::SeqCst);
        if let Some(committed) = next.0.checked_sub(1) {
            self.release(TxIndex(committed));
        }
    }

    /// A transaction worth executing now, claimed for the caller. Plain transfers are handed to `prepare` on the
    /// way, which says whether that is all they need.
    pub(crate) fn pick(&self, mut prepare: impl FnMut(TxIndex) -> bool) -> Option<TxIndex> {
        let mut prepared = 0;
        loop {
            if self.frontier.0.load(Ordering::Acquire) < self.resume_at.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(tx) = self.pop_ready() {
                return Some(tx);
            }
            let frontier = self.frontier.0.load(Ordering::Acquire);
            let next = self.next.0.load(Ordering::Relaxed);
            if next as usize >= self.status.len() || next >= frontier.saturating_add(self.window) {
                return None;
            }
            if self
                .next
                .0
                .compare_exchange_weak(next, next + 1, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
            {
                continue;
            }
            let tx = TxIndex(next);
            if next < frontier {
                continue;
            }
            if self.is_plain(tx) {
                // While it is claimed, the committer prepares others instead of waiting for the same reads.
                if !self.claim(tx) {
                    continue;
                }
                if !prepare(tx) {
                    return Some(tx);
                }
                let (running, ready) = (Status::Running as u8, Status::Ready as u8);
                // If the committer has taken it over meanwhile, it stays taken.
                let status = &self.status[next as usize];
                let _ = status.compare_exchange(running, ready, Ordering::AcqRel, Ordering::Relaxed);
                prepared += 1;
                // Look at the commit again now and then.
                if prepared == 32 {
                    return None;
                }
                continue;
            }
            if self.hinted.as_ref().is_some_and(|hinted| hinted.is_pending(tx)) {
                // It comes back once the last of those before it is done.
                continue;
            }
            if let Some(on) = self.suspect(tx)
                && self.wait(tx, on)
            {
                continue;
            }
            if self.claim(tx) {
                self.note_freshness(tx);
                return Some(tx);
            }
        }
    }

    /// Notes, as its execution begins, whether a transaction comes after those it may depend on.
    fn note_freshness(&self, tx: TxIndex) {
        if let Some(chains) = self.chains.get() {
            let frontier = self.frontier.0.load(Ordering::Acquire);
            let fresh = chains.before(tx).into_iter().all(|on| self.is_settled(on, frontier));
            self.fresh[tx.0 as usize].store(fresh, Ordering::Release);
        }
    }

    /// Whether what `on` wrote is there to be read, as far as can be told.
    fn is_settled(&self, on: u32, frontier: u32) -> bool {
        on == NONE
            || on < frontier
            || (self.status(TxIndex(on)) == Status::Done && self.is_fresh(TxIndex(on)))
    }

    /// Whether the result of an executed transaction can be built on. In a chain where nearly every member depends on
    /// the one before, one stale result makes all that follow stale; elsewhere it is worth the risk.
    fn is_fresh(&self, tx: TxIndex) -> bool {
        self.fresh[tx.0 as usize].load(Ordering::Acquire)
            || self.chains.get().is_none_or(|chains| chains.heat_of(tx) < SERIAL)
    }

    fn pop_ready(&self) -> Option<TxIndex> {
        if !self.has_ready.0.load(Ordering::Acquire) {
            return None;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let frontier = self.frontier.0.load(Ordering::Acquire);
        let found = loop {
            match waiting.ready.pop() {
                None => break None,
                Some(Reverse(tx)) if tx >= frontier && self.claim(TxIndex(tx)) => {
                    self.note_freshness(TxIndex(tx));
                    break Some(TxIndex(tx));
                }
                Some(_) => {}
            }
        };
        self.has_ready.0.store(!waiting.ready.is_empty(), Ordering::Release);
        found
    }

    /// The transaction whose writes `tx` is likely to read, if it is not committed yet.
    fn suspect(&self, tx: TxIndex) -> Option<TxIndex> {
        let chains = self.chains.get()?;
        let at = tx.0 as usize;
        let hot = chains.heat_of(tx) >= HOT;
        let previous = if hot { chains.previous[at] } else { NONE };
        let sibling = chains.sibling[at];
        let frontier = self.frontier.0.load(Ordering::Acquire);
        let bound = [previous, sibling].into_iter().filter(|&on| !self.is_settled(on, frontier)).max();
        bound.map(TxIndex)
    }

    /// Puts `tx` aside until `on` is settled. `false` if it is by now.
    fn wait(&self, tx: TxIndex, on: TxIndex) -> bool {
        self.has_waited.store(true, Ordering::SeqCst);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_settled(on.0, self.frontier.0.load(Ordering::SeqCst)) {
            return false;
        }
        waiting.on.entry(on.0).or_default().push(tx.0);
        true
    }

    /// Lets go those whose hints name `tx`, if it is the last one they wait for.
    fn release_hinted(&self, hinted: &Hinted, tx: TxIndex) {
        let free = |tx: &&u32| hinted.pending[**tx as usize].fetch_sub(1, Ordering::AcqRel) == 1;
        let freed: Vec<u32> = hinted.followers[tx.0 as usize].iter().filter(free).copied().collect();
        if !freed.is_empty() {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.ready.extend(freed.into_iter().map(Reverse));
            self.has_ready.0.store(true, Ordering::Release);
        }
    }

    /// Lets go those who wait for `tx`.
    fn release(&self, tx: TxIndex) {
        if !self.has_waited.load(Ordering::SeqCst) {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(followers) = waiting.on.remove(&tx.0) {
            waiting.ready.extend(followers.into_iter().map(Reverse));
            self.has_ready.0.store(true, Ordering::Release);
        }
    }

    /// Learns from a committed transaction whether it depended on the one before it in its chain.
    pub(crate) fn learn(
        &self,
        block: &Block,
        tx: TxIndex,
        conflict: bool,
        depends_on: impl Fn(TxIndex) -> bool,
    ) {
        let chains = match self.chains.get() {
            Some(chains) => chains,
            None if conflict => self.chains.get_or_init(|| Chains::new(block, &self.plain, 0)),
            None => return,
        };
        let at = tx.0 as usize;
        let previous = chains.previous[at];
        if previous == NONE {
            return;
        }
        let heat = &chains.heat[chains.chain[at] as usize];
        let before = heat.load(Ordering::Relaxed);
        let after = if conflict || depends_on(TxIndex(previous)) {
            before + (255 - before) / 2
        } else {
            before - before / 4
        };
        heat.store(after, Ordering::Relaxed);
    }
}

/// Sender and target mixed into one number: a mix-up costs time, not correctness.
fn pair(sender: Address, target: Address) -> u64 {
    let word = |address: Address, at: usize| {
        u64::from_le_bytes(address[at..at + 8].try_into().expect("eight bytes"))
    };
    let fold = |address: Address, odd: u64| {
        (word(address, 12).wrapping_mul(odd) ^ word(address, 0)).wrapping_mul(odd.rotate_left(17) | 1)
    };
    fold(sender, 0x9e37_79b9_7f4a_7c15).rotate_left(23) ^ fold(target, 0xd6e8_feb8_6659_fd93)
}

impl Chains {
    fn heat_of(&self, tx: TxIndex) -> u8 {
        self.heat[self.chain[tx.0 as usize] as usize].load(Ordering::Relaxed)
    }

    /// Those before a transaction that it may depend on.
    fn before(&self, tx: TxIndex) -> [u32; 2] {
        [self.previous[tx.0 as usize], self.sibling[tx.0 as usize]]
    }

    fn new(block: &Block, plain: &[bool], heat: u8) -> Self {
        let count = block.transactions.len();
        let mut chains: AddressMap<(u32, u32)> = AddressMap::default();
        chains.reserve(count / 2);
        let mut siblings: HashMap<u64, u32> = HashMap::default();
        siblings.reserve(count);
        let (mut previous, mut chain, mut sibling) =
            (Vec::with_capacity(count), Vec::with_capacity(count), Vec::with_capacity(count));
        for (index, tx) in block.transactions.iter().enumerate() {
            if plain[index] {
                // If it turns out to be a call, it is one without data, which rarely depends on others.
                chain.push(0);
                previous.push(NONE);
                sibling.push(NONE);
                continue;
            }
            let index = index as u32;
            let to = match tx.env.kind {
                TxKind::Call(to) => to,
                TxKind::Create => tx.env.caller,
            };
            let next = chains.len() as u32;
            let entry = chains.entry(to).or_insert((next, NONE));
            chain.push(entry.0);
            previous.push(std::mem::replace(&mut entry.1, index));
            sibling.push(siblings.insert(pair(tx.env.caller, to), index).unwrap_or(NONE));
        }
        let heat = (0..chains.len().max(1)).map(|_| AtomicU8::new(heat)).collect();
        Self { previous, chain, heat, sibling }
    }
}

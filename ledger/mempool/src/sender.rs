//! The transactions of one sender, by nonce.
//!
//! ## Invariants
//! * No transaction has a nonce below the account's.
//! * Those from the account's nonce up to `pending_end`, without gap, are *pending*: the balance suffices for the sum of their
//!   greatest costs. All others are *queued*.
//! * Below `cursor` every pending one is in flight; the one at `cursor`, if it is pending, is not: it is the next to go.
//! * The `floor` of each is the poorer of its fees and of the floor before it: nobody can be included without those before it.

use crate::{fees::Fees, transaction::PooledTransaction};
use alloy_primitives::{Address, U256};
use mundi_execution::Account;
use std::{collections::VecDeque, ops::Range, sync::Arc};

/// A transaction in its place.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) tx: Arc<PooledTransaction>,
    nonce: u64,
    /// Number of its arrival.
    pub(crate) arrival: u64,
    /// Whether it was handed out and nobody has said what became of it.
    pub(crate) in_flight: bool,
    floor: Fees,
}

/// The transactions of one sender.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) address: Address,
    account: Account,
    /// In the order of nonces. So the pending ones are the first, and stand at the distance of their nonces.
    entries: VecDeque<Entry>,
    pending_end: u64,
    pending_cost: U256,
    cursor: u64,
    bytes: usize,
    /// No transaction costs more.
    dearest: U256,
}

/// Where the last transaction stands, the first to be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) nonce: u64,
    pub(crate) pending: bool,
    pub(crate) floor: Fees,
    pub(crate) arrival: u64,
}

impl Sender {
    pub(crate) fn new(address: Address, account: Account) -> Self {
        Self {
            address,
            account,
            entries: VecDeque::new(),
            pending_end: account.nonce,
            pending_cost: U256::ZERO,
            cursor: account.nonce,
            bytes: 0,
            dearest: U256::ZERO,
        }
    }

    pub(crate) const fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many are pending.
    pub(crate) const fn pending(&self) -> usize {
        (self.pending_end - self.account.nonce) as usize
    }

    pub(crate) fn queued(&self) -> usize {
        self.len() - self.pending()
    }

    pub(crate) const fn is_pending(&self, nonce: u64) -> bool {
        nonce < self.pending_end
    }

    /// The first nonce that no transaction here has.
    pub(crate) fn next_nonce(&self) -> u64 {
        let mut next = self.pending_end;
        for entry in self.entries.range(self.pending()..) {
            if entry.nonce != next {
                break;
            }
            next += 1;
        }
        next
    }

    pub(crate) fn get(&self, nonce: u64) -> Option<&Entry> {
        self.place(nonce).ok().map(|at| &self.entries[at])
    }

    /// Where a transaction stands, or would stand.
    fn place(&self, nonce: u64) -> Result<usize, usize> {
        let first = self.entries.front().map_or(u64::MAX, |first| first.nonce);
        match usize::try_from(nonce.saturating_sub(first)) {
            Ok(at) if self.entries.get(at).is_some_and(|entry| entry.nonce == nonce) => Ok(at),
            _ => self.entries.binary_search_by_key(&nonce, |entry| entry.nonce),
        }
    }

    /// Where the transactions from this nonce on begin.
    fn since(&self, nonce: u64) -> usize {
        self.place(nonce).unwrap_or_else(|at| at)
    }

    /// Where the pending ones end.
    pub(crate) const fn pending_end(&self) -> u64 {
        self.pending_end
    }

    pub(crate) fn between(&self, nonces: Range<u64>) -> impl Iterator<Item = &Entry> {
        let (first, end) = (self.since(nonces.start), self.since(nonces.end));
        self.entries.range(first..end.max(first))
    }

    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The next to go.
    pub(crate) fn head(&self) -> Option<&Entry> {
        if self.cursor >= self.pending_end {
            return None;
        }
        self.entries.get((self.cursor - self.account.nonce) as usize)
    }

    /// The last one, unless it is in flight.
    pub(crate) fn tail(&self) -> Option<(Tail, &PooledTransaction)> {
        let entry = self.entries.back()?;
        let nonce = entry.nonce;
        let tail =
            Tail { nonce, pending: self.is_pending(nonce), floor: entry.floor, arrival: entry.arrival };
        (!entry.in_flight).then_some((tail, &*entry.tx))
    }

    /// Whether a transaction that is not here yet would be pending, and the floor it would have.
    pub(crate) fn prospect(&self, tx: &PooledTransaction) -> (bool, Fees) {
        let contiguous = tx.nonce <= self.pending_end;
        let paid = self.pending_cost.saturating_add(tx.cost) <= self.account.balance;
        (contiguous && paid, self.floor_before(tx.nonce).map_or(tx.fees, |floor| floor.poorer(tx.fees)))
    }

    /// How many of the last ones have to go for this many, and this many bytes, to be gone; `None` if that is not to be had above
    /// `nonce` among those that are not in flight.
    pub(crate) fn yielding(&self, nonce: u64, mut count: usize, mut bytes: usize) -> Option<usize> {
        let mut yielding = 0;
        let mut last = self.entries.iter().rev();
        while count > 0 || bytes > 0 {
            let entry = last.next().filter(|entry| entry.nonce > nonce && !entry.in_flight)?;
            count = count.saturating_sub(1);
            bytes = bytes.saturating_sub(entry.tx.size());
            yielding += 1;
        }
        Some(yielding)
    }

    /// Puts a transaction in its place, and returns the one that was there.
    pub(crate) fn insert(
        &mut self,
        tx: Arc<PooledTransaction>,
        arrival: u64,
    ) -> Option<Arc<PooledTransaction>> {
        debug_assert!(tx.nonce >= self.account.nonce, "a nonce that is used up is refused before");
        let nonce = tx.nonce;
        self.bytes += tx.size();
        self.dearest = self.dearest.max(tx.cost);
        let (cost, floor) = (tx.cost, tx.fees);
        let entry = Entry { tx, nonce, arrival, in_flight: false, floor };
        let old = match self.place(nonce) {
            Ok(at) => Some(std::mem::replace(&mut self.entries[at], entry)),
            Err(at) => {
                self.entries.insert(at, entry);
                None
            }
        };
        if let Some(old) = &old {
            self.bytes -= old.tx.size();
            if self.is_pending(nonce) {
                self.pending_cost = self.pending_cost.saturating_sub(old.tx.cost).saturating_add(cost);
            }
        }
        self.cursor = self.cursor.min(nonce);
        self.lay_floors(nonce);
        self.settle();
        old.map(|old| old.tx)
    }

    /// Takes a transaction out. What comes after it has to wait.
    pub(crate) fn remove(&mut self, nonce: u64) -> Option<Entry> {
        let entry = self.entries.remove(self.place(nonce).ok()?)?;
        self.bytes -= entry.tx.size();
        if self.is_pending(nonce) {
            self.pending_cost = self.pending_cost.saturating_sub(entry.tx.cost);
            self.demote_from(nonce);
        }
        self.lay_floors(nonce);
        self.settle();
        Some(entry)
    }

    /// Takes the account as it is now, and what can no longer be valid out.
    pub(crate) fn update(&mut self, account: Account) -> Vec<Entry> {
        let mut gone = Vec::new();
        if account.nonce < self.account.nonce {
            // Back in time: what is here no longer begins at the account's nonce.
            self.pending_end = account.nonce;
            self.pending_cost = U256::ZERO;
            self.cursor = account.nonce;
        }
        while self.entries.front().is_some_and(|first| first.nonce < account.nonce)
            && let Some(entry) = self.entries.pop_front()
        {
            self.bytes -= entry.tx.size();
            if self.is_pending(entry.nonce) {
                self.pending_cost = self.pending_cost.saturating_sub(entry.tx.cost);
            }
            gone.push(entry);
        }
        if self.pending_end <= account.nonce {
            self.pending_end = account.nonce;
            self.pending_cost = U256::ZERO;
        }
        self.account = account;
        self.cursor = self.cursor.max(account.nonce);
        if account.balance < self.dearest {
            self.drop_unfunded(&mut gone);
        }
        // All below the account's nonce were the first ones: one correction serves them. The others leave gaps.
        if !gone.is_empty() {
            self.lay_floors(account.nonce);
        }
        for nonce in gone.iter().map(|entry| entry.nonce).filter(|nonce| *nonce >= account.nonce) {
            self.lay_floors(nonce);
        }
        self.settle();
        gone
    }

    /// Drops what the balance does not cover even alone. What is in flight is for the block to judge.
    fn drop_unfunded(&mut self, gone: &mut Vec<Entry>) {
        let balance = self.account.balance;
        let from = gone.len();
        for entry in std::mem::take(&mut self.entries) {
            if entry.tx.cost > balance && !entry.in_flight {
                gone.push(entry);
            } else {
                self.entries.push_back(entry);
            }
        }
        for entry in &gone[from..] {
            self.bytes -= entry.tx.size();
        }
        self.dearest = self.entries.iter().map(|entry| entry.tx.cost).max().unwrap_or_default();
        if let Some(first) = gone.get(from).map(|entry| entry.nonce)
            && self.is_pending(first)
        {
            self.pending_end = first;
            let pending = self.between(0..first).map(|entry| entry.tx.cost);
            self.pending_cost = pending.fold(U256::ZERO, U256::saturating_add);
        }
    }

    /// The next to go has gone.
    pub(crate) fn take_head(&mut self) {
        if let Ok(at) = self.place(self.cursor) {
            self.entries[at].in_flight = true;
        }
        self.skip_in_flight();
    }

    /// A transaction that went is back.
    pub(crate) fn put_back(&mut self, nonce: u64) {
        if let Ok(at) = self.place(nonce) {
            self.entries[at].in_flight = false;
            self.cursor = self.cursor.min(nonce).max(self.account.nonce);
            self.skip_in_flight();
        }
    }

    /// Restores what follows from the entries after any change: who is pending, who is next.
    fn settle(&mut self) {
        while self.pending_cost > self.account.balance && self.pending_end > self.account.nonce {
            self.demote_from(self.pending_end - 1);
        }
        while let Some(entry) = self.entries.get(self.pending())
            && entry.nonce == self.pending_end
            && let cost = self.pending_cost.saturating_add(entry.tx.cost)
            && cost <= self.account.balance
        {
            self.pending_cost = cost;
            self.pending_end += 1;
        }
        self.skip_in_flight();
    }

    /// Those from `nonce` on are pending no longer.
    fn demote_from(&mut self, nonce: u64) {
        let demoted = self.between(nonce..self.pending_end).map(|entry| entry.tx.cost);
        let cost = demoted.fold(U256::ZERO, U256::saturating_add);
        self.pending_cost = self.pending_cost.saturating_sub(cost);
        self.pending_end = nonce;
    }

    fn skip_in_flight(&mut self) {
        let gone = self.between(self.cursor..self.pending_end).take_while(|entry| entry.in_flight).count();
        self.cursor += gone as u64;
    }

    fn floor_before(&self, nonce: u64) -> Option<Fees> {
        self.since(nonce).checked_sub(1).map(|before| self.entries[before].floor)
    }

    /// Corrects the floors from `nonce` on, up to the first that is right already.
    fn lay_floors(&mut self, nonce: u64) {
        let mut before = self.floor_before(nonce);
        for entry in self.entries.range_mut(self.since(nonce)..) {
            let floor = before.map_or(entry.tx.fees, |before| before.poorer(entry.tx.fees));
            if floor == entry.floor && entry.nonce != nonce {
                break;
            }
            entry.floor = floor;
            before = Some(floor);
        }
    }
}

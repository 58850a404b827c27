//! The senders of one part of the address space, and the orders in which their transactions come and go.
//!
//! A sender stands in each order with one transaction: in `ready` (or `parked`) with the next to go, in `tails` with the
//! last one, which is the first to be evicted. So the orders are as large as the number of senders, and a transaction in the
//! middle of a queue costs nothing.
//!
//! ## Invariants
//! * After every change the orders hold for the sender exactly what its queue says, with one exception: a last transaction
//!   that was handed out stays among the tails until an evictor finds it there, or its sender changes.
//! * A slot belongs to one sender as long as that sender has transactions.

use crate::{
    config::{Config, Order, Origin},
    fees::{FeeIndex, Fees, Rank, Slot},
    sender::{Entry, Sender, Tail},
    transaction::PooledTransaction,
};
use alloy_primitives::{Address, map::AddressMap};
use mundi_execution::Account;
use std::{
    cmp::Reverse,
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

/// Where the next to go stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// In line.
    Ready { fees: Fees, arrival: u64 },
    /// Until the blob fee comes down to its cap.
    BlobFee(u128),
    /// Until the base fee comes down to its cap; only where the line is not by fees.
    BaseFee(u64),
}

/// A sender with where it is listed.
#[derive(Debug)]
struct Place {
    sender: Sender,
    standing: Option<Standing>,
    tail: Option<Tail>,
    pending: usize,
    /// Passed over in the proposal that is being made.
    aside: bool,
}

/// The line of those who can go.
#[derive(Debug)]
enum Line {
    Fees(FeeIndex),
    Fifo(BTreeSet<(Reverse<u64>, Slot)>),
}

/// When a transaction has waited for too long.
#[derive(Clone, Copy, Debug)]
struct Expiry {
    since: Duration,
    slot: Slot,
    nonce: u64,
    arrival: u64,
}

/// The worst transaction of a shard, which is the first to be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Worst {
    /// What can be executed is worth more than what cannot.
    pub(crate) pending: bool,
    /// The effective tip.
    pub(crate) tip: i128,
}

/// The senders of one part of the address space.
#[derive(Debug)]
pub(crate) struct Shard {
    /// Of the newest head that this shard knows.
    pub(crate) generation: u64,
    /// By which the line is ordered.
    base_fee: u64,
    blob_base_fee: u128,
    slots: Vec<Option<Place>>,
    free: Vec<Slot>,
    by_address: AddressMap<Slot>,
    line: Line,
    parked_by_blob_fee: BTreeSet<(u128, Slot)>,
    parked_by_base_fee: BTreeSet<(u64, Slot)>,
    pending_tails: FeeIndex,
    queued_tails: FeeIndex,
    /// Whether another one may be the worst.
    tails_changed: bool,
    expiries: VecDeque<Expiry>,
    transactions: usize,
    pending: usize,
    exempt_local: bool,
}

impl Shard {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            generation: 0,
            base_fee: 0,
            blob_base_fee: 0,
            slots: Vec::new(),
            free: Vec::new(),
            by_address: AddressMap::default(),
            line: match config.order {
                Order::Fees => Line::Fees(FeeIndex::default()),
                Order::Fifo => Line::Fifo(BTreeSet::new()),
            },
            parked_by_blob_fee: BTreeSet::new(),
            parked_by_base_fee: BTreeSet::new(),
            pending_tails: FeeIndex::default(),
            queued_tails: FeeIndex::default(),
            tails_changed: true,
            expiries: VecDeque::new(),
            transactions: 0,
            pending: 0,
            exempt_local: config.exempt_local,
        }
    }

    /// Number of transactions, and how many of them are pending.
    pub(crate) const fn counts(&self) -> (usize, usize) {
        (self.transactions, self.pending)
    }

    pub(crate) fn slot(&self, address: &Address) -> Option<Slot> {
        self.by_address.get(address).copied()
    }

    pub(crate) fn find(&self, address: &Address) -> Option<&Sender> {
        self.slot(address).map(|slot| self.sender(slot))
    }

    pub(crate) fn sender(&self, slot: Slot) -> &Sender {
        &self.place(slot).sender
    }

    pub(crate) fn senders(&self) -> impl Iterator<Item = &Sender> {
        self.slots.iter().flatten().map(|place| &place.sender)
    }

    /// Makes room for a sender that is not there. It has to get a transaction, or to be relisted, before the lock is released.
    pub(crate) fn add_sender(&mut self, address: Address, account: Account) -> Slot {
        let place = Place {
            sender: Sender::new(address, account),
            standing: None,
            tail: None,
            pending: 0,
            aside: false,
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(place);
                slot
            }
            None => {
                self.slots.push(Some(place));
                Slot::try_from(self.slots.len() - 1).expect("the pool's bound is far below 2³² senders")
            }
        };
        let before = self.by_address.insert(address, slot);
        debug_assert!(before.is_none(), "a sender has one slot");
        slot
    }

    /// Changes a sender's queue and lists it anew.
    pub(crate) fn change<T>(&mut self, slot: Slot, change: impl FnOnce(&mut Sender) -> T) -> T {
        let sender = &mut self.place_mut(slot).sender;
        let before = sender.len();
        let result = change(sender);
        let after = sender.len();
        self.transactions = self.transactions + after - before;
        self.relist(slot);
        result
    }

    /// Notes when a transaction came, so that it does not stay for ever.
    pub(crate) fn watch(&mut self, since: Duration, slot: Slot, nonce: u64, arrival: u64) {
        /// How many outdated notes are worth a sweep, beside as many as there are transactions.
        const SLACK: usize = 1024;
        self.expiries.push_back(Expiry { since, slot, nonce, arrival });
        if self.expiries.len() > 2 * self.transactions + SLACK {
            let slots = &self.slots;
            self.expiries.retain(|expiry| entry_of(slots, expiry).is_some());
        }
    }

    /// A transaction that has been here since before `since` and is not in flight. It has to be taken out: it is named only
    /// once. `now` is the time.
    pub(crate) fn next_expired(&mut self, since: Duration, now: Duration) -> Option<(Slot, u64)> {
        while let Some(expiry) = self.expiries.front().copied()
            && expiry.since < since
        {
            self.expiries.pop_front();
            match entry_of(&self.slots, &expiry) {
                Some(entry) if entry.in_flight => self.expiries.push_back(Expiry { since: now, ..expiry }),
                Some(_) => return Some((expiry.slot, expiry.nonce)),
                None => {}
            }
        }
        None
    }

    /// Orders the line by other fees. Those whose place depends on it are moved, the others are not touched.
    pub(crate) fn rebase_line(&mut self, base_fee: u64, blob_base_fee: u128) {
        if base_fee != self.base_fee {
            self.base_fee = base_fee;
            if let Line::Fees(line) = &mut self.line {
                line.rebase(base_fee);
            }
            for (_, slot) in self.parked_by_base_fee.split_off(&(base_fee, 0)) {
                self.unpark(slot);
            }
        }
        if blob_base_fee != self.blob_base_fee {
            self.blob_base_fee = blob_base_fee;
            for (_, slot) in self.parked_by_blob_fee.split_off(&(blob_base_fee, 0)) {
                self.unpark(slot);
            }
        }
    }

    /// Orders what may be evicted by another base fee.
    pub(crate) fn rebase_tails(&mut self, base_fee: u64) {
        self.tails_changed = true;
        self.pending_tails.rebase(base_fee);
        self.queued_tails.rebase(base_fee);
    }

    fn unpark(&mut self, slot: Slot) {
        self.place_mut(slot).standing = None;
        self.relist(slot);
    }

    /// The best in line.
    pub(crate) fn best(&self) -> Option<(Rank, Slot)> {
        match &self.line {
            Line::Fees(line) => line.best(),
            Line::Fifo(line) => {
                line.last().map(|(arrival, slot)| (Rank { tip: 0, arrival: *arrival }, *slot))
            }
        }
    }

    /// Looks at the best of the line, so that they are in the processor's caches when they are taken. They lie far apart, and
    /// looked at one after the other each would be waited for; here the processor fetches many at a time.
    pub(crate) fn warm(&self, count: usize) {
        let seen = |slot: Slot| {
            self.sender(slot)
                .head()
                .map_or(0, |head| head.tx.gas as usize ^ Arc::strong_count(&head.tx.ordered))
        };
        let sum = match &self.line {
            Line::Fees(line) => line.descending().take(count).fold(0, |sum, (_, slot)| sum ^ seen(slot)),
            Line::Fifo(line) => line.iter().rev().take(count).fold(0, |sum, (_, slot)| sum ^ seen(*slot)),
        };
        std::hint::black_box(sum);
    }

    /// Whether the head of a sender that is in line can pay the fees of now; if not, it is parked.
    pub(crate) fn check_fees(&mut self, slot: Slot) -> bool {
        let place = self.place(slot);
        let affords = place.sender.head().map(|head| self.standing(head)) == place.standing;
        if !affords {
            self.relist(slot);
        }
        affords
    }

    /// Passes a sender over until it is called back.
    pub(crate) fn set_aside(&mut self, slot: Slot) {
        self.place_mut(slot).aside = true;
        self.relist(slot);
    }

    /// Calls a sender back. The slot may be another's by now, which does no harm.
    pub(crate) fn call_back(&mut self, slot: Slot) {
        if let Some(place) = &mut self.slots[slot as usize] {
            place.aside = false;
            self.relist(slot);
        }
    }

    /// The worst one, if one may be evicted.
    pub(crate) fn worst(&mut self) -> Option<(Worst, Slot)> {
        loop {
            let (worst, slot) = self.promised_worst()?;
            if self.sender(slot).tail().is_some() {
                return Some((worst, slot));
            }
            // It has gone since it was listed.
            self.relist(slot);
        }
    }

    /// The same, if it has not been handed out since.
    fn promised_worst(&self) -> Option<(Worst, Slot)> {
        let of = |tails: &FeeIndex, pending| {
            tails.worst().map(|(rank, slot)| (Worst { pending, tip: rank.tip }, slot))
        };
        of(&self.queued_tails, false).or_else(|| of(&self.pending_tails, true))
    }

    /// What the worst one may be worth by now, if that has changed since it was last asked.
    pub(crate) fn news_of_worst(&mut self) -> Option<Option<Worst>> {
        std::mem::take(&mut self.tails_changed).then(|| self.promised_worst().map(|(worst, _)| worst))
    }

    /// The next of a sender to go has gone. What it is worth to the evictor is found out by him: so going is cheap.
    pub(crate) fn take_head(&mut self, slot: Slot) {
        self.place_mut(slot).sender.take_head();
        self.relist_standing(slot);
    }

    /// Lists a sender as its queue says, and lets go of one that has nothing left.
    fn relist(&mut self, slot: Slot) {
        self.relist_standing(slot);
        let place = self.place(slot);
        let exempt = |tx: &PooledTransaction| self.exempt_local && tx.origin == Origin::Local;
        let tail = place.sender.tail().filter(|(_, tx)| !exempt(tx)).map(|(tail, _)| tail);
        let (old_tail, old_pending) = (place.tail, place.pending);
        let pending = place.sender.pending();
        if tail != old_tail {
            self.tails_changed = true;
            if let Some(tail) = old_tail {
                self.tails(tail.pending).remove(tail.floor, tail.arrival, slot);
            }
            if let Some(tail) = tail {
                self.tails(tail.pending).insert(tail.floor, tail.arrival, slot);
            }
        }
        self.pending = self.pending + pending - old_pending;
        let place = self.place_mut(slot);
        (place.tail, place.pending) = (tail, pending);
        if place.sender.is_empty() {
            let address = place.sender.address;
            self.slots[slot as usize] = None;
            self.free.push(slot);
            self.by_address.remove(&address);
        }
    }

    /// Lists the next of a sender to go.
    fn relist_standing(&mut self, slot: Slot) {
        let place = self.place(slot);
        let head = if place.aside { None } else { place.sender.head() };
        let standing = head.map(|head| self.standing(head));
        let old = place.standing;
        if standing == old {
            return;
        }
        self.unlist_standing(slot, old);
        match standing {
            Some(Standing::Ready { fees, arrival }) => match &mut self.line {
                Line::Fees(line) => line.insert(fees, arrival, slot),
                Line::Fifo(line) => _ = line.insert((Reverse(arrival), slot)),
            },
            Some(Standing::BlobFee(cap)) => _ = self.parked_by_blob_fee.insert((cap, slot)),
            Some(Standing::BaseFee(cap)) => _ = self.parked_by_base_fee.insert((cap, slot)),
            None => {}
        }
        self.place_mut(slot).standing = standing;
    }

    fn unlist_standing(&mut self, slot: Slot, standing: Option<Standing>) {
        match standing {
            Some(Standing::Ready { fees, arrival }) => match &mut self.line {
                Line::Fees(line) => line.remove(fees, arrival, slot),
                Line::Fifo(line) => _ = line.remove(&(Reverse(arrival), slot)),
            },
            Some(Standing::BlobFee(cap)) => _ = self.parked_by_blob_fee.remove(&(cap, slot)),
            Some(Standing::BaseFee(cap)) => _ = self.parked_by_base_fee.remove(&(cap, slot)),
            None => {}
        }
    }

    fn standing(&self, head: &Entry) -> Standing {
        let tx = &head.tx;
        if tx.blobs > 0 && tx.blob_cap < self.blob_base_fee {
            Standing::BlobFee(tx.blob_cap)
        } else if matches!(self.line, Line::Fifo(_)) && tx.fees.cap < self.base_fee {
            Standing::BaseFee(tx.fees.cap)
        } else {
            Standing::Ready { fees: tx.fees, arrival: head.arrival }
        }
    }

    const fn tails(&mut self, pending: bool) -> &mut FeeIndex {
        if pending { &mut self.pending_tails } else { &mut self.queued_tails }
    }

    fn place(&self, slot: Slot) -> &Place {
        self.slots[slot as usize].as_ref().expect("a listed slot has a sender")
    }

    fn place_mut(&mut self, slot: Slot) -> &mut Place {
        self.slots[slot as usize].as_mut().expect("a listed slot has a sender")
    }
}

/// The transaction that a note is about, if it is still there.
fn entry_of<'a>(slots: &'a [Option<Place>], expiry: &Expiry) -> Option<&'a Entry> {
    let place = slots[expiry.slot as usize].as_ref()?;
    place.sender.get(expiry.nonce).filter(|entry| entry.arrival == expiry.arrival)
}

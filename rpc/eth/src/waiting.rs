//! Transactions that somebody waits for.
//!
//! ## Invariants
//! * Who waits is told once, by the ledger's thread, after the block is the head: whatever the waiter reads next knows the block.
//! * A block costs one look-up for each of its transactions, and nothing while nobody waits.
//! * Who stops to wait leaves nothing behind.

use alloy_primitives::{B256, map::B256Map};
use mundi_chain::{Head, LedgerObserver, Sealed};
use mundi_state::BlockRecord;
use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};
use tokio::sync::oneshot;

/// Most that wait at the same time.
const MAX_WAITING: usize = 100_000;

/// What became of a transaction.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It is in a block.
    Mined {
        block: Arc<BlockRecord>,
        index: usize,
        /// Number of logs in the block before its own.
        first_log: u64,
    },
    /// It was tried, and left out for this reason.
    Skipped(String),
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    tell: oneshot::Sender<Fate>,
}

/// Who waits for which transaction.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    by_hash: Mutex<B256Map<Vec<Waiter>>>,
    count: AtomicUsize,
    tickets: AtomicU64,
}

impl Waiting {
    fn by_hash(&self) -> MutexGuard<'_, B256Map<Vec<Waiter>>> {
        self.by_hash.lock().expect("no holder panics")
    }

    /// Waits for a transaction from here on; what happened before is not told. `None` if too many wait.
    pub(crate) fn wait(self: &Arc<Self>, hash: B256) -> Option<Wait> {
        let mut by_hash = self.by_hash();
        if self.count.load(Relaxed) >= MAX_WAITING {
            return None;
        }
        self.count.fetch_add(1, Relaxed);
        let (tell, told) = oneshot::channel();
        let ticket = self.tickets.fetch_add(1, Relaxed);
        by_hash.entry(hash).or_default().push(Waiter { ticket, tell });
        Some(Wait { waiting: Arc::clone(self), hash, ticket, told })
    }

    fn tell(&self, by_hash: &mut B256Map<Vec<Waiter>>, hash: &B256, fate: impl Fn() -> Fate) {
        for waiter in by_hash.remove(hash).into_iter().flatten() {
            self.count.fetch_sub(1, Relaxed);
            // Who is gone need not know.
            let _ = waiter.tell.send(fate());
        }
    }
}

impl LedgerObserver for Waiting {
    fn sealed(&self, sealed: &Sealed, _: &Head) {
        if self.count.load(Relaxed) == 0 {
            return;
        }
        let mut by_hash = self.by_hash();
        let block = &sealed.block;
        let mut first_log = 0;
        for (index, (tx, receipt)) in block.body.transactions.iter().zip(&block.receipts).enumerate() {
            let fate = || Fate::Mined { block: Arc::clone(block), index, first_log };
            self.tell(&mut by_hash, tx.tx_hash(), fate);
            first_log += receipt.logs().len() as u64;
        }
        for (hash, reason) in &sealed.skipped {
            self.tell(&mut by_hash, hash, || Fate::Skipped(reason.to_string()));
        }
    }

    fn reset(&self, _: &[Arc<BlockRecord>], _: &Head) {}
}

/// Waiting for one transaction.
#[derive(Debug)]
pub(crate) struct Wait {
    waiting: Arc<Waiting>,
    hash: B256,
    ticket: u64,
    told: oneshot::Receiver<Fate>,
}

impl Wait {
    /// Resolves when it is known what became of the transaction. `None` if nobody will ever tell.
    pub(crate) async fn fate(&mut self) -> Option<Fate> {
        (&mut self.told).await.ok()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut by_hash = self.waiting.by_hash();
        let Some(waiters) = by_hash.get_mut(&self.hash) else { return };
        if let Some(at) = waiters.iter().position(|waiter| waiter.ticket == self.ticket) {
            waiters.swap_remove(at);
            self.waiting.count.fetch_sub(1, Relaxed);
            if waiters.is_empty() {
                by_hash.remove(&self.hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stops_to_wait_leaves_nothing_behind() {
        let waiting = Arc::new(Waiting::default());
        let first = waiting.wait(B256::ZERO).unwrap();
        let second = waiting.wait(B256::ZERO).unwrap();
        drop(first);
        assert_eq!(waiting.count.load(Relaxed), 1);
        drop(second);
        assert_eq!(waiting.count.load(Relaxed), 0);
        assert!(waiting.by_hash().is_empty());
    }

    #[test]
    fn all_who_wait_for_a_transaction_are_told() {
        let waiting = Arc::new(Waiting::default());
        let mut waits: Vec<_> = (0..3).map(|_| waiting.wait(B256::ZERO).unwrap()).collect();
        waiting.tell(&mut waiting.by_hash(), &B256::ZERO, || Fate::Skipped("why".into()));
        for wait in &mut waits {
            assert!(matches!(wait.told.try_recv(), Ok(Fate::Skipped(why)) if why == "why"));
        }
        drop(waits);
        assert_eq!(waiting.count.load(Relaxed), 0);
    }
}

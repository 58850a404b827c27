//! What users of this node sent and no payload holds yet.

use crate::{
    pool::{Mempool, SHARDS},
    sender::Sender,
    transaction::PooledTransaction,
};
use std::{cmp::Ordering, collections::BinaryHeap, sync::Arc};

/// A transaction with its turn: the number of its arrival, or of the last one of those that its sender has before it.
struct Turn {
    turn: (u64, u64),
    tx: Arc<PooledTransaction>,
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.turn == other.turn
    }
}

impl Eq for Turn {}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Turn {
    fn cmp(&self, other: &Self) -> Ordering {
        self.turn.cmp(&other.turn)
    }
}

impl Mempool {
    /// Transactions of this node's users that can be executed and are in no payload that the pool knows of: the oldest first,
    /// `limit` of them at most, a sender's always in the order of their nonces and without gap.
    ///
    /// Looks at everything in the pool, one shard locked at a time, and keeps no more than `limit` of it.
    pub fn users_waiting(&self, limit: usize) -> Vec<Arc<PooledTransaction>> {
        let mut oldest: BinaryHeap<Turn> = BinaryHeap::with_capacity(limit.min(1 << 16));
        for index in 0..SHARDS {
            let shard = self.shard(index);
            for turn in shard.senders().flat_map(turns_of) {
                if oldest.len() < limit {
                    oldest.push(turn);
                } else if let Some(mut youngest) = oldest.peek_mut()
                    && turn < *youngest
                {
                    *youngest = turn;
                }
            }
        }
        oldest.into_sorted_vec().into_iter().map(|turn| turn.tx).collect()
    }
}

fn turns_of(sender: &Sender) -> impl Iterator<Item = Turn> {
    let pending = sender.entries().take_while(|entry| sender.is_pending(entry.tx.nonce));
    let mut last = 0;
    pending.filter_map(move |entry| {
        last = entry.arrival.max(last);
        let listed = !entry.in_flight && entry.tx.signed && entry.tx.origin.is_user();
        // Two senders' last arrivals differ, so only those of one sender are told apart by their nonces.
        listed.then(|| Turn { turn: (last, entry.tx.nonce), tx: Arc::clone(&entry.tx) })
    })
}

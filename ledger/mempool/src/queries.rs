//! Looking into the pool.

use crate::{
    blobs::FoundBlob,
    events::DropReason,
    fees::Slot,
    pool::{Mempool, SHARDS},
    sender::Sender,
    shard::Shard,
    transaction::PooledTransaction,
};
use alloy_eips::eip7594::BlobTransactionSidecarVariant;
use alloy_primitives::{Address, B256};
use std::{collections::BTreeMap, sync::Arc};

/// How full the pool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Transactions that can be executed, those in flight included.
    pub pending: usize,
    /// Transactions that wait for a nonce or for money.
    pub queued: usize,
    /// Bytes, as the bounds count them.
    pub bytes: usize,
}

/// The transactions of one sender in the order of their nonces.
#[derive(Clone, Debug, Default)]
pub struct SenderContent {
    /// Those that can be executed, those in flight included.
    pub pending: Vec<Arc<PooledTransaction>>,
    /// Those that wait for a nonce or for money.
    pub queued: Vec<Arc<PooledTransaction>>,
}

/// How far a transaction in the pool has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It waits for a nonce or for money.
    Queued,
    /// It can be handed out.
    Waiting,
    /// A payload holds it: it was handed out, or claimed.
    InFlight,
}

impl Mempool {
    /// How far a transaction has come; `None` if it is not in the pool.
    pub fn progress(&self, hash: &B256) -> Option<Progress> {
        let tx = self.pooled(hash)?;
        let shard = self.shard_of(&tx.sender());
        let sender = shard.find(&tx.sender())?;
        let entry = sender.get(tx.nonce).filter(|entry| entry.tx.hash == *hash)?;
        Some(match (entry.in_flight, sender.is_pending(tx.nonce)) {
            (true, _) => Progress::InFlight,
            (false, true) => Progress::Waiting,
            (false, false) => Progress::Queued,
        })
    }

    /// How full the pool is. The numbers are those of one moment for each part of the pool, not for all of it.
    pub fn status(&self) -> Status {
        let mut status = Status { bytes: self.totals().1, ..Status::default() };
        for index in 0..SHARDS {
            let (transactions, pending) = self.shard(index).counts();
            status.pending += pending;
            status.queued += transactions - pending;
        }
        status
    }

    /// All transactions by sender. As large as the pool.
    pub fn content(&self) -> BTreeMap<Address, SenderContent> {
        let mut content = BTreeMap::new();
        for index in 0..SHARDS {
            let shard = self.shard(index);
            content.extend(shard.senders().map(|sender| (sender.address, content_of(sender))));
        }
        content
    }

    /// The transactions of one sender.
    pub fn content_from(&self, sender: &Address) -> SenderContent {
        self.shard_of(sender).find(sender).map(content_of).unwrap_or_default()
    }

    /// The transactions of one sender that can be executed, in the order of their nonces.
    pub fn pending_of(&self, sender: &Address) -> Vec<Arc<PooledTransaction>> {
        self.content_from(sender).pending
    }

    /// The first nonce that neither the chain nor the pool has used, counted without gaps; `None` if the account cannot be
    /// read. The chain is the one that the pool has followed, so that between two blocks no nonce is given out again.
    pub fn next_nonce(&self, sender: &Address) -> Option<u64> {
        let here = self.shard_of(sender).find(sender).map(Sender::next_nonce);
        // A sender that a block has emptied is gone only after the pool has that block's state.
        here.or_else(|| self.context.load().account(sender).ok().map(|account| account.nonce))
    }

    /// The transaction that a sender has at a nonce.
    pub fn find(&self, sender: &Address, nonce: u64) -> Option<Arc<PooledTransaction>> {
        self.shard_of(sender).find(sender)?.get(nonce).map(|entry| Arc::clone(&entry.tx))
    }

    /// Takes a transaction out, and returns it. What its sender has after it waits for the gap to be filled. If it is in flight it
    /// may become part of the chain all the same.
    pub fn remove(&self, hash: &B256) -> Option<Arc<PooledTransaction>> {
        self.drop_one(hash, DropReason::Removed)
    }

    /// Takes all transactions of a sender out, and returns how many.
    pub fn remove_sender(&self, sender: &Address) -> usize {
        let mut shard = self.shard_of(sender);
        shard.slot(sender).map_or(0, |slot| self.clear_sender(&mut shard, slot, DropReason::Removed))
    }

    /// Takes everything out.
    pub fn clear(&self) {
        for index in 0..SHARDS {
            let mut shard = self.shard(index);
            let addresses: Vec<Address> = shard.senders().map(|sender| sender.address).collect();
            for address in addresses {
                if let Some(slot) = shard.slot(&address) {
                    self.clear_sender(&mut shard, slot, DropReason::Removed);
                }
            }
        }
    }

    pub(crate) fn drop_one(&self, hash: &B256, reason: DropReason) -> Option<Arc<PooledTransaction>> {
        let tx = self.pooled(hash)?;
        let mut shard = self.shard_of(&tx.sender());
        let slot = shard.slot(&tx.sender())?;
        let here = shard.sender(slot).get(tx.nonce).is_some_and(|entry| entry.tx.hash == *hash);
        here.then(|| {
            self.take_out(&mut shard, slot, tx.nonce, reason);
            tx
        })
    }

    pub(crate) fn clear_sender(&self, shard: &mut Shard, slot: Slot, reason: DropReason) -> usize {
        let gone = self.change(shard, slot, |sender| {
            // From the last to the first, so that nobody has to wait in between.
            let nonces: Vec<u64> = sender.entries().map(|entry| entry.tx.nonce).rev().collect();
            nonces.into_iter().filter_map(|nonce| sender.remove(nonce)).collect::<Vec<_>>()
        });
        gone.iter().for_each(|entry| self.forget(&entry.tx, reason));
        gone.len()
    }

    /// The blobs of a transaction in the pool, or of one that was included lately.
    pub fn sidecar(&self, hash: &B256) -> Option<Arc<BlobTransactionSidecarVariant>> {
        self.sidecars.lock().expect("no holder panics").of_transaction(hash)
    }

    /// Blobs by their versioned hashes, in the order asked for: those of transactions in the pool, and of the last ones
    /// that were included.
    pub fn blobs(&self, versioned_hashes: &[B256]) -> Vec<Option<FoundBlob>> {
        let sidecars = self.sidecars.lock().expect("no holder panics");
        versioned_hashes.iter().map(|hash| sidecars.of_blob(hash)).collect()
    }
}

fn content_of(sender: &Sender) -> SenderContent {
    let all = sender.entries().map(|entry| Arc::clone(&entry.tx));
    let (pending, queued) = all.partition(|tx| sender.is_pending(tx.nonce));
    SenderContent { pending, queued }
}

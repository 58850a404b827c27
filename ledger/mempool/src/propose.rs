//! Transactions out of the pool, for payloads.

use crate::{
    events::DropReason,
    fees::{Rank, Slot},
    pool::{Mempool, SHARDS},
};
use alloy_primitives::B256;
use mundi_chain::{OrderedTransaction, PayloadSource, ProposalLimits, SharedSource};
use mundi_execution::SkipReason;
use revm::context_interface::result::InvalidTransaction;
use std::{collections::BinaryHeap, sync::Arc};

/// How many transactions that do not fit are passed over before a proposal ends.
const MAX_MISFITS: usize = 1024;

/// Less gas than that is too little for any transaction.
const LEAST_GAS: u64 = 21_000;

/// How many of a shard's best are fetched into the caches at a time. More of them from all shards would not fit, pages
/// above all.
const WARM: usize = 8;

/// What is left of the limits.
struct Left(ProposalLimits);

impl Left {
    const fn is_exhausted(&self) -> bool {
        self.0.transactions == 0 || self.0.gas < LEAST_GAS || self.0.bytes == 0
    }

    /// Takes a transaction's part, if it fits.
    fn take(&mut self, gas: u64, bytes: usize, blobs: u64) -> bool {
        let left = &mut self.0;
        let fits = gas <= left.gas && bytes <= left.bytes && blobs <= left.blobs;
        if fits {
            left.gas -= gas;
            left.bytes -= bytes;
            left.blobs -= blobs;
            left.transactions -= 1;
        }
        fits
    }
}

impl Mempool {
    /// The best transactions within the limits, in the order in which they shall run: those of a sender in the order of their
    /// nonces, beyond those that are in flight already. From then on they are in flight: they stay in the pool, but are not
    /// handed out again until they are [returned](Self::returned), or a new head says that they were skipped.
    ///
    /// Shards are locked one at a time and for one run of transactions, so that others get on meanwhile. Costs about a
    /// microsecond for each transaction, however many there are in the pool.
    pub fn propose(&self, limits: &ProposalLimits) -> Vec<Arc<OrderedTransaction>> {
        let mut left = Left(*limits);
        let mut proposed = Vec::with_capacity(limits.transactions.min(1 << 16));
        let mut aside: Vec<(usize, Slot)> = Vec::new();
        let mut warm = [0_usize; SHARDS];
        let mut best: BinaryHeap<(Rank, usize)> = (0..SHARDS)
            .filter_map(|index| {
                let mut shard = self.shard(index);
                shard.rebase_line(limits.base_fee, limits.blob_base_fee);
                shard.best().map(|(rank, _)| (rank, index))
            })
            .collect();
        while let Some((_, index)) = best.pop()
            && !left.is_exhausted()
            && aside.len() < MAX_MISFITS
        {
            let runner_up = best.peek().map(|(rank, _)| *rank);
            let mut shard = self.shard(index);
            while let Some((rank, slot)) = shard.best()
                && rank.tip >= 0
                && !left.is_exhausted()
                && aside.len() < MAX_MISFITS
            {
                if runner_up.is_some_and(|runner_up| runner_up > rank) {
                    best.push((rank, index));
                    break;
                }
                if warm[index] == 0 {
                    shard.warm(WARM);
                    warm[index] = WARM;
                }
                warm[index] -= 1;
                if !shard.check_fees(slot) {
                    continue;
                }
                let Some(head) = shard.sender(slot).head() else { break };
                if left.take(head.tx.gas, head.tx.encoded, head.tx.blobs) {
                    proposed.push(Arc::clone(&head.tx.ordered));
                    shard.take_head(slot);
                } else {
                    shard.set_aside(slot);
                    aside.push((index, slot));
                }
            }
        }
        for (index, slot) in aside {
            self.shard(index).call_back(slot);
        }
        proposed
    }

    /// These were handed out and are in no payload after all: they may be handed out again.
    pub fn returned(&self, hashes: impl IntoIterator<Item = B256>) {
        for hash in hashes {
            let Some(tx) = self.pooled(&hash) else { continue };
            let mut shard = self.shard_of(&tx.sender());
            if let Some(slot) = shard.slot(&tx.sender()) {
                shard.change(slot, |sender| {
                    if sender.get(tx.nonce).is_some_and(|entry| entry.tx.hash == hash) {
                        sender.put_back(tx.nonce);
                    }
                });
            }
        }
    }

    /// Somebody else's payload holds these, in the order in which they shall run. Those that are in the pool, and are the next of their
    /// senders to go when their turn comes, are in flight from now on as if they had been handed out here, and nobody
    /// proposes them a second time. Returns these, in the order given: if that payload dies they have to be
    /// [returned](Self::returned).
    ///
    /// Everything else stays as it is: what the pool does not know, what waits for a nonce or for money, what is in flight
    /// already, and what stands here at the nonce of another transaction of that payload. The block that executes the payload
    /// shows what became of all of them. If two payloads hold the same transaction, only the first one claims it. Costs one to two
    /// microseconds each.
    pub fn claim(&self, hashes: impl IntoIterator<Item = B256>) -> Vec<B256> {
        hashes.into_iter().filter(|hash| self.claim_one(hash)).collect()
    }

    fn claim_one(&self, hash: &B256) -> bool {
        let Some(tx) = self.pooled(hash) else { return false };
        let mut shard = self.shard_of(&tx.sender());
        let Some(slot) = shard.slot(&tx.sender()) else { return false };
        let next = shard.sender(slot).head().is_some_and(|head| head.tx.hash == *hash);
        if next {
            shard.take_head(slot);
        }
        next
    }

    /// A block left these out that were handed out for it. Those that another block may take wait again, the others go.
    pub(crate) fn skipped(&self, skipped: &[(B256, SkipReason)]) {
        for (hash, reason) in skipped {
            if may_become_valid(reason) {
                self.returned([*hash]);
            } else {
                self.drop_one(hash, DropReason::Invalid);
            }
        }
    }
}

/// Whether a transaction that a block left out for this reason may fit into another one.
const fn may_become_valid(reason: &SkipReason) -> bool {
    match reason {
        SkipReason::BlockGas { .. } | SkipReason::BlockBlobs { .. } => true,
        SkipReason::Invalid(reason) => matches!(
            reason,
            InvalidTransaction::NonceTooHigh { .. }
                | InvalidTransaction::NonceTooLow { .. }
                | InvalidTransaction::LackOfFundForMaxFee { .. }
                | InvalidTransaction::GasPriceLessThanBasefee
                | InvalidTransaction::BlobGasPriceGreaterThanMax { .. }
                | InvalidTransaction::CallerGasLimitMoreThanBlock
        ),
    }
}

impl PayloadSource for Mempool {
    fn propose(&self, limits: &ProposalLimits) -> Vec<Arc<OrderedTransaction>> {
        Self::propose(self, limits)
    }

    fn returned(&self, transactions: &[Arc<OrderedTransaction>]) {
        Self::returned(self, transactions.iter().map(|tx| tx.hash()));
    }
}

impl SharedSource for Mempool {
    fn claim(&self, hashes: &[B256]) -> Vec<B256> {
        Self::claim(self, hashes.iter().copied())
    }

    fn release(&self, hashes: &[B256]) {
        Self::returned(self, hashes.iter().copied());
    }

    fn known(&self, hash: &B256) -> Option<Arc<OrderedTransaction>> {
        self.pooled(hash).map(|tx| Arc::clone(&tx.ordered))
    }
}

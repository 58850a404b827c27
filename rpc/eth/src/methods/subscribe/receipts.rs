//! Receipts as transactions commit.

use super::send;
use crate::{
    follow::{ChainFollower, Step},
    form,
};
use alloy_primitives::B256;
use jsonrpsee::SubscriptionSink;
use mundi_chain::CommittedTransaction;
use mundi_rpc_context::Ctx;
use mundi_state::BlockRecord;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Most receipts in one notification that is sent early.
const MAX_AT_ONCE: usize = 256;
/// Most heights whose blocks are under way; what is told of older ones is forgotten.
const MAX_UNDER_WAY: usize = 64;

/// A subscriber's stream of receipts.
///
/// ## Invariants
/// Of each block the receipts up to some index are told early, in order; those from there on when the block is written. So
/// each is told once, whatever is missed of the commits.
pub(super) struct Stream {
    ctx: Ctx,
    /// Which transactions; all if there are none.
    hashes: HashSet<B256>,
    follower: ChainFollower,
    /// `None` if only written blocks are of interest.
    commits: Option<Receiver<Arc<CommittedTransaction>>>,
    /// What was told of blocks that are not written, by height.
    early: BTreeMap<u64, Early>,
}

/// What was told of a block that is not written.
#[derive(Debug, Default)]
struct Early {
    told: HashSet<B256>,
    /// The index that comes next.
    next: u32,
    /// Whether something is missing, so that the rest has to wait for the block.
    ended: bool,
}

impl Stream {
    pub(super) fn new(ctx: Ctx, hashes: HashSet<B256>, sealed: bool) -> Self {
        let commits = (!sealed).then(|| ctx.ledger.commits());
        let follower = ChainFollower::new(Arc::clone(&ctx.ledger));
        Self { ctx, hashes, follower, commits, early: BTreeMap::new() }
    }

    pub(super) async fn run(mut self, sink: &SubscriptionSink) {
        loop {
            let receipts = tokio::select! {
                () = sink.closed() => return,
                step = self.follower.next() => match step {
                    Some(Step::Added(block)) => self.written(&block),
                    Some(Step::Removed(block)) => {
                        self.early.split_off(&block.header.number);
                        Vec::new()
                    }
                    None => return,
                },
                commit = next(&mut self.commits) => self.committed(commit),
            };
            if !receipts.is_empty() && !send(sink, &receipts).await {
                return;
            }
        }
    }

    fn is_wanted(&self, hash: &B256) -> bool {
        self.hashes.is_empty() || self.hashes.contains(hash)
    }

    /// Those of a written block that were not told early.
    fn written(&mut self, block: &BlockRecord) -> Vec<Value> {
        let height = block.header.number;
        let Early { told, .. } = self.early.remove(&height).unwrap_or_default();
        self.early = self.early.split_off(&height);
        let untold = |hash: &B256| self.is_wanted(hash) && !told.contains(hash);
        let all = form::receipts(&self.ctx.ledger, block).into_iter();
        let wanted = all.filter(|receipt| untold(&receipt.transaction_hash));
        wanted.filter_map(|receipt| serde_json::to_value(receipt).ok()).collect()
    }

    /// A commit, and those that wait behind it.
    fn committed(&mut self, first: Option<Arc<CommittedTransaction>>) -> Vec<Value> {
        let mut receipts = Vec::new();
        let mut next = first;
        while let Some(commit) = next.take() {
            receipts.extend(self.early(&commit));
            if receipts.len() < MAX_AT_ONCE {
                next = self.commits.as_mut().and_then(|commits| commits.try_recv().ok());
            }
        }
        receipts
    }

    /// The receipt of a transaction whose block is not finished, if it is its turn and enough is known.
    fn early(&mut self, commit: &CommittedTransaction) -> Option<Value> {
        if commit.height <= self.ctx.ledger.head().block.header.number {
            // Its block is written: the rest is told with that.
            return None;
        }
        if self.early.len() >= MAX_UNDER_WAY && !self.early.contains_key(&commit.height) {
            self.early.pop_first();
        }
        let early = self.early.entry(commit.height).or_default();
        if commit.index == 0 {
            // Executed for the first time, or once more after a failure.
            (early.next, early.ended) = (0, false);
        }
        let tx = self.ctx.pool.get(&commit.hash);
        let Some(tx) = tx.filter(|_| !early.ended && commit.index == early.next) else {
            early.ended = true;
            return None;
        };
        early.next += 1;
        if early.told.contains(&commit.hash)
            || !(self.hashes.is_empty() || self.hashes.contains(&commit.hash))
        {
            return None;
        }
        early.told.insert(commit.hash);
        form::committed_receipt(commit, tx.envelope(), tx.sender()).ok()
    }
}

/// The next commit; `None` when some were missed. Never resolves without a receiver.
async fn next(
    commits: &mut Option<Receiver<Arc<CommittedTransaction>>>,
) -> Option<Arc<CommittedTransaction>> {
    let Some(receiver) = commits else { return std::future::pending().await };
    match receiver.recv().await {
        Ok(commit) => Some(commit),
        Err(RecvError::Lagged(_)) => None,
        Err(RecvError::Closed) => {
            // The ledger has ended; the follower says so.
            *commits = None;
            None
        }
    }
}

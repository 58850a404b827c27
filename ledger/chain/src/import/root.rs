//! The fourth stage: receipts and state root against the header, and publication.

use super::{
    error::{ImportError, InvalidBlock},
    execute::{ExecutedBlock, Steps},
};
use crate::validate_output;
use alloy_primitives::B256;
use mundi_state::{BlockRecord, Snapshot, Store, StoreError};

/// Publishes executed blocks one after another.
pub(super) struct Publisher<'a> {
    store: &'a Store,
    pool: &'a rayon::ThreadPool,
}

/// What is counted of a published block.
#[derive(Clone, Copy, Debug)]
pub(super) struct PublishedBlock {
    pub(super) height: u64,
    pub(super) transactions: usize,
    pub(super) gas: u64,
    /// Its size in the source.
    pub(super) bytes: u64,
    /// About how many bytes it takes until it is written.
    pub(super) weight: u64,
}

impl<'a> Publisher<'a> {
    pub(super) const fn new(store: &'a Store, pool: &'a rayon::ThreadPool) -> Self {
        Self { store, pool }
    }

    /// Makes the next block the tip, if it is what its header says.
    pub(super) fn publish(&self, executed: ExecutedBlock) -> Result<PublishedBlock, ImportError> {
        let weight = executed.weight();
        let ExecutedBlock { block, output, steps } = executed;
        let (number, hash) = (block.header.number, block.hash);
        let parent = self.store.latest();
        let post_states = match &steps {
            Some(steps) => self.post_states(&parent, steps)?,
            None => Vec::new(),
        };
        // Receipts are checked on the pool while this thread stages the state.
        let rules = &block.executable.rules;
        let mut verdict = Ok(());
        let staged = self.pool.in_place_scope(|scope| {
            scope.spawn(|_| verdict = validate_output(rules, &block.header, &output, &post_states));
            self.store.stage(&parent, &output.changes, self.pool)
        });
        verdict.map_err(|reason| ImportError::invalid(number, hash, reason))?;
        let staged = staged?;
        let (expected, got) = (staged.state_root(), block.header.state_root);
        if expected != got {
            return Err(ImportError::invalid(number, hash, InvalidBlock::StateRoot { expected, got }));
        }
        let post_state = |index: usize| post_states.get(index).copied();
        let receipts = output.receipts().enumerate();
        let receipts = receipts.map(|(index, receipt)| receipt.to_envelope(post_state(index))).collect();
        let published = PublishedBlock {
            height: number,
            transactions: block.body.transactions.len(),
            gas: block.header.gas_used,
            bytes: block.bytes,
            weight,
        };
        let record = BlockRecord {
            header: block.header,
            hash,
            total_difficulty: block.total_difficulty,
            body: block.body,
            senders: block.senders,
            receipts,
        };
        self.store.publish(record, staged, self.pool)?;
        Ok(published)
    }

    /// The state root after each transaction, for receipts before Byzantium.
    fn post_states(&self, parent: &Snapshot, steps: &Steps) -> Result<Vec<B256>, StoreError> {
        let mut at = parent.clone();
        if let Some(before) = &steps.before {
            at = self.store.stage(&at, before, self.pool)?.snapshot();
        }
        let mut roots = Vec::with_capacity(steps.transactions.len());
        for changes in &steps.transactions {
            let staged = self.store.stage(&at, changes, self.pool)?;
            roots.push(staged.state_root());
            at = staged.snapshot();
        }
        Ok(roots)
    }
}

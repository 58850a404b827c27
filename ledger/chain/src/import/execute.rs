//! The third stage: blocks through the engine, on the state after the blocks before, whose roots may not be known yet.

use super::{ImportOptions, check::CheckedBlock, error::ImportError};
use alloy_primitives::U256;
use mundi_execution::{
    Block, BlockOutput, Committed, ExecutionError, NoSink, Options, StateChanges, StateSnapshot, execute,
};
use mundi_state::{Pending, PendingBlock, Store};
use revm::primitives::hardfork::SpecId;
use std::{collections::VecDeque, sync::Arc};

/// An executed block, to be compared with its header.
#[derive(Debug)]
pub(super) struct ExecutedBlock {
    pub(super) block: CheckedBlock,
    pub(super) output: BlockOutput,
    /// What each transaction changed, where receipts hold the state root after it.
    pub(super) steps: Option<Steps>,
}

/// The way through a block before Byzantium.
#[derive(Debug)]
pub(super) struct Steps {
    /// What the DAO fork's block changes before its first transaction.
    pub(super) before: Option<StateChanges>,
    /// What each transaction changes.
    pub(super) transactions: Vec<StateChanges>,
}

impl ExecutedBlock {
    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> u64 {
        let accounts = self.output.changes.accounts.len() + self.output.outcomes.len();
        let steps = self.steps.iter().flat_map(|steps| &steps.transactions);
        let slots = self.output.changes.slots() + steps.map(StateChanges::slots).sum::<usize>();
        let logs = self.output.receipts().flat_map(|receipt| &receipt.logs);
        let logs: usize = logs.map(|log| log.data.data.len() + 32 * log.topics().len() + 64).sum();
        2 * self.block.bytes + (256 * accounts + 64 * slots + logs) as u64
    }
}

/// Executes blocks one after another.
pub(super) struct Executor<'a> {
    store: &'a Store,
    pool: &'a rayon::ThreadPool,
    options: Options,
    /// Executed blocks above the store's tip, oldest first.
    pending: VecDeque<(u64, Arc<PendingBlock>)>,
}

impl<'a> Executor<'a> {
    pub(super) fn new(store: &'a Store, pool: &'a rayon::ThreadPool, options: &ImportOptions) -> Self {
        let options = Options::new(options.threads).with_mode(options.mode);
        Self { store, pool, options, pending: VecDeque::new() }
    }

    /// Executes the next block.
    pub(super) fn execute(&mut self, block: CheckedBlock) -> Result<ExecutedBlock, ImportError> {
        let (number, hash) = (block.header.number, block.hash);
        let state = self.state();
        let (output, steps) = self
            .run(&block.executable, &state)
            .map_err(|error| ImportError::execution(number, hash, error))?;
        self.pending.push_back((number, Arc::new(PendingBlock::new(number, hash, &output.changes))));
        Ok(ExecutedBlock { block, output, steps })
    }

    /// The state after the last executed block: the newest published one, and the blocks above it.
    fn state(&mut self) -> Pending {
        let base = self.store.latest();
        while self.pending.front().is_some_and(|(number, _)| *number <= base.height()) {
            self.pending.pop_front();
        }
        Pending::new(base, self.pending.iter().map(|(_, block)| Arc::clone(block)).collect())
    }

    fn run(
        &self,
        block: &Block,
        state: &dyn StateSnapshot,
    ) -> Result<(BlockOutput, Option<Steps>), ExecutionError> {
        if block.rules.spec.is_enabled_in(SpecId::BYZANTIUM) || block.transactions.is_empty() {
            return Ok((execute(block, state, self.pool, &self.options, &mut NoSink)?, None));
        }
        let before = block.rules.dao_fork.then(|| self.irregular_change(block, state)).transpose()?;
        let options = Options { stream_changes: true, ..self.options.clone() };
        let mut transactions = Vec::new();
        let mut sink = |tx: Committed<'_>| transactions.push(tx.changes.cloned().unwrap_or_default());
        let output = execute(block, state, self.pool, &options, &mut sink)?;
        Ok((output, Some(Steps { before, transactions })))
    }

    /// What the DAO fork's block does before its first transaction: what it would do if it were empty.
    fn irregular_change(
        &self,
        block: &Block,
        state: &dyn StateSnapshot,
    ) -> Result<StateChanges, ExecutionError> {
        let mut empty = block.clone();
        empty.transactions.clear();
        empty.ommers.clear();
        empty.rules.block_reward = U256::ZERO;
        Ok(execute(&empty, state, self.pool, &self.options, &mut NoSink)?.changes)
    }
}

//! A block tree, to which blocks are imported.
//!
//! ## Invariants
//! * Every block in `blocks` is valid, and so is its parent, down to the genesis.
//! * `states` has the same blocks and the same head.
//! * A rejected block changes nothing.

use crate::{
    engine::{Engine, Executed},
    failure::Reason,
    states::{Record, States, WithBlockHashes},
};
use alloy_consensus::{Block, BlockBody, TxEnvelope, transaction::Recovered};
use alloy_primitives::{B256, Sealed, U256, map::B256Map};
use mundi_chain::{
    Ancestor, BlockSenderError, BodyError, ChainSpec, DecodeError, HeaderError, OMMER_ANCESTORS, OmmerError,
    OutputError, Parent, decode_block, executable_block, recover_senders, validate_body, validate_header,
    validate_ommers, validate_output,
};
use mundi_execution::{ExecutionError, StateChanges};
use mundi_state::BlockRecord;
use std::sync::Arc;

/// How many ancestors `BLOCKHASH` reaches.
const BLOCK_HASHES: usize = 256;

pub(crate) struct Chain<'a, S> {
    spec: ChainSpec,
    engine: &'a Engine<'a>,
    blocks: B256Map<Record>,
    head: B256,
    states: S,
}

/// A valid block.
struct Valid<N> {
    block: BlockRecord,
    changes: StateChanges,
    next: N,
}

/// Why a block was not imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// The block is invalid.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The code under test broke.
    #[error(transparent)]
    Broken(#[from] Reason),
}

/// What is wrong with a block.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Invalid {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("unknown parent {0}")]
    UnknownParent(B256),
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Ommers(#[from] OmmerError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Sender(#[from] BlockSenderError),
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("stateRoot: execution gives {executed}, the header says {header}")]
    StateRoot { executed: B256, header: B256 },
}

/// Lets `?` turn each reason into an [`ImportError`].
fn invalid(reason: impl Into<Invalid>) -> ImportError {
    ImportError::Invalid(reason.into())
}

impl<'a, S: States> Chain<'a, S> {
    /// A chain of the genesis alone, whose state root has been checked. `states` has its state.
    pub(crate) fn new(spec: ChainSpec, engine: &'a Engine<'a>, genesis: Record, states: S) -> Self {
        let head = genesis.hash;
        Self { spec, engine, blocks: B256Map::from_iter([(head, genesis)]), head, states }
    }

    /// The head.
    pub(crate) fn head(&self) -> &Record {
        &self.blocks[&self.head]
    }

    /// The states of all blocks.
    pub(crate) fn into_states(self) -> S {
        self.states
    }

    /// Imports a block and returns its hash. A block that is known already changes nothing.
    pub(crate) fn import(&mut self, bytes: &[u8]) -> Result<B256, ImportError> {
        let imported = self.import_unchecked(bytes);
        self.states.check(self.head())?;
        imported
    }

    fn import_unchecked(&mut self, bytes: &[u8]) -> Result<B256, ImportError> {
        let block = decode_block(bytes).map_err(invalid)?;
        let hash = block.hash();
        if self.blocks.contains_key(&hash) {
            return Ok(hash);
        }
        let Valid { block, changes, next } = self.check(block)?;
        let block = Arc::new(block);
        let head = block.header.difficulty.is_zero() || self.is_heavier(block.total_difficulty);
        self.states.insert(Arc::clone(&block), changes, next, head)?;
        self.blocks.insert(hash, block);
        if head {
            self.head = hash;
        }
        Ok(hash)
    }

    /// Whether a proof-of-work block of this total difficulty becomes the head: it beats the head, and nothing
    /// that came after the Merge is beaten.
    fn is_heavier(&self, total_difficulty: U256) -> bool {
        let head = self.head();
        let proof_of_work = head.header.number == 0 || !head.header.difficulty.is_zero();
        proof_of_work && total_difficulty > head.total_difficulty
    }

    /// Checks a block by all rules.
    fn check(&mut self, block: Sealed<Block<TxEnvelope>>) -> Result<Valid<S::Next>, ImportError> {
        let (block, hash) = block.into_parts();
        let parent_hash = block.header.parent_hash;
        let ancestors = self.ancestors(parent_hash);
        let Some(parent) = ancestors.first() else {
            return Err(invalid(Invalid::UnknownParent(parent_hash)));
        };
        let total_difficulty = parent.total_difficulty.saturating_add(block.header.difficulty);
        let parent = Parent {
            header: &parent.header,
            hash: parent_hash,
            total_difficulty: Some(parent.total_difficulty),
        };
        let point = parent.point_of_child(&block.header);
        validate_header(&self.spec, &block.header, parent).map_err(invalid)?;
        let kin: Vec<_> = ancestors
            .iter()
            .take(OMMER_ANCESTORS)
            .map(|block| Ancestor { hash: block.hash, header: &block.header, ommers: &block.body.ommers })
            .collect();
        validate_ommers(&self.spec, point, &block.body.ommers, &kin).map_err(invalid)?;
        validate_body(&self.spec, point, &block).map_err(invalid)?;
        let block = recover_senders(self.spec.fork_at(point), block).map_err(invalid)?;
        let executable = executable_block(&self.spec, point, &block);
        let hashes: Vec<B256> = ancestors.iter().map(|block| block.hash).collect();

        let state = self.states.after(parent_hash)?;
        let Executed { output, post_states } = self.execute(&executable, &state, &hashes)?;
        validate_output(&executable.rules, &block.header, &output, &post_states).map_err(invalid)?;
        let next = self.states.next(state, &output.changes)?;
        let (root, expected) = (S::root(&next), block.header.state_root);
        if root != expected {
            return Err(invalid(Invalid::StateRoot { executed: root, header: expected }));
        }
        let post_state = |index: usize| post_states.get(index).copied();
        let receipts = output.receipts().enumerate();
        let receipts = receipts.map(|(index, receipt)| receipt.to_envelope(post_state(index))).collect();
        let Block { header, body: BlockBody { transactions, ommers, withdrawals } } = block;
        let (transactions, senders) = transactions.into_iter().map(Recovered::into_parts).unzip();
        let body = BlockBody { transactions, ommers, withdrawals };
        let block = BlockRecord { header, hash, total_difficulty, body, senders, receipts };
        Ok(Valid { block, changes: output.changes, next })
    }

    /// Executes a block on its parent's state. `hashes` are those of the ancestors, parent first.
    fn execute(
        &self,
        block: &mundi_execution::Block,
        parent: &S::State,
        hashes: &[B256],
    ) -> Result<Executed, ImportError> {
        let hash = |number: u64| {
            let age = block.env.number.checked_sub(U256::from(number))?.checked_sub(U256::ONE)?;
            hashes.get(usize::try_from(age).ok()?).copied()
        };
        let state = WithBlockHashes { state: S::reader(parent), hash };
        let byzantium = block.rules.spec.is_enabled_in(revm::primitives::hardfork::SpecId::BYZANTIUM);
        if byzantium || block.transactions.is_empty() {
            return self.engine.run(block, &state, None)?.map_err(invalid);
        }
        // Before Byzantium receipts hold the state root after their transaction.
        let next = |state, changes: &_| self.states.next(state, changes);
        let mut start = parent.clone();
        if block.rules.dao_fork {
            start = S::state(next(start, &self.irregular_change(block, parent)?)?);
        }
        let roots = |changes: &[StateChanges]| {
            let mut state = start.clone();
            let mut root = |changes| {
                let next = next(state.clone(), changes)?;
                let root = S::root(&next);
                state = S::state(next);
                Ok(root)
            };
            changes.iter().map(&mut root).collect()
        };
        self.engine.run(block, &state, Some(&roots))?.map_err(invalid)
    }

    /// What the DAO fork's block does before its first transaction: what it would do if it were empty.
    fn irregular_change(
        &self,
        block: &mundi_execution::Block,
        parent: &S::State,
    ) -> Result<StateChanges, ImportError> {
        let mut empty = block.clone();
        empty.transactions.clear();
        empty.ommers.clear();
        empty.rules.block_reward = U256::ZERO;
        let executed = self.engine.run(&empty, S::reader(parent), None)?.map_err(invalid)?;
        Ok(executed.output.changes)
    }

    /// The block with this hash and its ancestors, as many as matter.
    fn ancestors(&self, hash: B256) -> Vec<&Record> {
        let mut ancestors = Vec::new();
        let mut next = hash;
        while let Some(block) = self.blocks.get(&next)
            && ancestors.len() < BLOCK_HASHES
        {
            ancestors.push(block);
            next = block.header.parent_hash;
        }
        ancestors
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;

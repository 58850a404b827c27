//! A block tree in memory, to which blocks are imported.
//!
//! ## Invariants
//! * Every block in `blocks` is valid, and so is its parent, down to the genesis.
//! * `world` is the state after the block `at`; `None` means that it is that of no block and has to be rebuilt.
//! * A rejected block changes nothing.

use crate::{
    engine::{Engine, Executed},
    failure::Reason,
    world::{WithBlockHashes, World},
};
use alloy_consensus::{Block, Header, TxEnvelope};
use alloy_primitives::{B256, Sealed, U256, map::B256Map};
use mundi_chain::{
    Ancestor, BlockSenderError, BodyError, ChainSpec, DecodeError, HeaderError, OMMER_ANCESTORS, OmmerError,
    OutputError, Parent, decode_block, executable_block, recover_senders, validate_body, validate_header,
    validate_ommers, validate_output,
};
use mundi_execution::{ExecutionError, StateChanges};

/// How many ancestors `BLOCKHASH` reaches.
const BLOCK_HASHES: usize = 256;

pub(crate) struct Chain<'a> {
    spec: ChainSpec,
    engine: &'a Engine<'a>,
    genesis: World,
    blocks: B256Map<Imported>,
    head: B256,
    world: World,
    at: Option<B256>,
}

struct Imported {
    header: Header,
    ommers: Vec<Header>,
    total_difficulty: U256,
    changes: StateChanges,
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

impl<'a> Chain<'a> {
    /// A chain of the genesis alone, whose state root has been checked.
    pub(crate) fn new(
        spec: ChainSpec,
        engine: &'a Engine<'a>,
        genesis: Sealed<Header>,
        world: World,
    ) -> Self {
        let (header, hash) = genesis.into_parts();
        let total_difficulty = header.difficulty;
        let imported =
            Imported { header, ommers: Vec::new(), total_difficulty, changes: StateChanges::default() };
        Self {
            spec,
            engine,
            genesis: world.clone(),
            blocks: B256Map::from_iter([(hash, imported)]),
            head: hash,
            world,
            at: Some(hash),
        }
    }

    /// Hash and header of the head.
    pub(crate) fn head(&self) -> (B256, &Header) {
        (self.head, &self.blocks[&self.head].header)
    }

    /// Imports a block and returns its hash. A block that is known already changes nothing.
    pub(crate) fn import(&mut self, bytes: &[u8]) -> Result<B256, ImportError> {
        let (block, hash) = decode_block(bytes).map_err(invalid)?.into_parts();
        if self.blocks.contains_key(&hash) {
            return Ok(hash);
        }
        let (changes, total_difficulty, header, ommers) = self.check(block)?;
        self.at = Some(hash);
        let merged = header.difficulty.is_zero();
        if merged || self.is_heavier(total_difficulty) {
            self.head = hash;
        }
        self.blocks.insert(hash, Imported { header, ommers, total_difficulty, changes });
        Ok(hash)
    }

    /// Whether a proof-of-work block of this total difficulty becomes the head: it beats the head, and nothing
    /// that came after the Merge is beaten.
    fn is_heavier(&self, total_difficulty: U256) -> bool {
        let head = &self.blocks[&self.head];
        let proof_of_work = head.header.number == 0 || !head.header.difficulty.is_zero();
        proof_of_work && total_difficulty > head.total_difficulty
    }

    /// Checks a block by all rules. On success the world is the one after it.
    fn check(
        &mut self,
        block: Block<TxEnvelope>,
    ) -> Result<(StateChanges, U256, Header, Vec<Header>), ImportError> {
        let parent_hash = block.header.parent_hash;
        let ancestors = self.ancestors(parent_hash);
        let Some((_, parent)) = ancestors.first() else {
            return Err(invalid(Invalid::UnknownParent(parent_hash)));
        };
        let parent_total = parent.total_difficulty;
        let parent =
            Parent { header: &parent.header, hash: parent_hash, total_difficulty: Some(parent_total) };
        let point = parent.point_of_child(&block.header);
        validate_header(&self.spec, &block.header, parent).map_err(invalid)?;
        let kin: Vec<_> = ancestors
            .iter()
            .take(OMMER_ANCESTORS)
            .map(|(hash, block)| Ancestor { hash: *hash, header: &block.header, ommers: &block.ommers })
            .collect();
        validate_ommers(&self.spec, point, &block.body.ommers, &kin).map_err(invalid)?;
        validate_body(&self.spec, point, &block).map_err(invalid)?;
        let block = recover_senders(self.spec.fork_at(point), block).map_err(invalid)?;
        let executable = executable_block(&self.spec, point, &block);
        let hashes: Vec<B256> = ancestors.iter().map(|(hash, _)| *hash).collect();

        self.stand_on(parent_hash);
        let executed = self.execute(&executable, &block.header, &hashes)?;
        validate_output(&executable.rules, &block.header, &executed.output, &executed.post_states)
            .map_err(invalid)?;
        self.at = None;
        self.world.apply(&executed.output.changes);
        let (root, header) = (self.world.root(), block.header.state_root);
        if root != header {
            return Err(invalid(Invalid::StateRoot { executed: root, header }));
        }
        let total_difficulty = parent_total.saturating_add(block.header.difficulty);
        Ok((executed.output.changes, total_difficulty, block.header, block.body.ommers))
    }

    /// Executes a block on the world as it stands. `hashes` are those of the ancestors, parent first.
    fn execute(
        &self,
        block: &mundi_execution::Block,
        header: &Header,
        hashes: &[B256],
    ) -> Result<Executed, ImportError> {
        let hash = |number: u64| {
            let age = header.number.checked_sub(number)?.checked_sub(1)?;
            hashes.get(usize::try_from(age).ok()?).copied()
        };
        let state = WithBlockHashes { world: &self.world, hash };
        let byzantium = block.rules.spec.is_enabled_in(revm::primitives::hardfork::SpecId::BYZANTIUM);
        if byzantium || block.transactions.is_empty() {
            return self.engine.run(block, &state, None)?.map_err(invalid);
        }
        // Before Byzantium receipts hold the state root after their transaction.
        let mut start = self.world.clone();
        if block.rules.dao_fork {
            start.apply(&self.irregular_change(block)?);
        }
        let roots = |changes: &[StateChanges]| {
            let mut world = start.clone();
            let root = |changes| {
                world.apply(changes);
                world.root()
            };
            changes.iter().map(root).collect()
        };
        self.engine.run(block, &state, Some(&roots))?.map_err(invalid)
    }

    /// What the DAO fork's block does before its first transaction: what it would do if it were empty.
    fn irregular_change(&self, block: &mundi_execution::Block) -> Result<StateChanges, ImportError> {
        let mut empty = block.clone();
        empty.transactions.clear();
        empty.ommers.clear();
        empty.rules.block_reward = U256::ZERO;
        let executed = self.engine.run(&empty, &self.world, None)?.map_err(invalid)?;
        Ok(executed.output.changes)
    }

    /// The block with this hash and its ancestors, as many as matter.
    fn ancestors(&self, hash: B256) -> Vec<(B256, &Imported)> {
        let mut ancestors = Vec::new();
        let mut next = hash;
        while let Some(block) = self.blocks.get(&next)
            && ancestors.len() < BLOCK_HASHES
        {
            ancestors.push((next, block));
            next = block.header.parent_hash;
        }
        ancestors
    }

    /// Makes the world that of a known block.
    fn stand_on(&mut self, hash: B256) {
        if self.at == Some(hash) {
            return;
        }
        let mut path = Vec::new();
        let mut next = hash;
        while let Some(block) = self.blocks.get(&next) {
            path.push(&block.changes);
            next = block.header.parent_hash;
        }
        let mut world = self.genesis.clone();
        path.iter().rev().for_each(|changes| world.apply(changes));
        self.world = world;
        self.at = Some(hash);
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;

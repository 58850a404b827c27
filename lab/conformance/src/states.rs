//! The states of a block tree: what a chain needs of the place that keeps them.

use crate::failure::Reason;
use alloy_primitives::{Address, B256, U256};
use mundi_execution::{Account, StateChanges, StateError, StateSnapshot};
use mundi_state::BlockRecord;
use revm::bytecode::Bytecode;
use std::sync::Arc;

/// A block of the tree, as it is kept.
pub(crate) type Record = Arc<BlockRecord>;

/// The state after each block of a tree, which begins with its genesis alone.
pub(crate) trait States {
    /// The state after a block of the tree.
    type State: Clone;
    /// A state that belongs to no block yet.
    type Next;

    /// The state after a block of the tree.
    fn after(&mut self, block: B256) -> Result<Self::State, Reason>;

    /// What the engine reads of a state.
    fn reader(state: &Self::State) -> &dyn StateSnapshot;

    /// What `changes` make of a state. The tree does not change by it.
    fn next(&self, state: Self::State, changes: &StateChanges) -> Result<Self::Next, Reason>;

    /// The root of a new state.
    fn root(next: &Self::Next) -> B256;

    /// A new state as one to go on from.
    fn state(next: Self::Next) -> Self::State;

    /// Takes a valid block into the tree, with what it changed and the state that this gives; as the `head`, or
    /// beside it.
    fn insert(
        &mut self,
        block: Record,
        changes: StateChanges,
        next: Self::Next,
        head: bool,
    ) -> Result<(), Reason>;

    /// Whether the head is where it should be. Asked after each block, and above all after a rejected one.
    fn check(&self, head: &BlockRecord) -> Result<(), Reason>;
}

/// A state together with what it takes to answer `BLOCKHASH`: the chain's own knowledge. A state that knows the hash
/// too must not differ.
pub(crate) struct WithBlockHashes<'a, S: ?Sized, F> {
    pub(crate) state: &'a S,
    pub(crate) hash: F,
}

impl<S, F> StateSnapshot for WithBlockHashes<'_, S, F>
where
    S: StateSnapshot + ?Sized,
    F: Fn(u64) -> Option<B256> + Send + Sync,
{
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        self.state.account(address)
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        self.state.storage(address, slot)
    }

    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError> {
        self.state.code(code_hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let expected =
            (self.hash)(number).ok_or_else(|| StateError(format!("block {number} is no ancestor")))?;
        match self.state.block_hash(number) {
            Ok(hash) if hash != expected => {
                Err(StateError(format!("block {number} is {expected}, the state says {hash}")))
            }
            _ => Ok(expected),
        }
    }
}

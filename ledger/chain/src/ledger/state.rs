//! The state after a block, as readers and calls see it.

use super::beneath::{Above, Beneath};
use alloy_primitives::{Address, B256, U256};
use mundi_execution::{Account, StateChanges, StateError, StateSnapshot};
use mundi_state::{AccountProof, Pending, PendingBlock, Snapshot, Store, StoreError};
use revm::bytecode::Bytecode;
use std::sync::Arc;

/// Changes that developers made since the newest block.
#[derive(Clone, Debug)]
pub(super) struct Edits {
    pub(super) changes: Arc<StateChanges>,
    pub(super) readable: Arc<PendingBlock>,
}

impl Edits {
    /// They come into the block after `height`.
    pub(super) fn new(height: u64, changes: StateChanges) -> Self {
        let readable = Arc::new(PendingBlock::new(height + 1, B256::ZERO, &changes));
        Self { changes: Arc::new(changes), readable }
    }
}

/// The state after a block. Cheap to clone; never changes.
#[derive(Clone, Debug)]
pub struct LedgerState {
    snapshot: Snapshot,
    edits: Option<Edits>,
    read: Above<Pending>,
}

impl LedgerState {
    pub(super) fn new(snapshot: Snapshot, edits: Option<Edits>, beneath: Option<Arc<Beneath>>) -> Self {
        let pending = edits.iter().map(|edits| Arc::clone(&edits.readable)).collect();
        let height = snapshot.height() + u64::from(edits.is_some());
        let read = Above { state: Pending::new(snapshot.clone(), pending), height, beneath };
        Self { snapshot, edits, read }
    }

    /// The block after which this is the state.
    pub fn height(&self) -> u64 {
        self.snapshot.height()
    }

    /// The root in the header of that block; edits are not in it.
    pub fn state_root(&self) -> B256 {
        self.snapshot.state_root()
    }

    /// Whether it differs from what the header says.
    pub const fn is_edited(&self) -> bool {
        self.edits.is_some()
    }

    /// The edits, for taking them back later.
    pub fn edits(&self) -> Option<StateChanges> {
        self.edits.as_ref().map(|edits| (*edits.changes).clone())
    }

    /// The state in the store, without edits and foreign values.
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// An account and slots of it with proofs (EIP-1186) against the returned root: that of the header, or that of the edited
    /// state.
    pub fn proof(
        &self,
        store: &Store,
        address: Address,
        slots: &[B256],
        pool: &rayon::ThreadPool,
    ) -> Result<(B256, AccountProof), StoreError> {
        match &self.edits {
            None => Ok((self.snapshot.state_root(), self.snapshot.proof(address, slots)?)),
            Some(edits) => {
                let staged = store.stage(&self.snapshot, &edits.changes, pool)?.snapshot();
                Ok((staged.state_root(), staged.proof(address, slots)?))
            }
        }
    }
}

impl StateSnapshot for LedgerState {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        self.read.account(address)
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        self.read.storage(address, slot)
    }

    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError> {
        self.read.code(code_hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        self.read.block_hash(number)
    }
}

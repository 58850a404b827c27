//! The state after a block, as the engine and questions read it.

use crate::{
    error::StoreError,
    layer::Layer,
    trie::{ACCOUNTS, AccountProof, Hashed, SlotProof, prove},
    view::View,
};
use alloy_primitives::{Address, B256, U256, keccak256, map::HashMap};
use alloy_trie::EMPTY_ROOT_HASH;
use mundi_execution::{Account, StateChanges, StateError, StateSnapshot};
use revm::bytecode::Bytecode;
use std::sync::Arc;

/// The state after a block. Cheap to clone; immutable, and never disturbed by later blocks.
///
/// A read that the caches hold allocates nothing. Others go to the layers in memory, then to the tables; a read of a
/// block that is flushed already asks the history first.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) view: Arc<View>,
    /// The oldest block whose trie nodes are kept.
    pub(crate) proofs_from: u64,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("height", &self.height())
            .field("state_root", &self.state_root())
            .finish()
    }
}

impl Snapshot {
    /// The block after which this is the state.
    pub fn height(&self) -> u64 {
        self.view.height
    }

    /// The root of this state.
    pub fn state_root(&self) -> B256 {
        self.view.root
    }

    /// The root of an account's storage; that of an empty trie if there is no account.
    pub fn storage_root(&self, address: &Address) -> Result<B256, StoreError> {
        Ok(self.view.account(address)?.map_or(EMPTY_ROOT_HASH, |record| record.storage_root))
    }

    /// Errors if the values of this state are kept and its trie is not.
    pub(crate) fn check_trie(&self) -> Result<(), StoreError> {
        let (height, oldest) = (self.view.below_layers(), self.proofs_from);
        // The tables that a view holds on to have the trie of their own block, whatever is pruned meanwhile.
        if !self.view.past || height >= oldest {
            return Ok(());
        }
        Err(StoreError::NotKept { height, oldest, newest: self.view.base.height })
    }

    /// An account with the proof of it and of some of its slots (EIP-1186), whether they exist or not.
    ///
    /// Errors with [`StoreError::NotKept`] where the values of a block are kept and its trie is not.
    pub fn proof(&self, address: Address, slots: &[B256]) -> Result<AccountProof, StoreError> {
        self.check_trie()?;
        let view = &*self.view;
        let record = view.account(&address)?;
        let account_proof = prove(view, ACCOUNTS, view.root, &keccak256(address))?;
        let mut storage_proof = Vec::with_capacity(slots.len());
        for &key in slots {
            let (value, proof) = match record {
                Some(record) if record.storage != 0 => (
                    view.slot(record.storage, &key.into())?,
                    prove(view, record.storage, record.storage_root, &keccak256(key))?,
                ),
                _ => (U256::ZERO, Vec::new()),
            };
            storage_proof.push(SlotProof { key, value, proof });
        }
        let account = record.map(|record| record.to_leaf());
        Ok(AccountProof { address, account, account_proof, storage_proof })
    }
}

fn read_error(error: StoreError) -> StateError {
    StateError(error.to_string())
}

impl StateSnapshot for Snapshot {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        Ok(self.view.account(address).map_err(read_error)?.map(|record| record.account))
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        match self.view.account(address).map_err(read_error)? {
            Some(record) if record.storage != 0 => self.view.slot(record.storage, slot).map_err(read_error),
            _ => Ok(U256::ZERO),
        }
    }

    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError> {
        let code = self.view.code(code_hash).map_err(read_error)?;
        code.ok_or_else(|| StateError(format!("no code with hash {code_hash}")))
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let hash = self.view.block_hash(number).map_err(read_error)?;
        hash.ok_or_else(|| StateError(format!("no block {number}")))
    }
}

/// The changes of an executed block whose root is not known yet, made readable.
#[derive(Debug)]
pub struct PendingBlock {
    height: u64,
    hash: B256,
    accounts: HashMap<Address, PendingAccount>,
    code: HashMap<B256, Bytecode>,
}

#[derive(Debug)]
struct PendingAccount {
    account: Option<Account>,
    wiped: bool,
    slots: HashMap<U256, U256>,
}

impl PendingBlock {
    /// The changes of block `height` with this hash.
    pub fn new(height: u64, hash: B256, changes: &StateChanges) -> Self {
        let account = |change: &mundi_execution::AccountChange| PendingAccount {
            account: change.account,
            wiped: change.storage_wiped || change.account.is_none(),
            slots: change.storage.iter().copied().collect(),
        };
        Self {
            height,
            hash,
            accounts: changes.accounts.iter().map(|change| (change.address, account(change))).collect(),
            code: changes.code.iter().cloned().collect(),
        }
    }
}

/// A snapshot with pending blocks on top, so that block *n + 1* executes while the root of block *n* is computed.
#[derive(Clone, Debug)]
pub struct Pending {
    base: Snapshot,
    blocks: Vec<Arc<PendingBlock>>,
}

impl Pending {
    /// `blocks` follow the snapshot's block and each other, the oldest first. Those that the snapshot holds already
    /// are left out.
    pub fn new(base: Snapshot, mut blocks: Vec<Arc<PendingBlock>>) -> Self {
        blocks.retain(|block| block.height > base.height());
        Self { base, blocks }
    }
}

impl StateSnapshot for Pending {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        let changed = self.blocks.iter().rev().find_map(|block| block.accounts.get(address));
        changed.map_or_else(|| self.base.account(address), |change| Ok(change.account))
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        for change in self.blocks.iter().rev().filter_map(|block| block.accounts.get(address)) {
            if let Some(value) = change.slots.get(slot) {
                return Ok(*value);
            }
            if change.wiped {
                return Ok(U256::ZERO);
            }
        }
        self.base.storage(address, slot)
    }

    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError> {
        let new = self.blocks.iter().rev().find_map(|block| block.code.get(code_hash));
        new.map_or_else(|| self.base.code(code_hash), |code| Ok(code.clone()))
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let pending = self.blocks.iter().find(|block| block.height == number);
        pending.map_or_else(|| self.base.block_hash(number), |block| Ok(block.hash))
    }
}

/// A computed state that is not published: its root is known, nobody else sees it.
#[derive(Debug)]
pub struct Staged {
    pub(crate) snapshot: Snapshot,
    pub(crate) layer: Arc<Layer>,
    /// The layer that this one was made on.
    pub(crate) parent: u64,
    pub(crate) accounts: Vec<(Address, Option<crate::account::Record>)>,
    pub(crate) slots: Vec<((u64, U256), U256)>,
    pub(crate) hashed: Hashed,
}

impl Staged {
    /// The root of this state.
    pub fn state_root(&self) -> B256 {
        self.layer.root
    }

    /// The state itself; another block may be staged on it.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    /// What was given to Keccak for trie nodes. The hashes of addresses and slots come on top.
    pub fn hashed(&self) -> Hashed {
        self.hashed
    }

    /// Trie nodes that differ from the parent's.
    pub fn changed_nodes(&self) -> usize {
        self.layer.nodes.len()
    }
}

//! A foreign state under the first block: what a chain that continues another one reads where it has written nothing itself.
//!
//! ## Invariant
//! A key is read from the store from the block on that first wrote it, and from the foreign state before. So values of the
//! past stay right, and dropping blocks is forgetting their keys.

use alloy_primitives::{Address, B256, U256, map::HashMap};
use mundi_execution::{Account, StateChanges, StateError, StateSnapshot};
use revm::bytecode::Bytecode;
use std::sync::{Arc, RwLock};

/// A foreign state, and which of it is hidden by blocks above.
pub struct Beneath {
    foreign: Arc<dyn StateSnapshot>,
    written: RwLock<Written>,
}

/// Since which height the store has the say.
#[derive(Default)]
struct Written {
    accounts: HashMap<Address, u64>,
    /// Whole storages, which were dropped.
    wiped: HashMap<Address, u64>,
    slots: HashMap<(Address, U256), u64>,
}

impl Beneath {
    /// Nothing is written yet.
    pub fn new(foreign: Arc<dyn StateSnapshot>) -> Self {
        Self { foreign, written: RwLock::default() }
    }

    /// Block `height` wrote these.
    pub(super) fn write(&self, height: u64, changes: &StateChanges) {
        let mut written = self.written.write().expect("no holder panics");
        for change in &changes.accounts {
            let at = written.accounts.entry(change.address).or_insert(height);
            *at = height.min(*at);
            if change.storage_wiped || change.account.is_none() {
                let at = written.wiped.entry(change.address).or_insert(height);
                *at = height.min(*at);
            }
            for (slot, _) in &change.storage {
                let at = written.slots.entry((change.address, *slot)).or_insert(height);
                *at = height.min(*at);
            }
        }
    }

    /// Blocks after `height` are gone.
    pub(super) fn forget(&self, height: u64) {
        let mut written = self.written.write().expect("no holder panics");
        written.accounts.retain(|_, at| *at <= height);
        written.wiped.retain(|_, at| *at <= height);
        written.slots.retain(|_, at| *at <= height);
    }

    fn has_account(&self, address: &Address, height: u64) -> bool {
        let written = self.written.read().expect("no holder panics");
        written.accounts.get(address).is_some_and(|at| *at <= height)
    }

    fn has_slot(&self, address: &Address, slot: &U256, height: u64) -> bool {
        let written = self.written.read().expect("no holder panics");
        written.slots.get(&(*address, *slot)).is_some_and(|at| *at <= height)
            || written.wiped.get(address).is_some_and(|at| *at <= height)
    }
}

impl std::fmt::Debug for Beneath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beneath").finish_non_exhaustive()
    }
}

/// A state of the store at `height`, over the foreign one if there is one.
#[derive(Clone, Debug)]
pub(super) struct Above<S> {
    pub(super) state: S,
    pub(super) height: u64,
    pub(super) beneath: Option<Arc<Beneath>>,
}

impl<S: StateSnapshot> StateSnapshot for Above<S> {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        match &self.beneath {
            Some(beneath) if !beneath.has_account(address, self.height) => beneath.foreign.account(address),
            _ => self.state.account(address),
        }
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        match &self.beneath {
            Some(beneath) if !beneath.has_slot(address, slot, self.height) => {
                beneath.foreign.storage(address, slot)
            }
            _ => self.state.storage(address, slot),
        }
    }

    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError> {
        let own = self.state.code(code_hash);
        match &self.beneath {
            Some(beneath) if own.is_err() => beneath.foreign.code(code_hash),
            _ => own,
        }
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let own = self.state.block_hash(number);
        match &self.beneath {
            Some(beneath) if own.is_err() => beneath.foreign.block_hash(number),
            _ => own,
        }
    }
}

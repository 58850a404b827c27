//! A whole world state in memory, with its root.
//!
//! ## Invariants
//! `leaves` holds, for each account, what the state trie holds under the hash of its address: after each change the leaf
//! of each changed account is computed again.

use crate::{
    failure::Reason,
    states::{Record, States},
};
use alloy_primitives::{
    Address, B256, U256, keccak256,
    map::{AddressMap, B256Map, HashMap},
};
use alloy_trie::{
    TrieAccount,
    root::{state_root, storage_root_unhashed},
};
use mundi_execution::{Account, StateChanges, StateError, StateSnapshot};
use mundi_state::BlockRecord;
use revm::bytecode::Bytecode;
use std::{collections::BTreeMap, sync::Arc};

#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    accounts: AddressMap<WorldAccount>,
    code: B256Map<Bytecode>,
    leaves: BTreeMap<B256, TrieAccount>,
}

#[derive(Clone, Debug, Default)]
struct WorldAccount {
    account: Account,
    /// Non-zero slots.
    storage: HashMap<U256, U256>,
}

impl World {
    /// A world that begins with `changes`.
    pub(crate) fn new(changes: &StateChanges) -> Self {
        let mut world = Self::default();
        world.apply(changes);
        world
    }

    /// Applies what a block or a transaction changed.
    pub(crate) fn apply(&mut self, changes: &StateChanges) {
        for (hash, code) in &changes.code {
            self.code.entry(*hash).or_insert_with(|| code.clone());
        }
        for change in &changes.accounts {
            let Some(account) = change.account else {
                self.accounts.remove(&change.address);
                self.leaves.remove(&keccak256(change.address));
                continue;
            };
            let entry = self.accounts.entry(change.address).or_default();
            entry.account = account;
            if change.storage_wiped {
                entry.storage.clear();
            }
            for (slot, value) in &change.storage {
                if value.is_zero() {
                    entry.storage.remove(slot);
                } else {
                    entry.storage.insert(*slot, *value);
                }
            }
            self.update_leaf(change.address, change.storage_wiped || !change.storage.is_empty());
        }
    }

    /// The root of the state trie.
    pub(crate) fn root(&self) -> B256 {
        state_root(self.leaves.iter().map(|(key, leaf)| (*key, *leaf)))
    }

    /// The root after `changes`, which are not applied.
    pub(crate) fn root_after(&self, changes: &StateChanges) -> B256 {
        let mut after = Self { leaves: self.leaves.clone(), ..Self::default() };
        for change in &changes.accounts {
            if let Some(account) = self.accounts.get(&change.address) {
                after.accounts.insert(change.address, account.clone());
            }
        }
        after.apply(changes);
        after.root()
    }

    fn update_leaf(&mut self, address: Address, storage_changed: bool) {
        let Some(entry) = self.accounts.get(&address) else { return };
        let leaf = self.leaves.entry(keccak256(address)).or_default();
        leaf.nonce = entry.account.nonce;
        leaf.balance = entry.account.balance;
        leaf.code_hash = entry.account.code_hash;
        if storage_changed {
            leaf.storage_root =
                storage_root_unhashed(entry.storage.iter().map(|(slot, value)| (B256::from(*slot), *value)));
        }
    }
}

impl StateSnapshot for World {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        Ok(self.accounts.get(address).map(|entry| entry.account))
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        let value = self.accounts.get(address).and_then(|entry| entry.storage.get(slot));
        Ok(value.copied().unwrap_or_default())
    }

    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError> {
        self.code.get(code_hash).cloned().ok_or_else(|| StateError(format!("no code with hash {code_hash}")))
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        Err(StateError(format!("a world alone does not know the hash of block {number}")))
    }
}

/// The world after each block of a tree.
pub(crate) struct Worlds(B256Map<Arc<World>>);

impl Worlds {
    /// A tree of the genesis alone.
    pub(crate) fn new(genesis: B256, world: World) -> Self {
        Self(B256Map::from_iter([(genesis, Arc::new(world))]))
    }
}

impl States for Worlds {
    type State = Arc<World>;
    type Next = Arc<World>;

    fn after(&mut self, block: B256) -> Result<Arc<World>, Reason> {
        Ok(Arc::clone(&self.0[&block]))
    }

    fn reader(state: &Arc<World>) -> &dyn StateSnapshot {
        &**state
    }

    fn next(&self, state: Arc<World>, changes: &StateChanges) -> Result<Arc<World>, Reason> {
        let mut world = Arc::unwrap_or_clone(state);
        world.apply(changes);
        Ok(Arc::new(world))
    }

    fn root(next: &Arc<World>) -> B256 {
        next.root()
    }

    fn state(next: Arc<World>) -> Arc<World> {
        next
    }

    fn insert(
        &mut self,
        block: Record,
        _changes: StateChanges,
        next: Arc<World>,
        _head: bool,
    ) -> Result<(), Reason> {
        self.0.insert(block.hash, next);
        Ok(())
    }

    fn check(&self, _head: &BlockRecord) -> Result<(), Reason> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mundi_execution::AccountChange;

    #[test]
    fn the_root_follows_every_change() {
        let address = Address::repeat_byte(1);
        let empty = World::default().root();
        assert_eq!(empty, alloy_trie::EMPTY_ROOT_HASH);
        let change = |account, storage_wiped, storage: &[(U256, U256)]| StateChanges {
            accounts: vec![AccountChange { address, account, storage_wiped, storage: storage.to_vec() }],
            code: Vec::new(),
        };
        let account = Some(Account { nonce: 1, balance: U256::from(5), ..Account::default() });
        let mut world = World::new(&change(account, false, &[(U256::from(1), U256::from(2))]));
        let before = world.root();
        let write = change(account, false, &[(U256::from(1), U256::from(3))]);
        let written = world.root_after(&write);
        assert_ne!(written, before);
        world.apply(&write);
        assert_eq!(world.root(), written);
        world.apply(&change(account, true, &[(U256::from(1), U256::from(2))]));
        assert_eq!(world.root(), before);
        world.apply(&change(None, false, &[]));
        assert_eq!(world.root(), empty);
    }
}

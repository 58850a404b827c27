//! State roots: of a whole state, and incrementally.

use crate::trie::{Trie, Value};
use alloy_primitives::{B256, keccak256, map::B256Map};
use alloy_trie::{
    EMPTY_ROOT_HASH, TrieAccount,
    root::{state_root_unsorted, storage_root_unsorted},
};
use mundi_execution::{Account, AccountChange, MemoryState, StateChanges};
use rayon::prelude::*;

/// The root of a state, computed from nothing but its values. Time and memory are linear in the state.
pub(crate) fn whole_root(state: &MemoryState, pool: &rayon::ThreadPool) -> B256 {
    let accounts: Vec<_> = state.accounts().collect();
    let leaves: Vec<_> = pool.install(|| {
        accounts
            .into_par_iter()
            .map(|(address, stored)| {
                let slots = stored.storage.iter().map(|(slot, value)| (keccak256(B256::from(*slot)), *value));
                (keccak256(address), leaf(&stored.account, storage_root_unsorted(slots)))
            })
            .collect()
    });
    state_root_unsorted(leaves)
}

fn leaf(account: &Account, storage_root: B256) -> TrieAccount {
    TrieAccount { nonce: account.nonce, balance: account.balance, storage_root, code_hash: account.code_hash }
}

/// The tries of a state.
#[derive(Debug, Default)]
pub(crate) struct StateTrie {
    accounts: Trie,
    /// By the hash of the address; none is empty.
    storages: B256Map<Trie>,
}

/// How to take a change back.
enum Undo {
    Account(B256, Option<Value>),
    Slot(B256, B256, Option<Value>),
    /// The storage of an account that was emptied at once.
    Storage(B256, Trie),
}

impl StateTrie {
    /// The tries of a whole state.
    pub(crate) fn of(state: &MemoryState) -> Self {
        let accounts = state.accounts().map(|(address, stored)| AccountChange {
            address: *address,
            account: Some(stored.account),
            storage_wiped: false,
            storage: stored.storage.iter().map(|(slot, value)| (*slot, *value)).collect(),
        });
        let mut trie = Self::default();
        trie.apply(&StateChanges { accounts: accounts.collect(), code: Vec::new() }, &mut |_| ());
        trie
    }

    /// The root of the state as it is.
    pub(crate) fn root(&mut self) -> B256 {
        self.accounts.root()
    }

    /// The root after `changes`, which become part of the state.
    pub(crate) fn advance(&mut self, changes: &StateChanges) -> B256 {
        self.apply(changes, &mut |_| ());
        self.accounts.root()
    }

    /// The roots after each of `steps` in turn. The state stays as it is.
    pub(crate) fn roots_after_each(&mut self, steps: &[StateChanges]) -> Vec<B256> {
        let mut log = Vec::new();
        let mut root = |changes| {
            self.apply(changes, &mut |undo| log.push(undo));
            self.accounts.root()
        };
        let roots = steps.iter().map(&mut root).collect();
        for undo in log.into_iter().rev() {
            match undo {
                Undo::Account(key, value) => {
                    set(&mut self.accounts, key, value);
                }
                Undo::Slot(account, key, value) => {
                    set(self.storages.entry(account).or_default(), key, value);
                    self.drop_if_empty(&account);
                }
                Undo::Storage(account, storage) => {
                    self.storages.insert(account, storage);
                }
            }
        }
        roots
    }

    fn apply(&mut self, changes: &StateChanges, log: &mut impl FnMut(Undo)) {
        for change in &changes.accounts {
            self.apply_one(change, log);
        }
    }

    fn apply_one(&mut self, change: &AccountChange, log: &mut impl FnMut(Undo)) {
        let account = keccak256(change.address);
        if (change.account.is_none() || change.storage_wiped)
            && let Some(storage) = self.storages.remove(&account)
        {
            log(Undo::Storage(account, storage));
        }
        let Some(fields) = &change.account else {
            log(Undo::Account(account, self.accounts.remove(&account)));
            return;
        };
        if !change.storage.is_empty() {
            let storage = self.storages.entry(account).or_default();
            for (slot, value) in &change.storage {
                let key = keccak256(B256::from(*slot));
                let value = (!value.is_zero()).then(|| alloy_rlp::encode(value).into_boxed_slice());
                log(Undo::Slot(account, key, set(storage, key, value)));
            }
            self.drop_if_empty(&account);
        }
        let storage_root = self.storages.get_mut(&account).map_or(EMPTY_ROOT_HASH, Trie::root);
        let value = alloy_rlp::encode(leaf(fields, storage_root)).into_boxed_slice();
        log(Undo::Account(account, self.accounts.insert(account, value)));
    }

    fn drop_if_empty(&mut self, account: &B256) {
        if self.storages.get(account).is_some_and(Trie::is_empty) {
            self.storages.remove(account);
        }
    }
}

/// Puts a value in place, or takes it out, and returns the one that was there.
fn set(trie: &mut Trie, key: B256, value: Option<Value>) -> Option<Value> {
    match value {
        Some(value) => trie.insert(key, value),
        None => trie.remove(&key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, U256};
    use proptest::prelude::*;

    fn changes() -> impl Strategy<Value = StateChanges> {
        let account = (0..6_u8, 0..8_u64, any::<bool>(), prop::collection::vec((0..5_u64, 0..3_u64), 0..4));
        prop::collection::btree_map(0..6_u8, account, 0..5).prop_map(|accounts| StateChanges {
            accounts: accounts
                .into_iter()
                .map(|(address, (gone, nonce, storage_wiped, storage))| {
                    let exists = gone > 0;
                    let mut storage: Vec<_> = storage
                        .into_iter()
                        .map(|(slot, value)| (U256::from(slot), U256::from(value)))
                        .filter(|_| exists)
                        .collect();
                    storage.sort_unstable();
                    storage.dedup_by_key(|(slot, _)| *slot);
                    AccountChange {
                        address: Address::repeat_byte(address),
                        account: exists.then(|| Account { nonce, ..Account::default() }),
                        storage_wiped,
                        storage,
                    }
                })
                .collect(),
            code: Vec::new(),
        })
    }

    proptest! {
        #[test]
        fn roots_are_those_of_the_whole_state_and_steps_leave_no_trace(
            before in changes(),
            steps in prop::collection::vec(changes(), 0..6),
        ) {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let (mut trie, mut state) = (StateTrie::default(), MemoryState::new());
            state.apply(&before);
            let root = trie.advance(&before);
            prop_assert_eq!(root, whole_root(&state, &pool));
            let roots = trie.roots_after_each(&steps);
            prop_assert_eq!(trie.root(), root);
            prop_assert_eq!(StateTrie::of(&state).root(), root);
            for (step, root) in steps.iter().zip(roots) {
                state.apply(step);
                prop_assert_eq!(root, whole_root(&state, &pool));
                prop_assert_eq!(trie.advance(step), root);
            }
        }
    }
}

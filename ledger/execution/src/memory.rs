//! A world state held in memory, for tests, block files and benchmarks.

use crate::{
    changes::StateChanges,
    state::{Account, StateError, StateSnapshot},
};
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256,
    map::{AddressMap, B256Map, HashMap},
};
use revm::bytecode::Bytecode;

/// A world state in hash maps. Reads never fail.
#[derive(Clone, Debug, Default)]
pub struct MemoryState {
    accounts: AddressMap<StoredAccount>,
    code: B256Map<Bytecode>,
    block_hashes: HashMap<u64, B256>,
}

/// An account with its storage.
#[derive(Clone, Debug, Default)]
pub struct StoredAccount {
    /// Nonce, balance, code hash.
    pub account: Account,
    /// Non-zero slots.
    pub storage: HashMap<U256, U256>,
}

impl MemoryState {
    /// An empty world.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts an account in place, replacing nonce, balance and code but keeping storage.
    pub fn insert_account(&mut self, address: Address, nonce: u64, balance: U256, code: Option<Bytes>) {
        let code_hash = match code {
            Some(code) if !code.is_empty() => {
                let hash = keccak256(&code);
                // Code in a state need not be well formed (a reserved 0xef prefix, say): it is data until it runs.
                self.code.entry(hash).or_insert_with(|| {
                    Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code))
                });
                hash
            }
            _ => KECCAK256_EMPTY,
        };
        self.accounts.entry(address).or_default().account = Account { nonce, balance, code_hash };
    }

    /// Puts a slot in place; the account is made if it is absent.
    pub fn insert_storage(&mut self, address: Address, slot: U256, value: U256) {
        let storage = &mut self.accounts.entry(address).or_default().storage;
        if value.is_zero() {
            storage.remove(&slot);
        } else {
            storage.insert(slot, value);
        }
    }

    /// Puts the hash of an ancestor block in place.
    pub fn insert_block_hash(&mut self, number: u64, hash: B256) {
        self.block_hashes.insert(number, hash);
    }

    /// Applies the changes of an executed block.
    pub fn apply(&mut self, changes: &StateChanges) {
        for (hash, code) in &changes.code {
            self.code.entry(*hash).or_insert_with(|| code.clone());
        }
        for change in &changes.accounts {
            let Some(account) = change.account else {
                self.accounts.remove(&change.address);
                continue;
            };
            let stored = self.accounts.entry(change.address).or_default();
            stored.account = account;
            if change.storage_wiped {
                stored.storage.clear();
            }
            for (slot, value) in &change.storage {
                if value.is_zero() {
                    stored.storage.remove(slot);
                } else {
                    stored.storage.insert(*slot, *value);
                }
            }
        }
    }

    /// All accounts, in no particular order.
    pub fn accounts(&self) -> impl Iterator<Item = (&Address, &StoredAccount)> {
        self.accounts.iter()
    }

    /// Number of accounts.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether there is no account.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }
}

impl StateSnapshot for MemoryState {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        Ok(self.accounts.get(address).map(|stored| stored.account))
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        let value = self.accounts.get(address).and_then(|stored| stored.storage.get(slot));
        Ok(value.copied().unwrap_or_default())
    }

    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError> {
        self.code.get(code_hash).cloned().ok_or_else(|| StateError(format!("no code with hash {code_hash}")))
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        self.block_hashes
            .get(&number)
            .copied()
            .ok_or_else(|| StateError(format!("the hash of block {number} is not known")))
    }
}

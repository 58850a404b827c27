//! A state with changes on top, as the virtual machine reads and writes it.
//!
//! ## Invariants
//! * The state beneath never changes; each value is read from it once.
//! * [`View::take_changes`] gives what was written since it was last called: the changes of one block after another can be staged
//!   on each other.

use alloy_primitives::{
    Address, B256, KECCAK256_EMPTY, U256,
    map::{AddressMap, B256Map, HashMap, HashSet},
};
use mundi_chain::LedgerState;
use mundi_execution::{Account, AccountChange, StateChanges, StateError, StateSnapshot};
use revm::{
    Database, DatabaseCommit, DatabaseRef,
    bytecode::Bytecode,
    state::{AccountInfo, EvmState},
};
use std::collections::BTreeMap;

/// A state with changes on top.
#[derive(Clone, Debug)]
pub struct View<S = LedgerState> {
    state: S,
    /// The block after which this is the state.
    height: u64,
    accounts: AddressMap<Entry>,
    code: B256Map<Bytecode>,
    /// Code that was put in place since changes were last taken.
    new_code: B256Map<Bytecode>,
    /// Hashes of blocks that the state does not know.
    hashes: BTreeMap<u64, B256>,
}

#[derive(Clone, Debug)]
struct Entry {
    account: Option<Account>,
    storage: HashMap<U256, U256>,
    /// The storage beneath is gone.
    wiped: bool,
    changed: Changed,
}

/// What was written since changes were last taken.
#[derive(Clone, Debug, Default)]
struct Changed {
    account: bool,
    wiped: bool,
    slots: HashSet<U256>,
}

impl Entry {
    fn set(&mut self, account: Option<Account>) {
        self.account = account;
        self.changed.account = true;
        if account.is_none() {
            self.wipe();
        }
    }

    fn wipe(&mut self) {
        self.storage.clear();
        self.changed.slots.clear();
        self.changed.account = true;
        (self.wiped, self.changed.wiped) = (true, true);
    }

    fn set_slot(&mut self, slot: U256, value: U256) {
        self.storage.insert(slot, value);
        self.changed.account = true;
        self.changed.slots.insert(slot);
    }
}

impl View {
    /// The state of a ledger, without changes.
    pub fn of(state: LedgerState) -> Self {
        let height = state.height();
        Self::new(state, height)
    }
}

impl<S: StateSnapshot> View<S> {
    /// The state after the block at `height`, without changes.
    pub fn new(state: S, height: u64) -> Self {
        Self {
            state,
            height,
            accounts: AddressMap::default(),
            code: B256Map::default(),
            new_code: B256Map::default(),
            hashes: BTreeMap::new(),
        }
    }

    /// The state beneath.
    pub const fn state(&self) -> &S {
        &self.state
    }

    fn entry(&mut self, address: Address) -> Result<&mut Entry, StateError> {
        use alloy_primitives::map::Entry as MapEntry;
        match self.accounts.entry(address) {
            MapEntry::Occupied(entry) => Ok(entry.into_mut()),
            MapEntry::Vacant(vacant) => {
                let account = self.state.account(&address)?;
                Ok(vacant.insert(Entry {
                    account,
                    storage: HashMap::default(),
                    wiped: false,
                    changed: Changed::default(),
                }))
            }
        }
    }

    /// An account, if it exists.
    pub fn account(&mut self, address: Address) -> Result<Option<Account>, StateError> {
        Ok(self.entry(address)?.account)
    }

    /// Writes nonce, balance and code hash of an account; `None` removes it with its storage.
    pub fn set_account(&mut self, address: Address, account: Option<Account>) -> Result<(), StateError> {
        self.entry(address)?.set(account);
        Ok(())
    }

    /// Changes an account, which is made if need be.
    pub fn update(&mut self, address: Address, change: impl FnOnce(&mut Account)) -> Result<(), StateError> {
        let entry = self.entry(address)?;
        let mut account = entry.account.unwrap_or_default();
        change(&mut account);
        entry.set(Some(account));
        Ok(())
    }

    /// Puts code in place; the account is made if need be.
    pub fn set_code(&mut self, address: Address, code: Bytecode) -> Result<(), StateError> {
        let hash = if code.is_empty() { KECCAK256_EMPTY } else { code.hash_slow() };
        self.update(address, |account| account.code_hash = hash)?;
        if hash != KECCAK256_EMPTY {
            self.new_code.insert(hash, code.clone());
            self.code.insert(hash, code);
        }
        Ok(())
    }

    /// Writes a slot of an account, which is made if need be.
    pub fn set_slot(&mut self, address: Address, slot: U256, value: U256) -> Result<(), StateError> {
        let entry = self.entry(address)?;
        entry.account.get_or_insert_default();
        entry.set_slot(slot, value);
        Ok(())
    }

    /// Empties the storage of an account, which is made if need be.
    pub fn wipe_storage(&mut self, address: Address) -> Result<(), StateError> {
        let entry = self.entry(address)?;
        entry.account.get_or_insert_default();
        entry.wipe();
        Ok(())
    }

    /// What `BLOCKHASH` gives for a block that the state does not know, or should not.
    pub fn set_block_hash(&mut self, number: u64, hash: B256) {
        self.hashes.insert(number, hash);
    }

    /// What was written since this was last called. A value may be listed although it is what it was.
    pub fn take_changes(&mut self) -> StateChanges {
        let mut changes = StateChanges::default();
        for (address, entry) in &mut self.accounts {
            let Changed { account, wiped, slots } = std::mem::take(&mut entry.changed);
            if !account {
                continue;
            }
            let storage = match entry.account {
                Some(_) => slots.iter().map(|slot| (*slot, entry.storage[slot])).collect(),
                None => Vec::new(),
            };
            changes.accounts.push(AccountChange {
                address: *address,
                account: entry.account,
                storage_wiped: wiped && entry.account.is_some(),
                storage,
            });
        }
        changes.code = self.new_code.drain().collect();
        changes
    }
}

/// To the virtual machine's form; code is looked up by hash when it is needed.
fn info(account: Account) -> AccountInfo {
    AccountInfo {
        balance: account.balance,
        nonce: account.nonce,
        code_hash: account.code_hash,
        account_id: None,
        code: None,
    }
}

impl<S: StateSnapshot> Database for View<S> {
    type Error = StateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        Ok(self.account(address)?.map(info))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, StateError> {
        let code = self.code_by_hash_ref(code_hash)?;
        self.code.entry(code_hash).or_insert_with(|| code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, StateError> {
        let value = self.storage_ref(address, slot)?;
        self.entry(address)?.storage.insert(slot, value);
        Ok(value)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StateError> {
        self.block_hash_ref(number)
    }
}

impl<S: StateSnapshot> DatabaseRef for View<S> {
    type Error = StateError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        let account = match self.accounts.get(&address) {
            Some(entry) => entry.account,
            None => self.state.account(&address)?,
        };
        Ok(account.map(info))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, StateError> {
        match self.code.get(&code_hash) {
            Some(code) => Ok(code.clone()),
            None if code_hash == KECCAK256_EMPTY => Ok(Bytecode::default()),
            None => self.state.code(&code_hash),
        }
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        if let Some(entry) = self.accounts.get(&address) {
            if let Some(value) = entry.storage.get(&slot) {
                return Ok(*value);
            }
            if entry.wiped {
                return Ok(U256::ZERO);
            }
        }
        self.state.storage(&address, &slot)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, StateError> {
        match self.hashes.get(&number) {
            Some(hash) => Ok(*hash),
            None if number > self.height => Ok(B256::ZERO),
            None => self.state.block_hash(number),
        }
    }
}

impl<S: StateSnapshot> DatabaseCommit for View<S> {
    /// Books what a transaction did. Accounts that it left empty are gone (EIP-161); for the forks before, the virtual machine
    /// marks those that stay.
    fn commit(&mut self, changes: EvmState) {
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            let entry = self.accounts.get_mut(&address).expect("an account is read before it is written");
            if account.is_selfdestructed() || account.is_created() {
                entry.wipe();
            }
            if account.is_selfdestructed() || (account.is_empty() && !account.is_created()) {
                entry.set(None);
                continue;
            }
            let info = &account.info;
            let after = Account { nonce: info.nonce, balance: info.balance, code_hash: info.code_hash };
            if entry.account.map(|before| before.code_hash) != Some(after.code_hash)
                && let Some(code) = account.info.code.filter(|_| after.has_code())
            {
                self.new_code.insert(after.code_hash, code.clone());
                self.code.insert(after.code_hash, code);
            }
            if entry.account != Some(after) {
                entry.set(Some(after));
            }
            for (slot, value) in account.storage {
                if value.is_changed() {
                    entry.set_slot(slot, value.present_value);
                }
            }
        }
    }
}

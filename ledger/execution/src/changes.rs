//! What a block does to the world.

use crate::state::Account;
use alloy_primitives::{Address, B256, U256, map::HashMap};
use revm::bytecode::Bytecode;

/// The net effect of a block on the world state.
///
/// Only differences appear: an account or slot that ends as it began is absent. The order is that of first
/// touch and depends on the schedule; [`StateChanges::sort`] makes it canonical.
#[derive(Clone, Debug, Default)]
pub struct StateChanges {
    /// Changed accounts, each address once.
    pub accounts: Vec<AccountChange>,
    /// Code put in place by this block, each hash once.
    pub code: Vec<(B256, Bytecode)>,
}

/// The net effect on one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// Whose.
    pub address: Address,
    /// The account afterwards; `None` if it no longer exists (its storage is gone too).
    pub account: Option<Account>,
    /// Whether all earlier storage is gone; the slots below are what the account has then.
    pub storage_wiped: bool,
    /// Changed slots with their values afterwards, each slot once.
    pub storage: Vec<(U256, U256)>,
}

impl StateChanges {
    /// Puts accounts, slots and code in ascending order, so that equal effects compare equal.
    pub fn sort(&mut self) {
        self.accounts.sort_unstable_by_key(|change| change.address);
        for change in &mut self.accounts {
            change.storage.sort_unstable();
        }
        self.code.sort_unstable_by_key(|(hash, _)| *hash);
    }

    /// Adds what happens afterwards: the two become one step. What the two undo together may stay listed.
    pub fn then(&mut self, later: Self) {
        let mut places: HashMap<Address, usize> =
            self.accounts.iter().enumerate().map(|(place, change)| (change.address, place)).collect();
        for change in later.accounts {
            let place = *places.entry(change.address).or_insert(self.accounts.len());
            let Some(earlier) = self.accounts.get_mut(place) else {
                self.accounts.push(change);
                continue;
            };
            earlier.account = change.account;
            if change.storage_wiped || change.account.is_none() {
                earlier.storage_wiped = true;
                earlier.storage = change.storage;
                continue;
            }
            let mut slots: HashMap<U256, usize> =
                earlier.storage.iter().enumerate().map(|(place, (slot, _))| (*slot, place)).collect();
            for (slot, value) in change.storage {
                let place = *slots.entry(slot).or_insert(earlier.storage.len());
                match earlier.storage.get_mut(place) {
                    Some(entry) => entry.1 = value,
                    None => earlier.storage.push((slot, value)),
                }
            }
        }
        for (hash, code) in later.code {
            if !self.code.iter().any(|(known, _)| *known == hash) {
                self.code.push((hash, code));
            }
        }
    }

    /// Number of changed slots.
    pub fn slots(&self) -> usize {
        self.accounts.iter().map(|change| change.storage.len()).sum()
    }
}

impl PartialEq for StateChanges {
    /// Compares as listed: [`sort`](Self::sort) both first. Code is compared by hash.
    fn eq(&self, other: &Self) -> bool {
        self.accounts == other.accounts
            && self.code.iter().map(|(hash, _)| hash).eq(other.code.iter().map(|(hash, _)| hash))
    }
}

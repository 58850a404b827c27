//! Builds the EIP-7928 block access list from what each step of the block touched.

use crate::state::Account;
use alloy_eip7928::{
    AccountChanges, BalanceChange, BlockAccessIndex, BlockAccessList, CodeChange, NonceChange, SlotChanges,
    StorageChange,
};
use alloy_primitives::{Address, B256, Bytes, U256, map::AddressMap};
use std::collections::BTreeMap;

/// Collects touches in block order.
///
/// Index 0 stands for the steps before the transactions, `i + 1` for transaction `i`, and the number of
/// transactions plus one for the steps after them.
#[derive(Debug, Default)]
pub(crate) struct AccessListBuilder {
    accounts: AddressMap<Touched>,
}

#[derive(Debug)]
struct Touched {
    nonce: Series<u64>,
    balance: Series<U256>,
    code: Series<B256>,
    code_bytes: Vec<(B256, Bytes)>,
    slots: BTreeMap<U256, Series<U256>>,
}

/// A value and its changes; setting it back within one index leaves no change.
#[derive(Debug)]
struct Series<T> {
    initial: T,
    changes: Vec<(u64, T)>,
}

impl<T: Copy + PartialEq> Series<T> {
    const fn new(initial: T) -> Self {
        Self { initial, changes: Vec::new() }
    }

    fn set(&mut self, index: u64, value: T) {
        match self.changes.last_mut() {
            Some(last) if last.0 == index => last.1 = value,
            _ => self.changes.push((index, value)),
        }
        let before = match self.changes.as_slice() {
            [.., before, _] => before.1,
            _ => self.initial,
        };
        if before == value {
            self.changes.pop();
        }
    }
}

impl AccessListBuilder {
    /// The account was accessed in step `index`, and was `before` it and `after` it as given. `code` is what
    /// was put in place, if the code hash changed.
    pub(crate) fn account(
        &mut self,
        index: u64,
        address: Address,
        before: Option<Account>,
        after: Option<Account>,
        code: Option<Bytes>,
    ) {
        let touched = self.touched(address, before);
        match after {
            Some(after) => {
                touched.nonce.set(index, after.nonce);
                touched.balance.set(index, after.balance);
                touched.code.set(index, after.code_hash);
                if let Some(code) = code {
                    touched.code_bytes.push((after.code_hash, code));
                }
            }
            // Of a destroyed account only the balance is recorded.
            None => touched.balance.set(index, U256::ZERO),
        }
    }

    /// The slot was accessed in step `index`, and was `before` it and `after` it as given.
    pub(crate) fn slot(&mut self, index: u64, address: Address, slot: U256, before: U256, after: U256) {
        let touched = self.touched(address, None);
        touched.slots.entry(slot).or_insert_with(|| Series::new(before)).set(index, after);
    }

    fn touched(&mut self, address: Address, before: Option<Account>) -> &mut Touched {
        self.accounts.entry(address).or_insert_with(|| {
            let before = before.unwrap_or_default();
            Touched {
                nonce: Series::new(before.nonce),
                balance: Series::new(before.balance),
                code: Series::new(before.code_hash),
                code_bytes: Vec::new(),
                slots: BTreeMap::new(),
            }
        })
    }

    /// The list in canonical order.
    pub(crate) fn finish(self) -> BlockAccessList {
        let mut list: Vec<_> =
            self.accounts.into_iter().map(|(address, touched)| touched.finish(address)).collect();
        list.sort_unstable_by_key(|changes| changes.address);
        list
    }
}

impl Touched {
    fn finish(self, address: Address) -> AccountChanges {
        let mut changes = AccountChanges::new(address);
        for (slot, series) in self.slots {
            if series.changes.is_empty() {
                changes.storage_reads.push(slot);
            } else {
                let values = series.changes.into_iter();
                changes.storage_changes.push(SlotChanges::new(
                    slot,
                    values.map(|(index, value)| StorageChange::new(BlockAccessIndex(index), value)).collect(),
                ));
            }
        }
        for (index, balance) in self.balance.changes {
            changes.balance_changes.push(BalanceChange::new(BlockAccessIndex(index), balance));
        }
        for (index, nonce) in self.nonce.changes {
            changes.nonce_changes.push(NonceChange::new(BlockAccessIndex(index), nonce));
        }
        for (index, hash) in self.code.changes {
            let code = self.code_bytes.iter().find(|(known, _)| *known == hash);
            let code = code.map(|(_, code)| code.clone()).unwrap_or_default();
            changes.code_changes.push(CodeChange::new(BlockAccessIndex(index), code));
        }
        changes
    }
}

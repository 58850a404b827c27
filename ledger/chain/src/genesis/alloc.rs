//! The state that a chain starts with.

use super::{
    file::AllocAccount,
    quantity::{Quantity, Small},
    unique::UniqueMap,
};
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, keccak256, map::B256Map};
use alloy_trie::{
    TrieAccount,
    root::{state_root_unsorted, storage_root_unsorted},
};
use mundi_execution::{Account, AccountChange, StateChanges};
use revm::bytecode::Bytecode;

/// The accounts as changes of the empty state, in ascending order of addresses. An account is there even if it is
/// empty: EIP-161 speaks of transactions.
pub(super) fn changes(alloc: UniqueMap<Address, AllocAccount>) -> StateChanges {
    let mut code = B256Map::<Bytecode>::default();
    let accounts = alloc
        .0
        .into_iter()
        .map(|(address, AllocAccount { balance: Quantity(balance), nonce, code: bytes, storage })| {
            let bytes = bytes.unwrap_or_default();
            let mut code_hash = KECCAK256_EMPTY;
            if !bytes.is_empty() {
                code_hash = keccak256(&bytes);
                // What begins like a delegation and is none is data until it runs.
                code.entry(code_hash).or_insert_with(|| {
                    Bytecode::new_raw_checked(bytes.clone()).unwrap_or_else(|_| Bytecode::new_legacy(bytes))
                });
            }
            let Small(nonce) = nonce.unwrap_or_default();
            let slots = storage.into_iter().flat_map(|storage| storage.0);
            AccountChange {
                address,
                account: Some(Account { nonce, balance, code_hash }),
                storage_wiped: false,
                storage: slots
                    .filter(|(_, value)| !value.0.is_zero())
                    .map(|(slot, value)| (slot.0, value.0))
                    .collect(),
            }
        })
        .collect();
    let mut changes = StateChanges { accounts, code: code.into_iter().collect() };
    changes.sort();
    changes
}

/// The root of the state that consists of `changes` alone.
pub(super) fn root(changes: &StateChanges) -> B256 {
    state_root_unsorted(changes.accounts.iter().filter_map(|change| {
        let account = change.account?;
        let slots = change.storage.iter().map(|(slot, value)| (keccak256(B256::from(*slot)), *value));
        let leaf = TrieAccount {
            nonce: account.nonce,
            balance: account.balance,
            storage_root: storage_root_unsorted(slots),
            code_hash: account.code_hash,
        };
        Some((keccak256(change.address), leaf))
    }))
}

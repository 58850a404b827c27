//! The same chain in memory: one whole world per block.

use alloy_consensus::{BlockBody, Header};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::{
    TrieAccount,
    root::{state_root_unhashed, storage_root_unhashed},
};
use mundi_execution::{Account, AccountChange, MemoryState, StateChanges};
use mundi_state::BlockRecord;
use revm::bytecode::Bytecode;

/// The root of a world, computed from nothing.
pub(crate) fn root(state: &MemoryState) -> B256 {
    state_root_unhashed(state.accounts().map(|(address, stored)| {
        let slots = stored.storage.iter().map(|(slot, value)| (B256::from(*slot), *value));
        let Account { nonce, balance, code_hash } = stored.account;
        (*address, TrieAccount { nonce, balance, code_hash, storage_root: storage_root_unhashed(slots) })
    }))
}

/// An empty block with this parent and root.
pub(crate) fn block(parent: Option<&BlockRecord>, state_root: B256, salt: u64) -> BlockRecord {
    let header = Header {
        number: parent.map_or(0, |parent| parent.header.number + 1),
        parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
        state_root,
        nonce: salt.to_be_bytes().into(),
        ..Header::default()
    };
    BlockRecord {
        hash: header.hash_slow(),
        header,
        total_difficulty: U256::ZERO,
        body: BlockBody::default(),
        senders: Vec::new(),
        receipts: Vec::new(),
    }
}

/// Accounts that a test ever touches.
pub(crate) fn address(index: u8) -> Address {
    Address::from_word(keccak256([index]))
}

/// What happens to one account, in small numbers.
#[derive(Clone, Debug)]
pub(crate) enum Touch {
    Pay(u64),
    Store(Vec<(u8, u8)>),
    Code(u8),
    Destroy,
    Recreate(Vec<(u8, u8)>),
}

/// The changes that touches make to a world; only differences, as the engine gives them.
pub(crate) fn changes(state: &MemoryState, touches: &[(u8, Touch)]) -> StateChanges {
    let mut changes = StateChanges::default();
    for (index, touch) in touches {
        let address = address(*index);
        if changes.accounts.iter().any(|change| change.address == address) {
            continue;
        }
        let stored = state.accounts().find(|(other, _)| **other == address).map(|(_, stored)| stored.clone());
        let existing = stored.as_ref().map(|stored| stored.account);
        let mut account = existing.unwrap_or_default();
        let held =
            |slot: &U256| stored.as_ref().and_then(|s| s.storage.get(slot).copied()).unwrap_or_default();
        let mut change = AccountChange { address, account: None, storage_wiped: false, storage: Vec::new() };
        let slots = |values: &[(u8, u8)], held: &dyn Fn(&U256) -> U256| {
            let mut slots: Vec<(U256, U256)> = Vec::new();
            for (slot, value) in values {
                let (slot, value) = (U256::from(*slot), U256::from(*value));
                if slots.iter().all(|(other, _)| *other != slot) && held(&slot) != value {
                    slots.push((slot, value));
                }
            }
            slots
        };
        match touch {
            Touch::Pay(wei) => account.balance = U256::from(*wei),
            Touch::Store(values) => change.storage = slots(values, &held),
            Touch::Code(byte) => {
                let code = Bytecode::new_legacy(vec![0x60, *byte].into());
                account.code_hash = code.hash_slow();
                changes.code.retain(|(hash, _)| *hash != account.code_hash);
                changes.code.push((account.code_hash, code));
            }
            Touch::Destroy => {
                if existing.is_some() {
                    changes.accounts.push(change);
                }
                continue;
            }
            Touch::Recreate(values) => {
                account = Account { nonce: account.nonce + 1, ..Account::default() };
                change.storage_wiped = stored.as_ref().is_some_and(|stored| !stored.storage.is_empty());
                change.storage = slots(values, &|_| U256::ZERO);
            }
        }
        change.account = Some(account);
        if existing != change.account || !change.storage.is_empty() || change.storage_wiped {
            changes.accounts.push(change);
        }
    }
    changes
}

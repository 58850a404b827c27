//! Edits and dropped blocks.

use super::*;
use mundi_chain::LedgerEvent;
use mundi_execution::{Account, AccountChange, StateChanges, StateSnapshot as _};

fn balance(address: Address, balance: u128) -> StateChanges {
    let account = Account { balance: U256::from(balance), ..Account::default() };
    let change = AccountChange { address, account: Some(account), storage_wiped: false, storage: Vec::new() };
    StateChanges { accounts: vec![change], code: Vec::new() }
}

fn balance_of(ledger: &Ledger, address: Address) -> U256 {
    ledger.head().state.account(&address).unwrap().unwrap_or_default().balance
}

#[test]
fn an_edit_is_seen_at_once_and_comes_into_the_next_block() {
    let ledger = in_memory(&genesis(7));
    let to = Address::repeat_byte(9);
    produce(&ledger, payload(1, vec![]));
    ledger.edit(balance(to, 100)).unwrap();
    assert_eq!(balance_of(&ledger, to), U256::from(100));
    assert!(ledger.head().state.is_edited());
    assert_eq!(ledger.head().block.header.number, 1);
    let (root, proof) = {
        let head = ledger.head();
        head.state.proof(ledger.store(), to, &[], &pool(1)).unwrap()
    };
    assert_ne!(root, ledger.head().block.header.state_root);
    proof.verify(root).unwrap();

    produce(&ledger, payload(2, vec![transaction(7, 0, 0, to, 5)]));
    assert_eq!(balance_of(&ledger, to), U256::from(105));
    assert!(!ledger.head().state.is_edited());
    assert_eq!(ledger.state_before(2).unwrap().account(&to).unwrap().unwrap().balance, U256::from(100));
    let before = ledger.state(1).unwrap();
    assert_eq!(before.account(&to).unwrap(), None, "the edit is not in the block before");
    produce(&ledger, payload(3, vec![]));
    let head = ledger.head();
    head.state.snapshot().proof(to, &[]).unwrap().verify(head.block.header.state_root).unwrap();
}

#[test]
fn going_back_takes_blocks_and_edits_away() {
    let ledger = in_memory(&genesis(7));
    let to = Address::repeat_byte(9);
    produce(&ledger, payload(1, vec![transaction(7, 0, 0, to, 1)]));
    ledger.edit(balance(to, 50)).unwrap();
    let (height, edits) = (1, ledger.head().state.edits());
    let mut last = None;
    for height in 2..=9 {
        last = Some(produce(&ledger, payload(height, vec![transaction(7, 0, height - 1, to, 1)])));
    }
    ledger.edit(balance(to, 1)).unwrap();
    let mut events = ledger.events();
    ledger.rewind(height, edits).unwrap();
    assert_eq!(ledger.head().block.header.number, 1);
    assert_eq!(balance_of(&ledger, to), U256::from(50));
    match events.try_recv() {
        Ok(LedgerEvent::Reorganised { removed, head }) => {
            assert_eq!(removed.len(), 8);
            assert_eq!(removed.first(), last.as_ref().map(|sealed| &sealed.block));
            assert_eq!(head.header.number, 1);
        }
        other => panic!("{other:?}"),
    }
    assert!(ledger.block(2).unwrap().is_none());
    let sealed = produce(&ledger, payload(2, vec![transaction(7, 0, 1, to, 3)]));
    assert_eq!(sealed.block.header.number, 2);
    assert_eq!(balance_of(&ledger, to), U256::from(53));
}

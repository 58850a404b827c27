//! Payloads become blocks.

use super::*;
use alloy_consensus::Block;
use mundi_chain::{Import, ImportOptions, ImportPools, LedgerError, LedgerEvent};
use mundi_execution::StateSnapshot as _;

#[test]
fn blocks_are_what_an_import_accepts() {
    let genesis = genesis(7);
    let ledger = in_memory(&genesis);
    let to = Address::repeat_byte(9);
    let mut answers = Vec::new();
    for height in 1..=20u64 {
        let transactions = (0..8).map(|from| transaction(7, from, height - 1, to, 1)).collect();
        answers.push(ledger.submit(payload(height, transactions)).unwrap());
    }
    let mut chain = Vec::new();
    for answer in answers {
        let sealed = answer.blocking_recv().unwrap().unwrap();
        assert_eq!(sealed.block.body.transactions.len(), 8);
        assert!(sealed.skipped.is_empty());
        let block = Block { header: sealed.block.header.clone(), body: sealed.block.body.clone() };
        alloy_rlp::Encodable::encode(&block, &mut chain);
    }
    let head = ledger.head();
    assert_eq!(head.block.header.number, 20);
    assert_eq!(head.state.account(&to).unwrap().unwrap().balance, U256::from(160));

    let folder = tempfile::tempdir().unwrap();
    let (engine, background) = (pool(1), pool(1));
    let store = Store::create(folder.path(), &state_config(), &genesis.record(), &genesis.alloc, &background);
    let store = store.unwrap();
    let import = Import {
        store: &store,
        spec: &genesis.spec,
        options: &ImportOptions::default(),
        pools: ImportPools { engine: &engine, background: &background },
        cancelled: &|| false,
        progress: &|_| {},
    };
    assert_eq!(import.run(&chain[..]).unwrap().tip.hash, head.block.hash);
}

#[test]
fn a_block_sees_the_hash_of_a_block_that_is_still_being_finished() {
    let genesis = genesis(7);
    let ledger = in_memory(&genesis);
    let answers: Vec<_> = (1..=30u64)
        .map(|height| {
            let calls = vec![transaction(7, 0, height - 1, HASHES, 0)];
            ledger.submit(payload(height, calls)).unwrap()
        })
        .collect();
    let mut before = genesis.hash;
    for (height, answer) in (1..).zip(answers) {
        let sealed = answer.blocking_recv().unwrap().unwrap();
        let state = ledger.state(height).unwrap();
        for slot in [0, 1] {
            assert_eq!(
                state.storage(&HASHES, &U256::from(slot)).unwrap(),
                U256::from_be_bytes(before.0),
                "block {height}"
            );
        }
        before = sealed.block.hash;
    }
}

#[test]
fn what_is_invalid_where_it_stands_is_left_out() {
    let ledger = in_memory(&genesis(7));
    let to = Address::repeat_byte(9);
    let right = transaction(7, 0, 0, to, 5);
    let again = transaction(7, 0, 0, to, 6);
    let poor = transaction(7, 1, 0, to, 5000 * ETHER);
    let sealed = produce(&ledger, payload(1, vec![right.clone(), again.clone(), poor.clone()]));
    assert_eq!(sealed.block.body.transactions, vec![right.envelope.clone()]);
    let skipped: Vec<_> = sealed.skipped.iter().map(|(hash, _)| *hash).collect();
    assert_eq!(skipped, [again.hash(), poor.hash()]);
    let (block, index) = ledger.transaction(&right.hash()).unwrap().unwrap();
    assert_eq!((block.header.number, index), (1, 0));
    assert!(ledger.transaction(&again.hash()).unwrap().is_none());
}

#[test]
fn a_payload_that_does_not_follow_is_refused_and_the_ledger_goes_on() {
    let ledger = in_memory(&genesis(7));
    let refused = |payload| ledger.submit(payload).unwrap().blocking_recv().unwrap().unwrap_err();
    assert!(matches!(refused(payload(2, vec![])), LedgerError::Payload { field: "height", .. }));
    let early = Payload { timestamp: 1, ..payload(1, vec![]) };
    assert!(matches!(refused(early), LedgerError::Payload { field: "timestamp", .. }));
    assert_eq!(produce(&ledger, payload(1, vec![])).block.header.number, 1);
}

#[test]
fn subscribers_hear_of_transactions_then_of_the_block() {
    let ledger = in_memory(&genesis(7));
    let (mut events, mut commits) = (ledger.events(), ledger.commits());
    let transactions: Vec<_> = (0..4).map(|from| transaction(7, from, 0, HASHES, 0)).collect();
    let sealed = produce(&ledger, payload(1, transactions.clone()));
    for (index, transaction) in (0..).zip(&transactions) {
        let committed = commits.try_recv().unwrap();
        assert_eq!((committed.height, committed.index, committed.hash), (1, index, transaction.hash()));
        assert!(committed.receipt.success);
    }
    assert!(matches!(events.try_recv(), Ok(LedgerEvent::NewHead(news)) if news.block == sealed.block));
}

#[test]
fn two_ledgers_run_side_by_side() {
    let ledgers = [7, 8].map(|chain| (chain, in_memory(&genesis(chain))));
    let to = Address::repeat_byte(9);
    std::thread::scope(|scope| {
        for (chain, ledger) in &ledgers {
            scope.spawn(move || {
                for height in 1..=10 {
                    let transactions = vec![transaction(*chain, 0, height - 1, to, u128::from(*chain))];
                    produce(ledger, payload(height, transactions));
                }
            });
        }
    });
    for (chain, ledger) in &ledgers {
        let head = ledger.head();
        assert_eq!(head.state.account(&to).unwrap().unwrap().balance, U256::from(10 * chain));
    }
    assert_ne!(ledgers[0].1.head().block.hash, ledgers[1].1.head().block.hash);
}

#[test]
fn blocks_of_one_second_follow_each_other_where_the_chain_allows_it() {
    let mut genesis = genesis(7);
    genesis.spec = genesis.spec.with_equal_timestamps(true);
    let ledger = in_memory(&genesis);
    for height in 1..=3 {
        let sealed = produce(&ledger, Payload { timestamp: 1, ..payload(height, vec![]) });
        assert_eq!(sealed.block.header.timestamp, 1);
    }
}

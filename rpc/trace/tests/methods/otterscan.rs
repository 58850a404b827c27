//! `ots_…` on a small chain.

use crate::contracts::*;
use alloy_primitives::{Bytes, U256};
use serde_json::{Value, json};

#[test]
fn the_level_and_code_are_told() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    assert_eq!(chain.ask("ots_getApiLevel", json!([])), 8);
    assert_eq!(chain.ask("ots_hasCode", json!([storer, "latest"])), true);
    assert_eq!(chain.ask("ots_hasCode", json!([storer, "0x0"])), false);
    assert_eq!(chain.ask("ots_hasCode", json!([chain.account(0)])), false);
}

#[test]
fn transactions_are_taken_apart() {
    let mut chain = Chain::new();
    let (destroyer, _) = chain.deploy(DESTROYER);
    let (caller, _) = chain.deploy(CALLER);
    let (factory, _) = chain.deploy(FACTORY);
    let (reverter, _) = chain.deploy(REVERTER);
    let hash = chain.send(caller, 5, word(destroyer));
    let operations = chain.ask("ots_getInternalOperations", json!([hash]));
    assert_eq!(
        operations,
        json!([
            {"type": 0, "from": caller, "to": destroyer, "value": "0x5"},
            {"type": 1, "from": destroyer, "to": caller, "value": "0x5"},
        ])
    );
    let entries = chain.ask("ots_traceTransaction", json!([hash]));
    let kinds: Vec<_> = entries
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| (entry["type"].as_str().expect("text"), entry["depth"].as_u64().expect("a number")))
        .collect();
    assert_eq!(kinds, [("CALL", 0), ("CALL", 1), ("SELFDESTRUCT", 2)]);
    assert_eq!(entries[0]["input"], json!(word(destroyer)));

    let hash = chain.send(factory, 0, Bytes::new());
    let operations = chain.ask("ots_getInternalOperations", json!([hash]));
    assert_eq!(operations[0]["type"], 2);
    assert_eq!(operations[0]["to"], json!(factory.create(1)));
    assert_eq!(chain.ask("ots_traceTransaction", json!([hash]))[1]["type"], "CREATE");
    assert_eq!(chain.ask("ots_getTransactionError", json!([hash])), "0x");

    let hash = chain.send(reverter, 0, Bytes::new());
    assert_eq!(chain.ask("ots_getTransactionError", json!([hash])), "0xdeadbeef");
}

#[test]
fn blocks_are_shown_with_fees_and_pages() {
    let mut chain = Chain::new();
    let (storer, _) = chain.deploy(STORER);
    let all = (0..5).map(|_| chain.tx(storer.into(), 0, Bytes::from_static(&[1, 2, 3, 4, 5, 6]))).collect();
    let hashes = chain.block(all);
    let details = chain.ask("ots_getBlockDetails", json!([2]));
    assert_eq!(details["block"]["transactionCount"], 5);
    assert_eq!(details["block"]["number"], "0x2");
    assert!(details["block"].get("transactions").is_none());
    assert_eq!(details["issuance"]["issuance"], "0x0");
    let head = chain.context.ctx.ledger.head();
    let header = &head.block.header;
    let price = u128::from(header.base_fee_per_gas.expect("London is active")) + 1_000_000_000;
    assert_eq!(details["totalFees"], format!("{:#x}", U256::from(header.gas_used) * U256::from(price)));
    assert_eq!(chain.ask("ots_getBlockDetails", json!(["latest"])), details);
    assert_eq!(chain.ask("ots_getBlockDetailsByHash", json!([head.block.hash])), details);
    assert_eq!(chain.ask("ots_getBlockDetails", json!([99])), Value::Null);

    let shown = |page: u64| {
        let page = chain.ask("ots_getBlockTransactions", json!([2, page, 2]));
        assert_eq!(page["fullblock"]["transactionCount"], 5);
        for receipt in page["receipts"].as_array().expect("a list") {
            assert_eq!((&receipt["logs"], &receipt["logsBloom"]), (&Value::Null, &Value::Null));
        }
        page["fullblock"]["transactions"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|tx| {
                assert_eq!(tx["input"], "0x01020304");
                tx["hash"].clone()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(0), [json!(hashes[3]), json!(hashes[4])]);
    assert_eq!(shown(2), [json!(hashes[0])]);
    assert_eq!(shown(3), Vec::<Value>::new());
    let (code, _) = chain.refused("ots_getBlockTransactions", json!([2, 0, 0]));
    assert_eq!(code, -32602);
}

#[test]
fn transactions_of_an_address_are_found_in_both_directions() {
    let mut chain = Chain::new();
    let (storer, created) = chain.deploy(STORER);
    let (caller, _) = chain.deploy(CALLER);
    let inner = chain.send(caller, 0, word(storer));
    chain.send(chain.account(1), 1, Bytes::new());
    let direct = chain.send(storer, 0, Bytes::new());
    let ask = |direction: &str, block: u64, size: u64| {
        let answer = chain.ask(&format!("ots_searchTransactions{direction}"), json!([storer, block, size]));
        let hashes: Vec<_> =
            answer["txs"].as_array().expect("a list").iter().map(|tx| tx["hash"].clone()).collect();
        assert_eq!(answer["receipts"].as_array().map(Vec::len), Some(hashes.len()));
        (hashes, answer["firstPage"] == true, answer["lastPage"] == true)
    };
    let all = vec![json!(direct), json!(inner), json!(created)];
    assert_eq!(ask("Before", 0, 10), (all.clone(), true, true));
    assert_eq!(ask("Before", 0, 1), (all[..1].to_vec(), true, false));
    assert_eq!(ask("Before", 5, 1), (all[1..2].to_vec(), false, false));
    assert_eq!(ask("Before", 3, 5), (all[2..].to_vec(), false, true));
    assert_eq!(ask("After", 0, 10), (all.clone(), true, true));
    assert_eq!(ask("After", 0, 1), (all[2..].to_vec(), false, true));
    assert_eq!(ask("After", 1, 10), (all[..2].to_vec(), true, false));
}

#[test]
fn a_search_is_bounded_and_says_where_it_stopped() {
    let mut chain = Chain::with_limits(|limits| limits.trace_blocks = 2);
    let (storer, _) = chain.deploy(STORER);
    for _ in 0..4 {
        chain.send(chain.account(1), 1, Bytes::new());
    }
    let (code, message) = chain.refused("ots_searchTransactionsBefore", json!([storer, 0, 5]));
    assert!(code == -32005 && message.contains("executes at most 2 blocks"), "{message}");
    let answer = chain.ask("ots_searchTransactionsBefore", json!([storer, 3, 5]));
    assert_eq!(answer["txs"].as_array().map(Vec::len), Some(1));
}

#[test]
fn creators_and_nonces_are_found() {
    let mut chain = Chain::new();
    let (factory, created) = chain.deploy(FACTORY);
    chain.send(chain.account(1), 1, Bytes::new());
    let (storer, stored) = chain.deploy(STORER);
    let creator = |address| chain.ask("ots_getContractCreator", json!([address]));
    let account = chain.account(0);
    assert_eq!(creator(factory), json!({"hash": created, "creator": account}));
    assert_eq!(creator(storer), json!({"hash": stored, "creator": account}));
    assert_eq!(creator(account), Value::Null);
    let sent = |nonce: u64| chain.ask("ots_getTransactionBySenderAndNonce", json!([account, nonce]));
    assert_eq!(sent(0), json!(created));
    assert_eq!(sent(2), json!(stored));
    assert_eq!(sent(3), Value::Null);
    assert_eq!(chain.ask("ots_getTransactionBySenderAndNonce", json!([account, "0x2"])), json!(stored));
}

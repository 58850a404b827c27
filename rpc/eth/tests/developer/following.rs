//! Filters and subscriptions.

use crate::node::{Node, account};
use mundi_consensus::Mining;
use serde_json::{Value, json};
use std::collections::HashSet;

/// Takes all blocks after a height back.
fn take_back(node: &Node, height: u64) {
    node.test.solo.pause(|| node.test.ctx.ledger.rewind(height, None)).unwrap();
}

#[test]
fn filters_tell_what_is_new_once() {
    let node = Node::new(Mining::Manual);
    node.mine();
    let blocks = node.call("eth_newBlockFilter", json!([]));
    let logs = node.call("eth_newFilter", json!([{"topics": [format!("0x{:064x}", 0xbb)]}]));
    let others = node.call("eth_newFilter", json!([{"address": account(0)}]));
    let transactions = node.call("eth_newPendingTransactionFilter", json!([]));
    let whole = node.call("eth_newPendingTransactionFilter", json!([true]));
    for filter in [&blocks, &logs, &others, &transactions, &whole] {
        assert_eq!(node.call("eth_getFilterChanges", json!([filter])), json!([]));
    }
    let hash = node.send_log();
    node.mine();
    node.mine();
    let mined = |height: &str| node.call("eth_getBlockByNumber", json!([height, false]))["hash"].clone();
    assert_eq!(node.call("eth_getFilterChanges", json!([blocks])), json!([mined("0x2"), mined("0x3")]));
    assert_eq!(node.call("eth_getFilterChanges", json!([transactions])), json!([hash]));
    assert_eq!(node.call("eth_getFilterChanges", json!([whole]))[0]["hash"], json!(hash));
    let found = node.call("eth_getFilterChanges", json!([logs]));
    assert_eq!(found[0]["transactionHash"], json!(hash));
    let range = json!([{"fromBlock": "0x0", "toBlock": "latest"}]);
    assert_eq!(node.call("eth_getLogs", range), found);
    for filter in [&blocks, &logs, &others, &transactions, &whole] {
        assert_eq!(node.call("eth_getFilterChanges", json!([filter])), json!([]));
    }

    // What was told is taken back; what was not told is not.
    node.send_log();
    node.mine();
    take_back(&node, 1);
    let again = node.call("eth_getFilterChanges", json!([logs]));
    let mut removed = found[0].clone();
    removed["removed"] = json!(true);
    assert_eq!(again, json!([removed]));

    assert_eq!(node.call("eth_uninstallFilter", json!([logs])), true);
    assert_eq!(node.call("eth_uninstallFilter", json!([logs])), false);
    assert_eq!(node.code("eth_getFilterChanges", json!([logs])), -32000);
    assert_eq!(node.code("eth_getFilterLogs", json!([blocks])), -32000);
    assert_eq!(node.code("eth_getFilterChanges", json!(["none"])), -32602);
}

#[test]
fn a_filters_query_answers_as_a_whole_too() {
    let node = Node::new(Mining::Manual);
    let hash = node.send_log();
    node.mine();
    let filter = node.call("eth_newFilter", json!([{"fromBlock": "earliest"}]));
    assert_eq!(node.call("eth_getFilterLogs", json!([filter]))[0]["transactionHash"], json!(hash));
    for (wrong, code) in [
        (json!({"fromBlock": "0x3", "toBlock": "0x2"}), -32602),
        (json!({"fromBlock": "pending"}), -32000),
        (json!({"topics": [[], [], [], [], []]}), -32000),
        (json!({"topics": 3}), -32602),
    ] {
        assert_eq!(node.code("eth_newFilter", json!([wrong])), code, "{wrong}");
        assert_eq!(node.code("eth_getLogs", json!([wrong])), code, "{wrong}");
    }
}

#[test]
fn heads_and_logs_are_told_forwards_and_backwards() {
    let node = Node::new(Mining::Manual);
    let mut heads = node.subscribe(json!(["newHeads"]));
    let mut logs = node.subscribe(json!(["logs", {"topics": [format!("0x{:064x}", 0xbb)]}]));
    let mut all = node.subscribe(json!(["logs"]));
    let first = node.send_log();
    node.mine();
    assert_eq!(heads.next(), node.call("eth_getHeaderByNumber", json!(["0x1"])));
    let told = logs.next();
    assert_eq!((&told["transactionHash"], &told["removed"]), (&json!(first), &json!(false)));
    assert_eq!(all.next(), told);
    take_back(&node, 0);
    let taken = logs.next();
    assert_eq!((&taken["transactionHash"], &taken["removed"]), (&json!(first), &json!(true)));
    node.mine();
    assert_eq!(heads.next()["number"], "0x1");
}

#[test]
fn a_slow_subscriber_is_caught_up() {
    let node = Node::new(Mining::Manual);
    let mut heads = node.subscribe(json!(["newHeads"]));
    // More than the ledger's events hold, and than may wait for the connection.
    const BLOCKS: u64 = 2500;
    for _ in 0..BLOCKS {
        node.mine();
    }
    for height in 1..=BLOCKS {
        assert_eq!(heads.next()["number"], format!("{height:#x}"));
    }
}

#[test]
fn transactions_are_told_when_they_come() {
    let node = Node::new(Mining::Manual);
    let mut hashes = node.subscribe(json!(["newPendingTransactions"]));
    let mut whole = node.subscribe(json!(["newPendingTransactions", true]));
    let mut syncing = node.subscribe(json!(["syncing"]));
    let hash = node.send_log();
    assert_eq!(hashes.next(), json!(hash));
    assert_eq!(whole.next(), node.call("eth_getTransactionByHash", json!([hash])));
    assert_eq!(syncing.next(), false);
}

/// Reads receipts until there are so many.
fn collect(subscription: &mut crate::node::Subscription<'_>, count: usize) -> Vec<Value> {
    let mut receipts = Vec::new();
    while receipts.len() < count {
        receipts.extend(subscription.next().as_array().unwrap().iter().cloned());
    }
    receipts
}

#[test]
fn each_receipt_is_told_once_early_or_with_its_block() {
    const BLOCKS: u64 = 5;
    const PER_BLOCK: u64 = 40;
    let node = Node::new(Mining::Manual);
    let mut early = node.subscribe(json!(["transactionReceipts"]));
    let mut sealed = node.subscribe(json!(["transactionReceipts", {"sealed": true}]));
    let mut chosen = Vec::new();
    for block in 0..BLOCKS {
        for transaction in 0..PER_BLOCK {
            let raw = node.transfer(0, block * PER_BLOCK + transaction);
            chosen.push(node.call("eth_sendRawTransaction", json!([raw])));
        }
        node.mine();
    }
    let all: Vec<Value> = (1..=BLOCKS)
        .flat_map(|height| {
            let receipts = node.call("eth_getBlockReceipts", json!([format!("{height:#x}")]));
            receipts.as_array().unwrap().clone()
        })
        .collect();
    assert_eq!(collect(&mut sealed, all.len()), all);
    let told = collect(&mut early, all.len());
    let hashes: HashSet<_> = told.iter().map(|receipt| receipt["transactionHash"].to_string()).collect();
    assert_eq!(hashes.len(), all.len());
    for early in &told {
        let whole =
            all.iter().find(|receipt| receipt["transactionHash"] == early["transactionHash"]).unwrap();
        for field in [
            "status",
            "gasUsed",
            "cumulativeGasUsed",
            "transactionIndex",
            "blockNumber",
            "logs",
            "from",
            "to",
            "type",
        ] {
            assert_eq!(early[field], whole[field], "{field}");
        }
    }
    drop(early);

    let wanted = node.transfer(1, 0);
    let mut one = node.subscribe(
        json!(["transactionReceipts", {"transactionHashes": [alloy_primitives::keccak256(&wanted)]}]),
    );
    node.call("eth_sendRawTransaction", json!([node.transfer(0, BLOCKS * PER_BLOCK)]));
    node.call("eth_sendRawTransaction", json!([wanted]));
    node.mine();
    let told = collect(&mut one, 1);
    assert_eq!((told.len(), &told[0]["from"]), (1, &json!(account(1))));
}

#[test]
fn subscriptions_that_mean_nothing_are_refused() {
    let node = Node::new(Mining::Manual);
    for wrong in [
        json!([]),
        json!(["heads"]),
        json!([7]),
        json!(["logs", {"address": 7}]),
        json!(["newPendingTransactions", 7]),
    ] {
        let response = node.begin("eth_subscribe", wrong.clone());
        let error = node.end("eth_subscribe", response).unwrap_err();
        assert_eq!(error["code"], -32602, "{wrong}: {error}");
    }
}

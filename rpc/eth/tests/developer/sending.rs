//! Sending, waiting, and what waits.

use crate::node::{Node, account};
use alloy_primitives::{Address, B256, Bytes, U256};
use mundi_consensus::Mining;
use serde_json::json;

#[test]
fn a_transaction_goes_from_the_pool_into_a_block() {
    let node = Node::new(Mining::Manual);
    let hash = node.send(json!({"from": account(0), "to": account(1), "value": "0x7b"}));
    let waiting = node.call("eth_getTransactionByHash", json!([hash]));
    assert!(waiting["blockHash"].is_null() && waiting["blockNumber"].is_null(), "{waiting}");
    assert!(waiting.as_object().unwrap().contains_key("blockTimestamp"));
    assert_eq!(waiting["type"], "0x2");
    assert!(node.call("eth_getTransactionReceipt", json!([hash])).is_null());
    assert_eq!(node.call("txpool_status", json!([])), json!({"pending": "0x1", "queued": "0x0"}));
    assert_eq!(node.call("eth_getTransactionCount", json!([account(0), "pending"])), "0x1");
    assert_eq!(node.call("eth_getTransactionCount", json!([account(0), "latest"])), "0x0");
    let sender = account(0).to_checksum(None);
    assert_eq!(node.call("txpool_content", json!([]))["pending"][&sender]["0"]["hash"], json!(hash));
    assert_eq!(node.call("txpool_contentFrom", json!([account(0)]))["pending"]["0"]["hash"], json!(hash));
    let line = node.call("txpool_inspect", json!([]))["pending"][&sender]["0"].clone();
    assert!(line.as_str().unwrap().starts_with(&format!("{}: 123 wei + 21000 gas", account(1))), "{line}");
    assert_eq!(node.call("eth_pendingTransactions", json!([]))[0]["hash"], json!(hash));

    assert_eq!(node.mine(), 1);
    let mined = node.call("eth_getTransactionByHash", json!([hash]));
    assert_eq!((&mined["blockNumber"], &mined["transactionIndex"]), (&json!("0x1"), &json!("0x0")));
    let receipt = node.call("eth_getTransactionReceipt", json!([hash]));
    assert_eq!((&receipt["status"], &receipt["gasUsed"]), (&json!("0x1"), &json!("0x5208")));
    assert_eq!(receipt["effectiveGasPrice"], mined["gasPrice"]);
    assert_eq!(node.call("eth_getBlockReceipts", json!(["latest"])), json!([receipt]));
    assert_eq!(node.call("txpool_status", json!([])), json!({"pending": "0x0", "queued": "0x0"}));
    let raw = node.call("eth_getRawTransactionByHash", json!([hash]));
    assert_eq!(node.call("debug_getRawTransaction", json!([hash])), raw);
    assert_eq!(node.call("eth_getRawTransactionByBlockNumberAndIndex", json!(["0x1", "0x0"])), raw);
    assert_eq!(node.code("eth_sendRawTransaction", json!([raw])), -32000);
}

#[test]
fn sending_with_a_receipt_answers_when_the_block_is_written() {
    let node = Node::new(Mining::Auto);
    for nonce in 0..5 {
        let raw = node.transfer(0, nonce);
        let receipt = node.call("eth_sendRawTransactionSync", json!([raw, "0x2710"]));
        // Whatever is asked next knows the block.
        assert_eq!(node.call("eth_getTransactionReceipt", json!([receipt["transactionHash"]])), receipt);
        assert_eq!(node.call("eth_getBlockByNumber", json!(["latest", false]))["hash"], receipt["blockHash"]);
    }
}

#[test]
fn many_wait_for_the_transactions_of_one_block() {
    let node = Node::new(Mining::Manual);
    let log = node.send_log();
    let transfers: Vec<Bytes> = (1..20).map(|nonce| node.transfer(0, nonce)).collect();
    let send = |raw: &Bytes| node.begin("eth_sendRawTransactionSync", json!([raw, 10_000]));
    // One after the other, because a gap in the nonces would be answered at once.
    let mut waiting = Vec::new();
    for (count, raw) in transfers.iter().enumerate() {
        waiting.push(send(raw));
        while node.test.ctx.pool.status().pending < count + 2 {
            std::thread::yield_now();
        }
    }
    node.mine();
    let receipts = node.call("eth_getBlockReceipts", json!(["latest"]));
    assert_eq!(receipts[0]["transactionHash"], json!(log));
    for (waiting, receipt) in waiting.into_iter().zip(receipts.as_array().unwrap().iter().skip(1)) {
        assert_eq!(node.end("eth_sendRawTransactionSync", waiting).unwrap(), *receipt);
    }
}

#[test]
fn who_would_wait_in_vain_is_told_why() {
    let node = Node::new(Mining::Manual);
    let error = node.try_call("eth_sendRawTransactionSync", json!([node.transfer(0, 0), "0x1"])).unwrap_err();
    let hash =
        node.call("eth_getTransactionByBlockNumberAndIndex", json!(["pending", "0x0"]))["hash"].clone();
    assert_eq!((&error["code"], &error["data"]), (&json!(4), &hash), "{error}");
    let error = node.try_call("eth_sendRawTransactionSync", json!([node.transfer(0, 7)])).unwrap_err();
    assert_eq!((&error["code"], &error["data"]), (&json!(5), &json!("0x1")), "{error}");
    assert_eq!(node.code("eth_sendRawTransactionSync", json!(["0x1234"])), -32000);
    assert_eq!(node.code("eth_sendRawTransactionSync", json!([7])), -32602);
}

#[test]
fn a_batch_is_answered_in_order() {
    let node = Node::new(Mining::Manual);
    let mut raws: Vec<Bytes> = (0..3).map(|nonce| node.transfer(0, nonce)).collect();
    raws.insert(1, Bytes::from_static(&[0xc0]));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let results = runtime.block_on(mundi_rpc_eth::submit_batch(node.test.ctx.clone(), raws));
    let fine: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(fine, [true, false, true, true]);
    assert_eq!(results[1].as_ref().unwrap_err().code, -32000);
    assert_eq!(node.call("txpool_status", json!([]))["pending"], "0x3");
}

#[test]
fn accounts_without_a_key_send_only_when_impersonated() {
    let node = Node::new(Mining::Manual);
    let someone = Address::repeat_byte(0x77);
    node.send(json!({"from": account(0), "to": someone, "value": "0xde0b6b3a7640000"}));
    node.mine();
    let transfer = json!({"from": someone, "to": account(1), "value": "0x1"});
    assert_eq!(node.code("eth_sendTransaction", json!([transfer])), -32000);
    node.test.ctx.accounts.impersonate(someone, true);
    let hash = node.send(transfer);
    node.mine();
    let receipt = node.call("eth_getTransactionReceipt", json!([hash]));
    assert_eq!((&receipt["from"], &receipt["status"]), (&json!(someone), &json!("0x1")));
}

#[test]
fn requests_to_send_that_contradict_themselves_are_refused() {
    let node = Node::new(Mining::Manual);
    let base = json!({"from": account(0), "to": account(1)});
    let with = |more: serde_json::Value| {
        let mut request = base.clone();
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([request])
    };
    for (wrong, code) in [
        (with(json!({"chainId": "0x1"})), -32000),
        (with(json!({"gasPrice": "0x1", "maxFeePerGas": "0x1"})), -32000),
        (with(json!({"maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2"})), -32000),
        (with(json!({"gas": "0xffffffff", "gasPrice": "0xe8d4a51000"})), -32000),
        (with(json!({"value": U256::MAX})), -32000),
        (json!([{"from": account(0)}]), -32000),
        (json!([{"to": account(0)}]), -32602),
        (json!([]), -32602),
    ] {
        assert_eq!(node.code("eth_sendTransaction", wrong.clone()), code, "{wrong}");
    }
    assert!(node.call("eth_getTransactionByHash", json!([B256::ZERO])).is_null());
}

//! Reading: the block to come, fees, blobs, the node itself.

use crate::node::{Node, account};
use alloy_primitives::Bytes;
use mundi_consensus::Mining;
use mundi_rpc_context::test::CHAIN_ID;
use serde_json::json;

#[test]
fn the_block_to_come_has_what_waits_best_paid_first() {
    let node = Node::new(Mining::Manual);
    let low = node.send(json!({"from": account(0), "to": account(2), "maxPriorityFeePerGas": "0x1"}));
    let high = node.send(json!({"from": account(1), "to": account(2), "maxPriorityFeePerGas": "0x3b9aca00"}));
    let next = node.send(json!({"from": account(1), "to": account(2), "maxPriorityFeePerGas": "0x2"}));
    let block = node.call("eth_getBlockByNumber", json!(["pending", false]));
    assert_eq!(
        (&block["number"], &block["hash"], &block["miner"]),
        (&json!("0x1"), &json!(null), &json!(null))
    );
    assert_eq!(block["transactions"], json!([high, next, low]));
    let whole = node.call("eth_getBlockByNumber", json!(["pending", true]));
    assert_eq!(whole["transactions"][0], node.call("eth_getTransactionByHash", json!([high])));
    assert_eq!(node.call("eth_getBlockTransactionCountByNumber", json!(["pending"])), "0x3");
    assert_eq!(
        node.call("eth_getTransactionByBlockNumberAndIndex", json!(["pending", "0x2"]))["hash"],
        json!(low)
    );
    assert!(node.call("eth_getTransactionByBlockNumberAndIndex", json!(["pending", "0x3"])).is_null());
    assert_eq!(
        node.call("eth_getHeaderByNumber", json!(["pending"]))["transactionsRoot"],
        block["transactionsRoot"]
    );
    assert!(node.call("eth_getBlockReceipts", json!(["pending"])).is_null());
    node.mine();
    let mined = node.call("eth_getBlockByNumber", json!(["latest", false]));
    assert_eq!(mined["transactions"], block["transactions"]);
    assert_eq!(mined["transactionsRoot"], block["transactionsRoot"]);
    assert_eq!(mined["baseFeePerGas"], block["baseFeePerGas"]);
}

#[test]
fn fees_follow_the_chain_and_what_a_developer_decides() {
    let node = Node::new(Mining::Manual);
    assert_eq!(node.call("eth_maxPriorityFeePerGas", json!([])), "0x3b9aca00");
    assert_eq!(node.call("eth_blobBaseFee", json!([])), "0x1");
    node.test.solo.decide(|next| next.base_fee = Some(7));
    assert_eq!(node.call("eth_baseFee", json!([])), "0x7");
    assert_eq!(node.call("eth_gasPrice", json!([])), "0x3b9aca07");
    node.send(
        json!({"from": account(0), "to": account(2), "maxPriorityFeePerGas": "0x5", "maxFeePerGas": "0x64"}),
    );
    node.mine();
    assert_eq!(node.call("eth_maxPriorityFeePerGas", json!([])), "0x5");
    let history = node.call("eth_feeHistory", json!(["0x5", "latest", [0, 50, 100]]));
    assert_eq!(history["oldestBlock"], "0x0");
    assert_eq!(history["reward"], json!([["0x0", "0x0", "0x0"], ["0x5", "0x5", "0x5"]]));
    assert_eq!(history["baseFeePerGas"][1], "0x7");
    assert_eq!(history["baseFeePerGas"][2], node.call("eth_baseFee", json!([])));
    assert_eq!(
        node.call("eth_feeHistory", json!([5, "latest"]))["gasUsedRatio"].as_array().unwrap().len(),
        2
    );
    for (wrong, code) in [
        (json!(["0x1", "0x9"]), -32000),
        (json!(["0x1", "latest", [50, 50]]), -32000),
        (json!(["0x1", "latest", [-1]]), -32000),
        (json!(["0x1", "latest", [101]]), -32000),
        (json!(["many", "latest"]), -32602),
        (json!(["0x1"]), -32602),
    ] {
        assert_eq!(node.code("eth_feeHistory", wrong.clone()), code, "{wrong}");
    }
}

#[test]
fn the_node_describes_itself() {
    let node = Node::new(Mining::Auto);
    assert_eq!(node.call("eth_chainId", json!([])), format!("{CHAIN_ID:#x}"));
    assert_eq!(node.call("net_version", json!([])), CHAIN_ID.to_string());
    assert_eq!(node.call("web3_clientVersion", json!([])), "mundi/test");
    assert_eq!(node.call("net_listening", json!([])), true);
    assert_eq!(node.call("eth_mining", json!([])), true);
    assert_eq!(node.call("eth_accounts", json!([])).as_array().unwrap().len(), 3);
    let empty = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
    assert_eq!(node.call("web3_sha3", json!(["0x"])), empty);
    let config = node.call("eth_config", json!([]));
    assert_eq!(config["current"]["precompiles"]["P256VERIFY"], "0x0000000000000000000000000000000000000100");
    assert!(config["next"].is_null());
    assert_eq!(node.call("rpc_modules", json!([]))["eth"], "1.0");
    for method in [
        "net_peerCount",
        "eth_hashrate",
        "eth_coinbase",
        "debug_getBadBlocks",
        "eth_syncing",
        "eth_capabilities",
    ] {
        node.call(method, json!([]));
    }
}

#[test]
fn accounts_are_read_in_several_forms() {
    let node = Node::new(Mining::Manual);
    let before = node.call("eth_getAccountInfo", json!([account(0), "latest"]));
    assert_eq!((&before["nonce"], &before["code"]), (&json!("0x0"), &json!("0x")));
    // Code that returns itself as the contract's.
    let code = Bytes::from_static(&alloy_primitives::hex!("600a600081600b8239f3") as &[u8]);
    let hash = node.send(json!({"from": account(0), "data": code}));
    node.mine();
    let created = node.call("eth_getTransactionReceipt", json!([hash]))["contractAddress"].clone();
    let info = node.call("eth_getAccountInfo", json!([created]));
    assert_eq!(info["code"], node.call("eth_getCode", json!([created])));
    let proof = node.call("eth_getProof", json!([created, ["0x0", "0x1"], "latest"]));
    let account = node.call("eth_getAccount", json!([created]));
    assert_eq!((&account["codeHash"], &account["storageRoot"]), (&proof["codeHash"], &proof["storageHash"]));
    assert_eq!(proof["storageProof"][1]["key"], "0x1");
    assert!(node.call("eth_getAccount", json!([created, "0x0"])).is_null());
    assert_eq!(node.call("eth_getBalance", json!([created, {"blockNumber": "0x0"}])), "0x0");
    assert_eq!(node.code("eth_getBalance", json!([created, "0x9"])), -32000);
    assert_eq!(node.code("eth_getBalance", json!(["0x12"])), -32602);
    assert_eq!(node.code("eth_getBalance", json!([])), -32602);
}

#[test]
fn what_is_not_there_is_null() {
    let node = Node::new(Mining::Manual);
    let nothing = alloy_primitives::B256::ZERO;
    for (method, params) in [
        ("eth_getBlockByHash", json!([nothing])),
        ("eth_getHeaderByHash", json!([nothing])),
        ("eth_getHeaderByNumber", json!(["0x9"])),
        ("erigon_getHeaderByNumber", json!(["0x9"])),
        ("eth_getUncleByBlockHashAndIndex", json!([nothing, "0x0"])),
        ("eth_getUncleByBlockNumberAndIndex", json!(["0x0", "0x0"])),
        ("eth_getUncleCountByBlockHash", json!([nothing])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x9"])),
        ("eth_getTransactionByBlockHashAndIndex", json!([nothing, "0x0"])),
        ("eth_getBlobSidecars", json!(["0x9"])),
        ("eth_getBlobSidecarByTxHash", json!([nothing])),
    ] {
        assert!(node.call(method, params).is_null(), "{method}");
    }
    assert_eq!(node.call("eth_getRawTransactionByHash", json!([nothing])), "0x");
    assert_eq!(node.call("eth_getBlobs", json!([[nothing]])), json!([null]));
    assert_eq!(node.call("eth_getUncleCountByBlockNumber", json!(["0x0"])), "0x0");
    assert_eq!(node.code("debug_getRawBlock", json!(["0x9"])), -32000);
}

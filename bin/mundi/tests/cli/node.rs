//! `mundi node` as a user meets it.

use crate::{
    command::{Folder, conformance_folder, expect, fixtures, mundi, refused, text},
    rpc::{Running, post},
};
use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, TxKind, U256, hex};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use serde_json::{Value, json};

const CHAIN_ID: u64 = 4242;

fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_slice(&[0x42; 32]).unwrap()
}

/// A transfer of the account that the genesis makes rich.
fn transfer(nonce: u64) -> String {
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(Address::repeat_byte(0x55)),
        value: U256::from(nonce + 1),
        ..TxEip1559::default()
    };
    let signature = signer().sign_hash_sync(&transaction.signature_hash()).unwrap();
    let envelope = TxEnvelope::Eip1559(transaction.into_signed(signature));
    hex::encode_prefixed(envelope.encoded_2718())
}

/// A folder with a genesis file.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    let genesis = json!({
        "config": {
            "chainId": CHAIN_ID, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
            "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0,
            "berlinBlock": 0, "londonBlock": 0, "terminalTotalDifficulty": 0, "shanghaiTime": 0,
        },
        "gasLimit": "0x1c9c380", "difficulty": "0x0",
        "alloc": {signer().address().to_string(): {"balance": "1000000000000000000000000"}},
    });
    folder.file("genesis.json", genesis.to_string().as_bytes());
    folder
}

impl Folder {
    /// A node over the chain in `data`.
    fn node(&self) -> Running {
        let (data, genesis) = (self.at("data"), self.at("genesis.json"));
        Running::start(&["node", "--datadir", &data, "--genesis", &genesis])
    }
}

#[test]
fn the_conformance_cases_pass() {
    let Some(folder) = conformance_folder("node-conformance") else { return };
    let cases = fixtures(|path| path.extension().is_some_and(|extension| extension == "io")).unwrap();
    let (genesis, data) = (folder.at("genesis.json"), folder.at("data"));
    let import = ["import", "--genesis", &genesis, "--datadir", &data, &folder.at("chain.rlp")];
    expect(&mundi(&import), 0, "tip 54 0x", "");
    let node = Running::start(&["node", "--datadir", &data, "--genesis", &genesis, "--no-mine"]);
    let mut failed = Vec::new();
    for (name, case) in &cases {
        let case = text(case);
        let shape_only = case.contains("speconly");
        let mut got = Value::Null;
        for line in case.lines() {
            if let Some(request) = line.strip_prefix(">> ") {
                got = post(node.http, request).unwrap_or_default();
            } else if let Some(wanted) = line.strip_prefix("<< ") {
                let wanted: Value = serde_json::from_str(wanted).unwrap();
                let passed = match (wanted.get("error"), got.get("error")) {
                    (Some(wanted), Some(got)) => shape_only || wanted["code"] == got["code"],
                    (None, None) if shape_only => got.get("result").is_some(),
                    (None, None) => wanted["result"] == got["result"],
                    _ => false,
                };
                if !passed {
                    failed.push(format!("{}: expected {wanted}, got {got}", name.display()));
                }
            }
        }
    }
    assert!(cases.len() > 100, "{} cases", cases.len());
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

#[test]
fn nothing_that_was_told_is_lost_when_it_is_killed() {
    let folder = folder("node-kill");
    // How many receipts are given out before each kill.
    let rounds = [1, 7, 3, 19, 12, 2, 31, 5];
    let mut nonce = 0;
    let mut told: Vec<Value> = Vec::new();
    let mut waiting: Vec<String> = Vec::new();
    for (round, receipts) in rounds.into_iter().enumerate() {
        let mut node = folder.node();
        // What was told before is still so.
        for receipt in &told {
            let again = node.call("eth_getTransactionReceipt", &json!([receipt["transactionHash"]]));
            assert_eq!(again, *receipt, "round {round}");
            let block = node.call("eth_getBlockByHash", &json!([receipt["blockHash"], false]));
            assert_eq!(block["number"], receipt["blockNumber"]);
        }
        // So is what was accepted: it is part of the chain, or waits to be.
        for hash in waiting.drain(..) {
            let known = node.call("eth_getTransactionByHash", &json!([hash]));
            assert_eq!(known["hash"], hash.as_str(), "round {round}");
        }
        let next = node.call("eth_getTransactionCount", &json!([signer().address(), "pending"]));
        assert_eq!(number(&next), nonce, "round {round}");
        told.clear();
        for _ in 0..receipts {
            let receipt = node.call("eth_sendRawTransactionSync", &json!([transfer(nonce)]));
            assert_eq!(receipt["status"], "0x1");
            told.push(receipt);
            nonce += 1;
        }
        // Some that nobody waits for, the last ones first.
        for at in [2, 3, 4, 0, 1] {
            let hash = node.call("eth_sendRawTransaction", &json!([transfer(nonce + at)]));
            waiting.push(hash.as_str().unwrap().to_owned());
        }
        nonce += 5;
        node.kill();
    }
    expect(&mundi(&["db", "verify", "--datadir", &folder.at("data")]), 0, "sound", "");
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().strip_prefix("0x").unwrap(), 16).unwrap()
}

#[test]
fn pooled_transactions_survive_an_orderly_end() {
    let folder = folder("node-pool");
    let mut node = folder.node();
    let hash = node.call("eth_sendRawTransaction", &json!([transfer(1)]));
    assert_eq!(node.interrupt().code(), Some(0), "{}", node.log());
    let node = folder.node();
    assert_eq!(node.call("txpool_status", &json!([])), json!({"pending": "0x0", "queued": "0x1"}));
    node.call("eth_sendRawTransactionSync", &json!([transfer(0)]));
    loop {
        let receipt = node.call("eth_getTransactionReceipt", &json!([hash]));
        if !receipt.is_null() {
            break assert_eq!(receipt["status"], "0x1");
        }
    }
}

#[test]
fn blocks_go_on_when_nobody_reads_its_log_lines() {
    let folder = folder("node-unheard");
    let (data, genesis) = (folder.at("data"), folder.at("genesis.json"));
    let mut node = Running::start_unheard(&["node", "--datadir", &data, "--genesis", &genesis]);
    for nonce in 0..3 {
        let receipt = node.call("eth_sendRawTransactionSync", &json!([transfer(nonce)]));
        assert_eq!(receipt["status"], "0x1", "{nonce}");
    }
    assert_eq!(node.interrupt().code(), Some(0));
}

#[test]
fn developers_methods_are_not_there() {
    let folder = folder("node-methods");
    let node = folder.node();
    for method in ["evm_mine", "anvil_setBalance", "hardhat_reset"] {
        let response = node.try_call(method, &json!([])).unwrap();
        assert_eq!(response["error"]["code"], -32601, "{method}: {response}");
    }
    assert_eq!(node.call("eth_accounts", &json!([])), json!([]));
}

#[test]
fn what_cannot_be_is_refused_in_a_line() {
    let folder = folder("node-refused");
    let data = folder.at("data");
    refused_by_log(&["node", "--datadir", &data], "begin it with --genesis GENESIS.json");
    refused(&["node", "--datadir", &data, "--genesis", "nowhere.json"], "cannot read the genesis file");
    refused(&["node", "--datadir", &data, "--chain", "mainnet"], "chain (command line): expected \"dev\"");
    refused(&["node", "--config", "nowhere.toml"], "cannot read nowhere.toml");
    let node = folder.node();
    refused_by_log(&["node", "--datadir", &data, "--http.port", "0"], "in use by another process");
    drop(node);
}

/// The same as `refused`, of a command that has written log lines before.
#[track_caller]
fn refused_by_log(arguments: &[&str], message: &str) {
    let output = mundi(arguments);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let line = stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    assert!(line.contains(message), "{stderr}");
}

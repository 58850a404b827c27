//! `mundi dev` as a user meets it.

use crate::{
    command::{Folder, command, mundi, refused, text},
    rpc::{Running, get},
};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::Stdio,
};

/// The first two accounts that everybody knows.
const FIRST: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const SECOND: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// Sends some wei from the first to the second, and gives the receipt.
fn send(node: &Running) -> Value {
    let transaction = json!([{"from": FIRST, "to": SECOND, "value": "0x7"}]);
    let hash = node.call("eth_sendTransaction", &transaction);
    loop {
        let receipt = node.call("eth_getTransactionReceipt", &json!([hash]));
        if !receipt.is_null() {
            return receipt;
        }
    }
}

fn balance(node: &Running, address: &str) -> String {
    node.call("eth_getBalance", &json!([address, "latest"])).as_str().unwrap().to_owned()
}

#[test]
fn a_chain_is_there_at_once_and_ends_cleanly() {
    let mut child =
        command(&["dev", "--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut banner = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !banner.contains("cast balance") {
        banner.push_str(&lines.next().unwrap().unwrap());
        banner.push('\n');
    }
    for part in [
        FIRST,
        SECOND,
        "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "test test test test test test test test test test test junk",
        "10000 ETH",
        "31337",
        "in memory",
        "http://127.0.0.1:",
        "ws://127.0.0.1:",
    ] {
        assert!(banner.contains(part), "{part}: {banner}");
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("stopped"), "{}", text(&output.stderr));
}

#[test]
fn what_developers_use_works() {
    let mut node = Running::start(&["dev", "--chain-id", "1337", "--accounts", "2", "--balance", "3"]);
    assert_eq!(node.call("eth_chainId", &json!([])), "0x539");
    assert_eq!(node.call("eth_accounts", &json!([])).as_array().unwrap().len(), 2);
    assert_eq!(balance(&node, SECOND), "0x29a2241af62c0000");
    let snapshot = node.call("evm_snapshot", &json!([]));
    let receipt = send(&node);
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(balance(&node, SECOND), "0x29a2241af62c0007");
    assert_eq!(node.call("eth_getTransactionCount", &json!([FIRST, "latest"])), "0x1");
    assert_eq!(node.call("evm_revert", &json!([snapshot])), true);
    assert_eq!(balance(&node, SECOND), "0x29a2241af62c0000");
    // Each block has a line.
    let block = node.log().lines().find(|line| line.contains("\"target\":\"block\"")).unwrap().to_owned();
    let block: Value = serde_json::from_str(&block).unwrap();
    assert_eq!(
        (&block["height"], &block["transactions"], &block["gas"]),
        (&json!(1), &json!(1), &json!(21000))
    );
    assert_eq!(node.interrupt().code(), Some(0));
}

#[test]
fn blocks_are_made_as_asked() {
    let node = Running::start(&["dev", "--no-mining"]);
    let transaction = json!([{"from": FIRST, "to": SECOND, "value": "0x7"}]);
    let hash = node.call("eth_sendTransaction", &transaction);
    node.call("evm_mine", &json!([]));
    assert_eq!(node.call("eth_getTransactionReceipt", &json!([hash]))["blockNumber"], "0x1");
    drop(node);
    let node =
        Running::start(&["dev", "--block-time", "0.05", "--timestamp", "1000000000", "--base-fee", "0"]);
    let block = loop {
        let block = node.call("eth_getBlockByNumber", &json!(["0x2", false]));
        if !block.is_null() {
            break block;
        }
    };
    let timestamp = block["timestamp"].as_str().unwrap().strip_prefix("0x").unwrap();
    let timestamp = u64::from_str_radix(timestamp, 16).unwrap();
    assert!((1_000_000_000..1_000_000_100).contains(&timestamp), "{timestamp}");
    assert_eq!(block["baseFeePerGas"], "0x0");
}

#[test]
fn a_folder_keeps_the_chain() {
    let folder = Folder::new("dev-datadir");
    let data = folder.at("data");
    let mut node = Running::start(&["dev", "--datadir", &data]);
    let receipt = send(&node);
    assert_eq!(node.interrupt().code(), Some(0));
    let node = Running::start(&["dev", "--datadir", &data]);
    assert_eq!(node.call("eth_getTransactionReceipt", &json!([receipt["transactionHash"]])), receipt);
    assert_eq!(send(&node)["blockNumber"], "0x2");
    drop(node);
    refused(&["dev", "--datadir", &data, "--chain-id", "5"], "has chain id 31337, not 5");
    // Another node goes on with it, and others take its genesis file.
    let genesis = folder.at("data/genesis.json");
    let node = Running::start(&["node", "--datadir", &data, "--genesis", &genesis, "--no-mine"]);
    assert_eq!(node.call("eth_blockNumber", &json!([])), "0x2");
}

#[test]
fn a_dump_carries_the_chain_elsewhere() {
    let folder = Folder::new("dev-state");
    let state = folder.at("state.json");
    let mut node = Running::start(&["dev", "--state", &state]);
    let receipt = send(&node);
    node.call("anvil_setBalance", &json!([SECOND, "0x5"]));
    assert_eq!(node.interrupt().code(), Some(0), "{}", node.log());
    let node = Running::start(&["dev", "--load-state", &state]);
    assert_eq!(node.call("eth_getTransactionReceipt", &json!([receipt["transactionHash"]])), receipt);
    assert_eq!(balance(&node, SECOND), "0x5");
    drop(node);
    let bad = folder.file("bad.json", b"hello");
    refused(&["dev", "--port", "0", "--load-state", &bad], "the dump of the chain cannot be loaded");
    refused(&["dev", "--port", "0", "--load-state", "nowhere.json"], "cannot read nowhere.json");
}

#[test]
fn a_chain_goes_on_from_another() {
    let remote = Running::start(&["dev", "--chain-id", "99"]);
    let receipt = send(&remote);
    send(&remote);
    let url = format!("http://{}@1", remote.http);
    let fork = Running::start(&["dev", "--fork", &url]);
    assert_eq!(fork.call("eth_chainId", &json!([])), "0x63");
    assert_eq!(fork.call("eth_blockNumber", &json!([])), "0x1");
    assert_eq!(fork.call("eth_getTransactionReceipt", &json!([receipt["transactionHash"]])), receipt);
    assert_eq!(send(&fork)["blockNumber"], "0x2");
}

#[test]
fn a_genesis_file_is_taken_with_the_known_accounts() {
    let folder = Folder::new("dev-init");
    let genesis = json!({
        "config": {
            "chainId": 77, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
            "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0,
            "berlinBlock": 0, "londonBlock": 0, "terminalTotalDifficulty": 0, "shanghaiTime": 0,
        },
        "gasLimit": "0x1c9c380", "difficulty": "0x0",
        "alloc": {"00000000000000000000000000000000000000aa": {"balance": "0x123"}},
    });
    let file = folder.file("genesis.json", genesis.to_string().as_bytes());
    let node = Running::start(&["dev", "--init", &file]);
    assert_eq!(node.call("eth_chainId", &json!([])), "0x4d");
    assert_eq!(balance(&node, "0x00000000000000000000000000000000000000aa"), "0x123");
    assert_eq!(send(&node)["status"], "0x1");
    let block = node.call("eth_getBlockByNumber", &json!(["latest", false]));
    assert_eq!(block["gasLimit"], "0x1c9c380");
}

#[test]
fn figures_and_health_are_served() {
    let folder = Folder::new("dev-figures");
    let out = folder.at("config.json");
    let node = Running::start(&["dev", "--metrics.port", "0", "--config-out", &out]);
    send(&node);
    let config: Value = serde_json::from_slice(&folder.read("config.json")).unwrap();
    let url = config["endpoints"]["metrics"].as_str().unwrap();
    let address = url.strip_prefix("http://").and_then(|url| url.strip_suffix("/metrics")).unwrap();
    let address = address.parse().unwrap();
    let figures = get(address, "/metrics").unwrap();
    for line in [
        "ledger_height 1\n",
        "ledger_transactions_total 1\n",
        "rpc_requests_total{method=\"eth_sendTransaction\"} 1\n",
    ] {
        assert!(figures.contains(line), "{line}: {figures}");
    }
    for path in ["/health", "/ready"] {
        let health = get(address, path).unwrap();
        assert!(health.starts_with("HTTP/1.1 200") && health.contains("\"height\":1"), "{health}");
    }
    assert!(get(address, "/else").unwrap().starts_with("HTTP/1.1 404"));
}

#[cfg(unix)]
#[test]
fn a_socket_is_served_and_any_account_sends() {
    use std::{io::Write as _, os::unix::net::UnixStream};
    let folder = Folder::new("dev-ipc");
    let socket = folder.at("dev.ipc");
    let mut node = Running::start(&["dev", "--ipc", &socket, "--auto-impersonate"]);
    let stranger = "0x00000000000000000000000000000000000000bb";
    node.call("anvil_setBalance", &json!([stranger, "0xde0b6b3a7640000"]));
    let request = json!({
        "jsonrpc": "2.0", "id": 5, "method": "eth_sendTransaction",
        "params": [{"from": stranger, "to": SECOND, "value": "0x1"}],
    });
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(request.to_string().as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer).unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&answer["id"], answer["result"].is_string()), (&json!(5), true), "{answer}");
    assert_eq!(node.interrupt().code(), Some(0));
    assert!(!std::path::Path::new(&socket).exists());
}

#[test]
fn what_cannot_be_is_refused_in_a_line() {
    refused(&["dev", "--host", "0.0.0.0"], "listen on 127.0.0.1, or allow it with --allow-public");
    refused(
        &["dev", "--code-size-limit", "1"],
        "--code-size-limit is not supported: contracts have the size",
    );
    refused(&["dev", "--steps-tracing"], "leave the option out");
    refused(&["dev", "--colour"], "unexpected argument '--colour'");
    refused(&["dev", "--port", "0", "--hardfork", "ice age"], "unknown hardfork 'ice age'");
    refused(&["dev", "--port", "0", "--mnemonic", "hello world"], "words of BIP-39");
    refused(&["dev", "--port", "0", "--balance", "lots"], "`lots` is no amount of ether");
    refused(&["dev", "--mixed-mining"], "required arguments");
    refused(&["dev", "--fork", "http://127.0.0.1:1@newest"], "expected the number of a block after @");
    refused(
        &["dev", "--fork", "http://127.0.0.1:1", "--retries", "0"],
        "the remote chain cannot be continued",
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    refused(&["dev", "--port", &port], &format!("port {port} is in use on 127.0.0.1"));
    let quiet = mundi(&["dev", "--port", &port, "--quiet"]);
    assert!(quiet.stdout.is_empty() && quiet.status.code() == Some(2));
}

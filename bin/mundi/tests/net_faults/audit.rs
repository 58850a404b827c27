//! What has to be true on every node when all is over.

use crate::{
    load::Sent,
    network::Network,
    rpc::{Rpc, number},
};
use alloy_primitives::{Address, U256};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn amount(value: &Value) -> U256 {
    value.as_str().unwrap().parse().unwrap()
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// All blocks up to a height, with the hashes of their transactions.
fn blocks(node: Rpc, height: u64) -> Vec<Value> {
    let params: Vec<Value> = (0..=height).map(|height| json!([format!("{height:#x}"), false])).collect();
    node.all("eth_getBlockByNumber", &params)
}

/// Compares all nodes with each other, and with what they told senders.
pub(crate) fn check(network: &Network, sent: &[Sent]) {
    let nodes = network.nodes();
    let receipts: Vec<&Value> = sent.iter().flat_map(|sent| &sent.receipts).collect();
    let last = receipts.iter().map(|receipt| number(&receipt["blockNumber"])).max().expect("there are some");
    let heights = nodes.iter().filter_map(|node| node.progress()).map(|progress| progress.executed);
    let height = heights.chain([last]).max().expect("there is one");
    network.wait("all nodes have the same height", || {
        let has_it = |node: &Rpc| node.progress().is_some_and(|progress| progress.finalized >= height);
        nodes.iter().all(has_it).then_some(())
    });
    println!("{} receipts in {height} blocks", receipts.len());
    let chain = blocks(nodes[0], height);
    // States are kept for some blocks only, so they come first.
    conserved(network, &nodes, sent, &chain);
    for (parent, block) in chain.iter().zip(&chain[1..]) {
        assert_eq!(block["parentHash"], parent["hash"]);
    }
    for node in &nodes[1..] {
        for (block, other) in chain.iter().zip(blocks(*node, height)) {
            assert_eq!(block["hash"], other["hash"], "{node:?} has another block {}", block["number"]);
        }
    }
    complete(&chain, &receipts);
    let hashes: Vec<Value> = receipts.iter().map(|receipt| json!([receipt["transactionHash"]])).collect();
    for node in &nodes {
        for (given, kept) in receipts.iter().zip(node.all("eth_getTransactionReceipt", &hashes)) {
            assert_eq!(**given, kept, "{node:?} has another receipt than the one that was given out");
        }
    }
}

/// The parameters of a question about each account at a block.
fn each(accounts: impl IntoIterator<Item = Address>, block: &Value) -> Vec<Value> {
    accounts.into_iter().map(|account| json!([account, block])).collect()
}

/// On every node, at the last block: all that the genesis gave is there but what blocks burnt, and everybody has paid and been paid
/// what the receipts say.
fn conserved(network: &Network, nodes: &[Rpc], sent: &[Sent], chain: &[Value]) {
    let genesis: Value = serde_json::from_slice(&network.genesis()).unwrap();
    let alloc = genesis["alloc"].as_object().unwrap();
    let granted: U256 = alloc.values().map(|account| amount(&account["balance"])).sum();
    let burnt: U256 =
        chain.iter().map(|block| amount(&block["gasUsed"]) * amount(&block["baseFeePerGas"])).sum();
    let mut accounts: BTreeSet<Address> = alloc.keys().map(|text| address(text)).collect();
    accounts.extend(chain.iter().map(|block| address(block["miner"].as_str().unwrap())));
    accounts.extend(sent.iter().map(|sent| sent.to));
    let last = &chain.last().unwrap()["number"];
    let everybody = each(accounts, last);
    let (payers, payees) =
        (each(sent.iter().map(|sent| sent.from), last), each(sent.iter().map(|sent| sent.to), last));
    for node in nodes {
        let held: U256 = node.all("eth_getBalance", &everybody).iter().map(amount).sum();
        assert_eq!(held + burnt, granted, "{node:?}");
        let nonces = node.all("eth_getTransactionCount", &payers);
        let paid = node.all("eth_getBalance", &payees);
        for ((sent, nonce), paid) in sent.iter().zip(&nonces).zip(&paid) {
            let count = sent.receipts.len();
            assert_eq!(number(nonce), count as u64, "{node:?}: {}", sent.from);
            assert_eq!(amount(paid), U256::from(count * (count + 1) / 2), "{node:?}: {}", sent.to);
        }
    }
}

/// What was given out is all that is in the chain, once, where the receipts say, and it succeeded.
fn complete(chain: &[Value], receipts: &[&Value]) {
    let transactions = chain.iter().flat_map(|block| block["transactions"].as_array().unwrap());
    let included: Vec<&str> = transactions.map(|hash| hash.as_str().unwrap()).collect();
    let given: BTreeSet<&str> =
        receipts.iter().map(|receipt| receipt["transactionHash"].as_str().unwrap()).collect();
    assert_eq!((included.len(), given.len()), (receipts.len(), receipts.len()));
    assert_eq!(included.into_iter().collect::<BTreeSet<_>>(), given);
    for receipt in receipts {
        let block = &chain[number(&receipt["blockNumber"]) as usize];
        assert_eq!((&receipt["status"], &receipt["blockHash"]), (&json!("0x1"), &block["hash"]));
    }
}

//! Which chain this is, and which node.

use super::config::eth_config;
use crate::prefixed::hex;
use crate::schemas;
use crate::syncing::SyncStatus;
use alloy_primitives::{Address, B256, Bytes, U64, keccak256};
use mundi_chain::Ledger;
use mundi_consensus::Mining;
use mundi_rpc_context::{Cost, Methods, RpcError, Schema, required};
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) fn add(methods: &mut Methods) {
    about_the_chain(methods);
    about_the_node(methods);
}

fn about_the_chain(methods: &mut Methods) {
    methods.add(Cost::Light, "eth_chainId", "The chain id (EIP-155).", &[], Schema::Quantity, |ctx, _| {
        Ok(U64::from(ctx.ledger.spec().chain_id()))
    });
    methods.add(
        Cost::Light,
        "eth_blockNumber",
        "The height of the newest block.",
        &[],
        Schema::Quantity,
        |ctx, _| Ok(U64::from(ctx.ledger.head().block.header.number)),
    );
    methods.add(
        Cost::Light,
        "eth_syncing",
        "`false`, or how far the node is if it is behind those who order.",
        &[],
        schemas::SYNCING,
        |ctx, _| Ok(SyncStatus::of(ctx.consensus.as_ref())),
    );
    methods.add(
        Cost::Light,
        "eth_config",
        "The rules in force and those to come (EIP-7910).",
        &[],
        schemas::CONFIG,
        |ctx, _| eth_config(ctx),
    );
    methods.add(
        Cost::Light,
        "eth_capabilities",
        "How far back blocks, states, proofs and logs can be asked for.",
        &[],
        schemas::CAPABILITIES,
        |ctx, _| capabilities(&ctx.ledger),
    );
}

fn about_the_node(methods: &mut Methods) {
    methods.add(
        Cost::Light,
        "eth_accounts",
        "The accounts that the node signs for.",
        &[],
        Schema::Array(&Schema::Address),
        |ctx, _| Ok(ctx.accounts.addresses()),
    );
    methods.add(
        Cost::Light,
        "eth_coinbase",
        "Who gets the fees of the next block.",
        &[],
        Schema::Address,
        |ctx, _| {
            let head = || ctx.ledger.head().block.header.beneficiary;
            Ok::<Address, _>(ctx.developer.as_ref().map_or_else(head, |solo| solo.preview().beneficiary))
        },
    );
    methods.add(
        Cost::Light,
        "eth_mining",
        "Whether the node makes blocks by itself.",
        &[],
        Schema::Bool,
        |ctx, _| Ok(ctx.developer.as_ref().is_some_and(|solo| solo.mining() != Mining::Manual)),
    );
    methods.add(
        Cost::Light,
        "eth_hashrate",
        "Zero: there is no proof of work.",
        &[],
        Schema::Quantity,
        |_, _| Ok(U64::ZERO),
    );
    methods.add(Cost::Light, "net_version", "The chain id, decimal.", &[], Schema::Text, |ctx, _| {
        Ok(ctx.ledger.spec().chain_id().to_string())
    });
    methods.add(Cost::Light, "net_listening", "Whether the node is up.", &[], Schema::Bool, |ctx, _| {
        Ok(ctx.ledger.halted().is_none())
    });
    methods.add(
        // A network of many has many figures to count among.
        Cost::Read,
        "net_peerCount",
        "How many others the node is connected to.",
        &[],
        Schema::Quantity,
        |ctx, _| Ok(ctx.consensus.as_ref().map_or(U64::ZERO, |consensus| U64::from((consensus.peers)()))),
    );
    methods.add(
        Cost::Light,
        "web3_clientVersion",
        "Name and version of the node.",
        &[],
        Schema::Text,
        |ctx, _| Ok(ctx.client_version.clone()),
    );
    methods.add(
        Cost::Light,
        "web3_sha3",
        "Keccak-256 of some bytes.",
        &[required("data", Schema::Bytes)],
        Schema::Hash,
        |_, mut args| Ok::<B256, RpcError>(keccak256(hex::<Bytes>(&mut args)?)),
    );
    methods.add(
        Cost::Light,
        "rpc_modules",
        "The groups of methods and their versions.",
        &[],
        Schema::Map(&Schema::Text),
        |ctx, _| Ok(modules(ctx.developer.is_some())),
    );
}

fn modules(developer: bool) -> BTreeMap<&'static str, &'static str> {
    const ALWAYS: [&str; 11] =
        ["debug", "erigon", "eth", "mundi", "net", "ots", "rpc", "testing", "trace", "txpool", "web3"];
    const FOR_DEVELOPERS: [&str; 4] = ["anvil", "evm", "hardhat", "personal"];
    let more = if developer { &FOR_DEVELOPERS[..] } else { &[] };
    ALWAYS.iter().chain(more).map(|module| (*module, "1.0")).collect()
}

#[derive(Clone, Debug, Serialize)]
struct Capabilities {
    head: HeadCapability,
    state: Resource,
    tx: Resource,
    logs: Resource,
    receipts: Resource,
    blocks: Resource,
    stateproofs: Resource,
}

#[derive(Clone, Debug, Serialize)]
struct HeadCapability {
    number: U64,
    hash: B256,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    disabled: bool,
    oldest_block: U64,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_strategy: Option<DeleteStrategy>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeleteStrategy {
    r#type: &'static str,
    retention_blocks: U64,
}

impl Resource {
    fn since(oldest: u64) -> Self {
        Self { disabled: false, oldest_block: U64::from(oldest), delete_strategy: None }
    }
}

fn capabilities(ledger: &Ledger) -> Result<Capabilities, RpcError> {
    let head = ledger.head();
    let store = ledger.store();
    let blocks = Resource::since(store.oldest_block()?);
    let (values, proofs) = store.oldest();
    // Logs stay as long as any chain lasts.
    let for_ever = DeleteStrategy { r#type: "window", retention_blocks: U64::MAX };
    Ok(Capabilities {
        head: HeadCapability { number: U64::from(head.block.header.number), hash: head.block.hash },
        state: Resource::since(values),
        tx: blocks.clone(),
        logs: Resource { delete_strategy: Some(for_ever), ..blocks.clone() },
        receipts: blocks.clone(),
        blocks,
        stateproofs: Resource::since(proofs),
    })
}

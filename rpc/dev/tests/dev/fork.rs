//! A chain that continues another one, which is served over HTTP.

use crate::world::{World, accounts, nobody};
use alloy_primitives::{B256, U256};
use jsonrpsee::server::{ServerBuilder, ServerHandle};
use mundi_rpc_dev::{Fork, ForkConfig};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::runtime::Runtime;

/// A chain with a server before it.
struct Served {
    world: World,
    url: String,
    runtime: Runtime,
    handle: ServerHandle,
}

impl Served {
    fn new(world: World) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let module = world.bench.methods();
        let (mut module, _) = module.into_parts();
        for methods in
            [mundi_rpc_eth::methods(Arc::clone(&world.ctx)), mundi_rpc_call::methods(Arc::clone(&world.ctx))]
        {
            module.merge(methods.into_parts().0).unwrap();
        }
        let (url, handle) = runtime.block_on(async {
            let server = ServerBuilder::default().build("127.0.0.1:0").await.unwrap();
            (format!("http://{}", server.local_addr().unwrap()), server.start(module))
        });
        Self { world, url, runtime, handle }
    }

    fn config(&self, block: Option<u64>) -> ForkConfig {
        ForkConfig { block, backoff: Duration::ZERO, retries: 1, ..ForkConfig::new(self.url.clone()) }
    }

    fn fork(&self, block: Option<u64>) -> Arc<Fork> {
        Arc::new(Fork::open(self.config(block)).unwrap())
    }

    fn stop(self) -> World {
        let _ = self.handle.stop();
        self.runtime.block_on(self.handle.stopped());
        self.world
    }
}

/// Returns its block hash number 2 (and 1 + the stored number), and stores 1 more than there was: `sstore(0, sload(0) + 1)`,
/// `mstore(0, blockhash(2))`, `log0`, `return`.
const CONTRACT: &str = "0x60015f54015f556002405f5260205fa060205ff3";

fn remote() -> Served {
    let world = World::new();
    let contract = nobody(0xc0);
    world.call("anvil_setCode", json!([contract, CONTRACT]));
    world.send(nobody(1), 5);
    world.mine();
    world.send(contract, 0);
    world.mine();
    world.send(contract, 0);
    world.mine();
    world.send(nobody(1), 7);
    world.mine();
    Served::new(world)
}

#[test]
fn a_chain_goes_on_where_another_one_was() {
    let remote = remote();
    let fork = remote.fork(Some(3));
    assert_eq!((fork.chain_id(), fork.height()), (31337, 3));
    let local = World::above(&fork);
    assert_eq!(local.height(), 3);
    assert_eq!(local.balance(nobody(1)), U256::from(5));
    let contract = nobody(0xc0);
    let counter =
        |world: &World, block: &str| world.number("eth_getStorageAt", json!([contract, "0x0", block]));
    assert_eq!(counter(&local, "latest"), U256::from(2));
    assert_eq!(local.call("eth_getCode", json!([contract, "latest"])), CONTRACT);

    // Its own block, which reads code, storage and a hash of the other chain.
    let hash = local.send(contract, 0);
    local.send(nobody(1), 100);
    local.mine();
    let block = local.call("eth_getBlockByNumber", json!(["latest", false]));
    assert_eq!((&block["number"], &block["parentHash"]), (&json!("0x4"), &json!(fork.hash())));
    let receipt = local.call("eth_getTransactionReceipt", json!([hash]));
    assert_eq!(receipt["status"], "0x1");
    let second = remote.world.call("eth_getBlockByNumber", json!(["0x2", false]))["hash"].clone();
    assert_eq!(receipt["logs"][0]["data"], second);
    assert_eq!((counter(&local, "latest"), local.balance(nobody(1))), (U256::from(3), U256::from(105)));
    assert_eq!(counter(&local, "0x3"), U256::from(2), "the past stays");
    let called = local.call("eth_call", json!([{"to": contract}, "latest"]));
    assert_eq!(called, second);
    // The other chain went another way.
    assert_eq!(remote.world.balance(nobody(1)), U256::from(12));
}

#[test]
fn questions_about_the_other_chain_are_put_to_it() {
    let remote = remote();
    let fork = remote.fork(Some(3));
    let local = World::above(&fork);
    let contract = nobody(0xc0);
    local.send(contract, 0);
    local.mine();
    let same = |method: &str, params: Value| {
        let (there, here) = (remote.world.call(method, params.clone()), local.call(method, params.clone()));
        assert_eq!(there, here, "{method} {params}");
        assert!(!here.is_null(), "{method} {params}");
        here
    };
    for height in ["0x0", "0x2", "0x3", "earliest"] {
        same("eth_getBlockByNumber", json!([height, true]));
        same("eth_getBlockReceipts", json!([height]));
        same("eth_getBlockTransactionCountByNumber", json!([height]));
        same("eth_getBalance", json!([nobody(1), height]));
        same("eth_getStorageAt", json!([contract, "0x0", height]));
        same("eth_call", json!([{"to": contract}, height]));
    }
    let block = same("eth_getBlockByNumber", json!(["0x2", false]));
    same("eth_getBlockByHash", json!([block["hash"], true]));
    same("eth_getBalance", json!([nobody(1), {"blockHash": block["hash"]}]));
    same("eth_getTransactionByHash", json!([block["transactions"][0]]));
    same("eth_getTransactionReceipt", json!([block["transactions"][0]]));
    same("eth_getTransactionByBlockNumberAndIndex", json!(["0x2", "0x0"]));
    same("eth_getLogs", json!([{"fromBlock": "0x0", "toBlock": "0x3", "address": contract}]));
    same("eth_getLogs", json!([{"blockHash": block["hash"]}]));
    let logs = local.call("eth_getLogs", json!([{"fromBlock": "0x0", "toBlock": "latest"}]));
    let heights: Vec<_> = logs.as_array().unwrap().iter().map(|log| log["blockNumber"].clone()).collect();
    assert_eq!(heights, ["0x2", "0x3", "0x4"]);
    let own = local.call("eth_getLogs", json!([{"fromBlock": "0x4"}]));
    assert_eq!(own.as_array().unwrap().len(), 1);
    assert_eq!(local.call("eth_getTransactionByHash", json!([B256::ZERO])), Value::Null);
    let (code, _) = local.ask("eth_getBalance", json!(["0x12", "0x1"])).unwrap_err();
    assert_eq!(code, -32602);
}

#[test]
fn the_newest_block_may_be_the_other_chains() {
    let remote = remote();
    let fork = remote.fork(None);
    assert_eq!(fork.height(), 4);
    let local = World::above(&fork);
    for tag in ["latest", "safe", "finalized"] {
        let block = local.call("eth_getBlockByNumber", json!([tag, false]));
        assert_eq!(block["hash"], json!(fork.hash()));
        assert_eq!(block["transactions"].as_array().unwrap().len(), 1);
    }
    assert_eq!(local.balance(nobody(1)), U256::from(12));
    local.call("anvil_setBalance", json!([nobody(1), "0x1"]));
    assert_eq!(local.balance(nobody(1)), U256::ONE);
    local.call("anvil_setStorageAt", json!([nobody(0xc0), "0x0", B256::with_last_byte(0x20)]));
    local.mine();
    assert_eq!(local.number("eth_getStorageAt", json!([nobody(0xc0), "0x0", "latest"])), U256::from(0x20));
    assert_eq!(local.number("eth_getBalance", json!([nobody(1), "0x4"])), U256::from(12));
    assert_eq!(local.call("anvil_metadata", json!([]))["forkedNetwork"]["forkBlockNumber"], 4);
    assert_eq!(local.call("anvil_nodeInfo", json!([]))["forkConfig"]["forkUrl"], remote.url);
}

#[test]
fn a_chain_above_another_one_goes_back_and_is_dumped_and_loaded() {
    let remote = remote();
    let fork = remote.fork(Some(3));
    let local = World::above(&fork);
    let contract = nobody(0xc0);
    local.send(contract, 0);
    local.mine();
    let id = local.call("evm_snapshot", json!([]));
    local.call("anvil_setBalance", json!([nobody(1), "0x1"]));
    local.send(contract, 0);
    local.mine();
    let counter = |world: &World| world.number("eth_getStorageAt", json!([contract, "0x0", "latest"]));
    assert_eq!((counter(&local), local.balance(nobody(1))), (U256::from(4), U256::ONE));

    let dump = local.call("anvil_dumpState", json!([]));
    let other = World::above(&remote.fork(Some(3)));
    other.call("anvil_loadState", json!([dump]));
    let hash = |world: &World| world.call("eth_getBlockByNumber", json!(["latest", false]))["hash"].clone();
    assert_eq!((hash(&local), counter(&other)), (hash(&other), U256::from(4)));
    let elsewhere = World::above(&remote.fork(Some(2)));
    assert!(elsewhere.ask("anvil_loadState", json!([dump])).is_err(), "it follows another block");

    assert_eq!(local.call("evm_revert", json!([id])), true);
    assert_eq!((counter(&local), local.balance(nobody(1))), (U256::from(3), U256::from(5)));
    local.call("anvil_reset", json!([{"forking": {"jsonRpcUrl": remote.url, "blockNumber": 3}}]));
    assert_eq!((local.height(), counter(&local)), (3, U256::from(2)));
    let (code, _) = local.ask("anvil_reset", json!([{"forking": {"blockNumber": 2}}])).unwrap_err();
    assert_eq!(code, -32004);
}

#[test]
fn rich_accounts_are_rich_above_too() {
    let remote = remote();
    let first = accounts()[0];
    assert!(remote.world.balance(first) < crate::world::preset().balance);
    let local = World::above(&remote.fork(Some(3)));
    assert_eq!(local.balance(first), crate::world::preset().balance);
    let nonce = json!([first, "latest"]);
    assert_eq!(local.number("eth_getTransactionCount", nonce), U256::from(3));
}

#[test]
fn a_remote_node_that_is_gone_is_an_error_and_nothing_else() {
    let remote = remote();
    let fork = remote.fork(Some(3));
    let local = World::above(&fork);
    assert_eq!(local.balance(nobody(1)), U256::from(5));
    let config = remote.config(Some(3));
    let world = remote.stop();
    assert_eq!(local.balance(nobody(1)), U256::from(5), "it is remembered");
    let (code, message) = local.ask("eth_getBalance", json!([nobody(0x77), "latest"])).unwrap_err();
    assert_eq!((code, message.contains("127.0.0.1")), (-32603, true), "{message}");
    assert!(local.ask("eth_getBlockByNumber", json!(["0x1", false])).is_err());
    assert!(local.ask("evm_mine", json!([])).is_err(), "the rules read contracts that nobody has read yet");
    assert!(local.ctx.ledger.halted().is_none());
    assert!(Fork::open(config).is_err());
    let elsewhere = Served::new(world);
    assert_eq!(local.call("anvil_setRpcUrl", json!([elsewhere.url])), Value::Null);
    assert!(local.ask("anvil_setRpcUrl", json!(["nowhere"])).is_err());
    local.mine();
    assert_eq!(local.height(), 4);
}

#[test]
fn a_block_that_does_not_exist_cannot_be_continued() {
    let remote = remote();
    let error = Fork::open(remote.config(Some(99))).unwrap_err();
    assert!(error.to_string().contains("there is no block 99"), "{error}");
}

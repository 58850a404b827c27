//! Making blocks, and the clock.

use crate::world::{NOW, World, accounts, nobody, preset};
use alloy_primitives::{B256, U256};
use mundi_consensus::Mining;
use serde_json::{Value, json};

#[test]
fn blocks_are_made_on_command() {
    let world = World::new();
    assert_eq!(world.call("evm_mine", json!([])), "0x0");
    world.call("evm_mine", json!([null]));
    world.call("anvil_mine", json!([]));
    world.call("hardhat_mine", json!(["0x3"]));
    world.call("anvil_mine", json!([0]));
    assert_eq!(world.height(), 6);
    world.send(nobody(1), 5);
    let blocks = world.call("evm_mine_detailed", json!([{"blocks": 2}]));
    assert_eq!(blocks[0]["transactions"][0]["value"], "0x5");
    assert_eq!(blocks[1]["transactions"], json!([]));
    assert_eq!(world.height(), 8);
    let (code, _) = world.ask("hardhat_mine", json!([U256::MAX])).unwrap_err();
    assert_eq!(code, -32602);
}

#[test]
fn blocks_are_as_far_apart_as_wanted() {
    let world = World::new();
    world.call("anvil_mine", json!([3, "0x5"]));
    assert_eq!(world.timestamp(), NOW + 10);
    world.call("evm_mine", json!([NOW + 100]));
    assert_eq!(world.timestamp(), NOW + 100);
    world.call("evm_mine", json!([{"timestamp": NOW + 200, "blocks": 2}]));
    assert_eq!(world.timestamp(), NOW + 200, "the clock goes on from there, and stands still");
    world.call("anvil_setBlockTimestampInterval", json!([7]));
    world.mine();
    world.mine();
    assert_eq!(world.timestamp(), NOW + 214);
    assert_eq!(world.call("anvil_removeBlockTimestampInterval", json!([])), true);
    assert_eq!(world.call("anvil_removeBlockTimestampInterval", json!([])), false);
}

#[test]
fn time_travels() {
    let world = World::new();
    world.mine();
    assert_eq!(world.timestamp(), NOW);
    assert_eq!(world.call("evm_increaseTime", json!([100])), 100);
    assert_eq!(world.call("evm_increaseTime", json!(["0x64"])), 200);
    world.mine();
    assert_eq!(world.timestamp(), NOW + 200);
    world.call("evm_setNextBlockTimestamp", json!([NOW + 1000]));
    world.mine();
    world.call("evm_increaseTime", json!([1]));
    world.mine();
    assert_eq!(world.timestamp(), NOW + 1001);
    for past in [json!([1]), json!([NOW])] {
        let (code, message) = world.ask("evm_setNextBlockTimestamp", past).unwrap_err();
        assert_eq!(code, -32602, "{message}");
    }
    assert_eq!(world.call("evm_setTime", json!([NOW + 5000])), 3999);
    world.mine();
    assert_eq!(world.timestamp(), NOW + 5000);
    assert!(world.ask("evm_increaseTime", json!(["0xffffffffffffff"])).is_err());
    assert!(world.ask("evm_setNextBlockTimestamp", json!([U256::MAX])).is_err());
    world.mine();
}

#[test]
fn the_mode_of_mining_can_be_changed() {
    let world = World::with(Mining::Auto, &preset());
    assert_eq!(world.call("anvil_getAutomine", json!([])), true);
    assert_eq!(world.call("anvil_getIntervalMining", json!([])), Value::Null);
    world.call("evm_setAutomine", json!([false]));
    assert_eq!(world.call("hardhat_getAutomine", json!([])), false);
    let hash = world.send(nobody(1), 1);
    assert_eq!(world.call("eth_getTransactionReceipt", json!([hash])), Value::Null);
    world.call("evm_setIntervalMining", json!([3600]));
    assert_eq!(world.call("anvil_getIntervalMining", json!([])), 3600);
    world.call("evm_setAutomine", json!([false]));
    assert_eq!(world.call("anvil_getIntervalMining", json!([])), 3600);
    world.call("evm_setIntervalMining", json!([0]));
    assert_eq!(world.call("anvil_getIntervalMining", json!([])), Value::Null);
    assert_eq!(world.call("anvil_getAutomine", json!([])), false);
    assert!(world.ask("evm_setIntervalMining", json!(["0xffffffffffffffff"])).is_err());
    let mut heads = world.ctx.ledger.events();
    world.call("evm_setAutomine", json!([true]));
    while world.call("eth_getTransactionReceipt", json!([hash])).is_null() {
        heads.blocking_recv().unwrap();
    }
}

#[test]
fn blocks_are_made_as_was_decided() {
    let world = World::new();
    world.call("anvil_setCoinbase", json!([nobody(0xcc)]));
    world.call("hardhat_setNextBlockBaseFeePerGas", json!(["0x77359400"]));
    world.call("hardhat_setPrevRandao", json!([B256::repeat_byte(3)]));
    assert_eq!(world.call("evm_setBlockGasLimit", json!(["0x2faf080"])), true);
    world.mine();
    let block = world.call("eth_getBlockByNumber", json!(["latest", false]));
    assert_eq!(block["miner"], json!(nobody(0xcc)));
    assert_eq!(block["baseFeePerGas"], "0x77359400");
    assert_eq!(block["mixHash"], json!(B256::repeat_byte(3)));
    assert_eq!(block["gasLimit"], "0x2faf080");
    world.mine();
    let block = world.call("eth_getBlockByNumber", json!(["latest", false]));
    assert_ne!(block["baseFeePerGas"], "0x77359400", "only the next one");
    assert_ne!(block["mixHash"], json!(B256::repeat_byte(3)));
    assert_eq!((&block["miner"], &block["gasLimit"]), (&json!(nobody(0xcc)), &json!("0x2faf080")));
    assert!(world.ask("evm_setBlockGasLimit", json!([1])).is_err());
    let (code, message) = world.ask("anvil_setMinGasPrice", json!([1])).unwrap_err();
    assert_eq!((code, message.contains("EIP-1559")), (-32602, true));
}

#[test]
fn the_chain_tells_about_itself() {
    let world = World::new();
    world.mine();
    let info = world.call("anvil_nodeInfo", json!([]));
    assert_eq!((&info["currentBlockNumber"], &info["hardFork"]), (&json!("0x1"), &json!("Bpo2")));
    assert_eq!(info["environment"]["chainId"], 31337);
    assert_eq!(info["forkConfig"]["forkUrl"], Value::Null);
    let id = world.call("evm_snapshot", json!([]));
    let metadata = world.call("hardhat_metadata", json!([]));
    assert_eq!(metadata["latestBlockNumber"], 1);
    assert_eq!(metadata["snapshots"][id.as_str().unwrap()][0], 1);
    let instance = metadata["instanceId"].clone();
    world.call("anvil_reset", json!([]));
    let metadata = world.call("anvil_metadata", json!([]));
    assert_ne!(metadata["instanceId"], instance);
    assert_eq!(metadata["snapshots"], json!({}));
    assert_eq!(world.call("anvil_getGenesisTime", json!([])), 1_000_000);
    for (method, params) in [
        ("anvil_setLoggingEnabled", json!([true])),
        ("anvil_enableTraces", json!([])),
        ("anvil_setRpcUrl", json!(["http://localhost:1"])),
    ] {
        assert_eq!(world.call(method, params), Value::Null);
    }
    assert_eq!(world.call("hardhat_addCompilationResult", json!(["0.8.37", {}, {}])), false);
    assert_eq!(world.call("anvil_getBlobByHash", json!([B256::ZERO])), Value::Null);
    assert_eq!(world.call("anvil_getBlobsByTransactionHash", json!([B256::ZERO])), Value::Null);
    let _ = accounts();
}

#[test]
fn a_base_fee_of_nothing_takes_transactions_that_pay_nothing() {
    let world = World::new();
    let free =
        json!([{"from": accounts()[0], "to": nobody(1), "value": "0x1", "gas": "0x5208", "gasPrice": "0x0"}]);
    assert!(world.ask("eth_sendTransaction", free.clone()).is_err());
    world.call("anvil_setNextBlockBaseFeePerGas", json!(["0x0"]));
    let hash = world.call("eth_sendTransaction", free.clone());
    world.mine();
    let receipt = world.call("eth_getTransactionReceipt", json!([hash]));
    assert_eq!((&receipt["status"], &receipt["effectiveGasPrice"]), (&json!("0x1"), &json!("0x0")));
    let big = json!([{"from": accounts()[0], "to": nobody(1), "gas": "0xf4240"}]);
    world.call("evm_setBlockGasLimit", json!(["0x7a120"]));
    assert!(world.ask("eth_sendTransaction", big.clone()).is_err(), "over the gas limit to come");
    let id = world.call("evm_snapshot", json!([]));
    world.call("evm_setBlockGasLimit", json!(["0x1c9c380"]));
    world.call("eth_sendTransaction", big.clone());
    world.call("evm_revert", json!([id]));
    assert!(world.ask("eth_sendTransaction", big).is_err(), "over it again");
}

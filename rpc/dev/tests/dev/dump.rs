//! Dumps.

use crate::world::{World, accounts, nobody, preset};
use alloy_primitives::{B256, Bytes, U256};
use mundi_chain::{DeveloperGenesis, Genesis};
use mundi_consensus::Mining;
use mundi_rpc_dev::Dump;
use serde_json::{Value, json};

/// A chain with a bit of everything.
fn busy() -> World {
    let world = World::new();
    world.send(nobody(1), 5);
    world.mine();
    world.call("anvil_setCode", json!([nobody(2), "0x60015f5500"]));
    world.call("anvil_setBalance", json!([nobody(3), "0xde0b6b3a7640000"]));
    world.call("anvil_impersonateAccount", json!([nobody(3)]));
    world.send(nobody(2), 0);
    world.call("eth_sendTransaction", json!([{"from": nobody(3), "to": nobody(1), "value": "0x1"}]));
    world.call("evm_increaseTime", json!([500]));
    world.call("hardhat_setPrevRandao", json!([B256::repeat_byte(7)]));
    world.mine();
    world.call("anvil_mine", json!([2, 5]));
    world.call("anvil_setBalance", json!([nobody(4), "0x4"]));
    world
}

fn dump(world: &World) -> Bytes {
    serde_json::from_value(world.call("anvil_dumpState", json!([]))).unwrap()
}

fn check(world: &World) {
    assert_eq!(world.height(), 4);
    assert_eq!(world.balance(nobody(1)), U256::from(6));
    assert_eq!(world.balance(nobody(4)), U256::from(4));
    assert_eq!(world.number("eth_getStorageAt", json!([nobody(2), "0x0", "latest"])), U256::ONE);
    assert_eq!(world.number("eth_getStorageAt", json!([nobody(2), "0x0", "0x1"])), U256::ZERO);
    let block = world.call("eth_getBlockByNumber", json!(["0x2", true]));
    let impersonated =
        block["transactions"].as_array().unwrap().iter().find(|tx| tx["value"] == "0x1").unwrap();
    assert_eq!(impersonated["from"], json!(nobody(3)));
    let receipt = world.call("eth_getTransactionReceipt", json!([impersonated["hash"]]));
    assert_eq!(receipt["status"], "0x1");
}

#[test]
fn a_chain_that_began_the_same_way_takes_a_dump_hash_by_hash() {
    let world = busy();
    let other = World::new();
    other.call("anvil_mine", json!([9]));
    other.call("anvil_setBalance", json!([nobody(9), "0x9"]));
    assert_eq!(other.call("anvil_loadState", json!([dump(&world)])), true);
    check(&other);
    assert_eq!(other.balance(nobody(9)), U256::ZERO, "what was there before is gone");
    let hash = |world: &World| world.call("eth_getBlockByNumber", json!(["latest", false]))["hash"].clone();
    assert_eq!(hash(&world), hash(&other));
    assert_eq!(dump(&other), dump(&world));
    other.mine();
    assert_eq!(other.balance(nobody(4)), U256::from(4));
}

#[test]
fn a_chain_that_began_otherwise_takes_it_too() {
    let world = busy();
    let later = DeveloperGenesis { timestamp: 1_900_000_000, accounts: vec![nobody(8)], ..preset() };
    let other = World::with(Mining::Manual, &later);
    assert_eq!(other.call("anvil_loadState", json!([dump(&world)])), true);
    check(&other);
    assert_eq!(other.balance(nobody(8)), later.balance, "its own accounts stay");
    let timestamp =
        |world: &World| world.call("eth_getBlockByNumber", json!(["0x2", false]))["timestamp"].clone();
    assert_eq!(timestamp(&world), timestamp(&other));
    other.send(nobody(1), 1);
    other.mine();
    assert_eq!((other.height(), other.balance(nobody(1))), (5, U256::from(7)));
    assert!(other.ctx.ledger.halted().is_none());
}

#[test]
fn a_dump_begins_a_chain() {
    let world = busy();
    let read = Dump::read(&dump(&world)).unwrap();
    let spec = Genesis::developer(&preset()).unwrap().spec;
    assert!(read.genesis(spec.clone().with_chain_id(5)).is_err());
    let genesis = read.genesis(spec).unwrap().unwrap();
    let other = World::of(Mining::Manual, genesis);
    other.bench.load_dump(&read).unwrap();
    check(&other);
    let first = |world: &World| world.call("eth_getBlockByNumber", json!(["0x0", false]));
    assert_eq!(first(&world), first(&other));
}

#[test]
fn what_is_not_a_dump_is_refused_and_changes_nothing() {
    let world = busy();
    let good = dump(&world);
    let other = World::new();
    other.mine();
    let wrong_chain = World::with(Mining::Manual, &DeveloperGenesis { chain_id: 5, ..preset() });
    for bytes in [
        Bytes::new(),
        Bytes::from_static(b"{}"),
        Bytes::from_static(b"[1]"),
        Bytes::from_static(b"{\"mundiChain\": 1}"),
        good.slice(..good.len() / 2),
    ] {
        let (code, message) = other.ask("anvil_loadState", json!([bytes])).unwrap_err();
        assert_eq!(code, -32602, "{message}");
    }
    let (code, message) = wrong_chain.ask("anvil_loadState", json!([good])).unwrap_err();
    assert_eq!((code, message.contains("chain id")), (-32000, true));
    assert_eq!(other.height(), 1);
}

#[test]
fn a_forged_dump_ends_before_the_block_that_is_wrong() {
    let world = busy();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&dump(&world)[..]), &mut text).unwrap();
    let forged = |forge: &dyn Fn(&mut Value)| {
        let mut document: Value = serde_json::from_str(&text).unwrap();
        forge(&mut document);
        Bytes::from(document.to_string().into_bytes())
    };
    let expect = |bytes: Bytes, height: u64, words: &str| {
        for other in
            [World::new(), World::with(Mining::Manual, &DeveloperGenesis { timestamp: 7, ..preset() })]
        {
            let (_, message) = other.ask("anvil_loadState", json!([bytes])).unwrap_err();
            assert!(message.contains(words), "{message}");
            assert_eq!(other.height(), height);
            other.mine();
            assert!(other.ctx.ledger.halted().is_none());
        }
    };
    expect(forged(&|dump| dump["blocks"][1]["senders"][0] = json!(nobody(9))), 1, "block 2");
    expect(forged(&|dump| dump["blocks"][1]["senders"] = json!([])), 0, "senders");
    expect(forged(&|dump| drop(dump["blocks"].as_array_mut().unwrap().remove(1))), 0, "number of a block");
    expect(forged(&|dump| dump["blocks"][0]["rlp"] = json!("0xc0")), 0, "");
    expect(forged(&|dump| dump["origin"]["header"] = json!("0x")), 0, "origin.header");
    expect(forged(&|dump| dump["unknown"] = json!(1)), 0, "unknown");
    let stolen = json!({"address": nobody(1), "account": {"nonce": 0, "balance": "0x0", "codeHash": B256::repeat_byte(1)}});
    expect(forged(&|dump| dump["blocks"][2]["edits"] = json!({"accounts": [stolen]})), 2, "code");
}

#[test]
fn of_anvils_dumps_the_accounts_are_taken_over() {
    let world = World::new();
    let state = json!({
        "block": {"number": "0x8"},
        "accounts": {
            nobody(1).to_string(): {"nonce": 3, "balance": "0x64", "code": "0x", "storage": {}},
            nobody(2).to_string(): {"nonce": "0x1", "balance": "0x0", "code": "0x6001", "storage": {
                B256::with_last_byte(1).to_string(): B256::with_last_byte(2),
            }},
        },
        "best_block_number": 8,
        "blocks": [], "transactions": [], "historical_states": null,
    });
    world.call("anvil_loadState", json!([Bytes::from(state.to_string().into_bytes())]));
    world.mine();
    assert_eq!(world.balance(nobody(1)), U256::from(100));
    assert_eq!(world.number("eth_getTransactionCount", json!([nobody(1), "latest"])), U256::from(3));
    assert_eq!(world.call("eth_getCode", json!([nobody(2), "latest"])), "0x6001");
    assert_eq!(world.number("eth_getStorageAt", json!([nobody(2), "0x1", "latest"])), U256::from(2));
    assert_eq!(world.balance(accounts()[0]), preset().balance);
}

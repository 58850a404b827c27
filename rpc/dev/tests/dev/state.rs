//! Changing accounts, tokens and impersonation.

use crate::world::{World, accounts, nobody};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use serde_json::json;

#[test]
fn changes_are_seen_at_once_and_stay_in_the_next_block() {
    let world = World::new();
    let someone = nobody(0xaa);
    world.call("anvil_setBalance", json!([someone, "0x64"]));
    world.call("hardhat_setNonce", json!([someone, 7]));
    world.call("anvil_setCode", json!([someone, "0x6001"]));
    assert_eq!(world.call("anvil_setStorageAt", json!([someone, "0x5", B256::with_last_byte(9)])), true);
    world.call("anvil_addBalance", json!([someone, "11"]));
    let check = |block: &str| {
        assert_eq!(world.number("eth_getBalance", json!([someone, block])), U256::from(111));
        assert_eq!(world.number("eth_getTransactionCount", json!([someone, block])), U256::from(7));
        assert_eq!(world.call("eth_getCode", json!([someone, block])), "0x6001");
        assert_eq!(
            world.call("eth_getStorageAt", json!([someone, "0x5", block])),
            json!(B256::with_last_byte(9))
        );
    };
    check("latest");
    assert_eq!(world.height(), 0);
    world.mine();
    check("0x1");
    assert_eq!(
        world.number("eth_getBalance", json!([someone, "0x0"])),
        U256::ZERO,
        "not in the block before"
    );
    world.mine();
    check("latest");
}

#[test]
fn setting_nothing_makes_no_account() {
    let world = World::new();
    let root =
        |world: &World| world.call("eth_getBlockByNumber", json!(["latest", false]))["stateRoot"].clone();
    let other = World::new();
    world.call("anvil_setBalance", json!([nobody(1), "0x0"]));
    world.call("anvil_setCode", json!([nobody(1), "0x"]));
    world.call("anvil_setStorageAt", json!([nobody(1), 0, B256::ZERO]));
    world.mine();
    other.mine();
    assert_eq!(root(&world), root(&other));
}

#[test]
fn bad_values_are_refused() {
    let world = World::new();
    for (method, params) in [
        ("anvil_setBalance", json!([])),
        ("anvil_setBalance", json!([nobody(1)])),
        ("anvil_setBalance", json!(["0x12", "0x1"])),
        ("anvil_setBalance", json!([nobody(1), -1])),
        ("anvil_setBalance", json!([nobody(1), "ten"])),
        ("anvil_setNonce", json!([nobody(1), "0xffffffffffffffff"])),
        ("anvil_setStorageAt", json!([nobody(1), "0x0", "0x01"])),
        ("anvil_setCode", json!([nobody(1), "0x1"])),
        ("evm_setAutomine", json!(["yes"])),
        ("anvil_setCoinbase", json!([null])),
    ] {
        let (code, message) = world.ask(method, params.clone()).unwrap_err();
        assert_eq!(code, -32602, "{method} {params}: {message}");
    }
    let (code, message) = world.ask("anvil_setChainId", json!([5])).unwrap_err();
    assert_eq!((code, message.contains("--chain-id 5")), (-32004, true));
    world.call("anvil_setChainId", json!([31337]));
}

#[test]
fn whoever_is_impersonated_can_send() {
    let world = World::new();
    let someone = nobody(0xab);
    let transfer = json!([{"from": someone, "to": nobody(1), "value": "0x5"}]);
    world.call("anvil_setBalance", json!([someone, "0xde0b6b3a7640000"]));
    assert!(world.ask("eth_sendTransaction", transfer.clone()).is_err());
    world.call("anvil_impersonateAccount", json!([someone]));
    let hash = world.call("eth_sendTransaction", transfer.clone());
    world.mine();
    let receipt = world.call("eth_getTransactionReceipt", json!([hash]));
    assert_eq!((&receipt["status"], &receipt["from"]), (&json!("0x1"), &json!(someone)));
    world.call("anvil_stopImpersonatingAccount", json!([someone]));
    assert!(world.ask("eth_sendTransaction", transfer.clone()).is_err());
    world.call("anvil_autoImpersonateAccount", json!([true]));
    world.call("eth_sendTransaction", transfer.clone());
    world.call("anvil_autoImpersonateAccount", json!([false]));
    assert!(world.ask("eth_sendTransaction", transfer).is_err());
    world.mine();
    assert_eq!(world.balance(nobody(1)), U256::from(10));
}

#[test]
fn an_unsigned_transaction_needs_no_impersonation() {
    let world = World::new();
    let contract = nobody(0xac);
    world.call("anvil_setBalance", json!([contract, "0xde0b6b3a7640000"]));
    world.call("anvil_setCode", json!([contract, "0x00"]));
    let request = json!([{"from": contract, "to": nobody(2), "value": "0x7"}]);
    let hash = world.call("eth_sendUnsignedTransaction", request.clone());
    let second = world.call("eth_sendUnsignedTransaction", request);
    assert_ne!(hash, second);
    world.mine();
    assert_eq!(world.balance(nobody(2)), U256::from(14));
    assert_eq!(world.call("eth_getTransactionReceipt", json!([hash]))["status"], "0x1");
    let (code, _) = world
        .ask(
            "eth_sendUnsignedTransaction",
            json!([{"from": nobody(9), "to": nobody(2), "value": "0x7", "gas": "0x5208"}]),
        )
        .unwrap_err();
    assert_eq!(code, -32003, "no money");
}

/// A token whose balances are at `keccak256(owner ++ 3)` and whose allowances are at `keccak256(spender ++ keccak256(owner ++ 4))`,
/// as Solidity lays them out. It answers any call with 36 bytes as `balanceOf`, and with 68 bytes as `allowance`; both read slot 0,
/// a switch without which there is no answer.
fn token() -> Bytes {
    let head = |revert: u8, allowance: u8| {
        [vec![0x60, 0, 0x54, 0x15, 0x60, revert, 0x57], vec![0x36, 0x60, 68, 0x14, 0x60, allowance, 0x57]]
            .concat()
    };
    let answer = hex!("5f5260205ff3");
    let balance = [hex!("60043560005260036020526040600020").as_slice(), &[0x54], &answer].concat();
    let allowance = [
        hex!("5b60043560005260046020526040600020").as_slice(),
        // slot of the inner mapping into the second word, spender into the first
        &hex!("602052602435600052604060002054"),
        &answer,
    ]
    .concat();
    let revert = hex!("5b5f5ffd");
    let at = head(0, 0).len() + balance.len();
    let head = head((at + allowance.len()) as u8, at as u8);
    [head, balance, allowance, revert.to_vec()].concat().into()
}

fn asked(world: &World, token: Address, selector: &str, args: &[Address]) -> U256 {
    let words: String = args.iter().map(|address| hex::encode(address.into_word())).collect();
    let answer =
        world.call("eth_call", json!([{"to": token, "data": format!("{selector}{words}")}, "latest"]));
    serde_json::from_value(answer).unwrap()
}

#[test]
fn balances_and_allowances_of_tokens_are_found_and_set() {
    let world = World::new();
    let (contract, owner, spender) = (nobody(0xad), accounts()[0], accounts()[1]);
    world.call("anvil_setCode", json!([contract, token()]));
    world.call("anvil_setStorageAt", json!([contract, 0, B256::with_last_byte(1)]));
    for amount in [5_u64, 1, 0] {
        world.call("anvil_dealERC20", json!([owner, contract, U256::from(amount)]));
        assert_eq!(asked(&world, contract, "0x70a08231", &[owner]), U256::from(amount));
    }
    world.call("anvil_setERC20Balance", json!([owner, contract, U256::MAX]));
    world.call("anvil_setERC20Allowance", json!([owner, spender, contract, "0x2a"]));
    assert_eq!(asked(&world, contract, "0xdd62ed3e", &[owner, spender]), U256::from(42));
    assert_eq!(asked(&world, contract, "0x70a08231", &[owner]), U256::MAX);
    assert_eq!(asked(&world, contract, "0x70a08231", &[spender]), U256::ZERO);
    let (code, message) = world.ask("anvil_dealERC20", json!([owner, nobody(1), "0x1"])).unwrap_err();
    assert_eq!((code, message.contains("no slot found")), (-32000, true));
}

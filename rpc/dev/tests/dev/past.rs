//! Going back.

use crate::world::{NOW, World, accounts, nobody, preset};
use alloy_primitives::U256;
use mundi_consensus::Mining;
use serde_json::{Value, json};

#[test]
fn a_revert_brings_everything_back() {
    let world = World::new();
    world.send(nobody(1), 5);
    world.mine();
    world.call("anvil_setBalance", json!([nobody(2), "0x9"]));
    world.call("evm_increaseTime", json!([50]));
    world.call("anvil_impersonateAccount", json!([nobody(3)]));
    let waiting = world.send(nobody(1), 7);
    let id = world.call("evm_snapshot", json!([]));

    world.call("anvil_mine", json!([4]));
    world.call("anvil_setBalance", json!([nobody(2), "0x0"]));
    world.call("evm_increaseTime", json!([1000]));
    world.call("anvil_stopImpersonatingAccount", json!([nobody(3)]));
    world.call("anvil_impersonateAccount", json!([nobody(4)]));
    world.call("evm_setAutomine", json!([true]));
    let later = world.call("evm_snapshot", json!([]));
    assert_eq!(world.balance(nobody(1)), U256::from(12));

    assert_eq!(world.call("evm_revert", json!([id])), true);
    assert_eq!(world.height(), 1);
    assert_eq!((world.balance(nobody(1)), world.balance(nobody(2))), (U256::from(5), U256::from(9)));
    assert_eq!(world.call("anvil_getAutomine", json!([])), false);
    assert!(world.ctx.accounts.is_impersonated(&nobody(3)));
    assert!(!world.ctx.accounts.is_impersonated(&nobody(4)));
    let status = world.call("txpool_status", json!([]));
    assert_eq!(status["pending"], "0x1");
    for gone in [id, later, json!("0xff"), json!(U256::MAX)] {
        assert_eq!(world.call("anvil_revert", json!([gone])), false, "dropped, or never there");
    }
    world.mine();
    assert_eq!(world.timestamp(), NOW + 50);
    assert_eq!(world.balance(nobody(1)), U256::from(12));
    assert_eq!(world.balance(nobody(2)), U256::from(9));
    assert_ne!(world.call("eth_getTransactionReceipt", json!([waiting])), Value::Null);
}

#[test]
fn what_was_mined_after_a_snapshot_does_not_come_back() {
    let world = World::with(Mining::Manual, &preset());
    let id = world.call("evm_snapshot", json!([]));
    let hash = world.send(nobody(1), 5);
    world.mine();
    world.call("evm_revert", json!([id]));
    assert_eq!(world.call("eth_getTransactionByHash", json!([hash])), Value::Null);
    world.mine();
    assert_eq!(world.balance(nobody(1)), U256::ZERO);
    assert_eq!(world.number("eth_getTransactionCount", json!([accounts()[0], "pending"])), U256::ZERO);
}

#[test]
fn many_snapshots_nest() {
    let world = World::new();
    let mut ids = Vec::new();
    for balance in 0..20 {
        world.call("anvil_setBalance", json!([nobody(1), balance]));
        if balance % 3 == 0 {
            world.mine();
        }
        ids.push(world.call("evm_snapshot", json!([])));
    }
    for (balance, id) in ids.iter().enumerate().rev().step_by(3) {
        assert_eq!(world.call("evm_revert", json!([id])), true);
        assert_eq!(world.balance(nobody(1)), U256::from(balance));
    }
}

#[test]
fn blocks_are_rolled_back() {
    let world = World::new();
    for _ in 0..5 {
        world.send(nobody(1), 1);
        world.mine();
    }
    world.send(nobody(1), 1);
    let old = world.call("evm_snapshot", json!([]));
    world.call("anvil_rollback", json!([]));
    assert_eq!((world.height(), world.balance(nobody(1))), (4, U256::from(4)));
    world.call("anvil_rollback", json!([3]));
    assert_eq!((world.height(), world.balance(nobody(1))), (1, U256::ONE));
    assert_eq!(world.call("evm_revert", json!([old])), false, "its block is gone");
    let (code, message) = world.ask("anvil_rollback", json!([2])).unwrap_err();
    assert_eq!(code, -32602, "{message}");
    world.call("anvil_rollback", json!([1]));
    assert_eq!(world.height(), 0);
}

#[test]
fn blocks_are_replaced_by_others() {
    let world = World::new();
    for _ in 0..4 {
        world.send(nobody(1), 1);
        world.mine();
    }
    let before = world.call("eth_getBlockByNumber", json!(["0x3", false]))["hash"].clone();
    let from = accounts()[0];
    let send = |value: u64, nonce: Value| json!({"from": from, "to": nobody(2), "value": U256::from(value), "nonce": nonce});
    let transactions =
        json!([[send(5, Value::Null), 0], [send(6, Value::Null), 0], [send(7, Value::Null), 1]]);
    world.call("anvil_reorg", json!([2, transactions]));
    assert_eq!(world.height(), 4);
    assert_ne!(world.call("eth_getBlockByNumber", json!(["0x3", false]))["hash"], before);
    assert_eq!((world.balance(nobody(1)), world.balance(nobody(2))), (U256::from(2), U256::from(18)));
    let third = world.call("eth_getBlockByNumber", json!(["0x3", false]));
    assert_eq!(third["transactions"].as_array().unwrap().len(), 2);
    assert!(world.ask("anvil_reorg", json!([5])).is_err(), "deeper than the chain");
    assert!(world.ask("anvil_reorg", json!([1, [[send(1, Value::Null), 1]]])).is_err(), "no such block");
    let (_, message) = world.ask("anvil_reorg", json!([1, [[send(1, json!("0x99")), 0]]])).unwrap_err();
    assert!(message.contains("not valid"), "{message}");
}

#[test]
fn a_reset_begins_anew() {
    let world = World::new();
    world.call("anvil_setBalance", json!([nobody(1), 5]));
    world.call("evm_increaseTime", json!([50]));
    world.call("anvil_mine", json!([3]));
    world.send(nobody(1), 1);
    world.call("anvil_impersonateAccount", json!([nobody(3)]));
    let id = world.call("evm_snapshot", json!([]));
    world.call("hardhat_reset", json!([]));
    assert_eq!((world.height(), world.balance(nobody(1))), (0, U256::ZERO));
    assert_eq!(world.call("txpool_status", json!([]))["pending"], "0x0");
    assert!(!world.ctx.accounts.is_impersonated(&nobody(3)));
    assert_eq!(world.call("evm_revert", json!([id])), false);
    assert_eq!(world.call("evm_snapshot", json!([])), "0x0");
    world.mine();
    assert_eq!(world.timestamp(), NOW);
    world.call("anvil_reset", json!([{}]));
    let forking = json!([{"forking": {"jsonRpcUrl": "http://127.0.0.1:1", "blockNumber": 5}}]);
    let (code, message) = world.ask("hardhat_reset", forking).unwrap_err();
    assert_eq!((code, message.contains("--fork-url")), (-32004, true));
    let (code, _) = world.ask("anvil_reset", json!([{"forking": {"blockNumber": 5}}])).unwrap_err();
    assert_eq!(code, -32602);
}

#[test]
fn transactions_arrive_while_the_chain_goes_back_and_forth() {
    let world = World::with(Mining::Auto, &preset());
    let world = &world;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..100 {
                let _ = world.ask(
                    "eth_sendTransaction",
                    json!([{"from": accounts()[1], "to": nobody(1), "value": "0x1", "gas": "0x5208"}]),
                );
            }
        });
        for round in 0..20 {
            let id = world.call("evm_snapshot", json!([]));
            world.call("anvil_setBalance", json!([nobody(2), round]));
            world.mine();
            assert_eq!(world.call("evm_revert", json!([id])), true);
        }
    });
    assert!(world.ctx.ledger.halted().is_none());
    assert_eq!(world.balance(nobody(2)), U256::ZERO);
}

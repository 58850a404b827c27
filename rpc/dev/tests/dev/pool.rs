//! What waits.

use crate::world::{World, accounts, nobody};
use alloy_primitives::{B256, U256};
use serde_json::{Value, json};

#[test]
fn what_waits_can_be_dropped() {
    let world = World::new();
    let pending = || world.call("txpool_status", json!([]))["pending"].clone();
    let hash = world.send(nobody(1), 1);
    assert_eq!(world.call("anvil_dropTransaction", json!([hash])), hash);
    assert_eq!(world.call("anvil_dropTransaction", json!([B256::ZERO])), Value::Null);
    world.send(nobody(1), 1);
    world.send(nobody(1), 1);
    assert_eq!(pending(), "0x2");
    world.call("anvil_removePoolTransactions", json!([accounts()[1]]));
    assert_eq!(pending(), "0x2");
    world.call("anvil_removePoolTransactions", json!([accounts()[0]]));
    assert_eq!(pending(), "0x0");
    world.send(nobody(1), 1);
    world.call("hardhat_dropAllTransactions", json!([]));
    assert_eq!(pending(), "0x0");
    world.mine();
    assert_eq!(world.balance(nobody(1)), U256::ZERO);
}

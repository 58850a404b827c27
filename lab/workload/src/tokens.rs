//! Blocks of transfers of one OpenZeppelin ERC-20 token.

use crate::{
    transfers::hot_choice,
    world::{Asset, ETHER, Fee, Role, World},
};
use alloy_primitives::U256;

/// Gas of a transfer between two holders.
const GAS: u64 = 34_500;

fn count(gas: u64) -> usize {
    (gas / GAS).max(1) as usize
}

/// Everyone sends to another holder, and nobody appears twice.
pub(crate) fn independent(seed: u64, gas: u64) -> World {
    build(seed, gas, |_, count| vec![false; count])
}

/// Like [`independent`], but 30 % send to the same holder.
pub(crate) fn hot(seed: u64, gas: u64) -> World {
    build(seed, gas, hot_choice)
}

fn build(seed: u64, gas: u64, choose: impl FnOnce(&mut World, usize) -> Vec<bool>) -> World {
    let mut world = World::with_contracts(seed);
    let hot = World::address(Role::Hot, 0);
    world.give(Asset::Zero, hot, U256::from(1_000_000));
    for (index, is_hot) in choose(&mut world, count(gas)).into_iter().enumerate() {
        let [from, cold] = [Role::Sender, Role::Recipient].map(|role| World::address(role, index));
        world.fund(from, ETHER);
        world.give(Asset::Zero, from, U256::from(u64::MAX));
        if !is_hot {
            world.give(Asset::Zero, cold, U256::from(1_000_000));
        }
        let units = U256::from(world.random.below(1 << 48) as u64 + 1);
        world.transfer_token(Fee::Legacy, Asset::Zero, from, if is_hot { hot } else { cold }, units);
    }
    world
}

/// Each sends on the tokens it was just sent, of which it had too few before.
pub(crate) fn serial(seed: u64, gas: u64) -> World {
    let mut world = World::with_contracts(seed);
    let units = U256::from(1_u64 << 48);
    let address = |index| World::address(Role::Sender, index);
    world.give(Asset::Zero, address(0), units + U256::ONE);
    let count = count(gas);
    for index in 0..count {
        world.fund(address(index), ETHER);
        world.give(Asset::Zero, address(index + 1), U256::ONE);
        world.transfer_token(Fee::Legacy, Asset::Zero, address(index), address(index + 1), units);
    }
    world
}

//! Blocks of plain value transfers.

use crate::world::{ETHER, Fee, GAS_PRICE, Role, TRANSFER_GAS, World};

/// Transactions of a block of `gas`.
fn count(gas: u64) -> usize {
    (gas / TRANSFER_GAS).max(1) as usize
}

/// Everyone sends to somebody else, and nobody appears twice.
pub(crate) fn independent(seed: u64, gas: u64) -> World {
    let mut world = World::new(seed);
    for index in 0..count(gas) {
        let [from, to] = [Role::Sender, Role::Recipient].map(|role| World::address(role, index));
        world.fund(from, ETHER);
        world.fund(to, ETHER);
        let wei = world.random.between(1, 1 << 50).into();
        world.transfer(Fee::Legacy, from, to, wei);
    }
    world
}

/// Like [`independent`], but 30 % send to the same account.
pub(crate) fn hot_recipient(seed: u64, gas: u64) -> World {
    let mut world = World::new(seed);
    let hot = World::address(Role::Hot, 0);
    world.fund(hot, ETHER);
    for (index, is_hot) in hot_choice(&mut world, count(gas)).into_iter().enumerate() {
        let [from, cold] = [Role::Sender, Role::Recipient].map(|role| World::address(role, index));
        world.fund(from, ETHER);
        if !is_hot {
            world.fund(cold, ETHER);
        }
        let wei = world.random.between(1, 1 << 50).into();
        world.transfer(Fee::Legacy, from, if is_hot { hot } else { cold }, wei);
    }
    world
}

/// Like [`independent`], but 30 % are sent by the same account, nonce after nonce.
pub(crate) fn hot_sender(seed: u64, gas: u64) -> World {
    let mut world = World::new(seed);
    let count = count(gas);
    let hot = World::address(Role::Hot, 0);
    world.fund(hot, count as u128 * ETHER);
    for (index, is_hot) in hot_choice(&mut world, count).into_iter().enumerate() {
        let [cold, to] = [Role::Sender, Role::Recipient].map(|role| World::address(role, index));
        if !is_hot {
            world.fund(cold, ETHER);
        }
        world.fund(to, ETHER);
        let wei = world.random.between(1, 1 << 50).into();
        world.transfer(Fee::Legacy, if is_hot { hot } else { cold }, to, wei);
    }
    world
}

/// Each sends all it was just sent, so that none can pay before the one before has.
pub(crate) fn serial(seed: u64, gas: u64) -> World {
    let mut world = World::new(seed);
    let count = count(gas);
    let price = u128::from(TRANSFER_GAS * GAS_PRICE);
    let mut wei = ETHER + count as u128 * price;
    world.fund(World::address(Role::Sender, 0), wei);
    for index in 0..count {
        wei -= price;
        let [from, to] = [index, index + 1].map(|index| World::address(Role::Sender, index));
        world.transfer(Fee::Legacy, from, to, wei);
    }
    world
}

/// Which of `count` transactions are hot: 30 %, spread at random.
pub(crate) fn hot_choice(world: &mut World, count: usize) -> Vec<bool> {
    let hot = count * 3 / 10;
    let mut choice: Vec<bool> = (0..count).map(|index| index < hot).collect();
    world.random.shuffle(&mut choice);
    choice
}

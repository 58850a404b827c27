//! Blocks of swaps.

use crate::{
    transfers::hot_choice,
    world::{Fee, Role, Venue, World},
};
use alloy_primitives::U256;

/// How many of the swaps share a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// None.
    Independent,
    /// 30 %.
    Hot,
    /// All.
    Serial,
}

/// Gas of an average swap. The first swap in a block on a market also updates the market's price sums or oracle.
const fn average_gas(venue: Venue, sharing: Sharing) -> u64 {
    match (venue, sharing) {
        (Venue::ConstantProduct, Sharing::Independent) => 122_000,
        (Venue::ConstantProduct, Sharing::Hot) => 109_000,
        (Venue::ConstantProduct, Sharing::Serial) => 78_000,
        (Venue::Concentrated, Sharing::Independent) => 119_500,
        (Venue::Concentrated, Sharing::Hot) => 114_000,
        (Venue::Concentrated, Sharing::Serial) => 101_000,
    }
}

/// A block of swaps, each by a trader of its own. Market 0 is the shared one.
pub(crate) fn build(seed: u64, gas: u64, venue: Venue, sharing: Sharing) -> World {
    let mut world = World::with_contracts(seed);
    let count = (gas / average_gas(venue, sharing)).max(1) as usize;
    let shared = match sharing {
        Sharing::Independent => vec![false; count],
        Sharing::Hot => hot_choice(&mut world, count),
        Sharing::Serial => vec![true; count],
    };
    for (index, shared) in shared.into_iter().enumerate() {
        let trader = World::address(Role::Sender, index);
        world.equip(trader);
        let market = if shared { 0 } else { index + 1 };
        if !shared {
            world.open(venue, market);
        }
        world.swap(Fee::Legacy, venue, market, trader, U256::ONE);
    }
    world
}

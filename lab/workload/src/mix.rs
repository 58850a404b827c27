//! A block as mainnet might have it: all kinds of transactions, some accounts and markets far busier than others.

use crate::{
    random::Zipf,
    world::{Asset, Fee, Role, Venue, World},
};
use alloy_primitives::U256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Transfer,
    Token,
    Swap(Venue),
}

/// Parts in ten.
const SHARES: [(Kind, usize); 4] = [
    (Kind::Transfer, 4),
    (Kind::Token, 3),
    (Kind::Swap(Venue::ConstantProduct), 2),
    (Kind::Swap(Venue::Concentrated), 1),
];
/// Gas of an average transaction, those that revert included.
const AVERAGE_GAS: u64 = 48_600;
/// One in this many calls of contracts asks for more than there is, and reverts.
const REVERTS: usize = 40;

/// 40 % transfers, 30 % ERC-20 transfers, 20 % and 10 % swaps of the two kinds, in random order. Senders are drawn
/// evenly from a third as many traders as there are transactions; recipients and markets by Zipf's law.
pub(crate) fn zipf(seed: u64, gas: u64) -> World {
    let tens = (gas / (10 * AVERAGE_GAS)).max(1) as usize;
    let count = 10 * tens;
    let (traders, pairs, pools) = (count.div_ceil(3), count.div_ceil(50), count.div_ceil(100));
    let [by_recipient, by_pair, by_pool] = [count, pairs, pools].map(Zipf::new);

    let mut world = World::with_contracts(seed);
    for index in 0..traders {
        world.equip(World::address(Role::Sender, index));
    }
    for (venue, number) in [(Venue::ConstantProduct, pairs), (Venue::Concentrated, pools)] {
        for market in 1..number {
            world.open(venue, market);
        }
    }
    let mut kinds: Vec<Kind> =
        SHARES.iter().flat_map(|(kind, share)| std::iter::repeat_n(*kind, share * tens)).collect();
    world.random.shuffle(&mut kinds);
    for kind in kinds {
        let from = World::address(Role::Sender, world.random.below(traders));
        let fee = match world.random.below(2) {
            0 => Fee::Legacy,
            _ => Fee::Dynamic { tip: world.random.between(100_000_000, 3_000_000_000) },
        };
        let recipient = World::address(Role::Recipient, by_recipient.draw(&mut world.random));
        let reverts = kind != Kind::Transfer && world.random.below(REVERTS) == 0;
        match kind {
            Kind::Transfer => world.transfer(fee, from, recipient, 1_000_000_000_000),
            Kind::Token => {
                let asset = [Asset::Zero, Asset::One][world.random.below(2)];
                let units = if reverts { U256::MAX } else { U256::from(1_000_000) };
                world.transfer_token(fee, asset, from, recipient, units);
            }
            Kind::Swap(venue) => {
                let zipf = if venue == Venue::ConstantProduct { &by_pair } else { &by_pool };
                let market = zipf.draw(&mut world.random);
                let least = if reverts { U256::MAX } else { U256::ONE };
                world.swap(fee, venue, market, from, least);
            }
        }
    }
    world
}

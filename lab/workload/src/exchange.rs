//! The tokens and markets by themselves, for worlds that others build.

use crate::{
    contracts::{Order, call},
    deployment::TOKEN,
    world::{Asset, World},
};
use alloy_primitives::{Address, Bytes, U256};
use mundi_execution::StateSnapshot as _;

pub use crate::{deployment::Contract, world::Venue};

/// Two tokens, a router and markets, as they stand before anybody trades, and calls to them.
///
/// The contracts need the instructions of Cancun, and a clock that does not stand before [`Exchange::OPENED`].
#[derive(Clone, Debug)]
pub struct Exchange {
    tokens: [Address; 2],
    router: Address,
    contracts: Vec<Contract>,
}

impl Exchange {
    /// When the markets opened, in seconds since the epoch.
    pub const OPENED: u64 = crate::world::DEPLOYED;

    /// Deploys the contracts, opens this many markets of each kind, at least one, and gives each trader a million of both
    /// tokens and boundless allowances for the router.
    pub fn new(traders: &[Address], markets: usize) -> Self {
        let mut world = World::with_contracts(0);
        traders.iter().for_each(|trader| world.equip(*trader));
        for venue in [Venue::ConstantProduct, Venue::Concentrated] {
            (1..markets).for_each(|market| world.open(venue, market));
        }
        let tokens = [world.token(Asset::Zero), world.token(Asset::One)];
        let router = world.deployment().router.address;
        let (_, state) = world.finish();
        let mut contracts: Vec<_> = state
            .accounts()
            .filter(|(_, stored)| stored.account.has_code())
            .map(|(address, stored)| {
                let code = state.code(&stored.account.code_hash).expect("memory answers every read");
                let mut storage: Vec<_> =
                    stored.storage.iter().map(|(slot, value)| (*slot, *value)).collect();
                storage.sort_unstable();
                Contract { address: *address, code: code.original_bytes(), storage }
            })
            .collect();
        contracts.sort_unstable_by_key(|contract| contract.address);
        Self { tokens, router, contracts }
    }

    /// All contracts, in ascending order of addresses. Each has nonce 1 and no wei.
    pub fn contracts(&self) -> &[Contract] {
        &self.contracts
    }

    /// Addresses of the tokens.
    pub const fn tokens(&self) -> [Address; 2] {
        self.tokens
    }

    /// Call data for a token: the caller sends units of it.
    pub fn transfer(to: Address, units: U256) -> Bytes {
        call("transfer(address,uint256)", &[&to, &units])
    }

    /// A swap of whole tokens by the caller for itself: whom to call, with what data. Not valid after `deadline`, in seconds
    /// since the epoch.
    pub fn swap(
        &self,
        venue: Venue,
        market: u64,
        zero_for_one: bool,
        tokens: u64,
        trader: Address,
        deadline: u64,
    ) -> (Address, Bytes) {
        let amount_in = U256::from(tokens) * U256::from(TOKEN);
        let order = Order { market, zero_for_one, amount_in, least: U256::ONE, to: trader, deadline };
        let function = match venue {
            Venue::ConstantProduct => "swapConstantProduct",
            Venue::Concentrated => "swapConcentrated",
        };
        (self.router, order.data(function))
    }
}

//! The named workloads.

use crate::{
    mix,
    swaps::{self, Sharing},
    tokens, transfers,
    world::{Venue, World},
};
use mundi_execution::{Block, MemoryState};

/// Gas of a full-sized block.
pub const GIGAGAS: u64 = 1_000_000_000;
/// Gas of a block of a quick run.
pub const QUICK_GAS: u64 = 100_000_000;

/// A block and the state it runs on.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Such as `transfers/independent`; a real block's number.
    pub name: String,
    /// One line.
    pub description: String,
    /// The block.
    pub block: Block,
    /// The state before it.
    pub state: MemoryState,
}

impl Workload {
    /// A block from elsewhere.
    pub fn given(name: impl Into<String>, block: Block, state: MemoryState) -> Self {
        Self { name: name.into(), description: "a given block".into(), block, state }
    }
}

/// How the transactions of a workload hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependence {
    /// No transaction reads what another one wrote.
    Independent,
    /// Some do.
    Partial,
    /// Each reads what the one before wrote.
    Serial,
}

/// How to build a workload.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// The name: `kind/variant`.
    pub name: &'static str,
    /// One line.
    pub description: &'static str,
    /// How its transactions hang together.
    pub dependence: Dependence,
    build: fn(seed: u64, gas: u64) -> World,
}

impl Recipe {
    /// Builds a block of about `gas` gas. Equal arguments give equal workloads, on every machine.
    pub fn build(&self, gas: u64, seed: u64) -> Workload {
        let (block, state) = (self.build)(seed, gas).finish();
        Workload { name: self.name.into(), description: self.description.into(), block, state }
    }
}

/// The workloads whose names contain `parts`, or one of them if it lists several with commas; all, if it is empty.
pub fn matching(parts: &str) -> impl Iterator<Item = &'static Recipe> {
    CATALOGUE.iter().filter(move |recipe| parts.split(',').any(|part| recipe.name.contains(part.trim())))
}

const fn recipe(
    name: &'static str,
    description: &'static str,
    dependence: Dependence,
    build: fn(u64, u64) -> World,
) -> Recipe {
    Recipe { name, description, dependence, build }
}

use Dependence::{Independent, Partial, Serial};

/// All workloads.
pub const CATALOGUE: &[Recipe] = &[
    recipe(
        "transfers/independent",
        "plain transfers; nobody appears twice",
        Independent,
        transfers::independent,
    ),
    recipe(
        "erc20/independent",
        "OpenZeppelin ERC-20 transfers of one token; nobody appears twice",
        Independent,
        tokens::independent,
    ),
    recipe(
        "swaps-v2/independent",
        "swaps on constant-product pairs, each on its own",
        Independent,
        |seed, gas| swaps::build(seed, gas, Venue::ConstantProduct, Sharing::Independent),
    ),
    recipe(
        "swaps-v3/independent",
        "swaps on concentrated-liquidity pools, each on its own",
        Independent,
        |seed, gas| swaps::build(seed, gas, Venue::Concentrated, Sharing::Independent),
    ),
    recipe(
        "transfers/hot-recipient",
        "plain transfers; 30 % to one account",
        // Sums of balances commute, so even these need not wait for each other.
        Independent,
        transfers::hot_recipient,
    ),
    recipe("transfers/hot-sender", "plain transfers; 30 % from one account", Partial, transfers::hot_sender),
    recipe("erc20/hot", "ERC-20 transfers; 30 % to one holder", Partial, tokens::hot),
    recipe("swaps-v2/hot", "constant-product swaps; 30 % on one pair", Partial, |seed, gas| {
        swaps::build(seed, gas, Venue::ConstantProduct, Sharing::Hot)
    }),
    recipe("swaps-v3/hot", "concentrated-liquidity swaps; 30 % on one pool", Partial, |seed, gas| {
        swaps::build(seed, gas, Venue::Concentrated, Sharing::Hot)
    }),
    recipe(
        "transfers/serial",
        "plain transfers; each sends on what it was just sent",
        Serial,
        transfers::serial,
    ),
    recipe("erc20/serial", "ERC-20 transfers; each sends on what it was just sent", Serial, tokens::serial),
    recipe("swaps-v2/serial", "constant-product swaps, all on one pair", Serial, |seed, gas| {
        swaps::build(seed, gas, Venue::ConstantProduct, Sharing::Serial)
    }),
    recipe("swaps-v3/serial", "concentrated-liquidity swaps, all on one pool", Serial, |seed, gas| {
        swaps::build(seed, gas, Venue::Concentrated, Sharing::Serial)
    }),
    recipe(
        "mix/zipf",
        "40 % transfers, 30 % ERC-20, 20 % and 10 % swaps; busy recipients and markets; some revert",
        Partial,
        mix::zipf,
    ),
];

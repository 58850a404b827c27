//! Synthetic blocks and the benchmark that compares execution modes on them.
//!
//! # Blocks
//!
//! [`CATALOGUE`] lists workloads by name. [`Recipe::build`] turns one into a [`Workload`]: a block under mainnet's Prague rules
//! and the state before it. Four kinds of transactions (plain transfers, ERC-20 transfers, swaps on a constant-product
//! pair, swaps on a concentrated-liquidity pool) come in three variants:
//!
//! * *independent*: no transaction reads what another one wrote;
//! * *hot*: 30 % of the transactions, spread at random, go to one recipient or one market, the rest are independent;
//! * *serial*: each transaction reads what the one before wrote, so that nothing can run in parallel;
//!
//! and `mix/zipf` has all kinds with busy and quiet accounts and markets, both fee types, and some that revert. Blocks pay a
//! tip on top of a base fee to a beneficiary who sends nothing. A block is a function of its gas and seed, on every machine.
//!
//! The contracts are compiled from `contracts/` with a pinned compiler; their bytecode is checked in, and a test compiles
//! again. State comes from running the constructors once in revm; accounts and markets are then written as copies into
//! the storage slots that Solidity's layout prescribes. The balances of each token add up to its supply.
//!
//! ```
//! let recipe = mundi_workload::matching("erc20/hot").next().expect("it is in the catalogue");
//! let workload = recipe.build(1_000_000, 7);
//! assert_eq!(workload.block.transactions.len(), 28);
//! ```
//!
//! [`Exchange`] gives the same contracts to those who build worlds and blocks of their own.
//!
//! # Benchmark
//!
//! [`bench::Plan`] says what to measure, [`bench::measure`] how: see [`mod@bench`]. The library starts no threads and reads no
//! environment; the caller lends a pool, and picks the allocator.
//!
//! # Failures
//!
//! Building a workload does not fail: it depends on nothing but this crate, and panics if the checked-in bytecode does not
//! fit the code around it. Measuring fails if the engine does, or if any run differs from sequential execution.

pub mod bench;
mod catalogue;
mod contracts;
mod deployment;
mod exchange;
mod mix;
mod random;
mod swaps;
mod tokens;
mod transfers;
mod world;

pub use catalogue::{CATALOGUE, Dependence, GIGAGAS, QUICK_GAS, Recipe, Workload, matching};
pub use exchange::{Contract, Exchange, Venue};
pub use random::SplitMix;

//! Generates long chains with a growing state, for importers to import.
//!
//! [`Generator`] makes one block after another, [`write()`] makes files of them: a geth-style `genesis.json`, and `chain.rlp`,
//! which holds the RLP form of one block after the other. [`Config`] says how long the chain is, which forks it goes through and
//! what its transactions do.
//!
//! ## What it promises
//! * **The same configuration gives the same files**, byte for byte, on every machine and any number of threads.
//! * Every block is valid by all rules of `mundi-chain` and executes to what its header says. Transactions are signed. Only
//!   proof-of-work seals and blobs are missing, which blocks are not asked for.
//! * **Roots owe nothing to the state store.** They come from a trie in memory that has nothing in common with it, and every
//!   [`Config::check_every`] blocks and at the end they are compared with the root of the whole state, computed from scratch.
//!   Execution is sequential, so the parallel engine is owed nothing either.
//! * The chain has every kind of change that a state knows: accounts that come, accounts that go (by EIP-161, by destruction),
//!   contracts with and without code of their own, storage that grows, is cleared and is wiped, contracts that come back where
//!   they were, within a block and later, delegated accounts, system contracts, withdrawals, requests, ommers.
//! * Base fee, blob price and gas limit keep moving, and go nowhere.
//!
//! ## Limits and failure
//! Blocks are not kept, but the state is: some 600 bytes of memory for each account and slot. Time is linear in transactions;
//! the checks of the whole state add time linear in the state each.
//!
//! The DAO fork is left out. A configuration that makes no sense is an error; anything else that goes wrong is a fault of this
//! crate, of the engine or of the rules, and ends the chain with an error that says in which block.
//!
//! ```
//! use mundi_synthetic::{Config, Generator};
//!
//! let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
//! let config = Config { transactions: 5, senders: 4, ..Config::new(3) };
//! let mut chain = Generator::new(&config, &pool)?;
//! while let Some(block) = chain.next_block(&pool)? {
//!     println!("{} {}", block.header.number, block.header.state_root);
//! }
//! assert_eq!(chain.totals().blocks, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Where to look
//! `population` knows what is there and what can be done with it, `plan` fills blocks with it, `transaction` gives it form and
//! signature, `generator` makes headers around it. `trie` and `state_root` give the roots. `contracts` are a few small ones that run
//! under every fork's rules; from Cancun on those of `mundi-workload` join them.

mod assembler;
mod config;
mod contracts;
mod error;
mod files;
mod generator;
mod genesis;
mod keys;
mod plan;
mod population;
mod schedule;
mod state_root;
mod transaction;
mod trie;

pub use config::{Config, ConfigError, Forks, Shares};
pub use error::GenerateError;
pub use files::{Progress, Written, write};
pub use generator::{Generator, Totals};

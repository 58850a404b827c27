//! Runs Ethereum's own test files against Mundi's engine and chain rules.
//!
//! ## What it promises
//! [`run`] finds test files in files, folders and `.tar.gz` archives, and runs each **vector** in them:
//!
//! * a *state test*, for each fork and combination of indexes: one transaction as a block of its own. The post-state
//!   root and the hash of the logs must be those of the file; a transaction for which the file expects an exception
//!   must be rejected, all others accepted.
//! * a *block test*: a chain is imported on a genesis. Each block is decoded, checked against its parent, executed and
//!   checked again, state root included; blocks that are expected to be invalid must be rejected and change nothing. Side
//!   branches are executed from their own parent's state. The head (before the Merge the valid block of greatest total
//!   difficulty, after it the last one) and its state must be those of the file. With [`Config::store`] the states are
//!   in a `mundi_state::Store`, which follows the head, rewinding where it has to, and at the end holds what was put in,
//!   before and after it is closed and opened.
//! * a *transaction test*, for each fork: decoding, sender, hash, intrinsic gas, or rejection.
//! * a *trie test*: the root of a Merkle-Patricia trie, after every step the same by definition, from alloy's hash
//!   builder and from the code that keeps the store's tries, as far as each knows such tries.
//!
//! Whatever is executed runs in every mode of [`Config::modes`]; the modes must agree with each other in outcomes, state
//! changes, gas and requests, besides agreeing with the file.
//!
//! ## Limits and failure
//! A wrong result is a [`Failure`] that names file and vector and says what was expected and what came. Input that is not
//! a test, or not readable, is a failure of kind [`FailureKind::Malformed`]; it never panics, and a panic in the code
//! under test is caught and reported like any wrong result. Files are read in batches, so memory is bounded by
//! [`Limits`] whatever the size of the archive.
//!
//! Work is spread over files on the pools handed in; the result does not depend on their sizes.

mod alloc;
mod block_test;
mod chain;
mod engine;
mod failure;
mod merkle_patricia;
mod quantity;
mod runner;
mod source;
mod state_test;
mod states;
mod stored;
mod summary;
mod transaction_fields;
mod transaction_test;
mod trie_test;
mod world;

pub use failure::{Failure, FailureKind, Skip};
pub use runner::{Config, Kind, Progress, SLOW, Workers, run};
pub use source::Limits;
pub use summary::{FolderSummary, Summary};

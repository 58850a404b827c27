//! Measures the state store: roots and commits, point reads, bytes on disk, pipelined imports.
//!
//! # What a measurement is
//!
//! A world of the size asked for is built once (random addresses, balances as on mainnet, one account in a hundred with
//! storage) and kept if its directory is. Everything compared runs in one process, interleaved, so that drift of the
//! machine falls on all alike; figures are medians over rounds.
//!
//! * **Roots and commits.** Each round changes nonce and balance of random accounts. The state is staged on one thread
//!   and on all, in turn, on the same parent; every run must find the same root, and so must alloy's hash builder over
//!   the same tables. Then it is published and persisted, with the pool of one thread and with all in turn.
//!   A *commit* is stage, publish and persist; the flush, which comes every so many blocks, is timed by itself.
//! * **Keccak's floor.** The number of permutations that the changed nodes and hashed keys need, times the time of one by
//!   `alloy_primitives::keccak256` on nodes of the same size.
//! * **Reads.** Accounts that the caches hold; accounts that they do not hold; and the key-value engine's own reads of as
//!   many other accounts, interleaved with the misses in groups, all after one pass over all of them that warms the engine
//!   and the system.
//! * **Imports.** A generated chain is imported as a pipeline, and one block at a time, so that each stage works alone. The
//!   pipeline is compared with the slowest stage alone, and with all stages one after the other.
//!
//! # Limits
//!
//! Times are wall clock: nothing else should run. Bytes on disk are those of the engine's files after a flush, before
//! compaction has come to rest.

mod error;
mod pipeline;
mod plan;
mod reads;
mod report;
mod roots;
mod world;

pub use error::BenchError;
pub use pipeline::ImportFigures;
pub use plan::{Plan, Progress};
pub use reads::ReadFigures;
pub use report::{Report, SizeFigures};
pub use roots::RootFigures;
pub use world::Size;

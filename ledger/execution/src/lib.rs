//! Executes an ordered Ethereum block on all cores.
//!
//! Work in progress documentation.

mod access_list;
mod admission;
mod block;
mod block_steps;
mod cells;
mod changes;
mod collect;
mod commit;
mod edge;
mod effects;
mod error;
mod memory;
mod observe;
mod optimistic;
mod options;
mod output;
mod report;
mod schedule;
mod scheduler;
mod sequential;
mod state;
mod sync;
mod transfer;
mod undeclared;
mod versions;
mod view;
mod vm;
mod worker;

pub use block::{AccessHint, AccessSet, BlobRules, Block, Location, Ommer, Rules, Transaction, TxIndex};
pub use changes::{AccountChange, StateChanges};
pub use error::{ExecutionError, Stage};
pub use memory::{MemoryState, StoredAccount};
pub use options::{Mode, Options, Policy};
pub use output::{BlockOutput, CommitSink, Committed, NoSink, Outcome, SkipReason, TxReceipt};
pub use report::{CriticalPath, Dependency, Report, Span, Trace};
pub use schedule::{Event, RecordedRead, SCHEDULE_VERSION, Schedule, Seen};
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
    match options.mode {
        Mode::Sequential => sequential::execute(block, state, options, sink),
        _ => {
            let threads = options.threads.get().min(pool.current_num_threads() + 1);
            optimistic::execute(block, state, pool, threads, options, sink)
        }
    }
}

//! Executes an ordered Ethereum block on all cores.
//!
//! Work in progress documentation.

mod access_list;
mod admission;
mod block;
mod block_steps;
mod cell_table;
mod cells;
mod changes;
mod collect;
mod commit;
mod edge;
mod effects;
mod eip1283;
mod error;
mod helpers;
mod hints;
mod memory;
mod observe;
mod optimistic;
mod options;
mod output;
mod report;
mod rerun;
mod schedule;
mod scheduler;
mod seeds;
mod sequential;
mod state;
mod sync;
mod transfer;
mod undeclared;
mod versions;
mod view;
mod vm;
mod worker;
mod written;

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
    let threads = options.threads.get().min(pool.current_num_threads() + 1);
    let mode = match options.mode {
        Mode::Auto => auto(block, options),
        Mode::AccessList if options.access_list.is_none() => {
            return Err(ExecutionError::Options("mode access-list needs the block's access list".into()));
        }
        mode => mode,
    };
    if options.schedule.is_some() && mode != Mode::Optimistic {
        return Err(ExecutionError::Options(format!(
            "a schedule is followed in mode optimistic, not {mode}"
        )));
    }
    match mode {
        Mode::Sequential => sequential::execute(block, state, options, sink),
        mode => optimistic::execute(block, state, pool, mode, threads, options, sink),
    }
}

/// Whether the block is over before a second thread has woken up.
fn is_light(block: &Block) -> bool {
    const FEW: usize = 4;
    const SOME: usize = 32;
    const LITTLE_GAS: u64 = 1_500_000;
    let limits = block.transactions.iter().map(|tx| tx.env.gas_limit);
    let gas = limits.fold(0, u64::saturating_add);
    block.transactions.len() <= FEW || (block.transactions.len() <= SOME && gas <= LITTLE_GAS)
}

/// The mode that what is known of the block calls for.
fn auto(block: &Block, options: &Options) -> Mode {
    let declared = |tx: &Transaction| matches!(tx.hint, AccessHint::Declared(_));
    if options.schedule.is_some() {
        Mode::Optimistic
    } else if options.access_list.is_some() {
        Mode::AccessList
    } else if !block.transactions.is_empty() && block.transactions.iter().all(declared) {
        Mode::Declared
    } else if is_light(block) && !options.record && !options.trace {
        Mode::Sequential
    } else {
        Mode::Optimistic
    }
}

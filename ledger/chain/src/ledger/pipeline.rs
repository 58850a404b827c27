//! The stages of a ledger, each a thread: execution, roots, writing.
//!
//! A command runs through all stages in order. Edits and rewinds wait until everything before them is written, and has been moved
//! into the tables if it was time for that.

mod execute;
mod late;
mod promise;
mod root;
mod write;

use super::{LedgerError, LedgerPools, Sealed, Shared};
use crate::payload::Payload;
use mundi_execution::StateChanges;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    thread::{self, JoinHandle},
};
use tokio::sync::oneshot;

/// Where a result goes.
type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

/// What a ledger is told to do.
pub(super) enum Command {
    Payload(Box<Payload>, Reply<Arc<Sealed>>),
    Edit(StateChanges, Reply<()>),
    Rewind(u64, Option<StateChanges>, Reply<()>),
    /// Says when everything before is done.
    Rest(Reply<()>),
}

/// What one stage hands to the next.
enum Item<T> {
    Block(Box<T>),
    /// Everything before is through: say so.
    Barrier(oneshot::Sender<()>),
}

/// Starts the stages. They end, one after the other, when nobody can send commands any more.
pub(super) fn start(
    shared: &Arc<Shared>,
    pools: LedgerPools,
    inbox: Receiver<Command>,
) -> Vec<JoinHandle<()>> {
    let queue = shared.config.queue.max(1);
    let (executed, to_seal) = sync_channel(queue);
    let (sealed, to_write) = sync_channel(queue);
    let executor = execute::Executor::new(Arc::clone(shared), Arc::clone(&pools.engine), executed);
    let sealer = root::Sealer::new(Arc::clone(shared), pools.background, sealed);
    let writer = Arc::clone(shared);
    [
        spawn(shared, "execute", move || executor.run(&inbox)),
        spawn(shared, "root", move || sealer.run(&to_seal)),
        spawn(shared, "write", move || write::run(&writer, &to_write)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A thread whose panic halts the ledger.
fn spawn(
    shared: &Arc<Shared>,
    stage: &'static str,
    work: impl FnOnce() + Send + 'static,
) -> Option<JoinHandle<()>> {
    let guard = Arc::clone(shared);
    let thread = thread::Builder::new().name(format!("ledger {stage}"));
    let spawned = thread.spawn(move || {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            guard.halt(&format!("stage {stage} panicked"));
        }
    });
    spawned.map_err(|error| shared.halt(&format!("no thread for stage {stage}: {error}"))).ok()
}

//! A thread with a runtime of its own, beside those of a node.

use crate::bft::{Fault, Progress};
use commonware_runtime::{
    Runner as _,
    tokio::{Config, Context, Runner},
};
use std::{
    any::Any,
    future::Future,
    num::NonZeroUsize,
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};
use tokio::sync::oneshot;

/// Where whoever runs leaves its progress, for the case that it breaks.
pub(crate) type Found = Arc<Mutex<Option<Progress>>>;

/// Runs work on a runtime that keeps its storage in a folder. If it breaks, its progress has the fault.
pub(crate) fn run<F: Future<Output = ()>>(
    threads: NonZeroUsize,
    storage: PathBuf,
    work: impl FnOnce(Context, Found) -> F,
) {
    let runtime = Config::new()
        .with_worker_threads(threads.get())
        .with_storage_directory(storage)
        .with_catch_panics(false);
    let known = Found::default();
    let found = Arc::clone(&known);
    // Storage that fails ends its task with a panic, and with it the runtime.
    let ended = std::panic::catch_unwind(AssertUnwindSafe(|| {
        Runner::new(runtime).start(|context| work(context, found));
    }));
    if let (Err(panic), Some(progress)) = (ended, known.lock().expect("no holder panics").take()) {
        progress.fail(Fault::Engine(reason(&*panic)));
    }
}

/// What a panic said.
fn reason(panic: &(dyn Any + Send)) -> String {
    let reason = panic.downcast_ref::<String>().cloned();
    let reason = reason.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into()));
    reason.unwrap_or_else(|| "a part of it panicked".into())
}

/// A thread that ends when it is told to.
pub(crate) struct Worker {
    stop: Mutex<Option<oneshot::Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// Starts it; what it is given resolves when it shall end.
    pub(crate) fn start(
        name: &str,
        work: impl FnOnce(oneshot::Receiver<()>) + Send + 'static,
    ) -> Result<Self, Fault> {
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name(name.into()).spawn(move || work(stopped));
        let thread = thread.map_err(|error| Fault::Engine(format!("no thread: {error}")))?;
        Ok(Self { stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })
    }

    /// Tells it to end and waits until it has; whether it ended well. Called more than once it does nothing.
    pub(crate) fn end(&self) -> bool {
        drop(self.stop.lock().expect("no holder panics").take());
        let thread = self.thread.lock().expect("no holder panics").take();
        thread.is_none_or(|thread| thread.join().is_ok())
    }
}

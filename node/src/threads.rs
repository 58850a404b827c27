//! Threads of a node: named, bounded, apart from each other.

use crate::error::NodeError;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{num::NonZeroUsize, sync::Arc, thread};
use tokio::runtime::{Builder, Runtime};

/// How many threads there are of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadConfig {
    /// Threads that execute a block, the ledger's own included. Default: all cores.
    pub engine: NonZeroUsize,
    /// Threads for receipts and state roots. Default: all cores.
    pub background: NonZeroUsize,
    /// Threads that answer requests. Default: all cores.
    pub rpc: NonZeroUsize,
    /// Threads that read from and write to clients. Default: half of the cores, at least two.
    pub network: NonZeroUsize,
    /// By how much threads that serve clients stand back when there are not enough cores, as `nice` counts: 0 to 19. Default: 10,
    /// so that blocks are made in time while the node is flooded with requests. Those that work on requests, and could work on
    /// one for seconds, stand back by nine more; zero is zero for all.
    pub courtesy: u8,
}

impl Default for ThreadConfig {
    fn default() -> Self {
        Self::for_cores(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

impl ThreadConfig {
    /// What suits a machine with so many cores.
    pub fn for_cores(cores: NonZeroUsize) -> Self {
        let network = NonZeroUsize::new((cores.get() / 2).max(2)).expect("at least two");
        Self { engine: cores, background: cores, rpc: cores, network, courtesy: 10 }
    }
}

/// Threads to lend. Several nodes of one process may share them.
#[derive(Debug)]
pub struct Threads {
    pub(crate) config: ThreadConfig,
    pub(crate) engine: Arc<ThreadPool>,
    pub(crate) background: Arc<ThreadPool>,
    pub(crate) rpc: Arc<ThreadPool>,
    pub(crate) network: Runtime,
}

impl Threads {
    /// Starts them.
    pub fn start(config: &ThreadConfig) -> Result<Self, NodeError> {
        let courtesy = i32::from(config.courtesy.min(19));
        let working = if courtesy == 0 { 0 } else { (courtesy + 9).min(19) };
        let pool = |name: &'static str, threads: usize, courtesy: i32| {
            ThreadPoolBuilder::new()
                .num_threads(threads.max(1))
                .thread_name(move |at| format!("{name} {at}"))
                .start_handler(move |_| stand_back(courtesy))
                .build()
                .map(Arc::new)
                .map_err(|error| NodeError::Threads { kind: name, reason: error.to_string() })
        };
        let network = Builder::new_multi_thread()
            .worker_threads(config.network.get())
            .thread_name("network")
            .on_thread_start(move || stand_back(courtesy))
            .enable_all()
            .build()
            .map_err(|error| NodeError::Threads { kind: "network", reason: error.to_string() })?;
        Ok(Self {
            config: *config,
            // The ledger's own thread is one of the engine's.
            engine: pool("engine", config.engine.get() - 1, 0)?,
            background: pool("background", config.background.get(), 0)?,
            rpc: pool("rpc", config.rpc.get(), working)?,
            network,
        })
    }

    /// The pool for receipts and roots, also for opening stores.
    pub const fn background(&self) -> &Arc<ThreadPool> {
        &self.background
    }
}

/// Lowers the priority of the calling thread alone. Where that is not possible it stays as it is.
fn stand_back(by: i32) {
    #[cfg(target_os = "linux")]
    if by > 0 {
        // Linux counts priorities by thread; others by process, where lowering it would be wrong.
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), by);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = by;
}

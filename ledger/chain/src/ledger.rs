//! The ledger: payloads in, sealed Ethereum blocks out.
//!
//! ## What it promises
//! * Payloads become blocks in the order in which they are [submitted](Ledger::submit). A transaction that is invalid where it
//!   stands is left out, so the block is always a valid Ethereum block: `mundi import` accepts it.
//! * What readers see is durable: [`Ledger::head`], its state, events and receipts appear after the block is written.
//! * After a crash the ledger continues at the newest block that was written; nobody was told of a later one.
//!
//! ## How
//! ```text
//! submit ──queue──► execute ──queue──► receipts, state root, seal ──queue──► write, tell
//!                   engine             background pool
//! ```
//! The queues are bounded: [`Ledger::submit`] waits while the ledger is behind.
//!
//! ## What happens when things fail
//! A store that cannot be written, or a bug in the engine, ends the ledger: every later call gets [`LedgerError::Halted`] with the
//! reason, and reading goes on.
//!
//! ## Limits
//! Nothing here is global: any number of ledgers run in one process, each over its own store and pools.

mod beneath;
mod draft;
mod events;
mod pipeline;
mod reading;
mod state;

pub use beneath::Beneath;
pub use draft::draft_header;
pub use events::{CommittedTransaction, Head, LedgerEvent, LedgerObserver, Sealed, Timings};
pub use state::LedgerState;

use crate::{forks::ChainSpec, header::Parent, payload::Payload};
use alloy_consensus::Header;
use alloy_primitives::Bytes;
use mundi_execution::{ExecutionError, Mode, StateChanges, StateError};
use mundi_state::{BlockRecord, Store, StoreError};
use pipeline::Command;
use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, OnceLock, RwLock,
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
};
use tokio::sync::{broadcast, oneshot};

/// How a ledger runs.
#[derive(Clone, Debug)]
pub struct LedgerConfig {
    /// The gas limit that blocks move to. Default: a gigagas.
    pub gas_limit: u64,
    /// What blocks say in `extraData`, when the payload says nothing. Default: `mundi`.
    pub extra_data: Bytes,
    /// The engine's strategy. Default: automatic.
    pub mode: Mode,
    /// Threads of the engine, the stage's own included. Default: all cores.
    pub threads: NonZeroUsize,
    /// Whether the engine traces what ran when and what depended on what, for [`Sealed::report`]; costs some time. Default: no.
    pub trace: bool,
    /// Payloads that may wait, and blocks that may wait to be written. Default: 4.
    pub queue: usize,
    /// Events that a slow subscriber may be behind before it loses some. Default: 1,024.
    pub events: usize,
    /// Bytes of recent blocks that are kept decoded. Default: 64 MiB.
    pub block_cache_bytes: u64,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            gas_limit: 1_000_000_000,
            extra_data: Bytes::from_static(b"mundi"),
            mode: Mode::Auto,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            trace: false,
            queue: 4,
            events: 1024,
            block_cache_bytes: 64 << 20,
        }
    }
}

/// Threads lent to a ledger. Its own threads are none of them.
#[derive(Clone, Debug)]
pub struct LedgerPools {
    /// For the engine: one thread fewer than [`LedgerConfig::threads`].
    pub engine: Arc<rayon::ThreadPool>,
    /// For receipts and roots.
    pub background: Arc<rayon::ThreadPool>,
}

/// Why a payload has no block, or a command no effect.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// The ledger has ended.
    #[error("the ledger has stopped: {0}")]
    Halted(Arc<str>),
    /// The payload cannot follow the newest block.
    #[error("payload: {field}: expected {expected}, got {got}")]
    Payload {
        /// Which field.
        field: &'static str,
        /// What would be right.
        expected: String,
        /// What it is.
        got: String,
    },
    /// The engine cannot execute the payload.
    #[error("the payload cannot be executed: {0}")]
    Execution(Arc<ExecutionError>),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(Arc<StoreError>),
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// What all threads of a ledger share.
struct Shared {
    spec: Arc<ChainSpec>,
    store: Arc<Store>,
    config: LedgerConfig,
    beneath: Option<Arc<Beneath>>,
    head: RwLock<Arc<Head>>,
    blocks: reading::BlockCache,
    /// Edits by the height of the block that they came into, the newest.
    edited: RwLock<BTreeMap<u64, Arc<StateChanges>>>,
    events: broadcast::Sender<LedgerEvent>,
    commits: broadcast::Sender<Arc<CommittedTransaction>>,
    observers: RwLock<Vec<Arc<dyn LedgerObserver>>>,
    halted: OnceLock<Arc<str>>,
}

/// A running ledger. Reading methods may be called from any thread at any time and never wait for execution.
pub struct Ledger {
    shared: Arc<Shared>,
    commands: Mutex<Option<SyncSender<Command>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Ledger {
    /// Starts at the newest block of a store. Nothing else may publish to the store meanwhile.
    ///
    /// `beneath` is the state under the first block, if the chain continues a foreign one.
    pub fn start(
        store: Arc<Store>,
        spec: Arc<ChainSpec>,
        config: LedgerConfig,
        pools: LedgerPools,
        beneath: Option<Arc<Beneath>>,
    ) -> Result<Self, LedgerError> {
        store.persist()?;
        let block = reading::read_block(&store, store.tip().height)?;
        let block = Arc::new(block.ok_or_else(|| StoreError::Damaged("the newest block is missing".into()))?);
        let state = LedgerState::new(store.latest(), None, beneath.clone());
        let (commands, inbox) = sync_channel(config.queue.max(1));
        let shared = Arc::new(Shared {
            head: RwLock::new(Arc::new(Head { block, state })),
            blocks: reading::BlockCache::new(config.block_cache_bytes),
            edited: RwLock::default(),
            events: broadcast::channel(config.events.max(1)).0,
            commits: broadcast::channel(config.events.max(1) * 16).0,
            observers: RwLock::default(),
            halted: OnceLock::new(),
            spec,
            store,
            config,
            beneath,
        });
        let threads = pipeline::start(&shared, pools, inbox);
        Ok(Self { shared, commands: Mutex::new(Some(commands)), threads: Mutex::new(threads) })
    }

    /// Adds somebody who hears of every new head before anybody else does.
    pub fn observe(&self, observer: Arc<dyn LedgerObserver>) {
        self.shared.observers.write().expect("no holder panics").push(observer);
    }

    /// Hands the next payload in; waits while the queue is full. What is returned resolves when the block is written.
    pub fn submit(
        &self,
        payload: Payload,
    ) -> Result<oneshot::Receiver<Result<Arc<Sealed>, LedgerError>>, LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Payload(Box::new(payload), reply))?;
        Ok(answer)
    }

    /// Changes the state that the next block begins with, as developers do, without a block. Readers of the head see it when
    /// this returns.
    pub fn edit(&self, changes: StateChanges) -> Result<(), LedgerError> {
        self.ask(|reply| Command::Edit(changes, reply))
    }

    /// Drops all blocks after `height`, and with them edits made since, as developers do; then applies `edits`, those that
    /// stood at that height when it was the head.
    pub fn rewind(&self, height: u64, edits: Option<StateChanges>) -> Result<(), LedgerError> {
        self.ask(|reply| Command::Rewind(height, edits, reply))
    }

    /// Waits until nothing is under way: what was handed in before is written, and what had to be moved from memory into the
    /// tables is there, so nothing is written before something is handed in again.
    pub fn rest(&self) -> Result<(), LedgerError> {
        self.ask(Command::Rest)
    }

    fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), LedgerError>>) -> Command,
    ) -> Result<(), LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply))?;
        answer.blocking_recv().unwrap_or_else(|_| Err(self.shared.halted()))
    }

    fn send(&self, command: Command) -> Result<(), LedgerError> {
        // Cloned, so that the lock is not held while the queue is full.
        let commands = self.commands.lock().expect("no holder panics").clone();
        let commands = commands.ok_or_else(|| self.shared.halted())?;
        commands.send(command).map_err(|_| self.shared.halted())
    }

    /// The header of the block after `parent` with these attributes, as far as it is known before execution: roots, gas used
    /// and bloom are empty.
    pub fn draft(&self, parent: &BlockRecord, payload: &Payload) -> Header {
        let total_difficulty = Some(parent.total_difficulty);
        let parent = Parent { header: &parent.header, hash: parent.hash, total_difficulty };
        draft_header(&self.shared.spec, &self.shared.config, parent, payload)
    }

    /// Finishes what was submitted, writes it and ends all threads. Reading goes on; everything else gets
    /// [`LedgerError::Halted`].
    pub fn close(&self) -> Result<(), LedgerError> {
        drop(self.commands.lock().expect("no holder panics").take());
        let threads = std::mem::take(&mut *self.threads.lock().expect("no holder panics"));
        for thread in threads {
            if thread.join().is_err() {
                self.shared.halt("a stage panicked");
            }
        }
        match self.shared.halted.get() {
            Some(reason) => Err(LedgerError::Halted(Arc::clone(reason))),
            None => Ok(()),
        }
    }
}

impl Shared {
    fn halt(&self, reason: &str) {
        if self.halted.set(reason.into()).is_ok() {
            let _ = self.events.send(LedgerEvent::Halted(reason.into()));
            tracing::error!(target: "ledger", reason, "the ledger stops");
        }
    }

    fn halted(&self) -> LedgerError {
        LedgerError::Halted(self.halted.get().cloned().unwrap_or_else(|| "it was closed".into()))
    }

    fn head(&self) -> Arc<Head> {
        Arc::clone(&self.head.read().expect("no holder panics"))
    }

    fn set_head(&self, head: Head) -> Arc<Head> {
        let head = Arc::new(head);
        *self.head.write().expect("no holder panics") = Arc::clone(&head);
        self.blocks.put(Arc::clone(&head.block));
        head
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("head", &self.shared.head().block.header.number)
            .finish_non_exhaustive()
    }
}

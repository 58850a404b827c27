//! The node: what it is made of, and in which order it begins and ends.

use crate::{
    beginning::begin_as_others,
    config::{ChainSource, NodeConfig},
    datadir::{Chain, DataDir},
    decided_heads::DecidedHeads,
    error::NodeError,
    metrics::{BlockFigures, Figures, Gauges},
    monitor::Monitor,
    narrate::Narrator,
    ordering::{Orderer, Ordering},
    serve,
    threads::Threads,
};
use mundi_chain::{Beneath, Genesis, Ledger, LedgerConfig, LedgerEvent, LedgerPools, Sequencer};
use mundi_consensus::Solo;
use mundi_execution::StateChanges;
use mundi_mempool::{Journal, Mempool};
use mundi_rpc_context::{Accounts, Context, Ctx, Methods, Workers};
use mundi_rpc_dev::{Fork, ForkedChain, Setup, Workbench};
use mundi_rpc_server::{ServerConfig, ServerHandle};
use mundi_state::Store;
use std::{fmt, fs, net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::sync::broadcast::error::RecvError;

/// Where a node can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// HTTP.
    pub http: Option<SocketAddr>,
    /// WebSocket, on the same port mostly.
    pub ws: Option<SocketAddr>,
    /// The Unix socket.
    pub ipc: Option<PathBuf>,
    /// For those who show a token.
    pub admin: Option<SocketAddr>,
    /// Figures and health.
    pub metrics: Option<SocketAddr>,
}

/// A running node. Dropped, it stops.
pub struct Node {
    threads: Arc<Threads>,
    context: Ctx,
    orderer: Orderer,
    /// How the chain began.
    genesis: Option<Arc<Genesis>>,
    bench: Option<Arc<Workbench>>,
    fork: Option<Arc<Fork>>,
    /// Where the chain is dumped to at the end.
    dump: Option<PathBuf>,
    monitor: Option<Monitor>,
    server: Option<ServerHandle>,
    addresses: Addresses,
}

impl Node {
    /// Starts a node. Not to be called from within an asynchronous task.
    pub fn start(config: NodeConfig, threads: Arc<Threads>) -> Result<Self, NodeError> {
        config.check()?;
        let figures = config.metrics.map(|_| Figures::new()).transpose();
        let figures = figures.map_err(|error| NodeError::Settings(format!("figures: {error}")))?;
        let monitor = match (&figures, config.metrics) {
            (Some(figures), Some(address)) => Some(Monitor::start(address, figures, &threads)?),
            _ => None,
        };
        let opened = open(config.chain, &config.ordering, &config.state, &threads)?;
        let genesis = opened.genesis;
        for key in &genesis.ignored {
            tracing::warn!(target: "node", "genesis: config.{key} means nothing here and is passed over");
        }
        let spec = Arc::new(genesis.spec.clone().with_code_senders(config.developer.is_some()));
        let ledger_config = LedgerConfig {
            threads: threads.config.engine,
            gas_limit: config.gas_limit.unwrap_or(genesis.header.gas_limit),
            ..config.ledger
        };
        let pools =
            LedgerPools { engine: Arc::clone(&threads.engine), background: Arc::clone(&threads.background) };
        let store = Arc::new(opened.store);
        let ledger = Ledger::start(store, Arc::clone(&spec), ledger_config.clone(), pools, opened.beneath)?;
        let ledger = Arc::new(ledger);
        if let Some(edits) = opened.edits {
            ledger.edit(edits)?;
        }

        let head = mundi_mempool::head_after(&spec, &ledger.head());
        let pool = Arc::new(Mempool::new(config.pool, Arc::clone(&spec), head));
        if config.developer.is_none() {
            ledger.observe(Arc::clone(&pool) as _);
        }
        ledger.observe(Arc::new(Narrator));
        if let Some(folder) = &opened.folder {
            bring_back(&pool, folder, config.journal_bytes, &threads)?;
        }

        let orderer = config.ordering.start(&ledger, &pool, &threads)?;
        // Others have no say in what the next block is like.
        let steered = orderer.solo().filter(|_| config.developer.is_some()).cloned();
        if let Some(solo) = &steered {
            let (pool, solo) = (Arc::clone(&pool), Arc::downgrade(solo));
            ledger.observe(Arc::new(DecidedHeads { spec, config: ledger_config, pool, solo }));
        }

        let workers = Workers::new(Arc::clone(&threads.rpc), config.most_waiting);
        if let (Some(figures), Some(monitor)) = (&figures, &monitor) {
            let (blocks, gauges) = Figures::within(Some(figures), || {
                (BlockFigures::new(), Gauges::new(&pool, &ledger, &workers, orderer.consensus()))
            });
            blocks.begin(&ledger.head());
            ledger.observe(Arc::new(blocks));
            monitor.attach(&ledger, gauges, orderer.consensus().cloned(), orderer.figures());
        }
        let (developer, is_developers) =
            (config.developer.clone().unwrap_or_default(), config.developer.is_some());
        let context = Arc::new(Context {
            ledger,
            pool,
            sequencer: orderer.sequencer(),
            consensus: orderer.consensus().cloned(),
            workers,
            limits: config.limits,
            accounts: Accounts::new(developer.signers),
            client_version: config.client_version,
            developer: steered,
        });
        // A chain that continues a foreign one did not begin with it.
        let genesis = opened.fork.is_none().then(|| Arc::new(genesis));
        let bench = if let Some(solo) = &context.developer {
            solo.decide(|next| *next = developer.next);
            context.accounts.impersonate_all(developer.impersonate_all);
            let setup = Setup { genesis: genesis.clone(), fork: opened.fork.clone(), replace: None };
            Workbench::new(Ctx::clone(&context), setup)
        } else {
            None
        };
        let mut node = Self {
            threads,
            context,
            orderer,
            genesis,
            bench,
            fork: opened.fork,
            dump: None,
            monitor,
            server: None,
            addresses: Addresses::default(),
        };
        if let (Some(dump), Some(bench)) = (developer.load, &node.bench) {
            bench.load(&dump).map_err(|error| NodeError::Dump { what: "loaded", error })?;
        }
        let privileged_in_public =
            if is_developers { developer.allow_public } else { config.server.privileged_in_public };
        let server = ServerConfig { privileged_in_public, ..config.server };
        let server = serve::start(server, &node.context, node.methods(), figures.as_ref(), &node.threads)?;
        node.addresses = Addresses {
            http: server.http_addr(),
            ws: server.ws_addr(),
            admin: server.admin_addr(),
            ipc: server.ipc_path().map(Into::into),
            metrics: node.monitor.as_ref().map(|monitor| monitor.address),
        };
        node.server = Some(server);
        node.dump = developer.dump;
        node.orderer.begin();
        if let Some(monitor) = &node.monitor {
            monitor.set_ready(true);
        }
        Ok(node)
    }

    /// The chain.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.context.ledger
    }

    /// Transactions that wait.
    pub fn pool(&self) -> &Arc<Mempool> {
        &self.context.pool
    }

    /// Who orders them.
    pub fn sequencer(&self) -> &Arc<dyn Sequencer> {
        &self.context.sequencer
    }

    /// The same, where the node orders alone.
    pub const fn solo(&self) -> Option<&Arc<Solo>> {
        self.orderer.solo()
    }

    /// What developers' methods work on, on a developers' chain.
    pub const fn workbench(&self) -> Option<&Arc<Workbench>> {
        self.bench.as_ref()
    }

    /// The remote chain that this one continues.
    pub const fn fork(&self) -> Option<&Arc<Fork>> {
        self.fork.as_ref()
    }

    /// What methods are given.
    pub const fn context(&self) -> &Ctx {
        &self.context
    }

    /// All its methods, for use without a server.
    pub fn methods(&self) -> Methods {
        serve::methods(&self.context, self.genesis.as_ref(), self.bench.as_ref(), self.fork.as_ref())
    }

    /// Where the node can be reached.
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Why no more blocks are made, if that is so.
    pub fn halted(&self) -> Option<Arc<str>> {
        self.context.ledger.halted().or_else(|| {
            let fault = self.orderer.progress()?.fault()?;
            Some(fault.to_string().into())
        })
    }

    /// Work that waits until no more blocks can be made, or the node is stopped, and calls `halted` in the first case. Whoever
    /// wants to know gives it a thread.
    pub fn watch_for_halt(&self, halted: impl FnOnce() + Send + 'static) -> impl FnOnce() + Send + 'static {
        let mut events = self.context.ledger.events();
        let progress = self.orderer.progress().cloned();
        let runtime = self.threads.network.handle().clone();
        let watch = async move {
            let fault = async {
                match progress {
                    Some(progress) => drop(progress.failed().await),
                    None => std::future::pending().await,
                }
            };
            tokio::pin!(fault);
            loop {
                let event = tokio::select! {
                    () = &mut fault => return true,
                    event = events.recv() => event,
                };
                match event {
                    Ok(LedgerEvent::Halted(_)) => return true,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return false,
                }
            }
        };
        move || {
            if runtime.block_on(watch) {
                halted();
            }
        }
    }

    /// Ends it in good order. Not to be called from within an asynchronous task.
    pub fn stop(mut self) -> Result<(), NodeError> {
        self.end()
    }

    /// Ends what has not ended yet.
    fn end(&mut self) -> Result<(), NodeError> {
        if let Some(monitor) = &self.monitor {
            monitor.set_ready(false);
        }
        if let Some(server) = self.server.take()
            && !self.threads.network.block_on(server.stop())
        {
            tracing::warn!(target: "node", "some calls took too long and were cut off");
        }
        self.context.sequencer.stop();
        let dumped = self.write_dump();
        let closed = self.context.ledger.close();
        let journal = self.context.pool.sync_journal();
        if let Some(monitor) = self.monitor.take() {
            monitor.stop(&self.threads);
        }
        closed?;
        journal?;
        dumped
    }

    fn write_dump(&mut self) -> Result<(), NodeError> {
        let (Some(path), Some(bench)) = (self.dump.take(), &self.bench) else { return Ok(()) };
        let path = if path.is_dir() { path.join("state.json") } else { path };
        let dump = bench.dump().map_err(|error| NodeError::Dump { what: "made", error })?;
        // An older dump stays until the new one is whole.
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        fs::write(&part, dump).and_then(|()| fs::rename(&part, &path)).map_err(NodeError::file("write", path))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(target: "node", %error, "the node did not stop well");
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("ledger", &self.context.ledger)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// A chain, ready to be run.
struct Opened {
    store: Store,
    genesis: Genesis,
    beneath: Option<Arc<Beneath>>,
    /// What the first block begins with, if it is not the state before.
    edits: Option<StateChanges>,
    folder: Option<DataDir>,
    fork: Option<Arc<Fork>>,
}

impl Opened {
    fn new(Chain { store, genesis }: Chain, folder: Option<DataDir>) -> Self {
        Self { store, genesis, beneath: None, edits: None, folder, fork: None }
    }
}

fn open(
    chain: ChainSource,
    ordering: &Ordering,
    config: &mundi_state::Config,
    threads: &Threads,
) -> Result<Opened, NodeError> {
    let pool = &threads.background;
    Ok(match chain {
        ChainSource::Memory(genesis) => {
            let store = Store::in_memory(config, &genesis.record(), &genesis.alloc, pool)?;
            Opened::new(Chain { store, genesis: *genesis }, None)
        }
        ChainSource::Folder(folder, Some(genesis)) => {
            Opened::new(folder.open_or_begin(*genesis, config, pool)?, Some(folder))
        }
        ChainSource::Folder(folder, None) => {
            begin_as_others(&folder, None, ordering, config, threads)?;
            Opened::new(folder.open_or_create(None, config, pool)?, Some(folder))
        }
        ChainSource::File(folder, file) => {
            begin_as_others(&folder, file.as_deref(), ordering, config, threads)?;
            Opened::new(folder.open_or_create(file.as_deref(), config, pool)?, Some(folder))
        }
        ChainSource::Fork { fork, preset } => {
            let ForkedChain { store, genesis, beneath, edits } = fork.begin(&preset, config, pool)?;
            Opened {
                beneath: Some(beneath),
                edits: Some(edits),
                fork: Some(fork),
                ..Opened::new(Chain { store, genesis }, None)
            }
        }
    })
}

/// Puts what the pool had when the node ended into it again, and keeps a journal from here on.
fn bring_back(pool: &Mempool, folder: &DataDir, most: u64, threads: &Threads) -> Result<(), NodeError> {
    let mut journal = Journal::open(folder.journal(), most)?;
    let loaded = journal.load_into(pool, &threads.background)?;
    if loaded.accepted > 0 {
        tracing::info!(target: "pool", transactions = loaded.accepted, "brought back from the journal");
    }
    Ok(pool.attach_journal(journal)?)
}

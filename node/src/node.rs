//! The node: what it is made of, and in which order it begins and ends.

use crate::{
    config::{ChainSource, NodeConfig},
    datadir::{Chain, DataDir},
    error::NodeError,
    follow::{Follower, next_head},
    metrics::{BlockFigures, Figures, Gauges},
    monitor::Monitor,
    narrate::Narrator,
    serve,
    threads::Threads,
};
use mundi_chain::{
    Beneath, Genesis, Ledger, LedgerConfig, LedgerEvent, LedgerPools, PayloadSource, Sequencer,
};
use mundi_consensus::{Clock, Mining, Solo, SoloConfig, SystemClock};
use mundi_mempool::{Journal, Mempool};
use mundi_rpc_context::{Accounts, Context, Ctx, Workers};
use mundi_rpc_server::{ServerConfig, ServerHandle};
use mundi_state::Store;
use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};
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
    solo: Arc<Solo>,
    figures: Option<Figures>,
    monitor: Option<Monitor>,
    server: Option<ServerHandle>,
    addresses: Addresses,
}

/// A chain, ready to be run.
struct Opened {
    store: Store,
    genesis: Genesis,
    beneath: Option<Arc<Beneath>>,
    folder: Option<DataDir>,
}

impl Node {
    /// Starts a node. Not to be called from within an asynchronous task.
    pub fn start(config: NodeConfig, threads: Arc<Threads>) -> Result<Self, NodeError> {
        config.check()?;
        let NodeConfig { chain, state, ledger, pool, sequencer, limits, server, developer, .. } = config;
        let figures = config.metrics.map(|_| Figures::new()).transpose();
        let figures = figures.map_err(|error| NodeError::Settings(format!("figures: {error}")))?;
        let monitor = match (&figures, config.metrics) {
            (Some(figures), Some(address)) => Some(Monitor::start(address, figures, &threads)?),
            _ => None,
        };

        let Opened { store, genesis, beneath, folder } = open(chain, &state, &threads)?;
        for key in &genesis.ignored {
            tracing::warn!(target: "node", "genesis: config.{key} means nothing here and is passed over");
        }
        let spec = Arc::new(genesis.spec);
        let ledger_config = LedgerConfig { threads: threads.config.engine, ..ledger };
        let pools =
            LedgerPools { engine: Arc::clone(&threads.engine), background: Arc::clone(&threads.background) };
        let ledger =
            Ledger::start(Arc::new(store), Arc::clone(&spec), ledger_config.clone(), pools, beneath)?;
        let ledger = Arc::new(ledger);

        let head = next_head(&spec, &ledger_config, &ledger.head(), None);
        let pool = Arc::new(Mempool::new(pool, Arc::clone(&spec), head));
        let follower = Arc::new(Follower::new(spec, ledger_config, Arc::clone(&pool)));
        ledger.observe(Arc::clone(&follower) as _);
        ledger.observe(Arc::new(Narrator));
        if let Some(folder) = &folder {
            bring_back(&pool, folder, config.journal_bytes, &threads)?;
        }

        let source: Arc<dyn PayloadSource> = Arc::clone(&pool) as _;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        // Until everything is decided no block is made.
        let mining = sequencer.mining;
        let sequencer = SoloConfig { mining: Mining::Manual, ..sequencer };
        let solo = Solo::start(Arc::clone(&ledger), source, clock, sequencer);
        let solo = Arc::new(
            solo.map_err(|error| NodeError::Threads { kind: "sequencer", reason: error.to_string() })?,
        );
        follower.follow(&solo);

        let (signers, steered, public) = match developer {
            Some(developer) => {
                solo.decide(|next| *next = developer.next);
                (developer.signers, true, developer.allow_public)
            }
            None => (Vec::new(), false, server.privileged_in_public),
        };
        let workers = Workers::new(Arc::clone(&threads.rpc), config.most_waiting);
        if let Some(figures) = &figures {
            let blocks = Figures::within(Some(figures), BlockFigures::new);
            blocks.begin(&ledger.head());
            ledger.observe(Arc::new(blocks));
        }
        if let (Some(figures), Some(monitor)) = (&figures, &monitor) {
            let gauges = Figures::within(Some(figures), || Gauges::new(&pool, &ledger, &workers));
            monitor.attach(&ledger, gauges);
        }
        let context = Arc::new(Context {
            ledger,
            pool,
            sequencer: Arc::clone(&solo) as _,
            workers,
            limits,
            accounts: Accounts::new(signers),
            client_version: config.client_version,
            developer: steered.then(|| Arc::clone(&solo)),
        });
        let addresses = Addresses::default();
        let mut node = Self { threads, context, solo, figures, monitor, server: None, addresses };
        let server = ServerConfig { privileged_in_public: public, ..server };
        let server = serve::start(server, &node.context, node.figures.as_ref(), &node.threads)?;
        node.addresses = Addresses {
            http: server.http_addr(),
            ws: server.ws_addr(),
            admin: server.admin_addr(),
            ipc: server.ipc_path().map(Into::into),
            metrics: node.monitor.as_ref().map(|monitor| monitor.address),
        };
        node.server = Some(server);
        node.solo.set_mining(mining);
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
    pub const fn sequencer(&self) -> &Arc<Solo> {
        &self.solo
    }

    /// What methods are given.
    pub const fn context(&self) -> &Ctx {
        &self.context
    }

    /// Where the node can be reached.
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Why no more blocks are made, if that is so.
    pub fn halted(&self) -> Option<Arc<str>> {
        self.context.ledger.halted()
    }

    /// Work that waits until no more blocks can be made, or the node is stopped, and calls `halted` in the first case. Whoever
    /// wants to know gives it a thread.
    pub fn watch_for_halt(&self, halted: impl FnOnce() + Send + 'static) -> impl FnOnce() + Send + 'static {
        let mut events = self.context.ledger.events();
        move || {
            loop {
                match events.blocking_recv() {
                    Ok(LedgerEvent::Halted(_)) => return halted(),
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        }
    }

    /// Ends it in good order. Not to be called from within an asynchronous task.
    pub fn stop(mut self) -> Result<(), NodeError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), NodeError> {
        if let Some(monitor) = &self.monitor {
            monitor.set_ready(false);
        }
        if let Some(server) = self.server.take()
            && !self.threads.network.block_on(server.stop())
        {
            tracing::warn!(target: "node", "some calls took too long and were cut off");
        }
        self.solo.stop();
        let closed = self.context.ledger.close();
        let journal = self.context.pool.sync_journal();
        if let Some(monitor) = self.monitor.take() {
            monitor.stop(&self.threads);
        }
        closed?;
        Ok(journal?)
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

fn open(chain: ChainSource, config: &mundi_state::Config, threads: &Threads) -> Result<Opened, NodeError> {
    let pool = &threads.background;
    let opened = |Chain { store, genesis }, folder| Opened { store, genesis, beneath: None, folder };
    Ok(match chain {
        ChainSource::Memory(genesis) => {
            let store = Store::in_memory(config, &genesis.record(), &genesis.alloc, pool)?;
            opened(Chain { store, genesis: *genesis }, None)
        }
        ChainSource::Folder(folder, Some(genesis)) => {
            opened(folder.open_or_begin(*genesis, config, pool)?, Some(folder))
        }
        ChainSource::Folder(folder, None) => opened(folder.open_or_create(None, config, pool)?, Some(folder)),
        ChainSource::File(folder, file) => {
            opened(folder.open_or_create(file.as_deref(), config, pool)?, Some(folder))
        }
        ChainSource::Open { store, genesis, beneath } => {
            Opened { store: *store, genesis: *genesis, beneath, folder: None }
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

//! The node: what it is made of, and in which order it begins and ends.

use crate::{
    config::{ChainSource, NodeConfig},
    datadir::{Chain, DataDir},
    error::NodeError,
    follow::{Follower, next_head},
    narrate::Narrator,
    serve::{self, Servers},
    threads::Threads,
};
use mundi_chain::{Beneath, Genesis, Ledger, LedgerConfig, LedgerPools, PayloadSource, Sequencer};
use mundi_consensus::{Clock, Solo, SystemClock};
use mundi_mempool::Mempool;
use mundi_rpc_context::{Accounts, Context, Ctx, Workers};
use mundi_state::Store;
use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};

/// Where a node can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// HTTP, and WebSocket on the same port.
    pub http: Option<SocketAddr>,
    /// WebSocket on a port of its own.
    pub ws: Option<SocketAddr>,
    /// The Unix socket.
    pub ipc: Option<PathBuf>,
    /// Figures and health.
    pub metrics: Option<SocketAddr>,
}

/// A running node. Dropped, it stops.
pub struct Node {
    threads: Arc<Threads>,
    context: Ctx,
    solo: Arc<Solo>,
    servers: Option<Servers>,
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
        let NodeConfig { chain, state, ledger, pool, sequencer, limits, listen, developer, .. } = config;
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
        ledger.observe(follower.clone());
        ledger.observe(Arc::new(Narrator));

        let source: Arc<dyn PayloadSource> = Arc::clone(&pool) as _;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let solo = Solo::start(Arc::clone(&ledger), source, clock, sequencer);
        let solo = Arc::new(
            solo.map_err(|error| NodeError::Threads { kind: "sequencer", reason: error.to_string() })?,
        );
        follower.follow(&solo);

        let (signers, steered) = match developer {
            Some(developer) => {
                solo.decide(|next| *next = developer.next);
                (developer.signers, true)
            }
            None => (Vec::new(), false),
        };
        let context = Arc::new(Context {
            ledger,
            pool,
            sequencer: Arc::clone(&solo) as _,
            workers: Workers::new(Arc::clone(&threads.rpc), config.most_waiting),
            limits,
            accounts: Accounts::new(signers),
            client_version: config.client_version,
            developer: steered.then(|| Arc::clone(&solo)),
        });
        let _ = folder;
        let mut node = Self { threads, context, solo, servers: None, addresses: Addresses::default() };
        let servers = Servers::start(&listen, serve::methods(&node.context), &node.threads)?;
        node.addresses = Addresses { http: servers.http, ws: servers.ws, ipc: listen.ipc, metrics: None };
        node.servers = Some(servers);
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

    /// Ends it in good order. Not to be called from within an asynchronous task.
    pub fn stop(mut self) -> Result<(), NodeError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), NodeError> {
        if let Some(servers) = self.servers.take() {
            servers.stop(&self.threads);
        }
        self.solo.stop();
        Ok(self.context.ledger.close()?)
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

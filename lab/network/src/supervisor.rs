//! Running the nodes of a network as processes of this machine.
//!
//! ## What it promises
//! * A node is started once, and again only when it is told to. One that ends by itself is *failed*, with its exit status and its
//!   last log lines.
//! * Orders are carried out one after another, each completely before its answer: see [`control`](crate::control).
//! * At the end every node is told to end (SIGTERM) and waited for; one that takes longer than [`SupervisorConfig::patience`] is
//!   killed, and has *failed*, as has one that ends with an error.
//! * Nodes do not get the terminal's Ctrl-C: their supervisor tells them what to do.
//! * There is one supervisor for a folder, and a node is not started while an older process of it lives ([`LockError`](crate::LockError)).
//!
//! ## When things go wrong
//! If the supervisor itself is killed the nodes live on, and nobody reads their log lines. The proxy dies with it, so they have no links
//! any more and make no blocks; with [`SupervisorConfig::direct`] they go on. [`Layout::orphans`](crate::Layout::orphans) finds them, and a
//! new supervisor refuses to start beside them: they are ended first. What a killed supervisor leaves in `run/` is harmless: locks end
//! with the process, and the socket is made anew.

mod ask;
mod engine;
mod node;
mod process;
mod readings;

use crate::{
    control::{self, Answer, Envelope, Order},
    faults::{Links, ProxiedNode, Proxy, ProxyConfig, ProxyError},
    journal::{Journal, Shown},
    layout::Layout,
    lock::{self, LockError, Orphan},
    shell::quoted,
    snapshot::Snapshot,
};
use engine::Engine;
use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

/// Orders that wait to be carried out.
const ORDERS: usize = 64;
/// Longest path of a socket, in bytes: what all systems take.
const MAX_SOCKET_PATH: usize = 100;

/// What a supervisor is told.
#[derive(Clone, Debug)]
pub struct SupervisorConfig {
    /// The network.
    pub layout: Layout,
    /// The program: `PROGRAM node --config mundi.toml` is run in the folder of each node.
    pub program: PathBuf,
    /// More arguments for each node.
    pub arguments: Vec<String>,
    /// Let nodes reach each other without a proxy: nothing can be done to their links then.
    pub direct: bool,
    /// What losses and jitter follow from. Default: 0.
    pub seed: u64,
    /// How long a node may take to end. Default: 30 s.
    pub patience: Duration,
}

impl SupervisorConfig {
    /// With defaults.
    pub fn new(layout: Layout, program: PathBuf) -> Self {
        let patience = Duration::from_secs(30);
        Self { layout, program, arguments: Vec::new(), direct: false, seed: 0, patience }
    }
}

/// Why a network does not start.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// Its nodes belong on several machines.
    #[error("the nodes of {} are on several hosts: on each of them start its own, with `cd {} && mundi node --config mundi.toml`", .0.display(), quoted(&.0.join("nodeI")))]
    SeveralHosts(PathBuf),
    /// It runs already.
    #[error("the network in {} runs already{}: `mundi net status {}` shows it, `mundi net down {}` ends it", dir.display(), holder.map(|pid| format!(" (process {pid})")).unwrap_or_default(), quoted(dir), quoted(dir))]
    Running {
        /// Its folder.
        dir: PathBuf,
        /// Its supervisor.
        holder: Option<u32>,
    },
    /// Nodes of it run without a supervisor.
    #[error("{} of {} still run{}, without a supervisor: `mundi net down {}` ends {}", names(.orphans), dir.display(), if .orphans.len() == 1 { "s" } else { "" }, quoted(dir), if .orphans.len() == 1 { "it" } else { "them" })]
    Orphans {
        /// Its folder.
        dir: PathBuf,
        /// The nodes.
        orphans: Vec<Orphan>,
    },
    /// The path of the socket is longer than paths of sockets can be.
    #[error("{} is too long for a socket ({} bytes, at most {MAX_SOCKET_PATH}): go to a folder near to it and name it from there, or move it", .0.display(), .0.as_os_str().len())]
    LongPath(PathBuf),
    /// The proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The system refuses.
    #[error("cannot {what} {}: {error}", path.display())]
    System {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

fn names(orphans: &[Orphan]) -> String {
    let name = |orphan: &Orphan| match orphan.pid {
        Some(pid) => format!("{} (process {pid})", orphan.name),
        None => orphan.name.clone(),
    };
    orphans.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A network that runs. Dropping it kills its nodes; [`Supervisor::down`] ends them in good order.
pub struct Supervisor {
    orders: mpsc::Sender<Envelope>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    links: Option<Arc<Links>>,
    engine: JoinHandle<Snapshot>,
    server: JoinHandle<()>,
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("snapshot", &self.snapshots.borrow()).finish_non_exhaustive()
    }
}

impl Supervisor {
    /// Starts the nodes. Their log lines, and what the supervisor says itself, also come out of what is returned with it.
    pub async fn start(config: SupervisorConfig) -> Result<(Self, Shown), SupervisorError> {
        let layout = &config.layout;
        let dir = || layout.dir.clone();
        let system = |what, path: PathBuf| move |error| SupervisorError::System { what, path, error };
        if !layout.is_local() {
            return Err(SupervisorError::SeveralHosts(dir()));
        }
        let socket = layout.socket();
        if socket.as_os_str().len() > MAX_SOCKET_PATH {
            return Err(SupervisorError::LongPath(socket));
        }
        lock::make_run_folder(&layout.run()).map_err(system("make", layout.run()))?;
        let mut lock = match lock::take(&layout.supervisor_lock()) {
            Err(LockError::Held { holder, .. }) => {
                return Err(SupervisorError::Running { dir: dir(), holder });
            }
            lock => lock?,
        };
        let orphans = layout.orphans();
        if !orphans.is_empty() {
            return Err(SupervisorError::Orphans { dir: dir(), orphans });
        }
        lock::sign(&mut lock).map_err(system("write", layout.supervisor_lock()))?;
        let proxy = match config.direct {
            true => None,
            false => Some(Proxy::start(proxy(layout, config.seed)).await?),
        };
        let listener = control::bind(&socket).map_err(system("listen on", socket.clone()))?;
        let (journal, shown) = Journal::start(layout).map_err(system("write log lines to", layout.run()))?;
        let (orders, queue) = mpsc::channel(ORDERS);
        let (show, snapshots) = watch::channel(Arc::default());
        let links = proxy.as_ref().map(|proxy| Arc::clone(proxy.links()));
        let engine = Engine::new(config, proxy, journal, show, lock);
        let engine = tokio::spawn(engine.run(queue));
        let server = tokio::spawn(control::serve(listener, orders.clone()));
        Ok((Self { orders, snapshots, links, engine, server }, shown))
    }

    /// Gives an order, and waits until it is carried out.
    pub async fn order(&self, order: Order) -> Answer {
        let (answer, answered) = oneshot::channel();
        let gone = || Answer::Refused("the network has ended".into());
        match self.orders.send(Envelope { order, answer }).await {
            Ok(()) => answered.await.unwrap_or_else(|_| gone()),
            Err(_) => gone(),
        }
    }

    /// How everything is: anew once a second.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// The links between the nodes, if there is a proxy.
    pub fn links(&self) -> Option<&Arc<Links>> {
        self.links.as_ref()
    }

    /// Waits until somebody has ended the network. How everything was at the end.
    ///
    /// # Panics
    /// If the supervisor itself did.
    pub async fn ended(&mut self) -> Snapshot {
        let last = (&mut self.engine).await.expect("the supervisor does not panic");
        // Whoever ended it from another process gets its answer first.
        let _ = (&mut self.server).await;
        last
    }

    /// Ends all nodes in good order. How everything was at the end.
    pub async fn down(&mut self) -> Snapshot {
        self.order(Order::Down).await;
        self.ended().await
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.engine.abort();
        self.server.abort();
    }
}

fn proxy(layout: &Layout, seed: u64) -> ProxyConfig {
    let node = |node: &crate::NodePlace| ProxiedNode {
        key: node.key,
        public: node.public().expect("all nodes are local"),
        listen: node.listen,
    };
    ProxyConfig { seed, ..ProxyConfig::new(layout.nodes.iter().map(node).collect()) }
}

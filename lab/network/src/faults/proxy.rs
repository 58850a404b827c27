//! The proxy: listeners, and who is connected with whom.

use super::{
    link::Gate,
    links::Links,
    prelude::{self, PeerKey},
    relay::{End, Relay},
    shaper::Shaper,
};
use rand::{SeedableRng as _, rngs::StdRng};
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// Most connections of one listener at a time.
pub const MAX_CONNECTIONS: usize = 1024;
/// How long a node may take to accept a connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long a listener rests when the system refuses to accept, as it does without free descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// Bytes on their way in one direction of one connection unless told otherwise.
const WINDOW: usize = 4 << 20;

/// A node behind the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxiedNode {
    /// By which its peers know it.
    pub key: PeerKey,
    /// Where its peers dial it: the proxy listens here. Port 0 takes a free one.
    pub public: SocketAddr,
    /// Where it listens itself.
    pub listen: SocketAddr,
}

/// What a proxy is told.
#[derive(Clone, Debug)]
pub struct ProxyConfig {
    /// The nodes; each is known by its place in this list.
    pub nodes: Vec<ProxiedNode>,
    /// What losses and jitter follow from. Default: 0.
    pub seed: u64,
    /// Bytes on their way in one direction of one connection at most. Default: 4 MiB.
    pub window: usize,
}

impl ProxyConfig {
    /// For these nodes, everything else by default.
    pub fn new(nodes: Vec<ProxiedNode>) -> Self {
        Self { nodes, seed: 0, window: WINDOW }
    }
}

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address} for the peers of node {node}: {error}; if another network runs, end it, or make this one with other ports (`mundi net new --base-port`)"
)]
pub struct ProxyError {
    /// In front of which node.
    pub node: usize,
    /// Where.
    pub address: SocketAddr,
    /// What the system says.
    pub error: io::Error,
}

/// A proxy that runs. It ends, with all connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    /// Aborted when dropped.
    _listeners: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    config: ProxyConfig,
    links: Arc<Links>,
    strangers: AtomicU64,
    connections: AtomicU64,
}

impl Proxy {
    /// Listens in front of all nodes. Runs on the runtime that it is called on.
    pub async fn start(config: ProxyConfig) -> Result<Self, ProxyError> {
        let mut listeners = Vec::new();
        for (node, proxied) in config.nodes.iter().enumerate() {
            let failed = |error| ProxyError { node, address: proxied.public, error };
            let listener = TcpListener::bind(proxied.public).await.map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            listeners.push((listener, address));
        }
        let links = Arc::new(Links::new(config.nodes.len()));
        let shared =
            Arc::new(Shared { config, links, strangers: AtomicU64::new(0), connections: AtomicU64::new(0) });
        let addresses = listeners.iter().map(|(_, address)| *address).collect();
        let mut tasks = JoinSet::new();
        for (node, (listener, _)) in listeners.into_iter().enumerate() {
            tasks.spawn(listen(Arc::clone(&shared), node, listener));
        }
        Ok(Self { shared, addresses, _listeners: tasks })
    }

    /// The links, to be changed and looked at.
    pub fn links(&self) -> &Arc<Links> {
        &self.shared.links
    }

    /// Where the peers of a node dial it.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn address(&self, node: usize) -> SocketAddr {
        self.addresses[node]
    }

    /// Connections that were closed because the dialer was no node of the network, or did not say who it was.
    pub fn strangers(&self) -> u64 {
        self.shared.strangers.load(Relaxed)
    }
}

/// Accepts connections to a node.
async fn listen(shared: Arc<Shared>, node: usize, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Ok(permit) = Arc::clone(&room).try_acquire_owned() {
                        let shared = Arc::clone(&shared);
                        connections.spawn(async move {
                            serve(&shared, node, stream).await;
                            drop(permit);
                        });
                    }
                }
                Err(_) => sleep(ACCEPT_REST).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A connection to a node, from its first byte to its last.
async fn serve(shared: &Shared, to: usize, mut dialer: TcpStream) {
    let Shared { config, links, .. } = shared;
    let known = |key| config.nodes.iter().position(|node| node.key == key);
    let Some((from, first)) =
        prelude::read(&mut dialer).await.and_then(|(key, bytes)| Some((known(key)?, bytes)))
    else {
        shared.strangers.fetch_add(1, Relaxed);
        return;
    };
    let counters = links.counters(from, to);
    counters.connections.fetch_add(1, Relaxed);
    if [links.link(from, to), links.link(to, from)].iter().any(|link| link.gate == Gate::Cut) {
        counters.refused.fetch_add(1, Relaxed);
        return;
    }
    let Ok(Ok(listener)) = timeout(CONNECT_TIME, TcpStream::connect(config.nodes[to].listen)).await else {
        return;
    };
    // Without it small messages would wait for acknowledgements; it is the link that makes things late here.
    if dialer.set_nodelay(true).and(listener.set_nodelay(true)).is_err() {
        return;
    }
    let number = shared.connections.fetch_add(1, Relaxed);
    let relay = |from_half, to_half, from: usize, to: usize| {
        let pair = (from * config.nodes.len() + to) as u64;
        let seed = config.seed ^ (pair << 32).rotate_left(7) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Relay {
            from: from_half,
            to: to_half,
            link: links.watch(from, to),
            counters: Arc::clone(links.counters(from, to)),
            shaper: Shaper::new(StdRng::seed_from_u64(seed), Instant::now()),
            window: config.window,
        }
    };
    let (dialer_reads, dialer_writes) = dialer.into_split();
    let (listener_reads, listener_writes) = listener.into_split();
    let mut there = Box::pin(relay(dialer_reads, listener_writes, from, to).run(&first));
    let mut back = Box::pin(relay(listener_reads, dialer_writes, to, from).run(&[]));
    let (end, other) = tokio::select! {
        end = &mut there => (end, back),
        end = &mut back => (end, there),
    };
    // A direction that has finished leaves the other one; one that is broken or cut takes it along.
    if end == End::Finished {
        other.await;
    }
}

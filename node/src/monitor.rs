//! A listener for those who look after a node: figures, and whether it is well.
//!
//! * `GET /metrics`: figures for Prometheus.
//! * `GET /health`: 200 as long as blocks can be made, else 503, with the reason.
//! * `GET /ready`: 200 once requests are answered and, if others order, the node has caught up with them; else 503.

use crate::{
    consensus_figures,
    error::NodeError,
    metrics::{Figures, Gauges},
    threads::Threads,
};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use mundi_chain::Ledger;
use mundi_rpc_context::Consensus;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// How often figures are condensed, so that their memory stays bounded while nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long answers may take once the node stops.
const GRACE: Duration = Duration::from_secs(1);

/// The running listener.
pub(crate) struct Monitor {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

struct Shared {
    handle: PrometheusHandle,
    gauges: OnceLock<Gauges>,
    ledger: OnceLock<Weak<Ledger>>,
    consensus: OnceLock<Consensus>,
    /// Figures of those parts that keep their own.
    others: OnceLock<Box<dyn Fn() -> String + Send + Sync>>,
    ready: AtomicBool,
}

impl Monitor {
    /// Listens; nothing is known of the node yet.
    pub(crate) fn start(
        address: SocketAddr,
        figures: &Figures,
        threads: &Threads,
    ) -> Result<Self, NodeError> {
        let failed = |error| NodeError::Listen { what: "figures", address: address.to_string(), error };
        let shared = Arc::new(Shared {
            handle: figures.handle(),
            gauges: OnceLock::new(),
            ledger: OnceLock::new(),
            consensus: OnceLock::new(),
            others: OnceLock::new(),
            ready: AtomicBool::new(false),
        });
        let router = Router::new()
            .route("/", get(async || "/metrics /health /ready\n"))
            .route("/metrics", get(figures_of))
            .route("/health", get(health))
            .route("/ready", get(ready))
            .with_state(Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel();
        let listener = threads.network.block_on(TcpListener::bind(address)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let upkeep = figures.handle();
        let server = threads.network.spawn(async move {
            let mut every = tokio::time::interval(UPKEEP);
            let server = axum::serve(listener, router).with_graceful_shutdown(async {
                let _ = stopped.await;
            });
            let server = std::future::IntoFuture::into_future(server);
            tokio::pin!(server);
            loop {
                tokio::select! {
                    _ = &mut server => return,
                    _ = every.tick() => upkeep.run_upkeep(),
                }
            }
        });
        Ok(Self { address, shared, stop, server })
    }

    /// The ledger runs.
    pub(crate) fn attach(
        &self,
        ledger: &Arc<Ledger>,
        gauges: Gauges,
        consensus: Option<Consensus>,
        others: Option<Box<dyn Fn() -> String + Send + Sync>>,
    ) {
        // Before the ledger: whoever finds that has all of it.
        if let Some(consensus) = consensus {
            let _ = self.shared.consensus.set(consensus);
        }
        if let Some(others) = others {
            let _ = self.shared.others.set(others);
        }
        let _ = self.shared.gauges.set(gauges);
        let _ = self.shared.ledger.set(Arc::downgrade(ledger));
    }

    /// Requests are answered, or no more.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.shared.ready.store(ready, Relaxed);
    }

    /// Ends it.
    pub(crate) fn stop(self, threads: &Threads) {
        let Self { stop, mut server, .. } = self;
        let _ = stop.send(());
        threads.network.block_on(async {
            if tokio::time::timeout(GRACE, &mut server).await.is_err() {
                server.abort();
            }
        });
    }
}

impl Shared {
    /// Whether requests are answered by a node that is not behind.
    fn is_ready(&self) -> bool {
        self.ready.load(Relaxed) && self.consensus.get().is_none_or(Consensus::is_caught_up)
    }

    fn state(&self) -> (bool, Value) {
        let ready = self.is_ready();
        let Some(ledger) = self.ledger.get().and_then(Weak::upgrade) else {
            return (false, json!({"status": "starting", "ready": false}));
        };
        let head = ledger.head();
        let mut state = json!({
            "status": "well",
            "ready": ready,
            "chainId": ledger.spec().chain_id(),
            "height": head.block.header.number,
            "hash": head.block.hash,
            "timestamp": head.block.header.timestamp,
        });
        let mut reason = ledger.halted().map(|reason| reason.to_string());
        if let Some(consensus) = self.consensus.get() {
            state["ordered"] = json!(consensus.progress.ordered());
            reason = reason.or_else(|| consensus.progress.fault().map(|fault| fault.to_string()));
        }
        match reason {
            Some(reason) => {
                state["status"] = json!("halted");
                state["reason"] = json!(reason);
                (false, state)
            }
            None => (true, state),
        }
    }
}

async fn figures_of(State(shared): State<Arc<Shared>>) -> Response {
    if let Some(gauges) = shared.gauges.get() {
        gauges.refresh();
    }
    shared.handle.run_upkeep();
    let mut text = shared.handle.render();
    if let Some(others) = shared.others.get() {
        let others = others();
        text.push_str(&consensus_figures::watched(&others));
        // The end of a text is marked in another form of it only.
        text.push_str(others.trim_end().trim_end_matches("# EOF"));
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let (well, state) = shared.state();
    answer(well, &state)
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let (well, state) = shared.state();
    answer(well && shared.is_ready(), &state)
}

fn answer(well: bool, state: &Value) -> Response {
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{state}\n")).into_response()
}

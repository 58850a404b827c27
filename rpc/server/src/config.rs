//! What a server serves, where, to whom, and how much.

use crate::{
    access::{Hosts, Origins},
    filter::MethodFilter,
    jwt::JwtSecret,
};
use alloy_primitives::{B256, Bytes};
use futures::future::BoxFuture;
use mundi_rpc_context::RpcError;
use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

/// Takes raw transactions together and returns their hashes, or why each was refused, in the same order.
pub type BatchSubmit =
    Arc<dyn Fn(Vec<Bytes>) -> BoxFuture<'static, Vec<Result<B256, RpcError>>> + Send + Sync>;

/// What a server serves, where, to whom, and how much.
#[derive(Clone)]
pub struct ServerConfig {
    /// Where HTTP is served. Default: `127.0.0.1:8545`.
    pub http: Option<SocketAddr>,
    /// Where WebSocket is served; the same address as `http` is one port for both. Default: `127.0.0.1:8545`.
    pub ws: Option<SocketAddr>,
    /// Path of the Unix socket; only the owner may open it. Default: none.
    pub ipc: Option<PathBuf>,
    /// A listener of both HTTP and WebSocket whose clients show a token. Default: none.
    pub admin: Option<AdminConfig>,
    /// What is served by HTTP. Default: everything that the listener may serve.
    pub http_methods: MethodFilter,
    /// What is served by WebSocket. Default: everything that the listener may serve.
    pub ws_methods: MethodFilter,
    /// What is served by the Unix socket. Default: everything.
    pub ipc_methods: MethodFilter,
    /// Whether listeners that are not on a loopback address serve developers' and admin methods too. Default: no. The listener of
    /// `admin` and the Unix socket always do.
    pub privileged_in_public: bool,
    /// Names under which the server may be reached. Default: `localhost`, and any address written as digits.
    pub hosts: Hosts,
    /// Web pages that may read answers. Default: none.
    pub origins: Origins,
    /// How much is allowed.
    pub limits: TransportLimits,
    /// Who takes the raw transactions of a batch together. Default: nobody, so each is a call of its own.
    pub submit: Option<BatchSubmit>,
    /// The version in the OpenRPC document. Default: this crate's.
    pub version: String,
    /// What a browser is told at `/`, unless there are pages.
    pub greeting: String,
    /// Pages for `GET` and `HEAD`, on the listeners of HTTP. Default: none.
    pub pages: Option<axum::Router>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let local = SocketAddr::from(([127, 0, 0, 1], 8545));
        Self {
            http: Some(local),
            ws: Some(local),
            ipc: None,
            admin: None,
            http_methods: MethodFilter::all(),
            ws_methods: MethodFilter::all(),
            ipc_methods: MethodFilter::all(),
            privileged_in_public: false,
            hosts: Hosts::default(),
            origins: Origins::default(),
            limits: TransportLimits::default(),
            submit: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            greeting: "This is the Ethereum JSON-RPC of a Mundi node. POST requests here as application/json, or open a \
                       WebSocket; the method rpc_discover lists what there is.\n"
                .to_owned(),
            pages: None,
        }
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig")
            .field("http", &self.http)
            .field("ws", &self.ws)
            .field("ipc", &self.ipc)
            .field("admin", &self.admin)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A listener whose clients show a token signed with a shared secret.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// Where it listens.
    pub address: SocketAddr,
    /// What tokens are signed with.
    pub secret: JwtSecret,
    /// What is served.
    pub methods: MethodFilter,
}

/// How much a client may send, keep and wait. What is beyond is answered with an error where the transport allows, else dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportLimits {
    /// Bytes of one request: a body, a message, a document on the Unix socket. Default: 15 MB.
    pub request_bytes: usize,
    /// Bytes of one answer. Default: 160 MB.
    pub response_bytes: usize,
    /// Bytes of requests and answers that are held at a time, all connections together. Default: 1 GiB.
    pub held_bytes: usize,
    /// Calls of one batch. Default: 1,000.
    pub batch: usize,
    /// Connections of all TCP listeners together; as many again of the Unix socket. Default: 500.
    pub connections: usize,
    /// Calls of one WebSocket or Unix connection that run or wait to be read by the client; the next request is not read before.
    /// Default: 128.
    pub in_flight: usize,
    /// Subscriptions of one connection. Default: 1,024.
    pub subscriptions: usize,
    /// Notifications that wait for one connection's client to read them. Default: 1,024.
    pub notifications: usize,
    /// Bytes of the head of an HTTP request. Default: 32 KiB.
    pub head_bytes: usize,
    /// From the beginning of a connection, or from the end of an answer, to the end of the next request's head. Default: 120 s.
    pub idle: Duration,
    /// For the body of a request. Default: 60 s.
    pub body: Duration,
    /// How long a client may read nothing of what is ready for it. Default: 30 s.
    pub stall: Duration,
    /// How often a WebSocket is pinged; one that says nothing for two and a half times as long is dropped. Default: 30 s.
    pub ping: Duration,
    /// What calls in flight are given when the server stops. Default: 10 s.
    pub grace: Duration,
}

impl Default for TransportLimits {
    fn default() -> Self {
        Self {
            request_bytes: 15_000_000,
            response_bytes: 160_000_000,
            held_bytes: 1 << 30,
            batch: 1_000,
            connections: 500,
            in_flight: 128,
            subscriptions: 1_024,
            notifications: 1_024,
            head_bytes: 32 << 10,
            idle: Duration::from_secs(120),
            body: Duration::from_secs(60),
            stall: Duration::from_secs(30),
            ping: Duration::from_secs(30),
            grace: Duration::from_secs(10),
        }
    }
}

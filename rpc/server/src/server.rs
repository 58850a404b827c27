//! Starting and stopping.

use crate::{
    budget::Budget,
    config::ServerConfig,
    dispatch::Dispatcher,
    error::ServerError,
    face::Face,
    filter::{MethodFilter, Privilege, privilege},
    ipc,
    jwt::JwtSecret,
    listen::{self, Shared},
    metrics::Metrics,
    openrpc::discoverable,
};
use jsonrpsee::core::server::Methods;
use mundi_rpc_context::MethodSpec;
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{net::TcpListener, sync::Semaphore};

/// A running server. It stops when this is dropped, or is asked to.
pub struct ServerHandle {
    shared: Shared,
    http: Option<SocketAddr>,
    ws: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    ipc: Option<PathBuf>,
}

/// Starts to serve `methods`, declared by `specs`, where `config` says. Everything that can fail fails here: all listeners are open
/// when this returns, and none is when it returns an error.
pub async fn start(
    config: ServerConfig,
    methods: impl Into<Methods>,
    specs: Vec<MethodSpec>,
) -> Result<ServerHandle, ServerError> {
    let ground = Ground::new(config, methods.into(), specs);
    let config = &ground.config;
    let same = config.http.filter(|address| config.ws == Some(*address));
    let mut listeners = Vec::new();
    let mut handle = ServerHandle {
        shared: Shared::new(config.limits.clone()),
        http: None,
        ws: None,
        admin: None,
        ipc: None,
    };

    if let Some(address) = config.http {
        let (listener, address) = bind(address).await?;
        handle.http = Some(address);
        handle.ws = same.map(|_| address);
        let http = ground.dispatcher(&config.http_methods, ground.public_at(address));
        let ws = same.map(|_| ground.dispatcher(&config.ws_methods, ground.public_at(address)));
        listeners.push((listener, ground.face(Some(http), ws, None)));
    }
    if let Some(address) = config.ws.filter(|_| same.is_none()) {
        let (listener, address) = bind(address).await?;
        handle.ws = Some(address);
        let ws = ground.dispatcher(&config.ws_methods, ground.public_at(address));
        listeners.push((listener, ground.face(None, Some(ws), None)));
    }
    if let Some(admin) = &config.admin {
        let (listener, address) = bind(admin.address).await?;
        handle.admin = Some(address);
        let dispatcher = ground.dispatcher(&admin.methods, false);
        let face = ground.face(Some(Arc::clone(&dispatcher)), Some(dispatcher), Some(admin.secret.clone()));
        listeners.push((listener, face));
    }
    let socket = config.ipc.as_deref().map(ipc::listen).transpose()?;

    let shared = &handle.shared;
    let permits = Arc::new(Semaphore::new(config.limits.connections));
    for (listener, face) in listeners {
        shared.spawn(listen::tcp(listener, face, shared.clone(), Arc::clone(&permits)));
    }
    if let Some((listener, file)) = socket {
        handle.ipc = Some(file.path().to_owned());
        let dispatcher = ground.dispatcher(&config.ipc_methods, false);
        shared.spawn(listen::unix(listener, file, dispatcher, Arc::clone(&ground.metrics), shared.clone()));
    }
    Ok(handle)
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let failed = |error| ServerError::listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// What the listeners have in common.
struct Ground {
    config: ServerConfig,
    methods: Methods,
    specs: Vec<MethodSpec>,
    budget: Budget,
    metrics: Arc<Metrics>,
}

impl Ground {
    fn new(config: ServerConfig, methods: Methods, specs: Vec<MethodSpec>) -> Self {
        let names: Vec<_> = methods.method_names().chain(["rpc_discover", "rpc.discover"]).collect();
        let metrics = Arc::new(Metrics::new(names.into_iter()));
        Self { budget: Budget::new(config.limits.held_bytes), metrics, config, methods, specs }
    }

    /// Whether a listener is for everybody, so that privileged methods are withheld.
    fn public_at(&self, address: SocketAddr) -> bool {
        !self.config.privileged_in_public && !is_loopback(address.ip())
    }

    fn dispatcher(&self, filter: &MethodFilter, public: bool) -> Arc<Dispatcher> {
        let served = |name: &str| filter.admits(name) && !(public && privilege(name) != Privilege::Public);
        let mut methods = Methods::new();
        for name in self.methods.method_names().filter(|name| served(name)) {
            let callback = self.methods.method(name).expect("the name comes from there").clone();
            methods.verify_and_insert(name, callback).expect("names are unique");
        }
        let specs: Vec<_> = self.specs.iter().filter(|spec| served(spec.name)).cloned().collect();
        let methods = discoverable(methods, &specs, &self.config.version);
        let submit = self.config.submit.clone();
        let metrics = Arc::clone(&self.metrics);
        Arc::new(Dispatcher::new(methods, submit, &self.config.limits, self.budget.clone(), metrics))
    }

    fn face(
        &self,
        http: Option<Arc<Dispatcher>>,
        ws: Option<Arc<Dispatcher>>,
        secret: Option<JwtSecret>,
    ) -> Arc<Face> {
        Arc::new(Face {
            pages: self.config.pages.clone().filter(|_| http.is_some() && secret.is_none()),
            http,
            ws,
            secret,
            hosts: self.config.hosts.clone(),
            origins: self.config.origins.clone(),
            greeting: self.config.greeting.clone().into(),
            limits: self.config.limits.clone(),
            budget: self.budget.clone(),
            metrics: Arc::clone(&self.metrics),
        })
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

impl ServerHandle {
    /// Where HTTP is served.
    pub const fn http_addr(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Where WebSocket is served.
    pub const fn ws_addr(&self) -> Option<SocketAddr> {
        self.ws
    }

    /// Where the admin listener is.
    pub const fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The Unix socket.
    pub fn ipc_path(&self) -> Option<&Path> {
        self.ipc.as_deref()
    }

    /// The first address of those above.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.http.or(self.ws).or(self.admin)
    }

    /// Stops: nothing new is accepted, calls in flight are finished and answered within the configured grace, and then every
    /// connection is closed. Returns whether none had to be cut off.
    pub async fn stop(self) -> bool {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        let in_time = tokio::time::timeout(self.shared.limits.grace, self.shared.tasks.wait()).await.is_ok();
        self.shared.abort.cancel();
        self.shared.tasks.wait().await;
        in_time
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle")
            .field("http", &self.http)
            .field("ws", &self.ws)
            .field("admin", &self.admin)
            .field("ipc", &self.ipc)
            .finish_non_exhaustive()
    }
}

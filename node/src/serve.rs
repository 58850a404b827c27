//! Servers over the methods.

use crate::{config::Listen, error::NodeError, threads::Threads};
use jsonrpsee::server::{ServerConfig, ServerHandle};
use mundi_rpc_context::{Ctx, Methods};
use std::net::SocketAddr;

/// Servers that run.
pub(crate) struct Servers {
    handles: Vec<ServerHandle>,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) ws: Option<SocketAddr>,
}

/// All methods that a node of this kind has.
pub(crate) fn methods(ctx: &Ctx) -> Methods {
    Methods::new(Ctx::clone(ctx))
}

impl Servers {
    pub(crate) fn start(listen: &Listen, methods: Methods, threads: &Threads) -> Result<Self, NodeError> {
        let (module, _) = methods.into_parts();
        let mut servers = Self { handles: Vec::new(), http: None, ws: None };
        for (address, bound) in [(listen.http, &mut servers.http), (listen.ws, &mut servers.ws)] {
            let Some(address) = address else { continue };
            let failed = |error| NodeError::Listen { what: "JSON-RPC", address: address.to_string(), error };
            let module = module.clone();
            let config = ServerConfig::builder().max_connections(500).build();
            let start = async {
                let server = jsonrpsee::server::ServerBuilder::with_config(config).build(address).await?;
                let local = server.local_addr()?;
                Ok((server.start(module), local))
            };
            let (handle, local) = threads.network.block_on(start).map_err(failed)?;
            servers.handles.push(handle);
            *bound = Some(local);
        }
        Ok(servers)
    }

    /// Takes no more requests, finishes those that are under way and returns.
    pub(crate) fn stop(self, threads: &Threads) {
        for handle in self.handles {
            let _ = handle.stop();
            threads.network.block_on(handle.stopped());
        }
    }
}

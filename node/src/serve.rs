//! Servers over the methods.

use crate::{error::NodeError, metrics::Figures, threads::Threads};
use mundi_rpc_context::{Ctx, Methods};
use mundi_rpc_server::{ServerConfig, ServerHandle};

/// All methods that a node of this kind has.
pub(crate) fn methods(ctx: &Ctx) -> Methods {
    Methods::new(Ctx::clone(ctx))
}

/// Opens all listeners.
pub(crate) fn start(
    config: ServerConfig,
    ctx: &Ctx,
    figures: Option<&Figures>,
    threads: &Threads,
) -> Result<ServerHandle, NodeError> {
    let (module, specs) = methods(ctx).into_parts();
    let config = ServerConfig { version: env!("CARGO_PKG_VERSION").to_owned(), ..config };
    let start = mundi_rpc_server::start(config, module, specs);
    Figures::within(figures, || threads.network.block_on(start)).map_err(NodeError::Server)
}

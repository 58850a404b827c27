//! Servers over the methods.

use crate::{error::NodeError, genesis_file::to_json, metrics::Figures, threads::Threads};
use alloy_primitives::Bytes;
use futures::FutureExt as _;
use mundi_chain::Genesis;
use mundi_rpc_consensus::GenesisFile;
use mundi_rpc_context::{Ctx, Methods};
use mundi_rpc_dev::{Fork, Workbench};
use mundi_rpc_server::{BatchSubmit, ServerConfig, ServerHandle};
use std::sync::Arc;

/// All methods that a node of this kind has.
pub(crate) fn methods(
    ctx: &Ctx,
    genesis: Option<&Arc<Genesis>>,
    bench: Option<&Arc<Workbench>>,
    fork: Option<&Arc<Fork>>,
) -> Methods {
    let mut methods = Methods::new(Ctx::clone(ctx));
    methods.merge(mundi_rpc_eth::methods(Ctx::clone(ctx)));
    methods.merge(mundi_rpc_call::methods(Ctx::clone(ctx)));
    methods.merge(mundi_rpc_trace::methods(Ctx::clone(ctx)));
    let genesis = genesis.cloned().map(|genesis| -> GenesisFile { Arc::new(move || to_json(&genesis)) });
    methods.merge(mundi_rpc_consensus::methods(Ctx::clone(ctx), genesis));
    if let Some(bench) = bench {
        methods.merge(bench.methods());
    }
    match fork {
        Some(fork) => fork.wrap(ctx, methods),
        None => methods,
    }
}

/// Opens all listeners.
pub(crate) fn start(
    config: ServerConfig,
    ctx: &Ctx,
    methods: Methods,
    figures: Option<&Figures>,
    threads: &Threads,
) -> Result<ServerHandle, NodeError> {
    let (module, specs) = methods.into_parts();
    let config = ServerConfig {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        submit: Some(submit(Ctx::clone(ctx))),
        ..config
    };
    let start = mundi_rpc_server::start(config, module, specs);
    Figures::within(figures, || threads.network.block_on(start)).map_err(NodeError::Server)
}

/// Takes the raw transactions of a batch together.
fn submit(ctx: Ctx) -> BatchSubmit {
    Arc::new(move |raws: Vec<Bytes>| mundi_rpc_eth::submit_batch(Ctx::clone(&ctx), raws).boxed())
}

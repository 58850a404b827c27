//! The methods, one file for each thing they are about.

mod accounts;
mod blobs;
mod blocks;
mod chain;
mod config;
mod fees;
mod filters;
mod logs;
mod pool;
mod raw;
mod send;
mod sign;
mod state;
mod subscribe;
mod transactions;

pub use send::submit_batch;

use crate::waiting::Waiting;
use mundi_rpc_context::{Ctx, Methods};
use std::sync::Arc;

pub(crate) fn add(methods: &mut Methods, ctx: &Ctx) {
    let waiting = Arc::new(Waiting::default());
    ctx.ledger.observe(waiting.clone());
    chain::add(methods);
    fees::add(methods);
    state::add(methods);
    blocks::add(methods);
    transactions::add(methods);
    raw::add(methods);
    logs::add(methods);
    filters::add(methods, ctx);
    pool::add(methods);
    blobs::add(methods);
    send::add(methods, waiting);
    accounts::add(methods);
    subscribe::add(methods);
}

//! Final payloads for those who follow, and states for those who begin.

use crate::proofs::refusal;
use alloy_primitives::Bytes;
use futures::executor::block_on;
use mundi_consensus::follow::{Offer, Served, serve};
use mundi_rpc_context::{Consensus, Ctx, RpcError};

/// Final payloads from a height on.
pub(crate) fn finalized(
    ctx: &Ctx,
    consensus: &Consensus,
    from: u64,
    bytes: u64,
) -> Result<Vec<Served>, RpcError> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    // Before the first payload there is none.
    block_on(serve(&*consensus.archive, &ctx.ledger, from.max(1), bytes)).map_err(refusal)
}

/// The newest state that is offered.
pub(crate) fn snapshot(consensus: &Consensus) -> Option<Offer> {
    consensus.snapshots.as_ref()?.offer()
}

/// A part of a state that is offered.
pub(crate) fn chunk(consensus: &Consensus, height: u64, index: u64) -> Result<Bytes, RpcError> {
    let read = consensus.snapshots.as_ref().map(|snapshots| snapshots.chunk(height, index)).transpose();
    let gone = || {
        RpcError::not_found(format!(
            "there is no part {index} of a state of block {height} here; ask for the newest with mundi_getSnapshot"
        ))
    };
    read.map_err(RpcError::internal)?.flatten().ok_or_else(gone)
}

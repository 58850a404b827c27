//! Final payloads for those who follow.

use crate::proofs::refusal;
use futures::executor::block_on;
use mundi_consensus::follow::{Served, serve};
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

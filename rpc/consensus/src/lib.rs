//! JSON-RPC about what is final: certificates, proofs for those who trust nobody, payloads for those who follow.
//!
//! ## What it promises
//! * What `mundi_getFinalizedHeader`, `mundi_getFinalizedAccount`, `mundi_getFinalizedReceipt` and `mundi_getCertificate` return is checked with nothing but the network's group key: a node that lies is
//!   found out. Their results are files for `mundi verify`.
//! * `mundi_getFinalized` and `mundi_getGenesis` are all that a follower needs, `mundi_getSnapshot` and `mundi_getSnapshotChunk` let it
//!   begin later; a follower serves the same to others.
//! * What is not final yet, what is not executed here yet and what is not kept any more are different errors, and say what to do.
//! * A node that orders alone has all of these methods too. What needs certificates is refused there, with the reason.
//!
//! ## Limits
//! Proofs are bounded by [`mundi_consensus::finality`], what followers are given at a time by [`mundi_consensus::follow`]. All of it runs on the workers of the node, which wait there for what consensus keeps.

mod methods;
mod payloads;
mod proofs;
mod schemas;
mod status;

use mundi_rpc_context::{Ctx, Methods};
use std::sync::Arc;

/// Makes the genesis file of the node's chain, as JSON.
pub type GenesisFile = Arc<dyn Fn() -> Vec<u8> + Send + Sync>;

/// The methods of this crate. A chain that continues a foreign one has no genesis file.
pub fn methods(ctx: Ctx, genesis: Option<GenesisFile>) -> Methods {
    let mut methods = Methods::new(ctx);
    methods::add(&mut methods, genesis);
    methods
}

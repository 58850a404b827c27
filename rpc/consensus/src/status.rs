//! How far the node is.

use alloy_primitives::{B256, Bytes, U64};
use mundi_rpc_context::{Consensus, Ctx, FinalityTimes, Role};
use serde::Serialize;

/// Of a node that orders alone.
const ALONE: &str = "solo";

/// What part the node has in ordering, and how far it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// `solo`, `validator` or `follower`.
    role: &'static str,
    chain_id: U64,
    genesis_hash: B256,
    /// Whether payloads are erasure-coded in its network.
    coded: Option<bool>,
    /// What certificates are checked with.
    group_key: Option<Bytes>,
    /// Height of the newest payload that is known to be final.
    ordered: U64,
    /// The newest block that is executed and written.
    executed: U64,
    executed_hash: B256,
    /// Height of the newest block that a certificate proves.
    finalized: U64,
    /// Heights by which execution is behind.
    lag: U64,
    /// View of consensus.
    view: U64,
    /// Others that this node is connected to.
    peers: U64,
    /// How long payloads that it proposed took to become final.
    finality: Option<Finality>,
    /// Whether it has heard of the others since it started, and is not behind them.
    caught_up: bool,
    /// Why no more blocks are made, if that is so.
    fault: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finality {
    /// Payloads that were measured since the node started.
    payloads: U64,
    /// Seconds that one took on average.
    mean_seconds: f64,
}

impl Finality {
    fn of(FinalityTimes { payloads, total }: FinalityTimes) -> Option<Self> {
        let mean_seconds = total.as_secs_f64() / payloads as f64;
        (payloads > 0).then_some(Self { payloads: U64::from(payloads), mean_seconds })
    }
}

impl Status {
    pub(crate) fn of(ctx: &Ctx) -> Self {
        let head = ctx.ledger.head();
        let executed = head.block.header.number;
        let consensus = ctx.consensus.as_ref();
        let progress = consensus.map(|consensus| &consensus.progress);
        let ordered = progress.map_or(executed, |progress| progress.ordered().max(executed));
        let fault = ctx.ledger.halted().map(|reason| reason.to_string());
        Self {
            role: consensus.map_or(ALONE, |consensus| Role::name(consensus.role)),
            chain_id: U64::from(ctx.ledger.spec().chain_id()),
            genesis_hash: ctx.ledger.store().genesis(),
            coded: consensus.map(|consensus| consensus.archive.coded()),
            group_key: consensus.map(|consensus| Bytes::copy_from_slice(&consensus.group_key.to_bytes())),
            ordered: U64::from(ordered),
            executed: U64::from(executed),
            executed_hash: head.block.hash,
            finalized: U64::from(ctx.sequencer.finality().finalized.min(executed)),
            lag: U64::from(ordered - executed),
            view: U64::from(progress.map_or(0, |progress| progress.view())),
            peers: U64::from(consensus.map_or(0, |consensus| (consensus.peers)())),
            finality: consensus.and_then(|consensus| (consensus.finality)()).and_then(Finality::of),
            caught_up: consensus.is_none_or(Consensus::is_caught_up),
            fault: fault.or_else(|| Some(progress?.fault()?.to_string())),
        }
    }
}

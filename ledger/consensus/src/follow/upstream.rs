//! Where a follower gets everything from.

use super::snapshots::Offer;
use crate::finality::MOST_CERTIFICATE_BYTES;
use alloy_primitives::{B256, Bytes};
use futures::{
    FutureExt,
    future::{self, BoxFuture},
};
use serde::{Deserialize, Serialize};

/// Most bytes of payloads that are asked for, and given, at a time; a single payload may have more.
pub const MOST_BATCH_BYTES: u32 = 8 << 20;

/// Most payloads that are given at a time.
pub const MOST_BATCH: usize = 1024;

/// How an upstream describes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Hash of its genesis block.
    pub genesis_hash: B256,
    /// Whether its network's payloads are erasure-coded.
    pub coded: bool,
    /// Height of the newest final payload that it knows.
    #[serde(with = "alloy_serde::quantity")]
    pub ordered: u64,
}

/// A payload as it is passed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// The encoded payload.
    pub payload: Bytes,
    /// Its certificate, if it has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Bytes>,
}

impl Served {
    /// Whether its lengths are possible.
    pub(super) fn is_bounded(&self) -> bool {
        self.certificate.as_ref().is_none_or(|certificate| certificate.len() <= MOST_CERTIFICATE_BYTES)
    }
}

/// Why an upstream gives nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UpstreamError {
    /// It does not answer, or has too much to do.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It answers, and does not give this.
    #[error("it refuses: {0}")]
    Refused(String),
    /// Its answer makes no sense.
    #[error("its answer is unusable: {0}")]
    Unusable(String),
}

/// A node that a follower asks. Nothing of what it says is trusted.
///
/// Futures may be dropped at any time; they do not depend on the runtime that awaits them.
pub trait Upstream: Send + Sync + 'static {
    /// What people call it: shown in messages, so without secrets.
    fn name(&self) -> &str;

    /// How it describes itself.
    fn status(&self) -> BoxFuture<'_, Result<Status, UpstreamError>>;

    /// The genesis file of its chain, as JSON.
    fn genesis(&self) -> BoxFuture<'_, Result<String, UpstreamError>>;

    /// Final payloads from a height on, without gaps: as many as fit into so many bytes, one at least if there is one. Empty if
    /// there is nothing yet.
    ///
    /// # Errors
    /// [`UpstreamError::Refused`] if the height is not kept any more.
    fn finalized(&self, from: u64, bytes: u32) -> BoxFuture<'_, Result<Vec<Served>, UpstreamError>>;

    /// Takes transactions of users (EIP-2718, with blobs where they belong), and says of each why not, if not.
    fn send(&self, transactions: Vec<Bytes>)
    -> BoxFuture<'_, Result<Vec<Result<(), String>>, UpstreamError>>;

    /// The newest state that it gives away. Default: none.
    fn snapshot(&self) -> BoxFuture<'_, Result<Option<Offer>, UpstreamError>> {
        future::ready(Ok(None)).boxed()
    }

    /// A chunk of the state that it gives away of a height; all but the last have [`CHUNK_BYTES`](super::CHUNK_BYTES).
    fn chunk(&self, height: u64, index: u64) -> BoxFuture<'_, Result<Bytes, UpstreamError>> {
        let refusal = format!("there is no chunk {index} of a state at height {height}");
        future::ready(Err(UpstreamError::Refused(refusal))).boxed()
    }
}

//! Proofs of payloads and of Ethereum headers.

use super::{
    FinalityError, MOST_CERTIFICATE_BYTES, MOST_HEADER_BYTES, MOST_HEADERS, MOST_PAYLOAD_HEADER_BYTES,
    MOST_PAYLOAD_HEADERS, bounded, chain,
};
use crate::{payload::Anchor, scheme::GroupKey};
use alloy_consensus::{Header, Sealed};
use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};

/// The proof that a payload was ordered at a height: the first certificate at or above it, and the payload headers in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FinalizedPayload {
    /// Hash of the genesis block.
    pub genesis_hash: B256,
    /// Whether the network's payloads are erasure-coded: what certificates name is then longer.
    pub coded: bool,
    /// Height of the payload.
    #[serde(with = "alloy_serde::quantity")]
    pub height: u64,
    /// The encoded finalization of simplex.
    #[serde(deserialize_with = "bounded::bytes::<_, MOST_CERTIFICATE_BYTES>")]
    pub certificate: Bytes,
    /// Encoded payload headers, from the certified one back to that of the height.
    #[serde(deserialize_with = "bounded::list::<_, MOST_PAYLOAD_HEADERS, MOST_PAYLOAD_HEADER_BYTES>")]
    pub payload_headers: Vec<Bytes>,
}

/// A payload that is proved to be final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvenPayload {
    /// Its height.
    pub height: u64,
    /// Its digest, which the Ethereum block at its height has as `parentBeaconBlockRoot`.
    pub digest: B256,
    /// The executed block that it names.
    pub anchor: Anchor,
    /// Height of the payload that the certificate is for.
    pub certified: u64,
    /// View in which that was.
    pub view: u64,
}

impl FinalizedPayload {
    /// Checks it. Nothing is trusted but the key.
    pub fn verify(&self, key: &GroupKey) -> Result<ProvenPayload, FinalityError> {
        let Self { genesis_hash, coded, certificate, payload_headers, .. } = self;
        let oldest = chain::payloads(key, *genesis_hash, *coded, certificate, payload_headers)?;
        let chain::Oldest { view, certified, height, digest, anchor } = oldest;
        if height != self.height {
            return Err(FinalityError::OtherHeight { said: self.height, height });
        }
        Ok(ProvenPayload { height, digest, anchor, certified, view })
    }
}

/// The proof of an Ethereum header: a certificate, the payload headers down to one that is anchored at the header or later, and the
/// Ethereum headers from that anchor down to the one asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FinalizedHeader {
    /// Hash of the genesis block.
    pub genesis_hash: B256,
    /// Whether the network's payloads are erasure-coded: what certificates name is then longer.
    pub coded: bool,
    /// The encoded finalization of simplex.
    #[serde(deserialize_with = "bounded::bytes::<_, MOST_CERTIFICATE_BYTES>")]
    pub certificate: Bytes,
    /// Encoded payload headers, from the certified one back to the one whose anchor counts.
    #[serde(deserialize_with = "bounded::list::<_, MOST_PAYLOAD_HEADERS, MOST_PAYLOAD_HEADER_BYTES>")]
    pub payload_headers: Vec<Bytes>,
    /// Ethereum headers in RLP, from the anchored one back to the one asked for.
    #[serde(deserialize_with = "bounded::list::<_, MOST_HEADERS, MOST_HEADER_BYTES>")]
    pub headers: Vec<Bytes>,
}

impl FinalizedHeader {
    /// Checks it, and gives the last of [`headers`](Self::headers) with its hash. Nothing is trusted but the key. Costs one signature
    /// check, and a hash for each header.
    pub fn verify(&self, key: &GroupKey) -> Result<Sealed<Header>, FinalityError> {
        let Self { genesis_hash, coded, certificate, payload_headers, headers } = self;
        // What is cheap to refute goes first; the anchor counts only because the certificate holds.
        let oldest = chain::payloads(key, *genesis_hash, *coded, certificate, payload_headers)?;
        chain::headers(oldest.anchor, headers)
    }
}

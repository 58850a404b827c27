//! Payloads that are proved to be final.

use crate::{dissemination::Dissemination, payload::Payload, scheme::Scheme};
use alloy_primitives::Bytes;
use commonware_consensus::simplex::types::Finalization;
use commonware_cryptography::Digested;

/// A payload, as it was given and as it is executed.
#[derive(Clone, Debug)]
pub(super) struct Proven<K: Dissemination> {
    pub(super) payload: Digested<Payload<K>>,
    /// The same, encoded.
    pub(super) bytes: Bytes,
    /// The certificate, if it has one of its own, encoded and as it is.
    pub(super) certificate: Option<(Bytes, Finalization<Scheme, K::Commitment>)>,
}

/// Payloads in order, the last of them with a certificate.
#[derive(Clone, Debug)]
pub(super) struct Batch<K: Dissemination>(pub(super) Vec<Proven<K>>);

impl<K: Dissemination> Default for Batch<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

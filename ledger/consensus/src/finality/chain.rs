//! From a group key to an Ethereum header.

use super::{FinalityError, MOST_HEADERS, MOST_PAYLOAD_HEADERS};
use crate::{
    dissemination::{Coded, Dissemination, Whole},
    payload::{Anchor, Header},
    scheme::{GroupKey, Scheme},
};
use alloy_consensus::Sealed;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Decodable;
use commonware_codec::{Copying, DecodeExt};
use commonware_consensus::{Viewable, simplex::types::Finalization};
use commonware_cryptography::transcript::{Transcript, Version};
use commonware_parallel::Sequential;
use rand_core::CryptoRng;

/// What checking several signatures at once needs: numbers that whoever made them could not know. They are made from all of
/// what is checked.
pub(crate) fn randomness<'a>(checked: impl IntoIterator<Item = &'a [u8]>) -> impl CryptoRng {
    let mut transcript = Transcript::new(b"_MUNDI_LEDGER_CERTIFICATES", Version::V1);
    for bytes in checked {
        transcript.commit(bytes);
    }
    transcript.noise(b"check")
}

/// The oldest payload of a chain of headers under a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Oldest {
    /// View of the certificate.
    pub(super) view: u64,
    /// Height of the payload that was certified.
    pub(super) certified: u64,
    /// Height of the oldest.
    pub(super) height: u64,
    /// Digest of the oldest.
    pub(super) digest: B256,
    /// What the oldest says of the chain.
    pub(super) anchor: Anchor,
}

/// Checks a certificate, and payload headers from the certified one back, each the parent of the one before it.
pub(super) fn payloads(
    key: &GroupKey,
    genesis: B256,
    coded: bool,
    certificate: &[u8],
    headers: &[Bytes],
) -> Result<Oldest, FinalityError> {
    bounds("payloadHeaders", headers, MOST_PAYLOAD_HEADERS)?;
    if coded {
        payloads_of::<Coded>(key, genesis, certificate, headers)
    } else {
        payloads_of::<Whole>(key, genesis, certificate, headers)
    }
}

fn payloads_of<K: Dissemination>(
    key: &GroupKey,
    genesis: B256,
    certificate: &[u8],
    headers: &[Bytes],
) -> Result<Oldest, FinalityError> {
    let finalization = Finalization::<Scheme, K::Commitment>::decode(Copying(certificate));
    let finalization = finalization.map_err(|error| FinalityError::Certificate(error.to_string()))?;
    let mut expected = K::digest(&finalization.proposal.payload);
    let mut certified = None;
    let mut oldest = None;
    for (index, bytes) in headers.iter().enumerate() {
        let header = Header::<K>::decode(Copying(bytes))
            .map_err(|error| FinalityError::PayloadHeader { index, reason: error.to_string() })?;
        let got = header.digest();
        let height = header.height.get();
        if got != expected {
            let (expected, got) = (B256::from_slice(&expected), B256::from_slice(&got));
            return Err(match index {
                0 => FinalityError::OtherPayload { certified: expected, got },
                _ => FinalityError::PayloadLink { index, height, expected, got },
            });
        }
        expected = header.parent;
        oldest = Some(Oldest {
            view: finalization.view().get(),
            certified: *certified.get_or_insert(height),
            height,
            digest: B256::from_slice(&got),
            anchor: header.anchor,
        });
    }
    let signed = finalization.verify(&mut randomness([certificate]), &key.verifier(genesis), &Sequential);
    if !signed {
        return Err(FinalityError::Signature { genesis });
    }
    oldest.ok_or(FinalityError::Empty("payloadHeaders"))
}

/// Checks Ethereum headers from the anchored one back, each the parent of the one before it.
pub(super) fn headers(
    anchor: Anchor,
    headers: &[Bytes],
) -> Result<Sealed<alloy_consensus::Header>, FinalityError> {
    bounds("headers", headers, MOST_HEADERS)?;
    let mut expected = anchor.hash;
    let number = anchor.height;
    let mut oldest = None;
    for (index, bytes) in headers.iter().enumerate() {
        let mut rest = bytes.as_ref();
        let header = alloy_consensus::Header::decode(&mut rest)
            .map_err(|error| FinalityError::Header { index, reason: error.to_string() })?;
        if !rest.is_empty() {
            let reason = format!("{} bytes follow it", rest.len());
            return Err(FinalityError::Header { index, reason });
        }
        let got = keccak256(bytes);
        if got != expected || Some(header.number) != number.checked_sub(index as u64) {
            let found = header.number;
            return Err(match index {
                0 => FinalityError::OtherAnchor { height: number, anchor: expected, number: found, got },
                _ => FinalityError::HeaderLink { index, number: found, expected, got },
            });
        }
        expected = header.parent_hash;
        oldest = Some(Sealed::new_unchecked(header, got));
    }
    oldest.ok_or(FinalityError::Empty("headers"))
}

fn bounds(list: &'static str, entries: &[Bytes], most: usize) -> Result<(), FinalityError> {
    match entries.len() {
        0 => Err(FinalityError::Empty(list)),
        count if count > most => Err(FinalityError::TooMany { list, count, most }),
        _ => Ok(()),
    }
}

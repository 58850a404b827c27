//! Making proofs from what a node keeps.

use super::{FinalizedHeader, FinalizedPayload, FindError, MOST_HEADERS, MOST_PAYLOAD_HEADERS};
use crate::{
    archive::Archive,
    dissemination::{Coded, Dissemination, Whole},
    payload::Header,
};
use alloy_primitives::{B256, Bytes};
use commonware_codec::{Copying, Encode, ReadExt};
use mundi_chain::Ledger;

/// The proof of an Ethereum header. Reads some twenty payloads at most, if certificates are as close together as they usually are.
pub async fn finalized_header(
    archive: &dyn Archive,
    ledger: &Ledger,
    height: u64,
) -> Result<FinalizedHeader, FindError> {
    let find = Find { archive, ledger, height };
    let (at, anchor) = find.anchored().await?;
    let (certificate, payload_headers) = find.certified(at).await?;
    Ok(FinalizedHeader {
        genesis_hash: find.genesis(),
        coded: archive.coded(),
        certificate,
        payload_headers,
        headers: find.headers(anchor)?,
    })
}

/// The proof of the payload at a height.
pub async fn finalized_payload(
    archive: &dyn Archive,
    ledger: &Ledger,
    height: u64,
) -> Result<FinalizedPayload, FindError> {
    let find = Find { archive, ledger, height };
    let (certificate, payload_headers) = find.certified(height).await?;
    Ok(FinalizedPayload {
        genesis_hash: find.genesis(),
        coded: archive.coded(),
        height,
        certificate,
        payload_headers,
    })
}

struct Find<'a> {
    archive: &'a dyn Archive,
    ledger: &'a Ledger,
    /// The height that was asked for.
    height: u64,
}

/// What is read of a payload.
struct Found {
    /// Height of its anchor.
    anchor: u64,
    /// Its encoded header.
    header: Bytes,
}

impl Find<'_> {
    fn genesis(&self) -> B256 {
        self.ledger.store().genesis()
    }

    async fn payload(&self, height: u64) -> Result<Option<Found>, FindError> {
        let Some(bytes) = self.archive.payload(height).await else { return Ok(None) };
        let found = if self.archive.coded() { read::<Coded>(&bytes) } else { read::<Whole>(&bytes) };
        found.map(Some).map_err(|reason| FindError::Damaged { height, reason })
    }

    /// Height and anchor of the first payload that is anchored at the height that was asked for or above it. Anchors never go
    /// back, so it is searched for as in a sorted list whose end nobody knows.
    async fn anchored(&self) -> Result<(u64, u64), FindError> {
        // A payload's anchor is below the payload.
        let (mut below, mut step) = (self.height, 1);
        let mut above = loop {
            let at = below.checked_add(step).ok_or(FindError::NotFinal(self.height))?;
            match self.payload(at).await? {
                Some(found) if found.anchor < self.height => (below, step) = (at, step * 2),
                _ => break at,
            }
        };
        while above - below > 1 {
            let at = below + (above - below) / 2;
            match self.payload(at).await? {
                Some(found) if found.anchor < self.height => below = at,
                _ => above = at,
            }
        }
        match self.payload(above).await? {
            Some(found) if found.anchor >= self.height => Ok((above, found.anchor)),
            // It has come in the meantime, and is not the one.
            Some(_) => Err(FindError::NotFinal(self.height)),
            None => Err(self.missing(above)),
        }
    }

    /// The first certificate at a height or above it, and the payload headers from there back to the height.
    async fn certified(&self, from: u64) -> Result<(Bytes, Vec<Bytes>), FindError> {
        let mut headers = Vec::new();
        for at in from..=u64::MAX {
            let Some(found) = self.payload(at).await? else { return Err(self.missing(at)) };
            headers.push(found.header);
            if let Some(certificate) = self.archive.certificate(at).await {
                headers.reverse();
                return Ok((certificate, headers));
            }
            if headers.len() == MOST_PAYLOAD_HEADERS {
                break;
            }
        }
        Err(FindError::TooFar { height: self.height, most: MOST_PAYLOAD_HEADERS })
    }

    /// Ethereum headers from the anchored one back to the one that was asked for.
    fn headers(&self, anchor: u64) -> Result<Vec<Bytes>, FindError> {
        if anchor - self.height >= MOST_HEADERS as u64 {
            return Err(FindError::TooFar { height: self.height, most: MOST_HEADERS });
        }
        let mut headers = Vec::new();
        for height in (self.height..=anchor).rev() {
            let newest = self.ledger.head().block.header.number;
            let block = self.ledger.block(height)?.ok_or(if height > newest {
                FindError::NotExecuted(self.height)
            } else {
                FindError::NotKept(self.height)
            })?;
            headers.push(alloy_rlp::encode(&block.header).into());
        }
        Ok(headers)
    }

    /// Why there is no payload at a height: nothing is executed before it is final and kept.
    fn missing(&self, at: u64) -> FindError {
        if at <= self.ledger.head().block.header.number {
            FindError::NotKept(self.height)
        } else {
            FindError::NotFinal(self.height)
        }
    }
}

fn read<K: Dissemination>(payload: &[u8]) -> Result<Found, String> {
    let header = Header::<K>::read(&mut Copying(payload)).map_err(|error| error.to_string())?;
    Ok(Found { anchor: header.anchor.height, header: header.encode().to_vec().into() })
}

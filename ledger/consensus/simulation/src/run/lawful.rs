//! Whether final payloads keep the rules: looked at with none of the code by which validators decide what to vote for.

use alloy_consensus::TxEnvelope;
use alloy_eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use alloy_primitives::Bytes;
use commonware_consensus::{
    simplex::types::{Finalization, Notarization, Proposal},
    types::Round,
};
use commonware_parallel::Sequential;
use mundi_consensus::{Beacon, Header, Payload, Scheme, bft::Spread};
use rand_core::CryptoRng;

/// What the rules of a network leave open.
pub(super) struct Law {
    pub(super) max_lag: u64,
    /// Milliseconds since 1970 that no clock can have shown yet when a payload was voted for.
    pub(super) latest: u64,
    /// Knows the group's key.
    pub(super) verifier: Scheme,
}

impl Law {
    /// Looks at a payload and the header of its parent; what is wrong is the error.
    pub(super) fn check<K: Spread>(
        &self,
        payload: &Payload<K>,
        before: &Header<K>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), String> {
        let header = payload.header();
        let parent = before.digest();
        if header.height.get() != before.height.get() + 1
            || header.parent != parent
            || K::digest(&header.context.parent.1) != parent
            || header.context.parent.0 != before.context.round.view()
        {
            return Err("does not follow the one before".into());
        }
        if let Some(at) = payload.transactions().iter().position(|raw| !is_transaction(raw)) {
            return Err(format!("holds bytes at {at} that are no transaction"));
        }
        let (anchor, least) = (header.anchor, before.anchor);
        if anchor.height < least.height || anchor.height == least.height && anchor != least {
            return Err(format!("names block {} after {}", anchor.height, least.height));
        }
        let lag = header.height.get().checked_sub(anchor.height).filter(|lag| *lag > 0);
        let lag = lag.ok_or_else(|| format!("names block {}, which comes of it", anchor.height))?;
        let count = payload.transactions().len();
        if lag > self.max_lag && count > 0 {
            return Err(format!("has {count} transactions, and execution is {lag} blocks behind"));
        }
        if header.time < before.time {
            return Err(format!("is of {}, and the one before of {}", header.time, before.time));
        }
        if header.time > self.latest {
            return Err(format!("is of {}, and at the end of all it is {}", header.time, self.latest));
        }
        if !self.is_random(header, before, rng) {
            return Err("has a beacon that the one before does not prove".into());
        }
        Ok(())
    }

    /// Whether the beacon is the group's signature over the parent.
    fn is_random<K: Spread>(&self, header: &Header<K>, before: &Header<K>, rng: &mut impl CryptoRng) -> bool {
        let (view, commitment) = header.context.parent;
        let round = Round::new(header.context.round.epoch(), view);
        let proposal = Proposal::new(round, before.context.parent.0, commitment);
        match header.beacon.clone() {
            None => header.height.get() == 1,
            Some(_) if header.height.get() == 1 => false,
            Some(Beacon::Notarized(certificate)) => {
                Notarization::<Scheme, _> { proposal, certificate }.verify(rng, &self.verifier, &Sequential)
            }
            Some(Beacon::Finalized(certificate)) => {
                Finalization::<Scheme, _> { proposal, certificate }.verify(rng, &self.verifier, &Sequential)
            }
        }
    }
}

/// Whether bytes are a transaction in its one encoding, without the blobs that it may be sent with.
fn is_transaction(raw: &Bytes) -> bool {
    let mut rest = raw.as_ref();
    TxEnvelope::decode_2718(&mut rest).is_ok_and(|tx| {
        let bare = tx.as_eip4844().is_none_or(|signed| signed.tx().as_with_sidecar().is_none());
        bare && rest.is_empty() && tx.encoded_2718() == raw.as_ref()
    })
}

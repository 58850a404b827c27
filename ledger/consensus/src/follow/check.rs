//! Whether what an upstream gives is final.

use super::{
    batch::{Batch, Proven},
    upstream::{MOST_BATCH, MOST_BATCH_BYTES, Served},
};
use crate::{
    dissemination::Dissemination,
    finality::randomness,
    payload::{Bounds, Payload},
    rules::Rules,
    scheme::{Digest, Scheme},
};
use alloy_primitives::B256;
use commonware_codec::{Copying, Decode, DecodeExt};
use commonware_consensus::{
    Heightable, Viewable,
    simplex::types::{Finalization, Subject},
};
use commonware_cryptography::{Digested, Digestible, certificate::Verifier};
use commonware_parallel::Sequential;

/// Most payloads that wait for a certificate of a later one.
const MOST_WAITING: usize = 4 * MOST_BATCH;

/// Most bytes of those.
const MOST_WAITING_BYTES: usize = 32 * MOST_BATCH_BYTES as usize;

/// As large as payloads can be in any network.
const BOUNDS: Bounds = Bounds { bytes: Rules::MOST_BYTES, transactions: Rules::MOST_BYTES };

/// What an upstream did that no honest one does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lie {
    /// It is of another chain.
    #[error("it is of the chain with genesis {theirs}, not of {ours}")]
    Genesis {
        /// Its genesis.
        theirs: B256,
        /// The one here.
        ours: B256,
    },
    /// It says otherwise what the network's payloads look like.
    #[error("it says that payloads are {}erasure-coded in this network", if *.theirs { "" } else { "not " })]
    Coded {
        /// What it says.
        theirs: bool,
    },
    /// More than was asked for.
    #[error("it gives more than was asked for: {0}")]
    TooMuch(String),
    /// No payload.
    #[error("what it gives for height {height} is no payload: {reason}")]
    Payload {
        /// Where.
        height: u64,
        /// What is wrong.
        reason: String,
    },
    /// A payload of another height.
    #[error("it gives the payload of height {got} for height {height}")]
    Height {
        /// What should be.
        height: u64,
        /// What is.
        got: u64,
    },
    /// A payload with another parent.
    #[error("its payload at height {height} has the parent {got}, and the payload before it is {parent}")]
    Parent {
        /// Where.
        height: u64,
        /// What is proved.
        parent: B256,
        /// What is there.
        got: B256,
    },
    /// No certificate.
    #[error("what it gives for the certificate at height {height} is none: {reason}")]
    Certificate {
        /// Where.
        height: u64,
        /// What is wrong.
        reason: String,
    },
    /// A certificate of something else.
    #[error("its certificate at height {height} is for the payload {got}, not for {digest}")]
    OtherPayload {
        /// Where.
        height: u64,
        /// The payload.
        digest: B256,
        /// What the certificate is for.
        got: B256,
    },
    /// A certificate that nobody signed.
    #[error(
        "its certificate at height {height} does not hold under the group key: it, or the key, is another network's"
    )]
    Signature {
        /// Where.
        height: u64,
    },
    /// No certificate for long.
    #[error("it gives {count} payloads from height {height} on without any certificate")]
    Uncertified {
        /// From where.
        height: u64,
        /// How many.
        count: usize,
    },
}

/// Checks payloads in order.
pub(super) struct Checker<K: Dissemination> {
    scheme: Scheme,
    next: u64,
    /// The digest of the payload before the next one, if it is known.
    parent: Option<Digest>,
    /// In order, all after the newest that is proved.
    waiting: Vec<Proven<K>>,
    waiting_bytes: usize,
}

impl<K: Dissemination> Checker<K> {
    /// The next one is that of height `next`, whose parent is this.
    pub(super) const fn new(scheme: Scheme, next: u64, parent: Option<Digest>) -> Self {
        Self { scheme, next, parent, waiting: Vec::new(), waiting_bytes: 0 }
    }

    /// Height of what should come next.
    pub(super) fn next(&self) -> u64 {
        self.next + self.waiting.len() as u64
    }

    /// Forgets what is not proved: somebody else is asked.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// Checks what comes next. What it proves is given; what is after that waits.
    pub(super) fn check(&mut self, served: Vec<Served>) -> Result<Batch<K>, Lie> {
        if served.len() > MOST_BATCH {
            return Err(Lie::TooMuch(format!("{} payloads at a time", served.len())));
        }
        let fresh = self.waiting.len();
        for served in served {
            let proven = self.follow(served)?;
            self.waiting_bytes += proven.bytes.len();
            self.waiting.push(proven);
        }
        let Some(last) = self.waiting.iter().rposition(|proven| proven.certificate.is_some()) else {
            let count = self.waiting.len();
            if count > MOST_WAITING || self.waiting_bytes > MOST_WAITING_BYTES {
                return Err(Lie::Uncertified { height: self.next, count });
            }
            return Ok(Batch::default());
        };
        self.signed(&self.waiting[fresh..])?;
        let rest = self.waiting.split_off(last + 1);
        let proven = std::mem::replace(&mut self.waiting, rest);
        self.waiting_bytes = self.waiting.iter().map(|waiting| waiting.bytes.len()).sum();
        self.next += proven.len() as u64;
        self.parent = proven.last().map(|proven| proven.payload.digest());
        Ok(Batch(proven))
    }

    /// A payload that follows the newest one.
    fn follow(&self, served: Served) -> Result<Proven<K>, Lie> {
        let height = self.next();
        let Proven { payload, bytes, certificate } = decode(&served, height)?;
        let got = payload.height().get();
        if got != height {
            return Err(Lie::Height { height, got });
        }
        let parent = self.waiting.last().map(|proven| proven.payload.digest()).or(self.parent);
        let named = payload.inner().header().parent;
        if let Some(parent) = parent.filter(|parent| *parent != named) {
            let (parent, got) = (B256::from_slice(&parent), B256::from_slice(&named));
            return Err(Lie::Parent { height, parent, got });
        }
        Ok(Proven { payload, bytes, certificate })
    }

    /// Checks the signatures of certificates, all at once.
    fn signed(&self, payloads: &[Proven<K>]) -> Result<(), Lie> {
        let certified = || payloads.iter().filter_map(|proven| Some((proven, proven.certificate.as_ref()?)));
        let signed: Vec<_> = certified()
            .map(|(_, (_, finalization))| {
                (Subject::Finalize { proposal: &finalization.proposal }, &finalization.certificate)
            })
            .collect();
        let mut rng = randomness(certified().map(|(_, (bytes, _))| bytes.as_ref()));
        let hold = self.scheme.verify_certificates_bisect(&mut rng, &signed, &Sequential);
        match certified().zip(hold).find(|(_, holds)| !holds) {
            Some(((proven, _), _)) => Err(Lie::Signature { height: proven.payload.height().get() }),
            None => Ok(()),
        }
    }
}

/// Whether a payload with a certificate of its own is final: gives its view.
pub(super) fn is_final<K: Dissemination>(
    scheme: &Scheme,
    height: u64,
    served: &Served,
) -> Result<Option<u64>, Lie> {
    let proven = decode::<K>(served, height)?;
    let got = proven.payload.height().get();
    if got != height {
        return Err(Lie::Height { height, got });
    }
    let Some((bytes, finalization)) = &proven.certificate else { return Ok(None) };
    let mut rng = randomness([bytes.as_ref()]);
    if !finalization.verify(&mut rng, scheme, &Sequential) {
        return Err(Lie::Signature { height });
    }
    Ok(Some(finalization.view().get()))
}

/// A payload with a certificate that is for it.
fn decode<K: Dissemination>(served: &Served, height: u64) -> Result<Proven<K>, Lie> {
    if !served.is_bounded() {
        return Err(Lie::TooMuch(format!("a certificate at height {height} that is longer than any")));
    }
    let Served { payload: bytes, certificate } = served;
    let payload = Payload::<K>::decode_cfg(bytes.0.clone(), &BOUNDS)
        .map_err(|error| Lie::Payload { height, reason: error.to_string() })?;
    let digest = payload.digest();
    let certificate = match certificate {
        None => None,
        Some(certificate) => {
            let finalization = Finalization::<Scheme, K::Commitment>::decode(Copying(certificate.as_ref()))
                .map_err(|error| Lie::Certificate { height, reason: error.to_string() })?;
            let got = K::digest(&finalization.proposal.payload);
            if got != digest {
                let (digest, got) = (B256::from_slice(&digest), B256::from_slice(&got));
                return Err(Lie::OtherPayload { height, digest, got });
            }
            Some((certificate.clone(), finalization))
        }
    };
    Ok(Proven { payload: Digested::precomputed(payload, digest), bytes: bytes.clone(), certificate })
}

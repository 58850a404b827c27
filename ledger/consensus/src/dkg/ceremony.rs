//! What all participants of a key generation agree on beforehand.

use super::{DkgError, error::count};
use crate::{PublicKey, peers::ingress};
use commonware_codec::Encode as _;
use commonware_cryptography::bls12381::primitives::sharing::ModeVersion;
use commonware_cryptography::{Hasher as _, Sha256, bls12381::primitives::variant::MinSig, sha256::Digest};
use commonware_glue::dkg::bootstrap;
use commonware_p2p::Ingress;
use commonware_utils::{Faults as _, N3f1, ordered::Set, sequence::Unit};
use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroU64},
};

/// The most participants of a ceremony. Everybody deals to everybody, so work and traffic grow with the square.
pub const MAX_PARTICIPANTS: usize = 256;

/// The longest name and the longest address of a participant, in bytes.
pub const MAX_TEXT: usize = 300;

/// Blocks of the ceremony's chain besides those per participant: half of them give acknowledgements the time to arrive.
const BLOCKS: u64 = 64;

/// Blocks of the chain per participant. Each has to lead one block in its second half, so this gives everybody two turns.
const BLOCKS_PER_PARTICIPANT: u64 = 4;

/// One of those who make the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// What people call it.
    pub name: String,
    /// Its identity. Only who holds the private key can take its place.
    pub key: PublicKey,
    /// Where the others reach it: `host:port`.
    pub address: String,
}

/// What a key generation is for and who takes part: the same for every participant.
///
/// Participants whose ceremonies differ in anything do not hear each other: connections and signatures hold the
/// ceremony's [`id`](Self::id).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceremony {
    /// The network that the key is for: the hash of its genesis block, or 32 other bytes that nobody else uses.
    pub network: [u8; 32],
    /// Which attempt this is. After a failure all begin the next one, with empty directories.
    pub attempt: u32,
    /// Who takes part, in any order.
    pub participants: Vec<Participant>,
    /// How many have to be there, at least a quorum. Whoever is not gets its share published.
    pub required: usize,
}

impl Ceremony {
    /// Says why no key can be made like this, if so.
    pub fn check(&self) -> Result<(), DkgError> {
        let total = self.participants.len();
        if total == 0 {
            return Err(DkgError::NoParticipants);
        }
        if total > MAX_PARTICIPANTS {
            return Err(DkgError::TooManyParticipants { participants: total });
        }
        let mut owners = BTreeMap::new();
        for participant in &self.participants {
            participant.check()?;
            if let Some(first) = owners.insert(&participant.key, &participant.name) {
                return Err(DkgError::SameKey {
                    key: Box::new(participant.key.clone()),
                    first: first.clone(),
                    second: participant.name.clone(),
                });
            }
        }
        let quorum = self.quorum() as usize;
        if !(quorum..=total).contains(&self.required) {
            return Err(DkgError::Required { required: self.required, quorum, participants: total });
        }
        Ok(())
    }

    /// Tells this ceremony from all others: its name in every signature, connection and directory.
    ///
    /// Names and addresses are no part of it: these may be told differently from place to place.
    pub fn id(&self) -> Digest {
        let mut hasher = Sha256::default();
        hasher.update(b"MUNDI DKG 1");
        hasher.update(&self.network);
        hasher.update(&self.attempt.to_be_bytes());
        hasher.update(&(self.required as u64).to_be_bytes());
        hasher.update(&self.blocks().get().to_be_bytes());
        for key in self.keys().iter() {
            hasher.update(&key.encode());
        }
        hasher.finalize().1
    }

    /// The participants' identities in the order of their shares.
    pub fn keys(&self) -> Set<PublicKey> {
        Set::from_iter_dedup(self.participants.iter().map(|participant| participant.key.clone()))
    }

    /// How many shares make a signature.
    ///
    /// # Panics
    ///
    /// Without participants, which [`check`](Self::check) refuses.
    pub fn quorum(&self) -> u32 {
        N3f1::quorum(self.participants.len())
    }

    /// How many participants may be faulty.
    ///
    /// # Panics
    ///
    /// Without participants, which [`check`](Self::check) refuses.
    pub fn faults(&self) -> u32 {
        N3f1::max_faults(self.participants.len())
    }

    /// How many blocks the ceremony's chain has.
    pub fn blocks(&self) -> NonZeroU64 {
        let blocks = BLOCKS + BLOCKS_PER_PARTICIPANT * self.participants.len() as u64;
        NonZeroU64::new(blocks).unwrap_or(NonZeroU64::MIN)
    }

    /// The longest message that participants send each other, in bytes.
    pub fn max_message_size(&self) -> u32 {
        commonware_p2p::max_message_size(&[bootstrap::max_payload_size::<MinSig, Unit>(
            self.total(),
            ModeVersion::v0(),
        )])
    }

    /// The number of participants.
    pub(super) fn total(&self) -> NonZeroU32 {
        NonZeroU32::new(count(self.participants.len())).unwrap_or(NonZeroU32::MIN)
    }

    /// The names of those for whom `wanted` holds, with their addresses, for a message to people.
    pub(super) fn names(&self, wanted: impl Fn(&PublicKey) -> bool) -> Vec<String> {
        let wanted = self.participants.iter().filter(|participant| wanted(&participant.key));
        wanted.map(|participant| format!("{} ({})", participant.name, participant.address)).collect()
    }
}

impl Participant {
    /// Says why this cannot be a participant, if so.
    fn check(&self) -> Result<(), DkgError> {
        if self.name.len() > MAX_TEXT {
            let name = self.name.chars().take(32).collect();
            return Err(DkgError::LongName { name, bytes: self.name.len() });
        }
        self.ingress().map(drop)
    }

    /// Where to dial it.
    pub(super) fn ingress(&self) -> Result<Ingress, DkgError> {
        ingress(&self.address).map_err(|reason| DkgError::Address {
            name: self.name.clone(),
            address: self.address.chars().take(MAX_TEXT).collect(),
            reason,
        })
    }
}

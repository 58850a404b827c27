//! What a key generation ends with, and what makes it usable.

use super::{Ceremony, error::count};
use crate::{GroupKey, PublicKey, Share, Sharing};
use commonware_codec::Encode as _;
use commonware_cryptography::bls12381::{dkg::feldman_desmedt::Output, primitives::variant::MinSig};
use commonware_utils::Participant;

/// The key that was made, and this node's share of it.
///
/// Everything but the share is public and the same for all participants.
#[derive(Clone, Debug)]
pub struct DkgOutcome {
    /// The validators in the order of their shares.
    pub participants: Vec<PublicKey>,
    /// The public polynomial.
    pub sharing: Sharing,
    /// What certificates are checked with.
    pub group_key: GroupKey,
    /// This node's share of the group's secret. Nobody else may see it.
    pub share: Share,
    /// Whose shares everybody can know: those who were not there for the dealings, or whom dealers passed over.
    pub revealed: Vec<PublicKey>,
    /// Who was not heard of having finished when this node left.
    pub unfinished: Vec<PublicKey>,
}

impl DkgOutcome {
    /// The public polynomial as bytes, as the network's public file holds it.
    pub fn encoded_sharing(&self) -> Vec<u8> {
        self.sharing.encode().to_vec()
    }

    /// The share as bytes, as the validator's secret file holds it.
    pub fn encoded_share(&self) -> Vec<u8> {
        self.share.encode().to_vec()
    }

    /// Makes an outcome of what the ceremony's chain agreed on and this node stored, if it may be used.
    pub(super) fn new(
        ceremony: &Ceremony,
        me: &PublicKey,
        output: &Output<MinSig, PublicKey>,
        share: Option<Share>,
    ) -> Result<Self, Unusable> {
        let participants = ceremony.keys();
        if output.players() != &participants {
            return Err(Unusable::Participants);
        }
        let sharing = output.public().clone();
        let (total, required) = (sharing.total().get(), sharing.required());
        if total != count(participants.len()) || required != ceremony.quorum() {
            return Err(Unusable::Threshold {
                required,
                total,
                quorum: ceremony.quorum(),
                participants: participants.len(),
            });
        }
        let share = share.ok_or(Unusable::NoShare)?;
        let index = participants.position(me).map(|position| Participant::new(count(position)));
        let public = index.and_then(|index| sharing.partial_public(index).ok());
        if index != Some(share.index) || public != Some(share.public::<MinSig>()) {
            return Err(Unusable::Share { index: share.index.get() });
        }
        let revealed: Vec<_> = output.revealed().iter().cloned().collect();
        let tolerated = participants.len() - ceremony.required;
        if revealed.len() > tolerated {
            let names = ceremony.names(|key| revealed.contains(key));
            return Err(Unusable::Revealed { names, tolerated });
        }
        Ok(Self {
            participants: participants.into_iter().collect(),
            group_key: GroupKey::of(&sharing),
            sharing,
            share,
            revealed,
            unfinished: Vec::new(),
        })
    }
}

/// Why the outcome of a ceremony must not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The key is for others.
    #[error("the key was made for other participants than the ceremony names")]
    Participants,
    /// The key needs another number of signers than consensus counts with.
    #[error(
        "the key needs {required} of {total} shares, and consensus counts with {quorum} of {participants}"
    )]
    Threshold {
        /// Shares that make a signature.
        required: u32,
        /// Shares that there are.
        total: u32,
        /// The quorum of consensus.
        quorum: u32,
        /// How many validators there are.
        participants: usize,
    },
    /// The key is good, but not for this node.
    #[error(
        "a key was made, but this node has no share of it: dealings to it that it acknowledged are missing in its directory"
    )]
    NoShare,
    /// The share stored belongs to another key or another participant.
    #[error("the share that this node stored, number {index}, does not fit the key that was made")]
    Share {
        /// The share's number.
        index: u32,
    },
    /// More shares are public than were to be.
    #[error(
        "the shares of {} were published, because dealings to them were not acknowledged in time; {tolerated} of these are tolerated. \
         Check the connections between participants, or require fewer",
        names.join(", ")
    )]
    Revealed {
        /// Whose, with addresses.
        names: Vec<String>,
        /// How many would have been tolerated.
        tolerated: usize,
    },
}

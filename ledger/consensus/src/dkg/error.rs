//! Why a key generation cannot begin or did not succeed.

use super::{
    ceremony::{MAX_PARTICIPANTS, MAX_TEXT},
    outcome::Unusable,
    secrets::SecretsError,
};
use crate::PublicKey;
use alloy_primitives::B256;
use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum DkgError {
    /// Nobody takes part.
    #[error("a key generation without participants: name the validators that make the key")]
    NoParticipants,
    /// More take part than can.
    #[error("{participants} participants, and a key can be made by at most {MAX_PARTICIPANTS}")]
    TooManyParticipants {
        /// How many.
        participants: usize,
    },
    /// A name that fills pages.
    #[error("the participant {name}… has a name of {bytes} bytes; the longest is {MAX_TEXT}")]
    LongName {
        /// How it begins.
        name: String,
        /// Its length.
        bytes: usize,
    },
    /// An identity that is none.
    #[error("the public key of {name}, {key}, is no ed25519 key")]
    Key {
        /// Whose it is to be.
        name: String,
        /// The bytes.
        key: B256,
    },
    /// The files belong to a network that has a key.
    #[error("the {file} holds another key already, and a network keeps its key: give files without one")]
    HasKey {
        /// Which file.
        file: &'static str,
    },
    /// One identity for two participants.
    #[error("{first} and {second} have the same public key {key}: give each validator a key of its own")]
    SameKey {
        /// The key.
        key: Box<PublicKey>,
        /// One participant.
        first: String,
        /// The other.
        second: String,
    },
    /// Nobody can be reached there.
    #[error("the address {address} of {name} is no HOST:PORT: {reason}")]
    Address {
        /// Whose address it is.
        name: String,
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Fewer than a quorum cannot make a key, and no more than all can be there.
    #[error(
        "{required} participants are required; it has to be at least the quorum, {quorum}, and at most all {participants}"
    )]
    Required {
        /// How many are said to be required.
        required: usize,
        /// The least that makes a key.
        quorum: usize,
        /// How many there are.
        participants: usize,
    },
    /// The own key is none of the participants'.
    #[error(
        "this node's public key {key} is none of the participants': give it the key of one of them, or name it to all"
    )]
    NotParticipant {
        /// The public key of the private key given.
        key: Box<PublicKey>,
    },
    /// Called from where it would block other work.
    #[error(
        "a key generation runs on a thread of its own, and this thread belongs to an asynchronous runtime"
    )]
    InsideRuntime,
    /// The directory cannot be used.
    #[error("the key generation's directory {}: {source}", path.display())]
    Directory {
        /// The directory, or the file in it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has the directory.
    #[error("another process is making a key in {}: wait for it, or end it", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds secrets of another ceremony.
    #[error(
        "{} belongs to another key generation (other participants, another network or another attempt): give an empty directory",
        path.display()
    )]
    OtherCeremony {
        /// The directory.
        path: PathBuf,
    },
    /// Secrets could not be stored or read.
    #[error(transparent)]
    Secrets(#[from] Arc<SecretsError>),
    /// Nobody can connect to this node.
    #[error("listening at {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Too few came.
    #[error(
        "{present} of {participants} participants were there after {waited:?}, and {required} are required; missing: {}. \
         Check that each of them runs, that its address is right, that it has the key named and the same ceremony",
        missing.join(", ")
    )]
    TooFew {
        /// How many were there, this node included.
        present: usize,
        /// How many have to be there.
        required: usize,
        /// How many there are.
        participants: usize,
        /// Who was missing, with addresses.
        missing: Vec<String>,
        /// How long this node waited.
        waited: Duration,
    },
    /// It took too long.
    #[error(
        "no outcome after {waited:?}; not heard of lately: {}. Start it again with the same directory while the others still run; \
         if they have finished and left, this node's share is lost",
        if missing.is_empty() { "nobody, all are there".into() } else { missing.join(", ") }
    )]
    NotCompleted {
        /// How long this node waited.
        waited: Duration,
        /// Who was not there at the end, with addresses.
        missing: Vec<String>,
    },
    /// The ceremony came to its end without a key.
    #[error(
        "the ceremony ended without a key: too few participants dealt to enough others in time. \
         Begin the next attempt, all with empty directories"
    )]
    NoKey,
    /// There is an outcome, and it must not be used.
    #[error("{0}. Begin the next attempt, all with empty directories")]
    Unusable(#[from] Unusable),
    /// Something inside ended that should not.
    #[error(
        "the {part} stopped before the ceremony ended. If it does so again with the same directory, \
         the directory is damaged: all begin the next attempt with empty ones"
    )]
    Stopped {
        /// What stopped.
        part: &'static str,
    },
}

/// A number of participants as the codecs count them. [`MAX_PARTICIPANTS`] bounds all that are used.
pub(super) fn count(participants: usize) -> u32 {
    u32::try_from(participants).unwrap_or(u32::MAX)
}

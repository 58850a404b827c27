//! Distributed key generation: validators make the group key together, and nobody ever knows its secret.
//!
//! A network's certificates are checked under one *group key*; each validator signs with a *share* of its secret. A dealer may
//! make both for a network whose operator is trusted; here the validators make them among themselves, once, before the network's
//! first payload. What they begin with is a [`Ceremony`]: the names, identities and addresses of all participants and the network
//! that the key is for. What each ends with is a [`DkgOutcome`]: the public polynomial, the same everywhere, and its own share.
//! Both come from and go into the [network's files](crate::NetworkFile).
//!
//! # Protocol
//!
//! Commonware's one-shot ceremony does the cryptography: joint Feldman sharing, two rounds, in which each participant deals to
//! each, and a chain of its own (simplex over ed25519, [`Ceremony::blocks`] blocks) on which dealers publish what was
//! acknowledged, so that all agree on whose dealings count. The first half of the chain is for dealing, the second for
//! publishing. A participant that has not acknowledged a dealing when the first half is over gets it *published*.
//!
//! The chain of blocks starts as soon as a quorum takes part, and would leave behind whoever is late. So all participants
//! first gather: each announces its [phase](Phase) to all others a few times a second.
//!
//! ```text
//! ARRIVED ──► READY ────► RUNNING ──► DONE ─────► LEAVING
//!     │ hears      │ hears     │ outcome   │ hears that
//!     │ everybody  │ everybody │ stored,   │ everybody
//!     │            │ READY     │ checked   │ is DONE
//! ```
//!
//! * After [`Timeouts::gather`] those present go on without the others, if at least [`Ceremony::required`] are there.
//! * Whoever hears from f + 1 participants that they are further follows: one of those is honest. So late and restarted
//!   participants join the ceremony that is going on.
//! * Whoever is done keeps serving the chain to the others until all are done, [`Timeouts::serve`] at the longest. Its own
//!   outcome is on disk by then.
//!
//! # Guarantees
//!
//! With f the number of faults that n participants tolerate, n ≥ 3f + 1:
//!
//! * All honest participants that finish have the same polynomial, of degree 2f: a quorum of 2f + 1 shares signs, fewer cannot.
//!   These are the quorum and the participants that [`Scheme`](crate::Scheme) counts with, which every outcome is checked for.
//! * A share is known to its owner only, unless it is listed in [`DkgOutcome::revealed`]. Everybody knows a published share,
//!   for ever, so its owner counts as one of the f faulty: an outcome with more published shares than
//!   [`Ceremony::required`] leaves participants out is refused.
//! * A participant that stops at any moment goes on where it was when it is started with the same directory.
//!   It deals the same again, because its randomness is stored before it is used, and a dealing is stored before it is
//!   acknowledged. A participant that deletes its directory cannot return to the same ceremony.
//!
//! # Limits
//!
//! * Dealing supposes that honest participants reach each other within the first half of the chain. Where they do not, shares
//!   are published, and the outcome is refused or names them.
//! * An adversary among the participants can bias a few bits of the key. It learns nothing about the secret by that, and
//!   signatures are no weaker.
//! * A participant that comes back after everybody has left cannot finish. Its share is lost; the others' network tolerates it as
//!   a fault.
//! * At most [`MAX_PARTICIPANTS`] take part.
//!
//! # When it fails
//!
//! Every reason is a [`DkgError`] and says what to do. Mostly that is to start again, all together, with the next
//! [`Ceremony::attempt`] and empty directories: messages of one attempt mean nothing in another.

mod attendance;
mod ceremony;
mod error;
mod files;
mod outcome;
mod participate;
mod secrets;
mod sockets;

#[cfg(test)]
mod tests;

pub use attendance::Phase;
pub use ceremony::{Ceremony, MAX_PARTICIPANTS, MAX_TEXT, Participant};
pub use error::DkgError;
pub use outcome::{DkgOutcome, Unusable};
pub use participate::{Channels, Participation, Timeouts, participate};
pub use secrets::{Secrets, SecretsError};
pub use sockets::{DkgConfig, run};

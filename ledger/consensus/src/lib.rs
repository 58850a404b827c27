//! Ordering: who decides which transaction comes next.
//!
//! [`Solo`] orders on its own, for networks of one node and for developers. It stands behind the
//! [`Sequencer`](mundi_chain::Sequencer) trait, as does everything that orders.

mod archive;
pub mod bft;
mod clock;
mod dealer;
mod dissemination;
pub mod dkg;
mod files;
pub mod finality;
pub mod forward;
mod limits;
mod payload;
mod peers;
mod rules;
mod scheme;
mod solo;
mod validator;

pub use archive::Archive;
pub use clock::{Clock, SystemClock};
pub use dealer::{Dealt, deal};
pub use dissemination::{Coded, Dissemination, LEAST_CODED, Whole};
pub use files::{Committee, FileError, MOST_VALIDATORS, Member, NetworkFile, ValidatorFile};
pub use payload::{Anchor, Beacon, Bounds, Content, Header, Payload};
pub use rules::{Pace, Rules};
pub use scheme::{
    Certificate, Digest, GroupKey, InvalidGroupKey, PrivateKey, PublicKey, Scheme, Share, Sharing, namespace,
};
pub use solo::{Mining, NextBlock, ProduceError, Solo, SoloConfig};
pub use validator::{Validator, ValidatorConfig, ValidatorError};

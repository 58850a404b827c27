//! Ordering: who decides which transaction comes next.
//!
//! ## Who orders
//! * [`Solo`] orders on its own, for networks of one node and for developers.
//! * [`Validator`] orders with others, of whom fewer than a third may be broken or hostile ([`bft`]).
//!
//! Each stands behind the [`Sequencer`](mundi_chain::Sequencer) trait, takes transactions from a pool and gives payloads to a
//! [`Ledger`](mundi_chain::Ledger).
//!
//! ## What validators agree on
//! A chain of [`Payload`]s: raw transactions, ordered before anybody executes them, and an [`Anchor`], the hash of a block that
//! came of earlier ones. A certificate is one signature under the network's [`GroupKey`] over a payload; by the anchor it proves an
//! Ethereum header, and by that header's roots everything under it.
//!
//! ## Invariants
//! * All that is signed is signed over the network's [`namespace`], which holds the hash of the genesis block.
//! * All encodings are canonical, and every length in them is bounded before anything is allocated ([`Bounds`]).
//! * Time, randomness, network and disk come from a runtime that is handed in, so the whole runs in a simulation too.
//! * No other crate names the consensus library: what leaves this crate is its own types, bytes and `Arc`s.

mod archive;
pub mod bft;
mod clock;
mod dealer;
mod dissemination;
pub mod dkg;
mod files;
pub mod finality;
mod folder;
pub mod follow;
pub mod forward;
mod host;
mod limits;
mod payload;
mod peers;
mod rules;
mod scheme;
mod solo;
mod validator;

pub use archive::Archive;
pub use clock::{Clock, SystemClock};
pub use dealer::{Dealt, deal, introduce};
pub use dissemination::{Coded, Dissemination, LEAST_CODED, Whole};
pub use files::{Committee, FileError, MOST_VALIDATORS, Member, NetworkFile, ValidatorFile};
pub use payload::{Anchor, Beacon, Bounds, Content, Header, Payload};
pub use rules::{Pace, Rules};
pub use scheme::{
    Certificate, Digest, GroupKey, InvalidGroupKey, PrivateKey, PublicKey, Scheme, Share, Sharing, namespace,
};
pub use solo::{Mining, NextBlock, ProduceError, Solo, SoloConfig};
pub use validator::{Validator, ValidatorConfig, ValidatorError};

//! Following: a node that does not vote has what validators ordered, and trusts nobody for it.
//!
//! ```text
//! upstreams ──payloads, certificates──► check ──► archives ──► others who follow this node
//!     ▲                                   │
//!     └──transactions of users here       └─────► executor ──► ledger
//! ```
//!
//! ## What it promises
//! * A payload is executed only if it was signed by a quorum under the group key, itself or a descendant of it; every certificate that
//!   is kept was checked. An upstream can withhold, and nothing else.
//! * Payloads are executed by the same code as by validators, each exactly once and in order. A certified anchor that differs from
//!   what was executed here [stops](crate::bft::Fault::Diverged) the node.
//! * What was fetched is kept and served on: followers can follow followers.
//! * What users send to this node goes to an upstream, and again every [`Tuning::resend`] as long as it is in no payload.
//!
//! ## How it goes on
//! While batches are executed the next ones are fetched and checked. Where there is nothing new, an upstream is asked again after
//! [`Tuning::poll`]; one that does not answer is asked again later and later, and others meanwhile. What a batch may hold is
//! bounded by bytes and by number.
//!
//! Who is far behind begins with a state instead of with the genesis ([`StateSync`], before the ledger starts), if somebody
//! offers one ([`Snapshots`]).
//!
//! ## What happens when things fail
//! An upstream whose answers are no payloads, do not follow each other or are not signed is dropped for good, by name. When the last
//! one is dropped the node stops. What was fetched and not yet executed when a node ends is fetched again.

mod archives;
mod batch;
mod catch_up;
mod check;
mod deliver;
mod engine;
mod fetch;
mod follower;
mod http;
mod relay;
mod serve;
mod snapshots;
mod state_sync;
mod upstream;

pub use engine::{EngineConfig, Tuning, start};
pub use follower::{FollowError, Follower, FollowerConfig};
pub use http::{HttpUpstream, InvalidUrl};
pub use serve::serve;
pub use snapshots::{CHUNK_BYTES, Offer, Snapshots};
pub use state_sync::{FoundState, StateSync};
pub use upstream::{MOST_BATCH, MOST_BATCH_BYTES, Served, Status, Upstream, UpstreamError};

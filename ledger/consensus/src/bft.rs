//! Ordering by many: simplex among validators of whom fewer than a third may do anything at all.
//!
//! ```text
//!            ┌────────── application ──────────┐
//! pool ─────►│ propose: transactions, anchor   │◄──── executed blocks ────┐
//!            │ verify: form, time, anchor      │                          │
//!            └───────────────▲─────────────────┘                          │
//!  votes, certificates ◄──► simplex ──certificates──► marshal ──payloads──► executor ──► ledger
//!  shards, backfill    ◄─────────────────────────────────┘     in order, acknowledged when durable
//! ```
//!
//! ## What it promises
//! * Of every height there is one final payload, and it is given to the ledger exactly once, in order.
//! * A validator's vote is on its disk before it leaves: restarted, it never signs against itself. One that lost its disk signs only in
//!   views that it cannot have voted in before (`standing`).
//! * Proposing never waits for execution. What is ordered is at most [`Rules::max_lag`](crate::Rules::max_lag) ahead of what is
//!   executed: past that payloads are empty.
//! * A certificate over a payload proves an Ethereum header: a validator votes only for an anchor that equals its own
//!   execution.
//!
//! ## What happens when things fail
//! Storage that fails ends the validator: it comes back from what is on the disk. An execution that differs from a certified
//! anchor [stops it](Fault::Diverged), because nothing that it says afterwards could be trusted.

mod anchors;
mod application;
mod beacons;
mod conduct;
mod engine;
pub(crate) mod executor;
mod kept;
mod observer;
pub(crate) mod outstanding;
mod progress;
mod spread;
mod standing;
mod watched;

pub use conduct::{Conduct, Draft};
pub use engine::{Channels, EngineConfig, Running, Runtime, Tuning, max_message_size, start};
pub use executor::Waiting;
pub use progress::{Executed, Fault, Progress};
pub use spread::{Proposer, Spread, Voter, Wired};
pub use watched::Following;

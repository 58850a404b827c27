//! Networks of validators on one simulated clock, with everything that can go wrong.
//!
//! What runs is what a validator runs: simplex and marshal, the application over them, the ledger with its engine, the state store, the
//! pool, the forwarding of transactions. What is simulated is what they stand on: time, the network, disks, and the wish of some to
//! do harm.
//!
//! ## What it promises
//! * **Same seed, same run.** [`Outcome::trace`] comes of every step of the runtime, every message and every block, and is
//!   equal for equal options.
//! * **Faults are counted** where they happen, not where they are planned ([`FaultCounts`]): what was to happen and did not is said
//!   ([`Outcome::silent`], and of many runs [`ScenarioTally::silent`]).
//! * **Nobody is trusted.** Fewer than a third of the validators may be dishonest, from the beginning to the end.
//!
//! ## What is checked
//! While a run lasts: that no height has two final payloads, that Ethereum blocks have equal hashes everywhere, that no
//! transaction is in two blocks, that nothing becomes final without a quorum, that no honest validator signs against itself, in all its
//! lives, that none comes back with less than was durable, and that none ends but for its disk. At the
//! end: that after everything is well again all honest validators make blocks within a bounded number of views, that each of them has
//! every block, every receipt and every transaction that was final for a user anywhere, that blocks are what their headers and hashes
//! say, that final payloads keep the rules whoever voted for them, that certificates verify under the group
//! key alone and that each validator has those for what it takes for proved, that no honest validator shuts out another, and that memory
//! is bounded: tasks per machine, messages under way, and pools, which hold no more than what users wait for. (Queues and caches have
//! limits of their own where they are.)
//!
//! That they notice is tested by breaking what they look at: `run/tests.rs`, `run/checks.rs`, `record.rs`.
//!
//! ## How a run goes
//! ```text
//! seed ──► plan: who is dishonest, what happens when ──► trouble ──► all is well again ──► blocks ──► checks
//! ```
//! A [`Campaign`] is many of them.
//!
//! ## Limits
//! * Computing takes no time, but for execution where a plan makes it slow.
//! * Connections are ideal where they are not disturbed: nothing is known of TCP but that it keeps the order.
//! * Ledgers have threads of their own; the simulation stands still until they have made a block, and before it touches what they write.

mod campaign;
mod dice;
mod facts;
mod faults;
mod load;
mod machine;
mod manner;
mod meddler;
mod node;
mod plan;
mod record;
mod run;
mod scenarios;
mod wan;
mod wires;
mod world;

pub use campaign::{Campaign, Finished, News, ScenarioTally, Tally, Trial, in_turn};
pub use faults::{Fault, FaultCounts};
pub use run::{Moment, Outcome};
pub use scenarios::{SCENARIOS, Scenario, Settings};
pub use wan::{LATENCIES, REGIONS, Times, WanError, WanReport, WanSettings, round_trip, wan};

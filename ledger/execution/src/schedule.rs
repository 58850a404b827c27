//! A recorded schedule: enough to repeat a parallel run exactly on one thread.

use crate::{
    block::{Location, TxIndex},
    state::Account,
};
use alloy_primitives::U256;

/// The version of the recording format that this crate writes and reads.
pub const SCHEDULE_VERSION: u32 = 1;

/// The decisions of a run, in the order in which they took effect.
///
/// A replay gives each speculative execution exactly the values that it saw, so that a result that was wrong
/// is wrong again, under a debugger and without threads.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// [`SCHEDULE_VERSION`].
    pub version: u32,
    /// Height of the block it belongs to.
    pub block: u64,
    /// Number of transactions of that block.
    pub transactions: u32,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A worker finished a speculative execution.
    Speculated {
        /// Which transaction.
        tx: TxIndex,
        /// Which worker; 0 is the caller's thread.
        worker: u16,
        /// What it read, in order.
        reads: Vec<RecordedRead>,
    },
    /// A transaction was committed.
    Committed {
        /// Which.
        tx: TxIndex,
        /// Whether a speculative result was taken; otherwise it was executed on committed state.
        speculative: bool,
    },
}

/// A first read of a location.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RecordedRead {
    /// Where.
    pub location: Location,
    /// The transaction whose write was seen, plus one; 0 for the state before the transactions.
    pub source: u32,
    /// What was seen there.
    pub seen: Seen,
}

/// A value that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// An account, or that there is none.
    Account(Option<Account>),
    /// A slot's value.
    Slot(U256),
}

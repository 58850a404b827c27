//! A recorded schedule: enough to repeat a parallel run exactly on one thread.

use crate::block::TxIndex;

/// The decisions of a run, in the order in which they took effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Schedule {
    /// Version of this format.
    pub version: u32,
    /// Number of transactions of the block it belongs to.
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
        /// Which worker, 0 is the caller's thread.
        worker: u16,
        /// For each first read of a location, in order: the transaction whose uncommitted or committed write
        /// was seen, as index + 1; 0 for the state before the block.
        reads: Vec<u32>,
    },
    /// A transaction was committed.
    Committed {
        /// Which.
        tx: TxIndex,
        /// Whether a speculative result was taken; otherwise it was executed on committed state.
        speculative: bool,
    },
}

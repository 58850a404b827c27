//! What is told of a run.

use crate::faults::{Fault, FaultCounts};
use std::time::Duration;

/// How a run came out.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What everything that happened comes to: equal for equal seeds.
    pub trace: String,
    /// Blocks that were made.
    pub height: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// The view that consensus came to.
    pub views: u64,
    /// Messages between validators.
    pub messages: u64,
    /// Time that passed in the simulation.
    pub time: Duration,
    /// What fired.
    pub faults: FaultCounts,
    /// Classes of faults that should have fired in this run.
    pub promised: Vec<Fault>,
    /// Those of them that did not.
    pub silent: Vec<Fault>,
    /// What went wrong. Nothing should.
    pub violations: Vec<String>,
}

impl Outcome {
    /// Whether everything is as it should be.
    pub fn is_well(&self) -> bool {
        self.violations.is_empty()
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Time that has passed in the simulation.
    pub time: Duration,
    /// Blocks so far.
    pub height: u64,
}

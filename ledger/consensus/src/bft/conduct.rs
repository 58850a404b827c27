//! How a validator differs from an honest one that takes no time: for simulations.

use crate::payload::{Anchor, Beacon};
use alloy_primitives::{Address, Bytes};
use std::{fmt, time::Duration};

/// What a validator is about to propose.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its height.
    pub height: u64,
    /// Milliseconds since 1970.
    pub time: u64,
    /// Who gets the fees.
    pub beneficiary: Address,
    /// Where randomness comes from.
    pub beacon: Option<Beacon>,
    /// The newest block that the validator had executed.
    pub anchor: Anchor,
    /// EIP-2718 encodings.
    pub transactions: Vec<Bytes>,
}

/// How a validator differs from others. What is not given is as with honest ones.
pub trait Conduct: fmt::Debug + Send + Sync {
    /// How much longer than nothing a payload with so many transactions takes to execute, on the clock of the runtime.
    fn labour(&self, transactions: u32) -> Duration {
        let _ = transactions;
        Duration::ZERO
    }

    /// Changes what is proposed.
    fn propose(&self, draft: &mut Draft) {
        let _ = draft;
    }

    /// Whether this validator votes for payloads that break the rules.
    fn tolerates(&self) -> bool {
        false
    }
}

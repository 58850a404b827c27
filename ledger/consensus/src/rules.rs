//! What all validators of a network have to agree on beside its genesis, and the pace at which they go.

use crate::payload::Bounds;
use std::time::Duration;

/// What all validators of a network have to agree on beside its genesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How large a payload may be. Default: 1 MiB and 20,000 transactions.
    pub bounds: Bounds,
    /// Heights by which a payload with transactions may be ahead of the executed block that it names. Default: 64.
    pub max_lag: u64,
    /// How far ahead of a validator's clock a payload may be before it waits with its vote. Default: 500 ms.
    pub max_drift: Duration,
    /// The gas limit of every block: that of the genesis.
    pub gas_limit: u64,
}

impl Rules {
    /// Most bytes of transactions in a payload, so that its block stays under EIP-7934's limit.
    pub const MOST_BYTES: u32 = 8 << 20;

    /// The defaults, with the gas limit of a genesis.
    pub const fn new(gas_limit: u64) -> Self {
        Self {
            bounds: Bounds { bytes: 1 << 20, transactions: 20_000 },
            max_lag: 64,
            max_drift: Duration::from_millis(500),
            gas_limit,
        }
    }
}

/// How fast payloads follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Least time between two payloads. Default: 100 ms.
    pub interval: Duration,
    /// Time after which a payload comes without transactions. Default: 1 s.
    pub idle: Duration,
    /// How much longer than `idle` validators wait for a leader before they go on without it. Default: 500 ms.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(100),
            idle: Duration::from_secs(1),
            patience: Duration::from_millis(500),
        }
    }
}

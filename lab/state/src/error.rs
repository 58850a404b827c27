//! What ends a measurement.

use alloy_primitives::B256;
use mundi_chain::{GenesisError, ImportError};
use mundi_state::StoreError;
use mundi_synthetic::GenerateError;

/// A measurement that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A read failed.
    #[error(transparent)]
    Read(#[from] mundi_execution::StateError),
    /// The chain could not be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The generated genesis could not be read.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The chain could not be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A file or directory.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Two ways to the same root disagree.
    #[error("round {round}: {way} finds root {got}, not {expected}")]
    Differs {
        /// Which round.
        round: u64,
        /// Which way.
        way: &'static str,
        /// The root of the first run.
        expected: B256,
        /// The other.
        got: B256,
    },
    /// A directory that holds another world.
    #[error(
        "{found} accounts are in the directory, the plan has {planned}; choose another directory or size"
    )]
    OtherWorld {
        /// In the directory.
        found: u64,
        /// In the plan.
        planned: u64,
    },
}

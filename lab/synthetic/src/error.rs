//! Why a chain did not come about.

use crate::config::ConfigError;
use alloy_primitives::B256;
use mundi_execution::ExecutionError;

/// A chain that did not come about.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The configuration describes no chain.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A block that was meant to be valid cannot be executed: a fault here or in the engine.
    #[error("block {number} cannot be executed: {source}")]
    Execution {
        /// Which block.
        number: u64,
        /// Why.
        source: ExecutionError,
    },
    /// A block that was meant to be valid breaks a rule: a fault here or in the rules.
    #[error("block {number} is invalid: {reason}")]
    Invalid {
        /// Which block.
        number: u64,
        /// Why.
        reason: String,
    },
    /// The root that was kept up to date is not that of the whole state: a fault here.
    #[error("block {number}: the state root is {whole}, and {kept} as it was kept up to date")]
    Root {
        /// Which block.
        number: u64,
        /// Computed from scratch.
        whole: B256,
        /// As kept.
        kept: B256,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

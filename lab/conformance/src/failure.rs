//! What went wrong, and with what.

use mundi_execution::{ExecutionError, Mode};
use mundi_state::StoreError;
use std::{fmt::Display, sync::Arc};

/// A vector that did not pass, or a file that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// The file, with its archive.
    pub file: String,
    /// The vector in it; empty if the whole file is meant.
    pub vector: String,
    /// Wrong result or unusable input.
    pub kind: FailureKind,
    /// What was expected and what came.
    pub reason: String,
}

/// The two ways to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// The code under test is wrong about a vector.
    Wrong,
    /// The input is not a test, or not readable.
    Malformed,
}

/// A vector that was not run to its end, so that nothing can be said of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Skip {
    /// The file, with its archive.
    pub file: String,
    /// The vector in it.
    pub vector: String,
    /// Why.
    pub reason: String,
}

/// Why a vector did not pass.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Reason {
    #[error("malformed test: {0}")]
    Malformed(String),
    #[error("{field}: expected {expected}, got {got}")]
    Differs { field: &'static str, expected: String, got: String },
    #[error("{mode} mode disagrees with {oracle} mode: {what}")]
    Disagreement { oracle: Mode, mode: Mode, what: String },
    #[error("expected a rejection ({0}), but it was accepted")]
    Accepted(String),
    #[error("expected to be accepted, but rejected: {0}")]
    Rejected(String),
    #[error("{0} mode broke: {1}")]
    Broken(Mode, ExecutionError),
    #[error("block {index}: {source}")]
    InBlock { index: usize, source: Box<Self> },
    #[error("store: {0}")]
    Store(Arc<StoreError>),
    #[error("panic: {0}")]
    Panic(String),
    /// Not wrong: the vector is outside what the code under test is for.
    #[error("{0}")]
    Skipped(String),
}

impl Reason {
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::Malformed(_) => FailureKind::Malformed,
            Self::InBlock { source, .. } => source.kind(),
            _ => FailureKind::Wrong,
        }
    }

    pub(crate) fn malformed(error: impl Display) -> Self {
        Self::Malformed(error.to_string())
    }

    pub(crate) fn in_block(self, index: usize) -> Self {
        Self::InBlock { index, source: Box::new(self) }
    }
}

impl From<StoreError> for Reason {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// Compares a result with what the file says.
pub(crate) fn expect<T: PartialEq + Display>(field: &'static str, expected: T, got: T) -> Result<(), Reason> {
    if expected == got {
        return Ok(());
    }
    Err(Reason::Differs { field, expected: expected.to_string(), got: got.to_string() })
}

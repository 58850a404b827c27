//! Errors as clients see them.

use jsonrpsee::types::ErrorObjectOwned;
use mundi_chain::LedgerError;
use mundi_execution::StateError;
use mundi_state::StoreError;
use serde_json::Value;

/// The codes in use.
pub mod code {
    /// The request is not JSON.
    pub const PARSE: i32 = -32700;
    /// No such method.
    pub const METHOD_NOT_FOUND: i32 = -32601;
    /// A parameter is missing or malformed.
    pub const INVALID_PARAMS: i32 = -32602;
    /// A fault of the node.
    pub const INTERNAL: i32 = -32603;
    /// The request cannot be served as it stands.
    pub const INVALID_INPUT: i32 = -32000;
    /// What was asked for does not exist.
    pub const NOT_FOUND: i32 = -32001;
    /// The transaction was rejected.
    pub const REJECTED: i32 = -32003;
    /// The method is not supported here.
    pub const UNSUPPORTED: i32 = -32004;
    /// The request asks for too much, or the node has too much to do.
    pub const LIMIT: i32 = -32005;
    /// Execution reverted; `data` has what it returned.
    pub const REVERTED: i32 = 3;
}

/// An error of a method.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    /// One of [`code`], or one of a method's own.
    pub code: i32,
    /// What was wrong, with what value, and what to do.
    pub message: String,
    /// For programs.
    pub data: Option<Value>,
}

impl RpcError {
    /// An error without data.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The same with data.
    pub fn with_data(self, data: impl Into<Value>) -> Self {
        Self { data: Some(data.into()), ..self }
    }

    /// A parameter is missing or malformed.
    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(code::INVALID_PARAMS, message)
    }

    /// The request cannot be served as it stands.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(code::INVALID_INPUT, message)
    }

    /// What was asked for does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(code::NOT_FOUND, message)
    }

    /// A fault of the node.
    pub fn internal(message: impl ToString) -> Self {
        Self::new(code::INTERNAL, message.to_string())
    }

    /// Too much.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(code::LIMIT, message)
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        Self::owned(error.code, error.message, error.data)
    }
}

impl From<StoreError> for RpcError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotKept { .. } | StoreError::BlockNotKept { .. } => {
                Self::invalid_input(error.to_string())
            }
            StoreError::LogLimit { .. } => Self::limit(error.to_string()),
            error => Self::internal(error),
        }
    }
}

impl From<StateError> for RpcError {
    fn from(error: StateError) -> Self {
        Self::internal(error)
    }
}

impl From<LedgerError> for RpcError {
    fn from(error: LedgerError) -> Self {
        match error {
            // What cannot be executed is developers' doing: they may put anything where the rules expect a contract.
            LedgerError::Payload { .. } | LedgerError::Execution(_) => Self::invalid_input(error.to_string()),
            LedgerError::Store(ref store)
                if matches!(**store, StoreError::NotKept { .. } | StoreError::BlockNotKept { .. }) =>
            {
                Self::invalid_input(error.to_string())
            }
            error => Self::internal(error),
        }
    }
}

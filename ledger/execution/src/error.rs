//! Why a block could not be executed.

use crate::{block::TxIndex, output::SkipReason, state::StateError};
use alloy_primitives::Address;

/// A block that was not executed. Nothing of it is applied, and the worker pool is as it was.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The state could not answer a read.
    #[error("{at}: {source}")]
    State {
        /// Where.
        at: Stage,
        /// What failed.
        source: StateError,
    },
    /// A transaction is invalid where it stands ([`Policy::Strict`](crate::Policy::Strict) only).
    #[error("transaction {index} is invalid: {reason}")]
    InvalidTransaction {
        /// Which.
        index: TxIndex,
        /// Why.
        reason: SkipReason,
    },
    /// The virtual machine broke, or the code around it panicked.
    #[error("{at}: internal fault: {message}")]
    Fault {
        /// Where.
        at: Stage,
        /// The panic's or the machine's message.
        message: String,
    },
    /// A system contract's call failed, which makes the block invalid (EIP-7002, EIP-7251).
    #[error("system call to {contract} failed: {message}")]
    SystemCall {
        /// Whose.
        contract: Address,
        /// Why.
        message: String,
    },
    /// The deposit contract logged something that is not a deposit (EIP-6110).
    #[error("malformed deposit log: {0}")]
    DepositLog(String),
    /// The given access list is not that of the block (EIP-7928).
    #[error("the given block access list is wrong: {0}")]
    AccessList(String),
    /// A recorded schedule does not fit the block.
    #[error("the recorded schedule does not fit this block: {0}")]
    Schedule(String),
    /// The options contradict each other or the block.
    #[error("{0}")]
    Options(String),
}

/// A place in the life of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// System calls and irregular changes before the first transaction.
    PreBlock,
    /// A transaction.
    Transaction(TxIndex),
    /// Rewards, withdrawals and requests after the last transaction.
    PostBlock,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::PreBlock => f.write_str("before the first transaction"),
            Self::Transaction(index) => write!(f, "transaction {index}"),
            Self::PostBlock => f.write_str("after the last transaction"),
        }
    }
}

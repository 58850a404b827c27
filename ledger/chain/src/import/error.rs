//! Why an import stops.

use crate::{BlockSenderError, BodyError, DecodeError, HeaderError, OmmerError, OutputError};
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::B256;
use mundi_execution::ExecutionError;
use mundi_state::StoreError;
use std::io;

/// Why an import stopped. All blocks before are kept, and on disk unless the store itself failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The source could not be read.
    #[error("cannot read on after byte {offset} (block {after} was the last): {error}")]
    Read {
        /// Bytes read before.
        offset: u64,
        /// Height of the last whole block.
        after: u64,
        /// What the operating system or the decompressor said.
        error: io::Error,
    },
    /// The source ends in the middle of a block.
    #[error(
        "the file is cut off: the block at byte {offset}, after block {after}, has {expected} bytes, and only {got} are \
         there; everything up to block {after} is kept"
    )]
    Truncated {
        /// Where the block begins.
        offset: u64,
        /// Height of the last whole block.
        after: u64,
        /// Bytes that the block has; what is known of it, if the end comes within the length itself.
        expected: u64,
        /// Bytes that are there.
        got: u64,
    },
    /// The bytes at a place are not a block.
    #[error("the bytes at {offset}, after block {after}, are not a block: {reason}")]
    NotABlock {
        /// Where it begins.
        offset: u64,
        /// Height of the last block before.
        after: u64,
        /// Why not.
        reason: DecodeError,
    },
    /// A block that is too large to be read.
    #[error("the block at byte {offset}, after block {after}, has {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// Where it begins.
        offset: u64,
        /// Height of the last block before.
        after: u64,
        /// Its size.
        bytes: u64,
        /// The greatest that is read.
        limit: u64,
    },
    /// A block is invalid.
    #[error("block {number}: {reason}")]
    Invalid {
        /// Its height.
        number: u64,
        /// Its hash.
        hash: B256,
        /// What is wrong, with field, expected and got.
        reason: Box<InvalidBlock>,
    },
    /// The engine could not execute a block, for no fault of the block.
    #[error("block {number} cannot be executed: {error}")]
    Engine {
        /// Its height.
        number: u64,
        /// Why.
        error: ExecutionError,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system gave no thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// What is wrong with a block.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBlock {
    /// Another block is there already.
    #[error("hash: expected {expected}, which the store has at this height, got {got}")]
    Other {
        /// In the store.
        expected: B256,
        /// In the file.
        got: B256,
    },
    /// It does not follow the one before it.
    #[error("number: expected {expected}, got {got}")]
    Gap {
        /// The height after the block before it.
        expected: u64,
        /// Its own.
        got: u64,
    },
    /// Its fork is not known here.
    #[error("it is in {0}, which is not supported")]
    Fork(EthereumHardfork),
    /// Its header breaks a rule.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// Its ommers break a rule.
    #[error(transparent)]
    Ommers(#[from] OmmerError),
    /// Its body is not that of its header.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A transaction has no sender, or a form of another fork.
    #[error(transparent)]
    Sender(#[from] BlockSenderError),
    /// A transaction is invalid where it stands, or a system contract failed.
    #[error(transparent)]
    Execution(ExecutionError),
    /// Execution gives something else than the header says.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The state after it is another.
    #[error("stateRoot: expected {expected}, which execution gives, got {got}")]
    StateRoot {
        /// Computed.
        expected: B256,
        /// In the header.
        got: B256,
    },
}

impl ImportError {
    pub(super) fn invalid(number: u64, hash: B256, reason: impl Into<InvalidBlock>) -> Self {
        Self::Invalid { number, hash, reason: Box::new(reason.into()) }
    }

    /// An error of the engine: a verdict on the block, or a fault of its own.
    pub(super) fn execution(number: u64, hash: B256, error: ExecutionError) -> Self {
        match error {
            ExecutionError::InvalidTransaction { .. }
            | ExecutionError::SystemCall { .. }
            | ExecutionError::DepositLog(_) => Self::invalid(number, hash, InvalidBlock::Execution(error)),
            error => Self::Engine { number, error },
        }
    }

    /// Whether the source is to blame, and not the machine: a block that is invalid, or bytes that are none.
    pub const fn is_verdict(&self) -> bool {
        matches!(
            self,
            Self::Invalid { .. } | Self::NotABlock { .. } | Self::TooLarge { .. } | Self::Truncated { .. }
        )
    }
}

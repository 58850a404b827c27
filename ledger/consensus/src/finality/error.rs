//! Why something is not proved, or cannot be.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use mundi_state::{ProofError, StoreError};

/// Why a proof does not hold.
#[derive(Debug, thiserror::Error)]
pub enum FinalityError {
    /// The certificate does not decode.
    #[error("the certificate is none: {0}")]
    Certificate(String),
    /// The signature is not the group's.
    #[error(
        "the certificate's signature is not of this group key for the chain with genesis {genesis}: the key or the genesis is \
         another network's, or the certificate is forged"
    )]
    Signature {
        /// Hash of the genesis block that the proof names.
        genesis: B256,
    },
    /// A list has to hold something.
    #[error("the list {0} is empty")]
    Empty(&'static str),
    /// A list is too long.
    #[error("the list {list} has {count} entries, and at most {most} can be there")]
    TooMany {
        /// Which one.
        list: &'static str,
        /// How many there are.
        count: usize,
        /// How many there can be.
        most: usize,
    },
    /// A payload header does not decode.
    #[error("payload header {index} is none: {reason}")]
    PayloadHeader {
        /// Its position.
        index: usize,
        /// What is wrong.
        reason: String,
    },
    /// The certificate is for another payload.
    #[error("the certificate is for the payload {certified}, and the first payload header is that of {got}")]
    OtherPayload {
        /// What was signed.
        certified: B256,
        /// What is there.
        got: B256,
    },
    /// A payload header is not that of the parent of the one before it in the list.
    #[error(
        "payload header {index} is that of {got} at height {height}, and the one before it in the list names {expected} as its parent"
    )]
    PayloadLink {
        /// Its position.
        index: usize,
        /// Its height.
        height: u64,
        /// What it should be.
        expected: B256,
        /// What it is.
        got: B256,
    },
    /// The payload is of another height than the proof says.
    #[error("the proof is said to be for height {said}, and its payload is at height {height}")]
    OtherHeight {
        /// What is said.
        said: u64,
        /// What is there.
        height: u64,
    },
    /// An Ethereum header does not decode.
    #[error("Ethereum header {index} is none: {reason}")]
    Header {
        /// Its position.
        index: usize,
        /// What is wrong.
        reason: String,
    },
    /// The payload's anchor is another block.
    #[error(
        "the payload is anchored to block {height}, {anchor}; the first Ethereum header is that of block {number}, {got}"
    )]
    OtherAnchor {
        /// Height of the anchor.
        height: u64,
        /// Hash of the anchor.
        anchor: B256,
        /// Height that is there.
        number: u64,
        /// Hash that is there.
        got: B256,
    },
    /// An Ethereum header is not that of the parent of the one before it in the list.
    #[error(
        "Ethereum header {index} is that of block {number}, {got}; the one before it in the list names {expected} as its parent"
    )]
    HeaderLink {
        /// Its position.
        index: usize,
        /// Its height.
        number: u64,
        /// What it should be.
        expected: B256,
        /// What it is.
        got: B256,
    },
    /// The account or one of its slots is not proved.
    #[error("block {number} (state root {root}): {source}")]
    State {
        /// Height of the block.
        number: u64,
        /// Its state root.
        root: B256,
        /// What does not hold.
        source: ProofError,
    },
    /// There is no account, and something is said of one.
    #[error("{address} is said to be no account of block {number}, and to have {field}")]
    Nobody {
        /// Whose.
        address: Address,
        /// Height of the block.
        number: u64,
        /// What cannot be.
        field: &'static str,
    },
    /// The transaction or the receipt is not proved.
    #[error("block {number} ({root_name} {root}), {what} {index}: {reason}")]
    Entry {
        /// Height of the block.
        number: u64,
        /// Which root.
        root_name: &'static str,
        /// The root.
        root: B256,
        /// What should be there.
        what: &'static str,
        /// At which position.
        index: u64,
        /// What is wrong.
        reason: String,
    },
}

impl FinalityError {
    pub(super) fn entry(
        header: &Header,
        what: &'static str,
        index: u64,
        reason: impl std::fmt::Display,
    ) -> Self {
        let (root_name, root) = match what {
            "transaction" => ("transactionsRoot", header.transactions_root),
            _ => ("receiptsRoot", header.receipts_root),
        };
        Self::Entry { number: header.number, root_name, root, what, index, reason: reason.to_string() }
    }
}

/// Why a node has no proof to give.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// It is too new.
    #[error("block {0} is not final yet, as far as this node knows: ask again in a moment")]
    NotFinal(u64),
    /// It is too old.
    #[error("what proves block {0} is not kept here any more: ask a node that keeps more")]
    NotKept(u64),
    /// Others have executed what this node has not.
    #[error("block {0} is ordered, and this node has not executed it yet: ask again in a moment")]
    NotExecuted(u64),
    /// The proof would be too long.
    #[error(
        "from block {height} to the next certificate there are more than {most} headers: ask for a later block"
    )]
    TooFar {
        /// What was asked for.
        height: u64,
        /// Most headers of a proof.
        most: usize,
    },
    /// What is kept does not decode.
    #[error("the payload kept for height {height} is damaged: {reason}")]
    Damaged {
        /// Where.
        height: u64,
        /// What is wrong.
        reason: String,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

//! A block with all that is kept of it.

use alloy_consensus::{BlockBody, Header, ReceiptEnvelope, TxEnvelope};
use alloy_primitives::{Address, B256, U256};

/// A block with all that is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRecord {
    /// The header.
    pub header: Header,
    /// Its hash.
    pub hash: B256,
    /// Sum of the difficulties up to and with this block.
    pub total_difficulty: U256,
    /// Transactions, ommers and withdrawals.
    pub body: BlockBody<TxEnvelope>,
    /// Sender of each transaction.
    pub senders: Vec<Address>,
    /// Receipt of each transaction.
    pub receipts: Vec<ReceiptEnvelope>,
}

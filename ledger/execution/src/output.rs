//! What comes out: outcomes, receipts and the figures of the header.

use crate::{block::TxIndex, changes::StateChanges, report::Report};
use alloy_consensus::{Eip658Value, Receipt, ReceiptEnvelope, TxType, proofs::calculate_receipt_root};
use alloy_eip7928::BlockAccessList;
use alloy_eips::eip7685::Requests;
use alloy_primitives::{Address, B256, Bloom, Log};
use revm::context_interface::result::InvalidTransaction;

/// The result of executing a block.
#[derive(Debug)]
pub struct BlockOutput {
    /// One per transaction, in order.
    pub outcomes: Vec<Outcome>,
    /// Net effect on the world state.
    pub changes: StateChanges,
    /// Gas used by all executed transactions.
    pub gas_used: u64,
    /// Blob gas used by all executed transactions.
    pub blob_gas_used: u64,
    /// EIP-7685 requests; `None` before Prague.
    pub requests: Option<Requests>,
    /// EIP-7928 access list, if [`Options::collect_access_list`](crate::Options::collect_access_list) asked for it.
    pub access_list: Option<BlockAccessList>,
    /// How the run went.
    pub report: Report,
}

impl BlockOutput {
    /// Receipts of executed transactions, in order.
    pub fn receipts(&self) -> impl Iterator<Item = &TxReceipt> {
        self.outcomes.iter().filter_map(Outcome::receipt)
    }

    /// The header's `logsBloom`.
    pub fn logs_bloom(&self) -> Bloom {
        let mut bloom = Bloom::ZERO;
        for log in self.receipts().flat_map(|receipt| &receipt.logs) {
            bloom.accrue_log(log);
        }
        bloom
    }

    /// The header's `receiptsRoot` under EIP-658 (Byzantium and later).
    pub fn receipts_root(&self) -> B256 {
        let receipts: Vec<_> = self.receipts().map(|receipt| receipt.to_envelope(None)).collect();
        calculate_receipt_root(&receipts)
    }
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran, and has a receipt.
    Executed(TxReceipt),
    /// It was invalid where it stood and left no trace; only in [`Policy::Ledger`](crate::Policy::Ledger).
    Skipped(SkipReason),
}

impl Outcome {
    /// The receipt, if the transaction was executed.
    pub const fn receipt(&self) -> Option<&TxReceipt> {
        match self {
            Self::Executed(receipt) => Some(receipt),
            Self::Skipped(_) => None,
        }
    }
}

/// Receipt of an executed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxReceipt {
    /// EIP-2718 type, 0 to 4.
    pub tx_type: u8,
    /// Whether execution succeeded.
    pub success: bool,
    /// Gas used by this transaction, after refunds.
    pub gas_used: u64,
    /// Gas used up to and with this transaction.
    pub cumulative_gas_used: u64,
    /// Logs, in order.
    pub logs: Vec<Log>,
    /// Address of the contract, for a successful creation.
    pub created: Option<Address>,
}

impl TxReceipt {
    /// The consensus form. Before Byzantium a receipt holds the state root after the transaction in place of the
    /// status: pass it as `state_root`.
    pub fn to_envelope(&self, state_root: Option<B256>) -> ReceiptEnvelope {
        let status = match state_root {
            Some(root) => Eip658Value::PostState(root),
            None => Eip658Value::Eip658(self.success),
        };
        let receipt =
            Receipt { status, cumulative_gas_used: self.cumulative_gas_used, logs: self.logs.clone() };
        let tx_type = TxType::try_from(self.tx_type).expect("the engine executes types 0 to 4 only");
        ReceiptEnvelope::from_typed(tx_type, receipt.with_bloom())
    }
}

/// Why a transaction cannot be included where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// A rule of the transaction itself or of the sender's account.
    #[error(transparent)]
    Invalid(#[from] InvalidTransaction),
    /// More gas than the block has left.
    #[error("gas limit {limit} exceeds the {left} gas left in the block")]
    BlockGas {
        /// The transaction's gas limit.
        limit: u64,
        /// Gas left in the block.
        left: u64,
    },
    /// More blobs than the block has left.
    #[error("{blobs} blobs exceed the {left} left in the block")]
    BlockBlobs {
        /// Blobs of the transaction.
        blobs: u64,
        /// Blobs left in the block.
        left: u64,
    },
}

/// A committed transaction, as it streams out.
#[derive(Debug)]
pub struct Committed<'a> {
    /// Which.
    pub index: TxIndex,
    /// What became of it.
    pub outcome: &'a Outcome,
    /// Its own effect on the state, if [`Options::stream_changes`](crate::Options::stream_changes) asked for it.
    pub changes: Option<&'a StateChanges>,
}

/// Receives transactions in order as they commit. It runs on whichever thread commits, inside the critical
/// path: hand the data over and return.
pub trait CommitSink: Send {
    /// Transaction `committed.index` is final.
    fn committed(&mut self, committed: Committed<'_>);
}

/// Discards the stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSink;

impl CommitSink for NoSink {
    fn committed(&mut self, _: Committed<'_>) {}
}

impl<F: FnMut(Committed<'_>) + Send> CommitSink for F {
    fn committed(&mut self, committed: Committed<'_>) {
        self(committed);
    }
}

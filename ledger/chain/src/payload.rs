//! What goes into the pipeline: ordered transactions, and who orders them.
//!
//! A [`Payload`] says what happens next, and nothing of what comes of it: it is made before anything is executed. Consensus, or
//! the solo sequencer in its place, takes transactions from a [`PayloadSource`] and gives finished payloads to the
//! [`Ledger`](crate::Ledger), in order. A [`Sequencer`] is what either of them looks like to the rest of a node.

use alloy_consensus::TxEnvelope;
use alloy_eips::eip4895::Withdrawal;
use alloy_primitives::{Address, B256, Bytes};
use mundi_execution::Transaction;
use std::sync::Arc;

/// A transaction whose sender is known, in the form that blocks hold and in the form that the engine takes.
#[derive(Clone, Debug)]
pub struct OrderedTransaction {
    /// The signed transaction, without blobs.
    pub envelope: TxEnvelope,
    /// Who sent it.
    pub sender: Address,
    /// The same for the engine.
    pub executable: Transaction,
}

impl OrderedTransaction {
    /// A transaction of which nothing else is known. The sender is taken at its word.
    pub fn new(envelope: TxEnvelope, sender: Address) -> Self {
        let executable = Transaction::from_envelope(&envelope, sender);
        Self { envelope, sender, executable }
    }

    /// Its hash.
    pub fn hash(&self) -> B256 {
        *self.envelope.tx_hash()
    }
}

/// What is ordered: the next block before it is executed.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    /// Height of the block that comes of it: one more than the one before.
    pub height: u64,
    /// Seconds since 1970, more than the one before.
    pub timestamp: u64,
    /// Who gets the fees.
    pub beneficiary: Address,
    /// What `PREVRANDAO` returns.
    pub prev_randao: B256,
    /// What the header names as `parentBeaconBlockRoot`: under consensus the payload's own digest.
    pub digest: B256,
    /// Free text, 32 bytes at most.
    pub extra_data: Bytes,
    /// The block's gas limit. `None` moves from the parent's towards [`LedgerConfig::gas_limit`](crate::LedgerConfig::gas_limit)
    /// as fast as the rules allow. Given, it is taken at its word, as only developers want it.
    pub gas_limit: Option<u64>,
    /// The base fee in wei. `None` follows EIP-1559. Given, it is taken at its word, as only developers want it.
    pub base_fee: Option<u64>,
    /// EIP-4895 withdrawals.
    pub withdrawals: Vec<Withdrawal>,
    /// The transactions. Those that turn out invalid where they stand are left out of the block.
    pub transactions: Vec<Arc<OrderedTransaction>>,
}

/// What fits into a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposalLimits {
    /// Sum of the transactions' gas limits, as far as the source cares: what is over does not fit.
    pub gas: u64,
    /// Sum of the encoded transactions.
    pub bytes: usize,
    /// Blobs.
    pub blobs: u64,
    /// Number of transactions.
    pub transactions: usize,
    /// Base fee of the block, as far as it is known, in wei: who offers less has to wait.
    pub base_fee: u64,
    /// Price of blob gas, likewise.
    pub blob_base_fee: u128,
}

/// Where a sequencer takes transactions from.
pub trait PayloadSource: Send + Sync {
    /// The best transactions within the limits, in the order in which they shall run. None is handed out again until it is
    /// [returned](Self::returned), or a new head shows what became of it.
    fn propose(&self, limits: &ProposalLimits) -> Vec<Arc<OrderedTransaction>>;

    /// These were handed out and are in no payload after all.
    fn returned(&self, transactions: &[Arc<OrderedTransaction>]);
}

/// A source beside others: several order from sources of their own, which hold some of the same transactions.
pub trait SharedSource: PayloadSource {
    /// A payload, of whomever, holds these in this order: what the source has of them is treated as if it had been handed out.
    /// Says which these are: those to [release](Self::release) if the payload comes to nothing.
    fn claim(&self, hashes: &[B256]) -> Vec<B256>;

    /// These were handed out or claimed, and are in no payload after all.
    fn release(&self, hashes: &[B256]);

    /// A transaction that the source has, so that nobody has to find out again who sent it.
    fn known(&self, hash: &B256) -> Option<Arc<OrderedTransaction>>;
}

/// How much of the chain cannot change any more, by height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finality {
    /// What the `safe` tag means.
    pub safe: u64,
    /// What the `finalized` tag means.
    pub finalized: u64,
}

/// Whoever orders: the solo sequencer, or consensus.
///
/// It owns its threads and gives payloads to the ledger on its own account.
pub trait Sequencer: Send + Sync {
    /// How much of the chain is final.
    fn finality(&self) -> Finality;

    /// There is something new in the pool.
    fn wake(&self);

    /// Stops ordering. Payloads that were given to the ledger run to their end. Called more than once it does nothing.
    fn stop(&self);
}

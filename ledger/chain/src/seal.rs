//! From an executed payload to an Ethereum block.

use crate::payload::OrderedTransaction;
use alloy_consensus::{
    BlockBody, Header, ReceiptEnvelope, TxEnvelope,
    proofs::{calculate_receipt_root, calculate_transaction_root, calculate_withdrawals_root},
};
use alloy_eips::eip4895::{Withdrawal, Withdrawals};
use alloy_primitives::{Address, Bloom};
use mundi_execution::BlockOutput;
use std::sync::Arc;

/// The parts of a block that follow from execution, but for the state root.
#[derive(Debug)]
pub struct SealedParts {
    /// Complete, but for the state root and, in a pipeline, the parent's hash.
    pub header: Header,
    /// The transactions that were executed.
    pub body: BlockBody<TxEnvelope>,
    /// Their senders.
    pub senders: Vec<Address>,
    /// Their receipts.
    pub receipts: Vec<ReceiptEnvelope>,
}

/// Completes a drafted header from what execution gave, and leaves transactions out that were skipped.
///
/// For Byzantium and later, where receipts hold no state roots.
pub fn seal(
    mut header: Header,
    transactions: &[Arc<OrderedTransaction>],
    withdrawals: &[Withdrawal],
    output: &BlockOutput,
) -> SealedParts {
    let executed = || {
        let all = transactions.iter().zip(&output.outcomes);
        all.filter(|(_, outcome)| outcome.receipt().is_some()).map(|(transaction, _)| transaction)
    };
    let bodies: Vec<TxEnvelope> = executed().map(|transaction| transaction.envelope.clone()).collect();
    let senders = executed().map(|transaction| transaction.sender).collect();
    let (mut receipts, mut receipts_root) = (Vec::new(), header.receipts_root);
    let (mut transactions_root, mut bloom) = (header.transactions_root, Bloom::ZERO);
    rayon::join(
        || {
            receipts = output.receipts().map(|receipt| receipt.to_envelope(None)).collect();
            for receipt in &receipts {
                bloom |= *receipt.logs_bloom();
            }
            receipts_root = calculate_receipt_root(&receipts);
        },
        || transactions_root = calculate_transaction_root(&bodies),
    );
    let withdrawals = header.withdrawals_root.map(|_| Withdrawals::new(withdrawals.to_vec()));
    header.gas_used = output.gas_used;
    header.blob_gas_used = header.blob_gas_used.map(|_| output.blob_gas_used);
    header.receipts_root = receipts_root;
    header.transactions_root = transactions_root;
    header.logs_bloom = bloom;
    header.withdrawals_root = withdrawals.as_ref().map(|withdrawals| calculate_withdrawals_root(withdrawals));
    header.requests_hash = output.requests.as_ref().map(|requests| requests.requests_hash());
    let body = BlockBody { transactions: bodies, ommers: Vec::new(), withdrawals };
    SealedParts { header, body, senders, receipts }
}

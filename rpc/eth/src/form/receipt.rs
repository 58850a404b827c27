//! Receipts.

use super::log::mined_log;
use alloy_consensus::{ReceiptEnvelope, Transaction as _, TxEnvelope};
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::{Log, TransactionReceipt};
use mundi_chain::{CommittedTransaction, Ledger};
use mundi_state::BlockRecord;

/// A receipt as clients see it.
pub type Receipt = TransactionReceipt<ReceiptEnvelope<Log>>;

/// What the receipts of one block have in common.
struct Common {
    number: u64,
    hash: Option<B256>,
    timestamp: Option<u64>,
    base_fee: Option<u64>,
    blob_gas_price: Option<u128>,
}

impl Common {
    fn of(ledger: &Ledger, block: &BlockRecord) -> Self {
        let params = ledger.spec().blob_params_at(ledger.point(block));
        let excess = block.header.excess_blob_gas;
        Self {
            number: block.header.number,
            hash: Some(block.hash),
            timestamp: Some(block.header.timestamp),
            base_fee: block.header.base_fee_per_gas,
            blob_gas_price: params.zip(excess).map(|(params, excess)| params.calc_blob_fee(excess)),
        }
    }

    fn receipt(&self, place: Place<'_>, receipt: ReceiptEnvelope) -> Receipt {
        let Place { index, first_log, gas_used, tx, sender } = place;
        let hash = *tx.tx_hash();
        let mut log_index = first_log;
        let inner = receipt.map_logs(|log| {
            let log = mined_log(log, (self.number, self.hash, self.timestamp), (hash, index), log_index);
            log_index += 1;
            log
        });
        let blob_gas = tx.blob_count().map(|blobs| blobs * DATA_GAS_PER_BLOB);
        TransactionReceipt {
            inner,
            transaction_hash: hash,
            transaction_index: Some(index),
            block_hash: self.hash,
            block_number: Some(self.number),
            gas_used,
            effective_gas_price: tx.effective_gas_price(self.base_fee),
            blob_gas_price: blob_gas.and(self.blob_gas_price),
            blob_gas_used: blob_gas,
            from: sender,
            to: tx.to(),
            contract_address: tx.is_create().then(|| sender.create(tx.nonce())),
        }
    }
}

/// Where a transaction stands in its block, and what it used.
struct Place<'a> {
    index: u64,
    first_log: u64,
    gas_used: u64,
    tx: &'a TxEnvelope,
    sender: Address,
}

/// The receipt of one transaction, if the block has that many.
pub fn receipt(ledger: &Ledger, block: &BlockRecord, index: usize) -> Option<Receipt> {
    let before = block.receipts.get(..index)?;
    let first_log = before.iter().map(|receipt| receipt.logs().len() as u64).sum();
    receipt_at(ledger, block, index, first_log)
}

/// The same when the number of logs before it is known.
pub fn receipt_at(ledger: &Ledger, block: &BlockRecord, index: usize, first_log: u64) -> Option<Receipt> {
    let receipt = block.receipts.get(index)?;
    let before = index.checked_sub(1).map_or(0, |before| block.receipts[before].cumulative_gas_used());
    let place = Place {
        index: index as u64,
        first_log,
        gas_used: receipt.cumulative_gas_used() - before,
        tx: block.body.transactions.get(index)?,
        sender: *block.senders.get(index)?,
    };
    Some(Common::of(ledger, block).receipt(place, receipt.clone()))
}

/// All receipts of a block.
pub fn receipts(ledger: &Ledger, block: &BlockRecord) -> Vec<Receipt> {
    let common = Common::of(ledger, block);
    let (mut first_log, mut gas_before) = (0, 0);
    let transactions = block.body.transactions.iter().zip(&block.senders);
    let all = transactions.zip(&block.receipts).zip(0..);
    all.map(|(((tx, sender), receipt), index)| {
        let gas_used = receipt.cumulative_gas_used() - gas_before;
        let place = Place { index, first_log, gas_used, tx, sender: *sender };
        (first_log, gas_before) = (first_log + receipt.logs().len() as u64, receipt.cumulative_gas_used());
        common.receipt(place, receipt.clone())
    })
    .collect()
}

/// The receipt of a transaction whose block is not finished. What is not known yet is not in it: the block's hash is `null`,
/// and prices and times are absent.
pub fn committed_receipt(
    committed: &CommittedTransaction,
    tx: &TxEnvelope,
    sender: Address,
) -> serde_json::Result<serde_json::Value> {
    let common = Common {
        number: committed.height,
        hash: None,
        timestamp: None,
        base_fee: None,
        blob_gas_price: None,
    };
    let place = Place {
        index: u64::from(committed.index),
        first_log: u64::from(committed.first_log),
        gas_used: committed.receipt.gas_used,
        tx,
        sender,
    };
    let mut value = serde_json::to_value(common.receipt(place, committed.receipt.to_envelope(None)))?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("effectiveGasPrice");
    }
    Ok(value)
}

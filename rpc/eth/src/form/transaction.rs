//! Transactions of blocks.

use alloy_consensus::{Transaction as _, transaction::Recovered};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Bytes;
use alloy_rpc_types_eth::Transaction;
use mundi_state::BlockRecord;

/// A transaction of a block, if the block has that many.
pub fn transaction(block: &BlockRecord, index: usize) -> Option<Transaction> {
    let tx = block.body.transactions.get(index)?;
    let sender = *block.senders.get(index)?;
    Some(Transaction {
        effective_gas_price: Some(tx.effective_gas_price(block.header.base_fee_per_gas)),
        inner: Recovered::new_unchecked(tx.clone(), sender),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        transaction_index: Some(index as u64),
        block_timestamp: Some(block.header.timestamp),
    })
}

/// The EIP-2718 encoding of a transaction of a block.
pub fn raw_transaction(block: &BlockRecord, index: usize) -> Option<Bytes> {
    block.body.transactions.get(index).map(|tx| tx.encoded_2718().into())
}

//! Logs.

use alloy_primitives::B256;
use alloy_rpc_types_eth::Log;
use mundi_state::{BlockRecord, FoundLog, LogFilter};

/// A log with its place: height, hash and time of the block, as far as they are known; hash and index of the transaction; index of the log.
pub(super) fn mined_log(
    log: alloy_primitives::Log,
    (number, block_hash, block_timestamp): (u64, Option<B256>, Option<u64>),
    (transaction_hash, transaction_index): (B256, u64),
    log_index: u64,
) -> Log {
    Log {
        inner: log,
        block_hash,
        block_number: Some(number),
        block_timestamp,
        transaction_hash: Some(transaction_hash),
        transaction_index: Some(transaction_index),
        log_index: Some(log_index),
        removed: false,
    }
}

/// A log that a query has found in a block of that time.
pub fn found_log(found: FoundLog, timestamp: u64) -> Log {
    let FoundLog { height, block_hash, transaction_index, transaction_hash, log_index, log } = found;
    let transaction = (transaction_hash, u64::from(transaction_index));
    mined_log(log, (height, Some(block_hash), Some(timestamp)), transaction, u64::from(log_index))
}

/// The logs of a block that match, whichever heights the filter is about.
pub fn block_logs(block: &BlockRecord, filter: &LogFilter) -> Vec<Log> {
    let place = (block.header.number, Some(block.hash), Some(block.header.timestamp));
    let (mut index, mut logs) = (0, Vec::new());
    for ((tx, receipt), transaction_index) in block.body.transactions.iter().zip(&block.receipts).zip(0..) {
        for log in receipt.logs() {
            if filter.matches(log) {
                logs.push(mined_log(log.clone(), place, (*tx.tx_hash(), transaction_index), index));
            }
            index += 1;
        }
    }
    logs
}

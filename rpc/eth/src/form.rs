//! Blocks, transactions, receipts and logs as clients see them: alloy's types, filled as geth fills them.

mod log;
mod pending;
mod receipt;
mod transaction;

pub use log::{block_logs, found_log};
pub use pending::{PendingTransaction, Unmined, pending_transaction};
pub use receipt::{Receipt, committed_receipt, receipt, receipt_at, receipts};
pub use transaction::{raw_transaction, transaction};

use alloy_consensus::{Block as ConsensusBlock, BlockBody, Header as ConsensusHeader, TxEnvelope};
use alloy_primitives::U256;
use alloy_rpc_types_eth::{Block, BlockTransactions, Header, Transaction};
use mundi_state::BlockRecord;

/// A header alone, as `eth_getHeaderByNumber` and `newHeads` have it.
pub fn header(block: &BlockRecord) -> Header {
    Header { hash: block.hash, inner: block.header.clone(), total_difficulty: None, size: None }
}

/// A block; its transactions whole or only their hashes.
pub fn block(block: &BlockRecord, whole: bool) -> Block<Transaction> {
    let transactions = if whole {
        BlockTransactions::Full(
            (0..block.body.transactions.len()).filter_map(|at| transaction(block, at)).collect(),
        )
    } else {
        BlockTransactions::Hashes(block.body.transactions.iter().map(|tx| *tx.tx_hash()).collect())
    };
    let size = ConsensusBlock::rlp_length_for(&block.header, &block.body);
    Block {
        header: Header { size: Some(U256::from(size)), ..header(block) },
        uncles: block.body.ommers.iter().map(ConsensusHeader::hash_slow).collect(),
        transactions,
        withdrawals: block.body.withdrawals.clone(),
    }
}

/// An ommer: its header, in the form of a block without content.
pub fn uncle(ommer: &ConsensusHeader) -> Block<Transaction> {
    let body = BlockBody::<TxEnvelope>::default();
    let size = ConsensusBlock::rlp_length_for(ommer, &body);
    let header = Header {
        hash: ommer.hash_slow(),
        inner: ommer.clone(),
        total_difficulty: None,
        size: Some(U256::from(size)),
    };
    Block { header, uncles: Vec::new(), transactions: BlockTransactions::Uncle, withdrawals: None }
}

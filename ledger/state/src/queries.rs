//! Questions about blocks on disk.

use crate::{
    blocks::{self, StoredBody, StoredHeader},
    error::StoreError,
    format,
    logs::{self, FoundLog, LogFilter, LogLimits},
    store::Store,
};
use alloy_consensus::ReceiptEnvelope;
use alloy_primitives::B256;

/// Blocks that are published and not persisted yet have no answers here.
impl Store {
    /// The header of a block, with its hash and total difficulty.
    pub fn header(&self, height: u64) -> Result<Option<StoredHeader>, StoreError> {
        self.origin.header(&self.kv.view(), height)
    }

    /// The height of the block with this hash.
    pub fn height_of(&self, hash: &B256) -> Result<Option<u64>, StoreError> {
        blocks::height_of(&self.kv.view(), hash)
    }

    /// Transactions, ommers, withdrawals and senders of a block.
    pub fn body(&self, height: u64) -> Result<Option<StoredBody>, StoreError> {
        blocks::body(&self.kv.view(), height)
    }

    /// Receipts of a block.
    pub fn receipts(&self, height: u64) -> Result<Option<Vec<ReceiptEnvelope>>, StoreError> {
        blocks::receipts(&self.kv.view(), height)
    }

    /// Height and index of a transaction.
    pub fn transaction(&self, hash: &B256) -> Result<Option<(u64, u32)>, StoreError> {
        blocks::transaction(&self.kv.view(), hash)
    }

    /// Logs that match a filter, in order.
    ///
    /// Errors with [`StoreError::BlockNotKept`] if the filter begins before [`oldest_block`](Self::oldest_block).
    pub fn logs(&self, filter: &LogFilter, limits: LogLimits) -> Result<Vec<FoundLog>, StoreError> {
        let view = self.kv.view();
        let (height, oldest) = (*filter.heights.start(), format::blocks_from(&view)?);
        if height < oldest {
            return Err(StoreError::BlockNotKept { height, oldest });
        }
        logs::logs(&view, filter, limits)
    }

    /// The oldest block that is there as a whole: the first of the chain, one of the last in the state file that the
    /// store began with, or the first [above](Self::above) a foreign one. Of up to 256 blocks before it there are headers.
    pub fn oldest_block(&self) -> Result<u64, StoreError> {
        format::blocks_from(&self.kv.view())
    }
}

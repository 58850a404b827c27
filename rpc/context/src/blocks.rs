//! Which block a client means.

use crate::{Context, error::RpcError};
use alloy_eips::{BlockId, BlockNumberOrTag};
use mundi_chain::LedgerState;
use mundi_state::BlockRecord;
use std::sync::Arc;

impl Context {
    /// The height that a tag stands for. `pending` stands for the newest block: who cares for pending transactions asks the pool.
    pub fn height(&self, tag: BlockNumberOrTag) -> Result<u64, RpcError> {
        let head = || self.ledger.head().block.header.number;
        Ok(match tag {
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => head(),
            BlockNumberOrTag::Safe => self.sequencer.finality().safe.min(head()),
            BlockNumberOrTag::Finalized => self.sequencer.finality().finalized.min(head()),
            BlockNumberOrTag::Earliest => self.ledger.store().oldest_block()?,
            BlockNumberOrTag::Number(height) => height,
        })
    }

    /// A block, if it exists.
    pub fn block(&self, id: BlockId) -> Result<Option<Arc<BlockRecord>>, RpcError> {
        Ok(match id {
            BlockId::Hash(hash) => self.ledger.block_by_hash(&hash.block_hash)?,
            BlockId::Number(BlockNumberOrTag::Latest | BlockNumberOrTag::Pending) => {
                Some(Arc::clone(&self.ledger.head().block))
            }
            BlockId::Number(tag) => self.ledger.block(self.height(tag)?)?,
        })
    }

    /// A block and the state after it. Without an id, the newest.
    pub fn state(&self, id: Option<BlockId>) -> Result<(Arc<BlockRecord>, LedgerState), RpcError> {
        let id = id.unwrap_or_default();
        if let BlockId::Number(BlockNumberOrTag::Latest | BlockNumberOrTag::Pending) = id {
            let head = self.ledger.head();
            return Ok((Arc::clone(&head.block), head.state.clone()));
        }
        let block = self
            .block(id)?
            .ok_or_else(|| RpcError::invalid_input(format!("header not found: no block {id}")))?;
        let state = self.ledger.state(block.header.number)?;
        Ok((block, state))
    }
}

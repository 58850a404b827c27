//! Reading a ledger: blocks, transactions, states, logs.

use super::{
    CommittedTransaction, Head, Ledger, LedgerConfig, LedgerEvent, LedgerState, Shared, state::Edits,
};
use crate::forks::{ChainSpec, ForkPoint};
use alloy_consensus::BlockBody;
use alloy_primitives::B256;
use mundi_execution::StateChanges;
use mundi_state::{BlockRecord, FoundLog, LogFilter, LogLimits, Store, StoreError};
use quick_cache::{Weighter, sync::Cache};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Blocks whose edits are remembered.
const REMEMBERED_EDITS: usize = 4096;

#[derive(Clone)]
struct BlockWeight;

impl Weighter<u64, Arc<BlockRecord>> for BlockWeight {
    fn weight(&self, _: &u64, block: &Arc<BlockRecord>) -> u64 {
        const PER_TRANSACTION: usize = 1024;
        const FIXED: usize = 2048;
        (FIXED + PER_TRANSACTION * block.body.transactions.len()) as u64
    }
}

/// Recently used blocks, by height.
pub(super) struct BlockCache(Cache<u64, Arc<BlockRecord>, BlockWeight>);

impl BlockCache {
    pub(super) fn new(bytes: u64) -> Self {
        const ESTIMATED_BLOCKS: usize = 4096;
        Self(Cache::with_weighter(ESTIMATED_BLOCKS, bytes, BlockWeight))
    }

    pub(super) fn put(&self, block: Arc<BlockRecord>) {
        self.0.insert(block.header.number, block);
    }

    pub(super) fn clear(&self) {
        self.0.clear();
    }
}

/// All that is kept of a block. Of a foreign first block that is the header.
pub(super) fn read_block(store: &Store, height: u64) -> Result<Option<BlockRecord>, StoreError> {
    let Some(header) = store.header(height)? else { return Ok(None) };
    let mut block = BlockRecord {
        header: header.header,
        hash: header.hash,
        total_difficulty: header.total_difficulty,
        body: BlockBody::default(),
        senders: Vec::new(),
        receipts: Vec::new(),
    };
    if let (Some(body), Some(receipts)) = (store.body(height)?, store.receipts(height)?) {
        (block.body, block.senders, block.receipts) = (body.body, body.senders, receipts);
    }
    Ok(Some(block))
}

impl Shared {
    /// The block at a height, up to the head.
    pub(super) fn read_block(&self, height: u64) -> Result<Option<Arc<BlockRecord>>, StoreError> {
        let head = self.head();
        if height >= head.block.header.number {
            return Ok((height == head.block.header.number).then(|| Arc::clone(&head.block)));
        }
        if let Some(block) = self.blocks.0.get(&height) {
            return Ok(Some(block));
        }
        let block = read_block(&self.store, height)?.map(Arc::new);
        if let Some(block) = &block {
            self.blocks.put(Arc::clone(block));
        }
        Ok(block)
    }

    /// These edits came into the block at `height`.
    pub(super) fn remember_edits(&self, height: u64, edits: Arc<StateChanges>) {
        let mut edited = self.edited.write().expect("no holder panics");
        edited.insert(height, edits);
        if edited.len() > REMEMBERED_EDITS {
            edited.pop_first();
        }
    }

    /// Blocks after `height` are gone.
    pub(super) fn forget_edits(&self, height: u64) {
        self.edited.write().expect("no holder panics").retain(|block, _| *block <= height);
    }

    /// A block that the store has.
    pub(super) fn read_stored(&self, height: u64) -> Result<Arc<BlockRecord>, StoreError> {
        let missing = || StoreError::Damaged(format!("block {height} is missing"));
        read_block(&self.store, height)?.map(Arc::new).ok_or_else(missing)
    }
}

impl Ledger {
    /// The fork schedule.
    pub fn spec(&self) -> &Arc<ChainSpec> {
        &self.shared.spec
    }

    /// The settings.
    pub fn config(&self) -> &LedgerConfig {
        &self.shared.config
    }

    /// The store. Reading only: writing is the ledger's.
    pub fn store(&self) -> &Arc<Store> {
        &self.shared.store
    }

    /// The newest written block, and the state after it.
    pub fn head(&self) -> Arc<Head> {
        self.shared.head()
    }

    /// Why the ledger has ended, if it has.
    pub fn halted(&self) -> Option<Arc<str>> {
        self.shared.halted.get().cloned()
    }

    /// The block at a height, if there is one.
    pub fn block(&self, height: u64) -> Result<Option<Arc<BlockRecord>>, StoreError> {
        self.shared.read_block(height)
    }

    /// The block with a hash, if it is part of the chain.
    pub fn block_by_hash(&self, hash: &B256) -> Result<Option<Arc<BlockRecord>>, StoreError> {
        match self.shared.store.height_of(hash)? {
            Some(height) => Ok(self.block(height)?.filter(|block| block.hash == *hash)),
            None => Ok(None),
        }
    }

    /// The block that holds a transaction, and the transaction's position in it.
    pub fn transaction(&self, hash: &B256) -> Result<Option<(Arc<BlockRecord>, usize)>, StoreError> {
        let Some((height, index)) = self.shared.store.transaction(hash)? else { return Ok(None) };
        let index = index as usize;
        let holds = |block: &Arc<BlockRecord>| {
            block.body.transactions.get(index).is_some_and(|tx| tx.tx_hash() == hash)
        };
        Ok(self.block(height)?.filter(holds).map(|block| (block, index)))
    }

    /// The state after the block at a height. That of the head is with edits.
    pub fn state(&self, height: u64) -> Result<LedgerState, StoreError> {
        let head = self.head();
        if height == head.block.header.number {
            return Ok(head.state.clone());
        }
        let Shared { store, beneath, .. } = &*self.shared;
        Ok(LedgerState::new(store.snapshot(height)?, None, beneath.clone()))
    }

    /// The state that the block at a height began with: the one after its parent, with the edits that developers made in
    /// between. Of those the newest 4,096 are remembered, and none beyond a restart.
    pub fn state_before(&self, height: u64) -> Result<LedgerState, StoreError> {
        let Shared { store, beneath, edited, .. } = &*self.shared;
        let parent = height.saturating_sub(1);
        let edits = edited.read().expect("no holder panics").get(&height).cloned();
        let edits = edits.map(|changes| Edits::new(parent, (*changes).clone()));
        Ok(LedgerState::new(store.snapshot(parent)?, edits, beneath.clone()))
    }

    /// Logs, oldest first.
    pub fn logs(&self, filter: &LogFilter, limits: LogLimits) -> Result<Vec<FoundLog>, StoreError> {
        self.shared.store.logs(filter, limits)
    }

    /// Where a block stands in the fork schedule.
    pub fn point(&self, block: &BlockRecord) -> ForkPoint {
        let parent = block.total_difficulty.saturating_sub(block.header.difficulty);
        ForkPoint::new(block.header.number, block.header.timestamp).with_parent_total_difficulty(parent)
    }

    /// News from here on. A subscriber that is too slow is told how much it lost.
    pub fn events(&self) -> broadcast::Receiver<LedgerEvent> {
        self.shared.events.subscribe()
    }

    /// Transactions as they commit, before their blocks are finished.
    pub fn commits(&self) -> broadcast::Receiver<Arc<CommittedTransaction>> {
        self.shared.commits.subscribe()
    }
}

//! The pool of a developers' chain follows what developers decide.

use mundi_chain::{ChainSpec, ForkPoint, Head, LedgerConfig, LedgerObserver, Parent, Sealed, draft_header};
use mundi_consensus::Solo;
use mundi_mempool::{Mempool, NewHead, Reorganised, head_after};
use mundi_state::BlockRecord;
use std::sync::{Arc, Weak};

/// Tells the pool of every new head, as the pool of any other chain hears of it by itself, and beyond that of what is decided of
/// the next block: its time, its fees and its gas limit.
pub(crate) struct DecidedHeads {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) config: LedgerConfig,
    pub(crate) pool: Arc<Mempool>,
    /// Held weakly, because it holds the ledger.
    pub(crate) solo: Weak<Solo>,
}

impl DecidedHeads {
    /// What the pool is told of the chain.
    fn next(&self, head: &Head) -> mundi_mempool::Head {
        let spec = &self.spec;
        let Some(solo) = self.solo.upgrade() else { return head_after(spec, head) };
        let total_difficulty = Some(head.block.total_difficulty);
        let parent = Parent { header: &head.block.header, hash: head.block.hash, total_difficulty };
        let next = draft_header(spec, &self.config, parent, &solo.preview());
        let point = ForkPoint {
            number: next.number,
            timestamp: next.timestamp,
            parent_total_difficulty: total_difficulty,
        };
        let blob_base_fee = match (spec.blob_params_at(point), next.excess_blob_gas) {
            (Some(params), Some(excess)) => params.calc_blob_fee(excess),
            _ => 0,
        };
        mundi_mempool::Head {
            point,
            base_fee: next.base_fee_per_gas.unwrap_or_default(),
            blob_base_fee,
            gas_limit: next.gas_limit,
            state: Arc::new(head.state.clone()),
        }
    }
}

impl LedgerObserver for DecidedHeads {
    fn sealed(&self, sealed: &Sealed, head: &Head) {
        self.pool.on_head(&NewHead {
            head: self.next(head),
            accounts: sealed.accounts.clone(),
            included: sealed.block.body.transactions.iter().map(|tx| *tx.tx_hash()).collect(),
            skipped: sealed.skipped.clone(),
        });
    }

    fn reset(&self, _removed: &[Arc<BlockRecord>], head: &Head) {
        // Only developers take blocks back, and they want what was in them gone.
        self.pool.on_reorganised(&Reorganised { head: self.next(head), removed: Vec::new() });
    }
}

//! The pool follows the chain.

use mundi_chain::{
    ChainSpec, ForkPoint, Head, LedgerConfig, LedgerObserver, Parent, Payload, Sealed, draft_header,
};
use mundi_consensus::Solo;
use mundi_mempool::{Mempool, NewHead, Reorganised};
use mundi_state::BlockRecord;
use std::sync::{Arc, OnceLock, Weak};

/// Tells the pool of every new head, before anybody else sees it: who asks for the next nonce after a receipt gets the one
/// after it.
pub(crate) struct Follower {
    spec: Arc<ChainSpec>,
    config: LedgerConfig,
    pool: Arc<Mempool>,
    /// Knows what the next block is made with; held weakly, because it holds the ledger.
    solo: OnceLock<Weak<Solo>>,
}

impl Follower {
    pub(crate) fn new(spec: Arc<ChainSpec>, config: LedgerConfig, pool: Arc<Mempool>) -> Self {
        Self { spec, config, pool, solo: OnceLock::new() }
    }

    pub(crate) fn follow(&self, solo: &Arc<Solo>) {
        let _ = self.solo.set(Arc::downgrade(solo));
    }

    fn head(&self, head: &Head) -> mundi_mempool::Head {
        let solo = self.solo.get().and_then(Weak::upgrade);
        next_head(&self.spec, &self.config, head, solo.as_deref())
    }
}

/// What the pool knows of the chain: what the next block would be like.
pub(crate) fn next_head(
    spec: &ChainSpec,
    config: &LedgerConfig,
    head: &Head,
    solo: Option<&Solo>,
) -> mundi_mempool::Head {
    let before = &head.block.header;
    let payload = solo.map_or_else(
        || Payload { height: before.number + 1, timestamp: before.timestamp + 1, ..Payload::default() },
        Solo::preview,
    );
    let total_difficulty = Some(head.block.total_difficulty);
    let parent = Parent { header: before, hash: head.block.hash, total_difficulty };
    let next = draft_header(spec, config, parent, &payload);
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

impl LedgerObserver for Follower {
    fn sealed(&self, sealed: &Sealed, head: &Head) {
        self.pool.on_head(&NewHead {
            head: self.head(head),
            accounts: sealed.accounts.clone(),
            included: sealed.block.body.transactions.iter().map(|tx| *tx.tx_hash()).collect(),
            skipped: sealed.skipped.clone(),
        });
    }

    fn reset(&self, _removed: &[Arc<BlockRecord>], head: &Head) {
        // Only developers take blocks back, and they want what was in them gone.
        self.pool.on_reorganised(&Reorganised { head: self.head(head), removed: Vec::new() });
    }
}

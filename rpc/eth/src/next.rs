//! The block that is not there yet: its fees, and what would be in it.

use alloy_consensus::{BlockBody, Header, Transaction as _, TxEnvelope, proofs};
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, Bloom};
use mundi_chain::{Payload, next_base_fee};
use mundi_mempool::{PooledTransaction, head_after};
use mundi_rpc_context::Ctx;
use std::{
    collections::{BinaryHeap, HashMap},
    sync::Arc,
};

/// Most transactions of a pending block that are shown.
const MAX_PENDING_TRANSACTIONS: usize = 50_000;

/// What the next block costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextFees {
    /// Base fee in wei; `None` before London.
    pub base_fee: Option<u64>,
    /// Price of blob gas in wei; `None` before Cancun.
    pub blob_base_fee: Option<u128>,
}

/// What the block after the head costs. What a developer has decided counts.
pub fn next_fees(ctx: &Ctx) -> NextFees {
    let head = ctx.ledger.head();
    let next = head_after(ctx.ledger.spec(), &head);
    let decided = ctx.developer.as_ref().map(|solo| solo.next_block());
    let decided = decided.and_then(|next| next.base_fee.or(next.fixed_base_fee));
    let london = ctx.ledger.spec().is_active(mundi_chain::EthereumHardfork::London, next.point);
    let cancun = ctx.ledger.spec().blob_params_at(next.point).is_some();
    NextFees {
        base_fee: london.then(|| decided.unwrap_or_else(|| next_base_fee(&head.block.header))),
        blob_base_fee: cancun.then_some(next.blob_base_fee),
    }
}

/// The next block as it would be made now. Nothing in it is executed: what follows from execution is empty.
#[derive(Debug)]
pub struct PendingBlock {
    /// Complete, but for roots of state and receipts, gas used and bloom.
    pub header: Header,
    /// The pool's best transactions.
    pub transactions: Vec<Arc<PooledTransaction>>,
}

/// Makes up the next block of what waits. Costs time in proportion to the pool.
pub fn pending_block(ctx: &Ctx) -> PendingBlock {
    let head = ctx.ledger.head();
    let payload = match &ctx.developer {
        Some(solo) => solo.preview(),
        None => Payload {
            height: head.block.header.number + 1,
            timestamp: head.block.header.timestamp + 1,
            ..Payload::default()
        },
    };
    let mut header = ctx.ledger.draft(&head.block, &payload);
    let transactions = best_transactions(ctx, &header);
    let envelopes: Vec<&TxEnvelope> = transactions.iter().map(|tx| tx.envelope()).collect();
    header.transactions_root = proofs::calculate_transaction_root(&envelopes);
    header.logs_bloom = Bloom::ZERO;
    PendingBlock { header, transactions }
}

impl PendingBlock {
    /// As a body, for measuring.
    pub fn body(&self) -> BlockBody<TxEnvelope> {
        BlockBody {
            transactions: self.transactions.iter().map(|tx| tx.envelope().clone()).collect(),
            ommers: Vec::new(),
            withdrawals: self.header.withdrawals_root.map(|_| Withdrawals::default()),
        }
    }
}

/// The next transaction of a sender, by what it pays, then by when it came.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    tip: u128,
    since: std::cmp::Reverse<std::time::Duration>,
    sender: Address,
}

/// What the pool would hand out: best tip first, each sender's in the order of nonces, as much as fits.
fn best_transactions(ctx: &Ctx, header: &Header) -> Vec<Arc<PooledTransaction>> {
    let base_fee = header.base_fee_per_gas.unwrap_or_default();
    let mut queues: HashMap<Address, std::vec::IntoIter<Arc<PooledTransaction>>> = HashMap::new();
    let mut heads: HashMap<Address, Arc<PooledTransaction>> = HashMap::new();
    let mut line = BinaryHeap::new();
    let candidate = |tx: &PooledTransaction| {
        let tip = tx.envelope().effective_tip_per_gas(base_fee)?;
        Some(Candidate { tip, since: std::cmp::Reverse(tx.received()), sender: tx.sender() })
    };
    for (sender, content) in ctx.pool.content() {
        let mut queue = content.pending.into_iter();
        if let Some(first) = queue.next()
            && let Some(best) = candidate(&first)
        {
            line.push(best);
            heads.insert(sender, first);
            queues.insert(sender, queue);
        }
    }
    let (mut gas, mut chosen) = (header.gas_limit, Vec::new());
    while let Some(best) = line.pop() {
        let Some(tx) = heads.remove(&best.sender) else { continue };
        if tx.envelope().gas_limit() > gas {
            continue;
        }
        gas -= tx.envelope().gas_limit();
        chosen.push(tx);
        if chosen.len() == MAX_PENDING_TRANSACTIONS {
            break;
        }
        if let Some(next) = queues.get_mut(&best.sender).and_then(Iterator::next)
            && let Some(candidate) = candidate(&next)
        {
            line.push(candidate);
            heads.insert(best.sender, next);
        }
    }
    chosen
}

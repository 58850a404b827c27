//! Ethereum JSON-RPC over blocks, states and the pool: everything that reads the chain, sends to it, or follows it.
//!
//! ## What it promises
//! * Answers, messages and codes are those of geth, where clients depend on them. The conformance cases of execution-apis
//!   are among the tests.
//! * What a client reads is durable. The one exception says so: the subscription `transactionReceipts` tells of transactions
//!   while their block is still being executed, with `blockHash: null`.
//! * A transaction that was accepted wakes the sequencer. [`submit_batch`] takes many at once, signatures checked on all
//!   workers; it is what a batch of `eth_sendRawTransaction` becomes.
//! * Filters and subscriptions know when blocks are taken back: logs come again with `removed: true`.
//!
//! ## How
//! [`form`] gives blocks, transactions, receipts and logs their JSON; `methods` are the methods, one file for each thing they are
//! about. What outlives a request is kept by the methods that need it: filters, transactions that somebody waits for.
//!
//! `eth_sendRawTransactionSync` does not poll: whoever waits is found by the transaction's hash when its block is written, so that a
//! block costs as many look-ups as it has transactions, however many wait.
//!
//! ## Limits
//! [`Limits`](mundi_rpc_context::Limits), and named constants beside what they bound. A subscriber that cannot keep up is caught up
//! from the chain; only of pending transactions it loses some.

mod follow;
pub mod form;
mod methods;
mod next;
mod prefixed;
mod query;
mod schemas;
mod syncing;
mod waiting;

pub use follow::{ChainFollower, Step};
pub use methods::submit_batch;
pub use next::{NextFees, PendingBlock, next_fees, pending_block};

use mundi_rpc_context::{Ctx, Methods};

/// The methods of this crate.
///
/// Call it once for each context: it makes the ledger tell those who wait for transactions about new blocks.
pub fn methods(ctx: Ctx) -> Methods {
    let mut methods = Methods::new(Ctx::clone(&ctx));
    methods::add(&mut methods, &ctx);
    methods
}

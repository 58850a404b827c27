//! What a ledger tells others.

use super::LedgerState;
use alloy_eip7928::BlockAccessList;
use alloy_primitives::{Address, B256};
use mundi_execution::{Account, Report, SkipReason, TxReceipt};
use mundi_state::BlockRecord;
use std::{sync::Arc, time::Duration};

/// The newest written block and the state after it, developers' edits included.
#[derive(Clone, Debug)]
pub struct Head {
    /// The block.
    pub block: Arc<BlockRecord>,
    /// The state.
    pub state: LedgerState,
}

/// Where the time of a block went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// In the engine.
    pub execute: Duration,
    /// Receipts, bloom and state root.
    pub root: Duration,
    /// Writing, shared with the blocks written in the same step.
    pub write: Duration,
    /// From the payload's submission until the block was written.
    pub total: Duration,
}

/// A block that was made here.
#[derive(Debug)]
pub struct Sealed {
    /// The block.
    pub block: Arc<BlockRecord>,
    /// Accounts that it changed, as they are afterwards; `None` is gone.
    pub accounts: Vec<(Address, Option<Account>)>,
    /// Transactions of the payload that were invalid where they stood, and why.
    pub skipped: Vec<(B256, SkipReason)>,
    /// Where the time went.
    pub timings: Timings,
    /// How execution went.
    pub report: Report,
    /// EIP-7928 access list, if the engine collected it.
    pub access_list: Option<Arc<BlockAccessList>>,
}

/// A transaction that has been executed in a block which is not finished yet.
#[derive(Clone, Debug)]
pub struct CommittedTransaction {
    /// Height of the block.
    pub height: u64,
    /// Position among the executed transactions of the block.
    pub index: u32,
    /// Its hash.
    pub hash: B256,
    /// What it did.
    pub receipt: TxReceipt,
    /// Number of logs in the block before this transaction's.
    pub first_log: u32,
}

/// What happened to the chain.
#[derive(Clone, Debug)]
pub enum LedgerEvent {
    /// A block was written and is the head.
    NewHead(Arc<Sealed>),
    /// Blocks were dropped, newest first; the head is an older one.
    Reorganised {
        /// What is no longer part of the chain.
        removed: Vec<Arc<BlockRecord>>,
        /// The head from here on.
        head: Arc<BlockRecord>,
    },
    /// No more blocks will come, for this reason.
    Halted(Arc<str>),
}

/// Hears of every new head in order, on the ledger's thread, before events are sent: when somebody else sees a head, observers
/// know it. Be quick.
pub trait LedgerObserver: Send + Sync {
    /// A block was written and is the head now.
    fn sealed(&self, sealed: &Sealed, head: &Head);

    /// Blocks were dropped, newest first, or the state was edited (no blocks); this is the head now.
    fn reset(&self, removed: &[Arc<BlockRecord>], head: &Head);
}

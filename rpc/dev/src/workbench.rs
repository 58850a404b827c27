//! What developers' methods work on: the ledger, who orders, and what has to be remembered between calls.
//!
//! ## Invariants
//! * Edits go into the block after the head: they are made while nothing is under way.
//! * Whoever changes the past holds the notes, so that two such calls follow each other.
//! * A snapshot is of a block that is part of the chain: going back drops those of later blocks.

use crate::{Setup, edits::EditLog, snapshot::Snapshots};
use alloy_primitives::{Address, B256, U256, keccak256};
use mundi_chain::Sequencer as _;
use mundi_consensus::{NextBlock, Solo};
use mundi_execution::{Account, StateChanges, StateSnapshot as _};
use mundi_mempool::PooledTransaction;
use mundi_rpc_call::View;
use mundi_rpc_context::{Ctx, RpcError};
use std::sync::{Arc, Mutex, MutexGuard};

/// A developer's hold on a chain.
pub struct Workbench {
    pub(crate) ctx: Ctx,
    pub(crate) solo: Arc<Solo>,
    pub(crate) setup: Setup,
    /// Height of the first block.
    pub(crate) origin: u64,
    /// What was decided of blocks when the chain was taken over.
    pub(crate) initial: NextBlock,
    /// What was changed before the first block of its own, when the chain was taken over.
    pub(crate) begin: Option<StateChanges>,
    /// When that was, by the chain's clock.
    since: u64,
    notes: Mutex<Notes>,
}

/// What is remembered between calls.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) edits: EditLog,
    pub(crate) snapshots: Snapshots,
    /// How often the chain was begun anew.
    pub(crate) resets: u64,
}

impl Workbench {
    /// A hold on the chain of `ctx`; `None` if it is none of a developer's. What was edited before, and what was decided, is
    /// part of how the chain begins, also after a reset.
    pub fn new(ctx: Ctx, setup: Setup) -> Option<Arc<Self>> {
        let solo = Arc::clone(ctx.developer.as_ref()?);
        let oldest = ctx.ledger.store().oldest_block().unwrap_or_default();
        // Of a foreign first block there is only the header.
        let origin = if setup.fork.is_some() { oldest.saturating_sub(1) } else { oldest };
        let (initial, since) = (solo.next_block(), solo.clock());
        let (mut notes, mut begin) = (Notes::default(), None);
        let head = ctx.ledger.head();
        if let Some(edits) = head.state.edits() {
            let height = head.block.header.number;
            begin = (height == origin).then(|| edits.clone());
            notes.edits.add(height.saturating_add(1), edits);
        }
        let notes = Mutex::new(notes);
        Some(Arc::new(Self { ctx, solo, setup, origin, initial, begin, since, notes }))
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().expect("no holder panics")
    }

    /// The newest height.
    pub(crate) fn height(&self) -> u64 {
        self.ctx.ledger.head().block.header.number
    }

    /// Changes the state that the next block begins with.
    pub(crate) fn edit<T>(
        &self,
        change: impl FnOnce(&mut View) -> Result<T, RpcError>,
    ) -> Result<T, RpcError> {
        let mut notes = self.notes();
        let result = self.solo.pause(|| {
            let head = self.ctx.ledger.head();
            let mut view = View::of(head.state.clone());
            let result = change(&mut view)?;
            self.put(&mut notes, head.block.header.number, view.take_changes())?;
            Ok(result)
        });
        // What was too dear before may be affordable now.
        self.solo.wake();
        result
    }

    /// Decides of blocks to come, and lets the pool know.
    pub(crate) fn decide(&self, change: impl FnOnce(&mut NextBlock)) -> Result<(), RpcError> {
        let _steering = self.notes();
        let told = self.solo.pause(|| {
            self.solo.decide(change);
            let head = self.ctx.ledger.head();
            self.ctx.ledger.rewind(head.block.header.number, head.state.edits())
        });
        self.solo.wake();
        Ok(told?)
    }

    /// Makes changes after the block at `height`, which is the newest. Nothing may be under way.
    pub(crate) fn put(&self, notes: &mut Notes, height: u64, changes: StateChanges) -> Result<(), RpcError> {
        if !changes.accounts.is_empty() {
            self.ctx.ledger.edit(changes.clone())?;
            notes.edits.add(height.saturating_add(1), changes);
        }
        Ok(())
    }

    /// Ends the chain at `height`, with `edits` for the next block, and puts these transactions in the place of all that wait.
    /// Nothing may be under way.
    pub(crate) fn go_back(
        &self,
        notes: &mut Notes,
        height: u64,
        edits: Option<StateChanges>,
        waiting: &[Arc<PooledTransaction>],
    ) -> Result<(), RpcError> {
        self.ctx.ledger.rewind(height, edits.clone())?;
        notes.edits.rewind(height, edits.as_ref());
        notes.snapshots.drop_after(height);
        let pool = &self.ctx.pool;
        // With the blocks their transactions may have come back.
        pool.clear();
        for transaction in waiting {
            let taken = match transaction.is_signed() {
                true => pool.submit_raw(&transaction.network_encoded(), transaction.origin()),
                false => pool.submit_unsigned(transaction.envelope().clone(), transaction.sender()),
            };
            if let Err(error) = taken {
                tracing::debug!(target: "dev", hash = %transaction.hash(), %error, "a transaction no longer waits");
            }
        }
        Ok(())
    }

    /// All transactions that wait, in the order in which they came.
    pub(crate) fn waiting(&self) -> Vec<Arc<PooledTransaction>> {
        let content = self.ctx.pool.content().into_values();
        let mut all: Vec<_> =
            content.flat_map(|sender| sender.pending.into_iter().chain(sender.queued)).collect();
        // The sort is stable: what came at the same moment stays in the order of nonces.
        all.sort_by_key(|transaction| transaction.received());
        all
    }

    /// The nonce of an account's next transaction.
    pub(crate) fn next_nonce(&self, address: Address) -> Result<u64, RpcError> {
        match self.ctx.pool.next_nonce(&address) {
            Some(nonce) => Ok(nonce),
            None => Ok(self.ctx.ledger.head().state.account(&address)?.unwrap_or_default().nonce),
        }
    }

    /// What tells this run of the chain from others.
    pub(crate) fn instance(&self, notes: &Notes) -> B256 {
        let (since, resets) = (self.since.to_be_bytes(), notes.resets.to_be_bytes());
        let genesis = self.ctx.ledger.store().genesis();
        let seed = [genesis.as_slice(), &since, &resets];
        keccak256(seed.concat())
    }
}

impl std::fmt::Debug for Workbench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workbench").field("ctx", &self.ctx).finish_non_exhaustive()
    }
}

/// Changes an account. One that does not exist, and would be empty, does not come to exist.
pub(crate) fn update(
    view: &mut View,
    address: Address,
    change: impl FnOnce(&mut Account),
) -> Result<(), RpcError> {
    let before = view.account(address)?;
    let mut after = before.unwrap_or_default();
    change(&mut after);
    if before.is_some() || after != Account::default() {
        view.set_account(address, Some(after))?;
    }
    Ok(())
}

/// A slot as a 256-bit number.
pub(crate) const fn slot(value: B256) -> U256 {
    U256::from_be_bytes(value.0)
}

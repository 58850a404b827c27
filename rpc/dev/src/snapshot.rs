//! Saves of the chain, by number.
//!
//! A save costs time and memory in proportion to the edits since the last block and to what waits in the pool, not to the state:
//! blocks and states are in the store anyway, so that going back is dropping the later ones.

use crate::workbench::{Notes, Workbench};
use alloy_primitives::{Address, B256};
use mundi_chain::Sequencer as _;
use mundi_consensus::{Mining, NextBlock};
use mundi_execution::StateChanges;
use mundi_mempool::PooledTransaction;
use mundi_rpc_context::RpcError;
use std::{collections::BTreeMap, sync::Arc};

/// Saves that are kept at most.
const MAX_SNAPSHOTS: usize = 65_536;
/// Waiting transactions that all of them together hold at most.
const MAX_SAVED_TRANSACTIONS: usize = 1_000_000;

/// Everything that a revert brings back.
#[derive(Debug)]
pub(crate) struct Saved {
    pub(crate) height: u64,
    pub(crate) hash: B256,
    edits: Option<StateChanges>,
    next: NextBlock,
    mining: Mining,
    waiting: Vec<Arc<PooledTransaction>>,
    impersonated: Vec<Address>,
    impersonate_all: bool,
}

/// Saves by number.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    saved: BTreeMap<u64, Saved>,
    transactions: usize,
    /// How many there ever were.
    count: u64,
}

impl Snapshots {
    /// Those that can be reverted to.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Saved)> {
        self.saved.iter().map(|(id, saved)| (*id, saved))
    }

    fn insert(&mut self, saved: Saved) -> Result<u64, RpcError> {
        if self.saved.len() >= MAX_SNAPSHOTS {
            return Err(RpcError::limit(format!(
                "{MAX_SNAPSHOTS} snapshots are kept already; revert to an older one, or reset the chain"
            )));
        }
        if self.transactions + saved.waiting.len() > MAX_SAVED_TRANSACTIONS {
            return Err(RpcError::limit(format!(
                "the snapshots hold {MAX_SAVED_TRANSACTIONS} waiting transactions already; revert to an older one"
            )));
        }
        let id = self.count;
        self.count += 1;
        self.transactions += saved.waiting.len();
        self.saved.insert(id, saved);
        Ok(id)
    }

    /// Takes a save out, and drops all later ones.
    fn take(&mut self, id: u64) -> Option<Saved> {
        if !self.saved.contains_key(&id) {
            return None;
        }
        let mut taken = self.saved.split_off(&id);
        self.transactions -= taken.values().map(|saved| saved.waiting.len()).sum::<usize>();
        taken.remove(&id)
    }

    /// Drops saves of blocks after `height`.
    pub(crate) fn drop_after(&mut self, height: u64) {
        let transactions = &mut self.transactions;
        self.saved.retain(|_, saved| {
            let stays = saved.height <= height;
            if !stays {
                *transactions -= saved.waiting.len();
            }
            stays
        });
    }

    /// Drops all, and counts from the beginning.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Workbench {
    /// Saves the chain as it is, and gives the number of the save.
    pub fn snapshot(&self) -> Result<u64, RpcError> {
        let mut notes = self.notes();
        let saved = self.solo.pause(|| {
            let head = self.ctx.ledger.head();
            Saved {
                height: head.block.header.number,
                hash: head.block.hash,
                edits: head.state.edits(),
                next: self.solo.next_block(),
                mining: self.solo.mining(),
                waiting: self.waiting(),
                impersonated: self.ctx.accounts.impersonated(),
                impersonate_all: self.ctx.accounts.impersonates_all(),
            }
        });
        notes.snapshots.insert(saved)
    }

    /// Goes back to a save, and drops it with all later ones. Whether there was one of this number.
    pub fn revert(&self, id: u64) -> Result<bool, RpcError> {
        let mut notes = self.notes();
        let Some(saved) = notes.snapshots.take(id) else { return Ok(false) };
        self.solo.pause(|| self.restore(&mut notes, saved))?;
        self.solo.wake();
        Ok(true)
    }

    fn restore(&self, notes: &mut Notes, saved: Saved) -> Result<(), RpcError> {
        let Saved { height, edits, next, mining, waiting, impersonated, impersonate_all, .. } = saved;
        self.deciding(next, || self.go_back(notes, height, edits, &waiting))?;
        self.solo.set_mining(mining);
        self.impersonate_only(&impersonated, impersonate_all);
        Ok(())
    }

    /// Does something after this was decided of blocks to come, and takes the decision back if it fails.
    fn deciding(&self, next: NextBlock, work: impl FnOnce() -> Result<(), RpcError>) -> Result<(), RpcError> {
        let before = self.solo.next_block();
        self.solo.decide(|decided| *decided = next);
        let result = work();
        if result.is_err() {
            self.solo.decide(|decided| *decided = before);
        }
        result
    }

    /// Impersonates these, and nobody else unless it is everybody.
    pub(crate) fn impersonate_only(&self, these: &[Address], all: bool) {
        let accounts = &self.ctx.accounts;
        for address in accounts.impersonated() {
            accounts.impersonate(address, false);
        }
        for address in these {
            accounts.impersonate(*address, true);
        }
        accounts.impersonate_all(all);
    }

    /// Drops the newest `depth` blocks. What waits goes on waiting.
    pub(crate) fn roll_back(&self, notes: &mut Notes, depth: u64) -> Result<(), RpcError> {
        let height = self.height();
        let target = height.checked_sub(depth).filter(|target| *target >= self.origin);
        let target = target.ok_or_else(|| {
            RpcError::invalid_params(format!(
                "depth: expected at most the {} blocks of the chain, got {depth}",
                height - self.origin
            ))
        })?;
        let waiting = self.waiting();
        self.go_back(notes, target, None, &waiting)
    }

    /// Begins the chain anew, as it was when the workbench was made: only the first block is left, nothing waits, and nobody is
    /// impersonated.
    pub fn reset(&self) -> Result<(), RpcError> {
        let mut notes = self.notes();
        self.solo.pause(|| self.reset_paused(&mut notes))
    }

    pub(crate) fn reset_paused(&self, notes: &mut Notes) -> Result<(), RpcError> {
        self.deciding(self.initial.clone(), || self.go_back(notes, self.origin, self.begin.clone(), &[]))?;
        notes.snapshots.clear();
        notes.resets += 1;
        self.impersonate_only(&[], false);
        Ok(())
    }
}

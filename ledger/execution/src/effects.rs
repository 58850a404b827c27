//! What one execution does to the world, as versions that can be published, taken back and committed.

use crate::{
    admission::TxResult,
    cells::{AccountCell, AccountEffect, AccountVersion, BalanceChange, SlotCell, SlotVersion, WipeVersion},
    sequential::{from_info, is_gone},
    state::{Account, StateError},
    versions::Version,
    view::{Reads, View},
};
use alloy_primitives::{Address, B256, U256};
use revm::{
    bytecode::Bytecode,
    state::{AccountId, EvmState},
};
use std::sync::OnceLock;

/// The result of one execution: what it read, what it writes, what its receipt says.
#[derive(Debug, Default)]
pub(crate) struct Effects<'a> {
    /// Number of the worker that executed, and gets the memory back.
    pub(crate) producer: u16,
    pub(crate) result: TxResult,
    /// The fee recipient's part of the fee, which is not among the writes.
    pub(crate) reward: U256,
    /// Whether the fee recipient is destroyed, and the reward with it.
    pub(crate) beneficiary_destroyed: bool,
    pub(crate) reads: Reads<'a>,
    pub(crate) accounts: Vec<(&'a AccountCell<'a>, &'a AccountVersion<'a>)>,
    pub(crate) slots: Vec<(&'a SlotCell<'a>, &'a SlotVersion<'a>)>,
    pub(crate) wipes: Vec<(&'a AccountCell<'a>, &'a WipeVersion<'a>)>,
    pub(crate) code: Vec<(B256, Bytecode)>,
    /// Slots of accounts made by this execution: accessed, but never read from the state. Kept only for an
    /// access list.
    pub(crate) fresh_slots: Vec<(Address, U256)>,
}

/// Used effects that wait for their next use. They travel between threads, so each stays in a box of its own.
pub(crate) type Spare<'a> = Vec<Box<Effects<'a>>>;

impl<'a> Effects<'a> {
    /// Empties it for another use.
    pub(crate) fn clear(&mut self) {
        self.reads.clear();
        self.accounts.clear();
        self.slots.clear();
        self.wipes.clear();
        self.code.clear();
        self.fresh_slots.clear();
        self.beneficiary_destroyed = false;
        self.reward = U256::ZERO;
    }

    /// Makes the writes visible to later steps.
    pub(crate) fn publish(&self, view: &mut View<'_, 'a>) {
        for (hash, code) in &self.code {
            view.world.publish_code(*hash, code.clone());
        }
        for (cell, version) in &self.wipes {
            view.written.wipe(cell, version);
        }
        for (cell, version) in &self.slots {
            view.written.slot(cell, version);
        }
        for (cell, version) in &self.accounts {
            view.written.account(cell, version);
        }
    }

    /// Takes the writes back.
    pub(crate) fn kill(&self) {
        self.wipes.iter().for_each(|(_, version)| version.kill());
        self.slots.iter().for_each(|(_, version)| version.kill());
        self.accounts.iter().for_each(|(_, version)| version.kill());
    }

    /// Adds a write of an account.
    pub(crate) fn set_account(
        &mut self,
        cell: &'a AccountCell<'a>,
        step: u32,
        effect: AccountEffect,
        arena: &'a bumpalo::Bump,
    ) {
        self.accounts.push((cell, arena.alloc(Version::new(step, effect))));
    }

    /// Translates what revm changed. The view still holds the reads; they move over.
    pub(crate) fn take(
        &mut self,
        state: EvmState,
        step: u32,
        view: &mut View<'_, 'a>,
    ) -> Result<(), StateError> {
        let beneficiary = view.world.beneficiary;
        // Where the reads are of accounts that did not exist, or were replaced.
        let mut places = None;
        let mut known_slots = None;
        for (address, mut account) in state {
            if view.world.lists_accesses {
                let known = known_slots.get_or_insert_with(|| view.reads.slot_places());
                let fresh = account.storage.keys().map(|slot| (address, *slot));
                self.fresh_slots.extend(fresh.filter(|place| !known.contains(place)));
            }
            if !account.is_touched() {
                continue;
            }
            let at = match account.info.account_id.map(AccountId::get) {
                Some(at) if view.reads.accounts[at].cell.address == address => at,
                _ => *places
                    .get_or_insert_with(|| view.reads.places())
                    .get(&address)
                    .expect("revm reads an account before it touches it"),
            };
            let read = &mut view.reads.accounts[at];
            let (cell, seen) = (read.cell, read.seen);
            if is_gone(&account) {
                if address == beneficiary && !account.is_selfdestructed() && !self.reward.is_zero() {
                    // Touched while empty, but the reward keeps it.
                    continue;
                }
                if address == beneficiary && account.is_selfdestructed() {
                    self.beneficiary_destroyed = true;
                }
                if seen.is_some() {
                    self.wipes.push((cell, view.arena.alloc(Version::new(step, ()))));
                    self.set_account(cell, step, AccountEffect::Set(None), view.arena);
                    read.looked = true;
                }
                continue;
            }
            let now = from_info(&account.info);
            let had = seen.unwrap_or_default();
            if now.code_hash != had.code_hash
                && now.has_code()
                && let Some(code) = account.info.code.take()
            {
                self.code.push((now.code_hash, code));
            }
            if account.is_created() {
                self.wipes.push((cell, view.arena.alloc(Version::new(step, ()))));
            }
            let absolute = account.is_created() || read.looked || now.code_hash != had.code_hash;
            if absolute {
                read.looked = true;
                if seen != Some(now) {
                    self.set_account(cell, step, AccountEffect::Set(Some(now)), view.arena);
                }
            } else if seen != Some(now) {
                self.set_account(cell, step, adjustment(had, now), view.arena);
            }
            for (slot, value) in &account.storage {
                if account.is_created() || value.is_changed() {
                    let cell = view.slot_cell(cell, *slot);
                    self.slots.push((cell, view.arena.alloc(Version::new(step, value.present_value))));
                }
            }
        }
        std::mem::swap(&mut self.reads, &mut view.reads);
        Ok(())
    }
}

/// The relative change from one state of an account to another with the same code.
fn adjustment(before: Account, after: Account) -> AccountEffect {
    AccountEffect::Adjust {
        nonce: (after.nonce != before.nonce).then_some(after.nonce),
        change: BalanceChange::between(before.balance, after.balance),
        settled: OnceLock::new(),
    }
}

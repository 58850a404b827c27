//! A given block access list as versions, so that every transaction reads at once what it would read in order.
//!
//! Seeds are believed by workers only. The committer takes a transaction's seeds out before the transaction's
//! own effects come in, checks every read by value as always, and compares the list with the one it built. A
//! wrong list is therefore an error and never a wrong state.

use crate::{
    cells::{AccountCell, AccountEffect, AccountVersion, SlotVersion},
    error::ExecutionError,
    helpers,
    state::Account,
    versions::Version,
    view::View,
};
use alloy_eip7928::{AccountChanges, BlockAccessList, validate_block_access_list};
use alloy_primitives::{KECCAK256_EMPTY, keccak256};
use revm::bytecode::Bytecode;
use std::{collections::BTreeMap, sync::OnceLock};

/// Seeds of one transaction.
#[derive(Default)]
pub(crate) struct Seeds<'a> {
    accounts: Vec<&'a AccountVersion<'a>>,
    slots: Vec<&'a SlotVersion<'a>>,
}

impl Seeds<'_> {
    /// Takes the seeds out.
    pub(crate) fn kill(&self) {
        self.accounts.iter().for_each(|version| version.kill());
        self.slots.iter().for_each(|version| version.kill());
    }
}

/// Puts the list's values in place as versions of the transactions' steps; the state is read in parallel.
pub(crate) fn plant<'a>(
    list: &BlockAccessList,
    view: &mut View<'_, 'a>,
    transactions: usize,
    pool: &rayon::ThreadPool,
    threads: usize,
) -> Result<Vec<Seeds<'a>>, ExecutionError> {
    validate_block_access_list(list, transactions)
        .map_err(|error| ExecutionError::AccessList(error.to_string()))?;
    let state = view.world.cells.state();
    // A failed read is met again, and reported, by the transaction that needs the account.
    const CHUNK: usize = 64;
    let bases: Vec<OnceLock<Option<Account>>> = list.iter().map(|_| OnceLock::new()).collect();
    helpers::share(pool, threads, list.len().div_ceil(CHUNK), |part| {
        let chunk = part * CHUNK..list.len().min((part + 1) * CHUNK);
        for (changes, base) in list[chunk.clone()].iter().zip(&bases[chunk]) {
            if let Ok(account) = state.account(&changes.address) {
                let _ = base.set(account);
            }
        }
    });
    let mut seeds: Vec<Seeds<'a>> = (0..transactions).map(|_| Seeds::default()).collect();
    for (changes, base) in list.iter().zip(bases) {
        let Some(base) = base.into_inner() else { continue };
        let cell = view.world.cells.known_account(changes.address, base, view.arena);
        plant_account(changes, cell, view, &mut seeds);
        for slot in &changes.storage_changes {
            let slot_cell = view.world.cells.slot(cell, slot.slot, view.arena);
            let mut planted = Vec::with_capacity(slot.changes.len());
            for change in &slot.changes {
                if let Some((step, seeds)) = seeds_of(&mut seeds, change.block_access_index.0) {
                    let version = &*view.arena.alloc(Version::new(step, change.new_value));
                    planted.push(version);
                    seeds.slots.push(version);
                }
            }
            slot_cell.versions.seed(view.arena.alloc_slice_copy(&planted));
        }
    }
    Ok(seeds)
}

/// The seeds and the step of an index, if it is a transaction's.
fn seeds_of<'s, 'a>(seeds: &'s mut [Seeds<'a>], index: u64) -> Option<(u32, &'s mut Seeds<'a>)> {
    let at = usize::try_from(index.checked_sub(1)?).ok()?;
    let step = u32::try_from(index).ok()?;
    seeds.get_mut(at).map(|seeds| (step, seeds))
}

fn plant_account<'a>(
    changes: &AccountChanges,
    cell: &'a AccountCell<'a>,
    view: &mut View<'_, 'a>,
    seeds: &mut [Seeds<'a>],
) {
    let world = view.world;
    type Edit<'c> = Box<dyn Fn(&mut Account) + 'c>;
    let mut edits: BTreeMap<u64, Vec<Edit<'_>>> = BTreeMap::new();
    for change in &changes.balance_changes {
        let edit: Edit<'_> = Box::new(|account| account.balance = change.post_balance);
        edits.entry(change.block_access_index.0).or_default().push(edit);
    }
    for change in &changes.nonce_changes {
        let edit: Edit<'_> = Box::new(|account| account.nonce = change.new_nonce);
        edits.entry(change.block_access_index.0).or_default().push(edit);
    }
    for change in &changes.code_changes {
        let code = change.new_code.clone();
        let hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(&code) };
        if let Ok(bytecode) = Bytecode::new_raw_checked(code) {
            world.publish_code(hash, bytecode);
        }
        let edit: Edit<'_> = Box::new(move |account| account.code_hash = hash);
        edits.entry(change.block_access_index.0).or_default().push(edit);
    }
    let mut planted = Vec::with_capacity(edits.len());
    // What the steps before the transactions did has really happened by now.
    let (mut account, _) = cell.read(1, world.clears);
    for (index, edits) in edits {
        let Some((step, seeds)) = seeds_of(seeds, index) else { continue };
        let mut now = account.unwrap_or_default();
        edits.iter().for_each(|edit| edit(&mut now));
        account = (!world.clears || !now.is_empty()).then_some(now);
        let version = &*view.arena.alloc(Version::new(step, AccountEffect::Set(account)));
        planted.push(version);
        seeds.accounts.push(version);
    }
    cell.versions.seed(view.arena.alloc_slice_copy(&planted));
}

/// Compares the given list with the one that was built.
pub(crate) fn verify(given: &BlockAccessList, built: &BlockAccessList) -> Result<(), ExecutionError> {
    if given == built {
        return Ok(());
    }
    let differing = given.iter().zip(built).find(|(given, built)| given != built);
    Err(ExecutionError::AccessList(match differing {
        Some((given, built)) if given.address == built.address => {
            format!("account {}: the list has {given:?}, execution gives {built:?}", given.address)
        }
        Some((given, built)) => {
            format!("the list goes on with account {}, execution with {}", given.address, built.address)
        }
        None => format!("the list has {} accounts, execution touches {}", given.len(), built.len()),
    }))
}

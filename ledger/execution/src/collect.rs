//! The net changes of a finished block, gathered from its cells.

use crate::{
    cells::{AccountCell, Cells, Shard, SlotCell},
    changes::{AccountChange, StateChanges},
};
use alloy_primitives::{B256, U256, map::HashMap};
use revm::bytecode::Bytecode;
use std::{ptr, sync::PoisonError};

/// Cells from which on gathering is shared by two threads; below, waking one costs more.
const PARALLEL_CELLS: usize = 8192;

/// What differs between the state before the block and the one that step `end` would find.
pub(crate) fn changes<'a>(
    cells: &Cells<'a, '_>,
    end: u32,
    clears: bool,
    code: Vec<(B256, Bytecode)>,
    pool: &rayon::ThreadPool,
    threads: usize,
) -> StateChanges {
    let accounts = || changed_accounts(cells.account_shards(), end, clears);
    let slots = || changed_slots(cells.slot_shards(), end);
    let cells = count(cells.account_shards()) + count(cells.slot_shards());
    let (accounts, slots) = if threads > 1 && cells >= PARALLEL_CELLS {
        pool.join(accounts, slots)
    } else {
        (accounts(), slots())
    };
    StateChanges { accounts: attach(accounts, slots, end, clears), code }
}

fn count<C>(shards: &[Shard<'_, C>]) -> usize {
    shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
}

fn is_wiped(cell: &AccountCell<'_>, end: u32) -> bool {
    !cell.wipes.is_empty() && cell.wipes.newest_before(end).is_some()
}

fn change(cell: &AccountCell<'_>, end: u32, clears: bool) -> AccountChange {
    let (account, _) = cell.read(end, clears);
    let storage_wiped = cell.base.is_some() && account.is_some() && is_wiped(cell, end);
    AccountChange { address: cell.address, account, storage_wiped, storage: Vec::new() }
}

fn changed_accounts<'a>(
    shards: &[Shard<'a, AccountCell<'a>>],
    end: u32,
    clears: bool,
) -> Vec<(&'a AccountCell<'a>, AccountChange)> {
    let mut changed = Vec::with_capacity(count(shards));
    for shard in shards {
        for cell in shard.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if cell.versions.is_empty() && cell.wipes.is_empty() {
                continue;
            }
            let change = change(cell, end, clears);
            if change.account != cell.base || change.storage_wiped {
                changed.push((*cell, change));
            }
        }
    }
    changed
}

fn changed_slots<'a>(shards: &[Shard<'a, SlotCell<'a>>], end: u32) -> Vec<(&'a SlotCell<'a>, U256)> {
    let mut changed = Vec::with_capacity(count(shards));
    for shard in shards {
        for cell in shard.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if cell.versions.is_empty() {
                continue;
            }
            // Without a live version the value is the one before the block.
            let (Some(value), _) = cell.read(end) else { continue };
            // After a wipe all that is left is listed, otherwise only what differs.
            let before = if is_wiped(cell.account, end) { Some(U256::ZERO) } else { cell.known_base() };
            if Some(value) != before {
                changed.push((*cell, value));
            }
        }
    }
    changed
}

/// Puts slots under their accounts.
fn attach<'a>(
    accounts: Vec<(&'a AccountCell<'a>, AccountChange)>,
    slots: Vec<(&'a SlotCell<'a>, U256)>,
    end: u32,
    clears: bool,
) -> Vec<AccountChange> {
    let mut changes = Vec::with_capacity(accounts.len());
    let mut place: HashMap<usize, usize> = HashMap::default();
    if slots.is_empty() {
        changes.extend(accounts.into_iter().map(|(_, change)| change));
        return changes;
    }
    for (cell, change) in accounts {
        place.insert(ptr::from_ref(cell).addr(), changes.len());
        changes.push(change);
    }
    // Slots of one account tend to come together.
    let mut last: Option<(&AccountCell<'a>, usize)> = None;
    for (cell, value) in slots {
        let at = match last {
            Some((account, at)) if ptr::eq(account, cell.account) => at,
            _ => *place.entry(ptr::from_ref(cell.account).addr()).or_insert_with(|| {
                changes.push(change(cell.account, end, clears));
                changes.len() - 1
            }),
        };
        last = Some((cell.account, at));
        if changes[at].account.is_some() {
            changes[at].storage.push((cell.slot, value));
        }
    }
    // An account that came and went within the block leaves nothing, its slots neither.
    changes.retain(|change| change.account.is_some() || !change.storage_wiped);
    changes
}

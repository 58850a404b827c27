//! The net changes of a finished block, gathered from the cells it wrote.

use crate::{
    cells::{AccountCell, NOWHERE, SlotCell, TAKEN},
    changes::{AccountChange, StateChanges},
    helpers,
    sync::Ordering,
    written::Written,
};
use alloy_primitives::{B256, U256};
use revm::bytecode::Bytecode;
use std::sync::OnceLock;

/// Cells from which on gathering is shared among threads; below, waking one costs more.
const PARALLEL_CELLS: usize = 8192;

/// What differs between the state before the block and the one that step `end` would find.
pub(crate) fn changes<'a>(
    written: Vec<Written<'a>>,
    end: u32,
    clears: bool,
    code: Vec<(B256, Bytecode)>,
    pool: &rayon::ThreadPool,
    threads: usize,
) -> StateChanges {
    let accounts: Vec<_> = written.iter().flat_map(|written| &written.accounts).copied().collect();
    let slots: Vec<_> = written.iter().flat_map(|written| &written.slots).copied().collect();
    let cells = accounts.len() + slots.len();
    let mut parts = 1;
    if threads > 1 && cells >= PARALLEL_CELLS {
        parts = threads;
    }
    let chunk = |part: usize, len: usize| part * len / parts..(part + 1) * len / parts;
    let resolve = |part: usize| {
        let own = &accounts[chunk(part, accounts.len())];
        // The first part's list becomes the whole one.
        let capacity = if part == 0 { accounts.len() } else { own.len() };
        let (accounts, cells) = changed_accounts(own, capacity, end, clears);
        Part { accounts, cells, slots: changed_slots(&slots[chunk(part, slots.len())], end) }
    };
    let results: Vec<OnceLock<Part<'a>>> = (0..parts).map(|_| OnceLock::new()).collect();
    helpers::share(pool, threads, parts, |part| {
        let _ = results[part].set(resolve(part));
    });
    let results =
        results.into_iter().map(|part| part.into_inner().expect("gathering does not panic")).collect();
    StateChanges { accounts: join(results, end, clears), code }
}

/// Changes found by one thread.
struct Part<'a> {
    accounts: Vec<AccountChange>,
    /// Whose they are.
    cells: Vec<&'a AccountCell<'a>>,
    slots: Vec<(&'a SlotCell<'a>, U256)>,
}

fn is_wiped(cell: &AccountCell<'_>, end: u32) -> bool {
    !cell.wipes.is_empty() && cell.wipes.newest_before(end).is_some()
}

fn change<'a>(cell: &'a AccountCell<'a>, end: u32, clears: bool) -> AccountChange {
    let (account, _) = cell.read(end, clears);
    let storage_wiped = cell.base.is_some() && account.is_some() && is_wiped(cell, end);
    AccountChange { address: cell.address, account, storage_wiped, storage: Vec::new() }
}

/// `capacity` is that of the list of changes, which others may be added to.
fn changed_accounts<'a>(
    written: &[&'a AccountCell<'a>],
    capacity: usize,
    end: u32,
    clears: bool,
) -> (Vec<AccountChange>, Vec<&'a AccountCell<'a>>) {
    let (mut changes, mut cells) = (Vec::with_capacity(capacity), Vec::with_capacity(written.len()));
    for cell in written {
        if cell.place.swap(TAKEN, Ordering::Relaxed) == TAKEN {
            continue;
        }
        let change = change(cell, end, clears);
        if change.account != cell.base || change.storage_wiped {
            changes.push(change);
            cells.push(*cell);
        } else {
            cell.place.store(NOWHERE, Ordering::Relaxed);
        }
    }
    (changes, cells)
}

fn changed_slots<'a>(cells: &[&'a SlotCell<'a>], end: u32) -> Vec<(&'a SlotCell<'a>, U256)> {
    let mut changed = Vec::with_capacity(cells.len());
    for cell in cells {
        // Without a live version the value is the one before the block; without an account there are no slots.
        let (Some(value), _) = cell.read(end) else { continue };
        // After a wipe all that is left is listed, otherwise only what differs.
        let before = if is_wiped(cell.account, end) { Some(U256::ZERO) } else { cell.known_base() };
        if Some(value) != before {
            changed.push((*cell, value));
        }
    }
    changed
}

/// Puts the parts together, and slots under their accounts.
fn join(parts: Vec<Part<'_>>, end: u32, clears: bool) -> Vec<AccountChange> {
    let any_slots = parts.iter().any(|part| !part.slots.is_empty());
    let mut changes = Vec::new();
    let mut slots = Vec::with_capacity(parts.len());
    for mut part in parts {
        if any_slots {
            for (at, cell) in (changes.len() as u32..).zip(part.cells) {
                cell.place.store(at, Ordering::Relaxed);
            }
        }
        if changes.is_empty() {
            changes = part.accounts;
        } else {
            changes.append(&mut part.accounts);
        }
        slots.push(part.slots);
    }
    for (cell, value) in slots.into_iter().flatten() {
        let mut at = cell.account.place.load(Ordering::Relaxed);
        if at == NOWHERE {
            at = changes.len() as u32;
            cell.account.place.store(at, Ordering::Relaxed);
            changes.push(change(cell.account, end, clears));
        }
        changes[at as usize].storage.push((cell.slot, value));
    }
    changes
}

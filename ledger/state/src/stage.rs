//! From a block's changes to its layer: hashed keys, storage roots, the state root.

use crate::{
    account::Record,
    error::StoreError,
    keccak::{keccak256_each, keccak256_many},
    layer::{AccountDelta, Layer, SlotDelta},
    trie::{ACCOUNTS, Hashed, LeafChange, Slot, TrieId, Tries, seal},
    view::{View, account_leaf, slot_leaf},
};
use alloy_primitives::{Address, B256, U256};
use alloy_trie::EMPTY_ROOT_HASH;
use mundi_execution::{Account, AccountChange, StateChanges};
use rayon::prelude::*;
use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// What a block does to one account, by hashed keys.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) hash: B256,
    pub(crate) old: Option<Record>,
    pub(crate) new: Option<Account>,
    /// Where its slots are; 0 if it has none and gets none.
    pub(crate) storage: TrieId,
    /// The storage is empty before.
    pub(crate) fresh: bool,
    /// Sorted by hash.
    pub(crate) slots: Vec<SlotWork>,
}

/// A changed slot.
#[derive(Clone, Debug)]
pub(crate) struct SlotWork {
    pub(crate) hash: B256,
    /// The slot itself; zero where only the hash is known.
    pub(crate) slot: U256,
    pub(crate) old: U256,
    pub(crate) new: U256,
}

/// Accounts that one task prepares or merklises together.
const CHUNK: usize = 32;

/// Hashes all keys and finds all values before, from the caches where it can. Sorted by hash; the second part are
/// the caches' keys of what changes.
pub(crate) fn works(
    parent: &View,
    changes: &StateChanges,
    next_storage: &AtomicU64,
) -> Result<Vec<(Work, Address)>, StoreError> {
    let mut hashes = vec![B256::ZERO; changes.accounts.len()];
    hashes.par_chunks_mut(CHUNK).zip(changes.accounts.par_chunks(CHUNK)).for_each(|(hashes, chunk)| {
        keccak256_each(|at| chunk[at].address.as_slice(), hashes);
    });
    let mut order: Vec<(B256, u32)> = hashes.into_iter().zip(0..).collect();
    order.par_sort_unstable();
    let each = order.par_iter().with_min_len(CHUNK).map(|&(hash, at)| {
        let change = &changes.accounts[at as usize];
        Ok((work(parent, change, hash)?, change.address))
    });
    let mut works = each.collect::<Result<Vec<(Work, Address)>, StoreError>>()?;
    // In the order of hashes, so that what is written does not depend on threads.
    let new = works.iter_mut().map(|(work, _)| work).filter(|work| work.fresh && !work.slots.is_empty());
    new.for_each(|work| work.storage = next_storage.fetch_add(1, Ordering::Relaxed));
    Ok(works)
}

/// Without an id for a new storage.
fn work(parent: &View, change: &AccountChange, hash: B256) -> Result<Work, StoreError> {
    let old = parent.account(&change.address)?;
    let before = old.map_or(0, |record| record.storage);
    let fresh = before == 0 || change.storage_wiped || change.account.is_none();
    let mut work = Work { hash, old, new: change.account, storage: before, fresh, slots: Vec::new() };
    if change.account.is_none() {
        work.storage = 0;
        return Ok(work);
    }
    let words: Vec<[u8; 32]> = change.storage.iter().map(|(slot, _)| slot.to_be_bytes()).collect();
    let mut hashes = vec![B256::ZERO; words.len()];
    keccak256_many(&words, &mut hashes);
    for ((slot, new), hash) in change.storage.iter().zip(hashes) {
        let old = if fresh { U256::ZERO } else { parent.slot(before, slot)? };
        if old != *new {
            work.slots.push(SlotWork { hash, slot: *slot, old, new: *new });
        }
    }
    work.slots.sort_unstable_by_key(|slot| slot.hash);
    if fresh {
        work.storage = 0;
    }
    Ok(work)
}

/// Computes the roots and everything else of a layer over `parent`. Runs on the current thread's pool.
pub(crate) fn layer(
    parent: &View,
    height: u64,
    seq: u64,
    works: Vec<Work>,
    next_storage: TrieId,
) -> Result<(Layer, Hashed), StoreError> {
    let tries = Tries::new(parent);
    let tops: Result<Vec<Vec<Slot>>, StoreError> = works
        .par_chunks(CHUNK)
        .map(|chunk| {
            let mut arena = tries.arena();
            let tops = chunk.iter().map(|work| storage_top(&tries, &mut arena, work)).collect();
            tries.finish(arena);
            tops
        })
        .collect();
    let storage = seal(tries.into_arenas());
    let roots =
        tops?.into_iter().flatten().zip(&works).map(|(top, work)| storage.root(top, root_before(work)));

    let mut retired = Vec::new();
    let mut accounts = Vec::with_capacity(works.len());
    let mut slots = Vec::new();
    for (root, work) in roots.zip(&works) {
        let before = work.old.map_or(0, |record| record.storage);
        if work.fresh && before != 0 {
            retired.push(before);
        }
        slots.extend(work.slots.iter().map(|slot| SlotDelta {
            trie: work.storage,
            hash: slot.hash,
            old: slot.old,
            new: slot.new,
        }));
        let new = work.new.map(|account| match root {
            EMPTY_ROOT_HASH => Record::without_storage(account),
            root => Record { account, storage_root: root, storage: work.storage },
        });
        if new != work.old {
            accounts.push(AccountDelta { hash: work.hash, old: work.old, new });
        }
    }
    slots.sort_unstable_by(|a, b| (a.trie, &a.hash).cmp(&(b.trie, &b.hash)));

    let leaves: Vec<LeafChange> = accounts
        .par_iter()
        .map(|delta| LeafChange {
            key: delta.hash,
            existed: delta.old.is_some(),
            value: delta.new.map(account_leaf),
        })
        .collect();
    let tries = Tries::new(parent);
    let mut arena = tries.arena();
    let top = tries.apply(&mut arena, ACCOUNTS, parent.root, &leaves)?;
    tries.finish(arena);
    let sealed = seal(tries.into_arenas());
    let root = sealed.root(top, parent.root);
    let mut hashed = storage.hashed;
    hashed += sealed.hashed;
    let mut nodes = storage.changes;
    nodes.extend(sealed.changes);
    nodes.par_sort_unstable_by(|a, b| a.key.cmp(&b.key));

    let node_bytes = storage.node_bytes + sealed.node_bytes;
    let mut layer = Layer {
        seq,
        height,
        root,
        hash: OnceLock::new(),
        accounts,
        slots,
        nodes,
        code: Vec::new(),
        retired,
        journal: Vec::new(),
        next_storage,
        bytes: 0,
    };
    layer.bytes = layer.memory(node_bytes);
    Ok((layer, hashed))
}

fn root_before(work: &Work) -> B256 {
    match work.old {
        Some(record) if !work.fresh => record.storage_root,
        _ => EMPTY_ROOT_HASH,
    }
}

fn storage_top(
    tries: &Tries<'_, View>,
    arena: &mut crate::trie::Arena,
    work: &Work,
) -> Result<Slot, StoreError> {
    let before = root_before(work);
    if work.slots.is_empty() {
        // Nothing is read for a storage that stays as it is.
        return Ok(match before {
            EMPTY_ROOT_HASH => Slot::Empty,
            _ => Slot::Node,
        });
    }
    let leaves: Vec<LeafChange> = work
        .slots
        .iter()
        .map(|slot| LeafChange {
            key: slot.hash,
            existed: !slot.old.is_zero(),
            value: (!slot.new.is_zero()).then(|| slot_leaf(&slot.new)),
        })
        .collect();
    tries.apply(arena, work.storage, before, &leaves)
}

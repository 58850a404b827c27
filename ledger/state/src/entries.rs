//! All accounts, or all slots of a storage, after one block, in the order of keys.
//!
//! ```text
//! layers above the tables   newest value of each key that they change
//!   over history            values before later blocks, if the tables are those of a later block
//!     over tables
//! ```
//!
//! What is read is what the view holds on to: nothing waits for commits, and none of them is seen.

use crate::{
    account::{Record, slot_value},
    error::StoreError,
    flush::newest,
    history::{self, Kind},
    kv::Table,
    trie::TrieId,
    view::View,
};
use alloy_primitives::{B256, U256};
use std::{cmp::Ordering, iter::Peekable, sync::Arc};

/// Keys, ascending, with their values.
pub(crate) type Entries<V> = Box<dyn Iterator<Item = Result<(B256, V), StoreError>> + Send>;

/// What layers make of the slots of a storage, by storage and key.
type SlotChanges = Vec<(TrieId, B256, U256)>;

/// All entries after a view's block.
pub(crate) struct StateEntries {
    view: Arc<View>,
    slots: Arc<SlotChanges>,
}

impl StateEntries {
    /// Copies what layers change: less than they take in memory themselves.
    pub(crate) fn new(view: Arc<View>) -> Self {
        let changed = newest(&view.layers, |layer| &layer.slots, |delta| (delta.trie, &delta.hash));
        let slots = changed.map(|delta| (delta.trie, delta.hash, delta.new)).collect();
        Self { view, slots: Arc::new(slots) }
    }

    /// All accounts.
    pub(crate) fn accounts(&self) -> Entries<Record> {
        let changed = newest(&self.view.layers, |layer| &layer.accounts, |delta| &delta.hash);
        let changed: Vec<_> = changed.map(|delta| Ok((delta.hash, delta.new))).collect();
        let below = self.tables(Table::Accounts, Vec::new(), Record::decode);
        Box::new(Overlay::new(changed.into_iter(), below))
    }

    /// All slots of a storage.
    pub(crate) fn slots(&self, storage: TrieId) -> Entries<U256> {
        let below = self.tables(Table::Slots, storage.to_be_bytes().to_vec(), slot_value);
        let first = self.slots.partition_point(|(trie, ..)| *trie < storage);
        let end = self.slots.partition_point(|(trie, ..)| *trie <= storage);
        if first == end {
            return below;
        }
        let slots = Arc::clone(&self.slots);
        let changed = (first..end).map(move |at| {
            let (_, key, value) = slots[at];
            Ok((key, Some(value).filter(|value| !value.is_zero())))
        });
        Box::new(Overlay::new(changed, below))
    }

    /// Code by its hash, past the caches: it is asked for once.
    pub(crate) fn code(&self, hash: &B256) -> Result<Option<Vec<u8>>, StoreError> {
        let View { layers, base, .. } = &*self.view;
        match layers.iter().rev().find_map(|layer| layer.code(hash)) {
            Some(code) => Ok(Some(code.original_bytes().into())),
            None => Ok(base.kv.get(Table::Code, hash.as_slice())?.map(|code| code.to_vec())),
        }
    }

    /// What the tables have, or had after the block below the layers, of the keys that begin with `group`.
    fn tables<V: Send + 'static>(
        &self,
        table: Table,
        group: Vec<u8>,
        decode: fn(&[u8]) -> Result<V, StoreError>,
    ) -> Entries<V> {
        let kv = &self.view.base.kv;
        let begin = group.len();
        let now = kv.scan(table, &group, &group).map(move |entry| {
            let (key, value) = entry?;
            Ok((key_after(table, begin, &key)?, decode(&value)?))
        });
        if !self.view.past {
            return Box::new(now);
        }
        let (kind, height, kv) = (Kind::of(table), self.view.below_layers(), kv.clone());
        let before = history::changed_below(&kv, kind, &group, &group).filter_map(move |key| {
            let before = |key: Vec<u8>| {
                let Some(before) = history::value_at(&kv, kind, &key, height)? else { return Ok(None) };
                let value = if before.is_empty() { None } else { Some(decode(&before)?) };
                Ok(Some((key_after(table, begin, &key)?, value)))
            };
            key.and_then(before).transpose()
        });
        Box::new(Overlay::new(before, now))
    }
}

fn key_after(table: Table, begin: usize, key: &[u8]) -> Result<B256, StoreError> {
    let hash = key.get(begin..).and_then(|key| B256::try_from(key).ok());
    let damaged = || StoreError::Damaged(format!("a key of {} has {} bytes", table.name(), key.len()));
    hash.ok_or_else(damaged)
}

/// A value that is another one, or gone.
type Change<V> = Result<(B256, Option<V>), StoreError>;

/// Entries with some of them changed; both ascending.
struct Overlay<C: Iterator, E: Iterator> {
    changes: Peekable<C>,
    entries: Peekable<E>,
}

impl<V, C, E> Overlay<C, E>
where
    C: Iterator<Item = Change<V>>,
    E: Iterator<Item = Result<(B256, V), StoreError>>,
{
    fn new(changes: C, entries: E) -> Self {
        Self { changes: changes.peekable(), entries: entries.peekable() }
    }
}

impl<V, C, E> Iterator for Overlay<C, E>
where
    C: Iterator<Item = Change<V>>,
    E: Iterator<Item = Result<(B256, V), StoreError>>,
{
    type Item = Result<(B256, V), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.changes.peek(), self.entries.peek()) {
                // An error is told at once.
                (Some(Err(_)), _) | (Some(_), None) => Ordering::Less,
                (None, _) | (_, Some(Err(_))) => Ordering::Greater,
                (Some(Ok((changed, _))), Some(Ok((key, _)))) => changed.cmp(key),
            };
            if order == Ordering::Greater {
                return self.entries.next();
            }
            if order == Ordering::Equal {
                self.entries.next();
            }
            match self.changes.next()? {
                Ok((_, None)) => {}
                Ok((key, Some(value))) => return Some(Ok((key, value))),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

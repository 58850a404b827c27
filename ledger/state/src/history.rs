//! Reverse differences: what a value was before a block changed it.
//!
//! The value of a key after block *h* is the one entered for the first later block that changed it; without such a
//! block it is the one in the tables. Per block a list of the keys entered says what to delete when the block is too
//! old, and what to put back when it is dropped.

use crate::{
    account::{Reader, slot_bytes},
    error::StoreError,
    kv::{self, Batch, Table, Value},
    layer::Layer,
    view::slot_key,
};

/// Whose value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    Account = 1,
    Slot = 2,
    Node = 3,
}

impl Kind {
    pub(crate) fn of(table: Table) -> Self {
        match table {
            Table::Accounts => Self::Account,
            Table::Slots => Self::Slot,
            Table::Nodes => Self::Node,
            _ => unreachable!("{} has no history", table.name()),
        }
    }

    pub(crate) const fn table(self) -> Table {
        match self {
            Self::Account => Table::Accounts,
            Self::Slot => Table::Slots,
            Self::Node => Table::Nodes,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Account, Self::Slot, Self::Node].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// What is kept for how long: flat values, or trie nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    Values = 0,
    Nodes = 1,
}

/// The value of a key after block `height`, if a later block changed it; empty if it had none.
pub(crate) fn value_at(
    kv: &kv::View,
    kind: Kind,
    key: &[u8],
    height: u64,
) -> Result<Option<Value>, StoreError> {
    let prefix = [&[kind as u8], key].concat();
    let Some(next) = height.checked_add(1) else { return Ok(None) };
    let start = entry_key(kind, key, next);
    kv.scan(Table::History, &prefix, &start).next().map(|entry| Ok(entry?.1)).transpose()
}

/// Keys with a history that begin with `group` and are not before `start`, each once.
pub(crate) fn changed_below(
    kv: &kv::View,
    kind: Kind,
    group: &[u8],
    start: &[u8],
) -> impl Iterator<Item = Result<Vec<u8>, StoreError>> + use<> {
    let prefix = [&[kind as u8], group].concat();
    let start = [&[kind as u8], start].concat();
    let mut last: Option<Vec<u8>> = None;
    kv.scan(Table::History, &prefix, &start).filter_map(move |entry| match entry {
        Err(error) => Some(Err(error)),
        Ok((entry, _)) => {
            let key = entry.get(1..entry.len().saturating_sub(8)).unwrap_or_default().to_vec();
            if last.as_ref() == Some(&key) {
                return None;
            }
            last = Some(key.clone());
            Some(Ok(key))
        }
    })
}

fn entry_key(kind: Kind, key: &[u8], height: u64) -> Vec<u8> {
    [&[kind as u8], key, &height.to_be_bytes()].concat()
}

fn touched_key(class: Class, height: u64) -> [u8; 9] {
    let mut key = [class as u8; 9];
    key[1..].copy_from_slice(&height.to_be_bytes());
    key
}

/// Enters what a layer changed.
pub(crate) fn write(batch: &mut Batch<'_>, class: Class, layer: &Layer) {
    let mut touched = Vec::new();
    let mut enter = |kind: Kind, key: &[u8], old: &[u8]| {
        touched.push(kind as u8);
        touched.push(key.len() as u8);
        touched.extend_from_slice(key);
        batch.put(Table::History, &entry_key(kind, key, layer.height), old);
    };
    match class {
        Class::Values => {
            for delta in &layer.accounts {
                let old = delta.old.map(|record| record.to_bytes()).unwrap_or_default();
                enter(Kind::Account, delta.hash.as_slice(), &old);
            }
            for delta in &layer.slots {
                enter(Kind::Slot, &slot_key(delta.trie, &delta.hash), &slot_bytes(&delta.old));
            }
        }
        Class::Nodes => {
            for change in &layer.nodes {
                let old = change.old.as_ref().map(|node| node.to_record()).unwrap_or_default();
                enter(Kind::Node, &change.key.to_bytes(), &old);
            }
        }
    }
    batch.put(Table::Touched, &touched_key(class, layer.height), &touched);
}

/// The keys that a block changed.
fn touched(kv: &kv::View, class: Class, height: u64) -> Result<Vec<(Kind, Vec<u8>)>, StoreError> {
    let Some(list) = kv.get(Table::Touched, &touched_key(class, height))? else { return Ok(Vec::new()) };
    let mut reader = Reader(&list);
    let mut keys = Vec::new();
    while !reader.0.is_empty() {
        let key = (|| {
            let kind = Kind::from_byte(reader.byte()?)?;
            let len = reader.byte()?;
            Some((kind, reader.take(len.into())?.to_vec()))
        })();
        keys.push(
            key.ok_or_else(|| StoreError::Damaged(format!("the changes of block {height} are malformed")))?,
        );
    }
    Ok(keys)
}

/// Deletes the entries of one block; returns how many there were.
pub(crate) fn forget(
    batch: &mut Batch<'_>,
    kv: &kv::View,
    class: Class,
    height: u64,
) -> Result<usize, StoreError> {
    let keys = touched(kv, class, height)?;
    delete(batch, class, height, keys.iter().map(|(kind, key)| (*kind, key)));
    Ok(keys.len())
}

/// Whose value, the key, and the value before; empty where there was none.
pub(crate) type Before = (Kind, Vec<u8>, Vec<u8>);

/// Deletes the entries of one block; returns what it changed, with the values before it.
pub(crate) fn take(
    batch: &mut Batch<'_>,
    kv: &kv::View,
    class: Class,
    height: u64,
) -> Result<Vec<Before>, StoreError> {
    let entry = |(kind, key): (Kind, Vec<u8>)| {
        let old = kv.get(Table::History, &entry_key(kind, &key, height))?;
        let old =
            old.ok_or_else(|| StoreError::Damaged(format!("the history of block {height} has a gap")))?;
        Ok((kind, key, old.to_vec()))
    };
    let entries: Result<Vec<Before>, StoreError> =
        touched(kv, class, height)?.into_iter().map(entry).collect();
    let entries = entries?;
    delete(batch, class, height, entries.iter().map(|(kind, key, _)| (*kind, key)));
    Ok(entries)
}

fn delete<'k>(
    batch: &mut Batch<'_>,
    class: Class,
    height: u64,
    keys: impl Iterator<Item = (Kind, &'k Vec<u8>)>,
) {
    for (kind, key) in keys {
        batch.delete(Table::History, &entry_key(kind, key, height));
    }
    batch.delete(Table::Touched, &touched_key(class, height));
}

//! From memory into the tables, and what the tables no longer need.

use crate::{
    account::slot_bytes,
    blocks,
    config::History,
    error::StoreError,
    history::{self, Class, Kind},
    kv::{Batch, Table},
    layer::Layer,
    position::Position,
    store::{Store, new_caches, new_filter, put_history},
    view::{Base, View, slot_key},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

/// Bytes of layers that one atomic step moves into the tables, at most (but always one layer).
const STEP_BYTES: u64 = 64 << 20;

/// Entries of history that one atomic step deletes, about.
const PRUNE_ENTRIES: usize = 20_000;

/// Blocks of the past that are rather kept as layers than as history, at most.
const MOST_RECENT: u64 = 256;

impl Store {
    /// Whether so much waits in memory that it is time for [`flush_aged`](Self::flush_aged).
    pub fn needs_flush(&self) -> bool {
        let view = self.view();
        let aged = view.layers.partition_point(|layer| layer.height + self.recent() <= view.height);
        aged > self.config.max_layers || layer_bytes(&view.layers) > self.config.layer_bytes
    }

    /// Blocks whose past is asked for and that are kept as layers for it: their history is then never written.
    fn recent(&self) -> u64 {
        let within = |kept| match kept {
            History::Last(blocks) if blocks <= MOST_RECENT => blocks,
            _ => 0,
        };
        within(self.config.history).max(within(self.config.proofs))
    }

    /// Bytes that layers take in memory.
    pub fn layer_bytes(&self) -> u64 {
        layer_bytes(&self.view().layers)
    }

    /// Moves all persisted blocks from memory into the tables, in atomic steps, and deletes what is older than it has
    /// to be kept. Snapshots that exist stay as they are.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.flush_all_that(|_, _| true)
    }

    /// The same for blocks that are too old for questions about the past, and if layers take too much memory, for as
    /// many others as it takes to halve that.
    pub fn flush_aged(&self) -> Result<(), StoreError> {
        let recent = self.recent();
        let half = self.config.layer_bytes / 2;
        let full = self.layer_bytes() > self.config.layer_bytes;
        let newest = self.view().height;
        self.flush_all_that(|layer, bytes| layer.height + recent <= newest || full && bytes > half)
    }

    /// Flushes persisted layers, the oldest first, as long as `wanted` says so of the next one and the bytes that layers take.
    fn flush_all_that(&self, wanted: impl Fn(&Layer, u64) -> bool) -> Result<(), StoreError> {
        let mut position = self.lock_disk();
        self.prune(&mut position)?;
        loop {
            let view = self.view();
            let ready = view.layers.partition_point(|layer| layer.height <= position.persisted);
            let mut left = layer_bytes(&view.layers);
            let mut bytes = 0;
            let step = view.layers[..ready].iter().take_while(|layer| {
                let wanted = wanted(layer, left) && (bytes == 0 || bytes + layer.bytes <= STEP_BYTES);
                bytes += layer.bytes;
                left -= layer.bytes;
                wanted
            });
            let step = step.count();
            if step == 0 {
                break;
            }
            self.flush_layers(&mut position, &view.layers[..step])?;
        }
        self.prune(&mut position)?;
        self.collect_garbage(&position)
    }

    fn flush_layers(&self, position: &mut Position, layers: &[Arc<Layer>]) -> Result<(), StoreError> {
        let newest = layers.last().expect("a step has a layer");
        // Layers that are too old for it get no history, so that the blocks before them have none either from now on.
        // Nothing is left of theirs, because it was pruned before.
        let oldest = |kept: History| kept.oldest(position.persisted).min(newest.height);
        let next = Position {
            flushed: newest.height,
            values_from: position.values_from.max(oldest(self.config.history)),
            proofs_from: position.proofs_from.max(oldest(self.config.proofs)),
            ..*position
        };
        let mut batch = self.kv.batch();
        put_values(&mut batch, layers);
        for layer in layers {
            put_history(&mut batch, &self.config, position.persisted, layer);
            batch.delete(Table::Journal, &layer.height.to_be_bytes());
            for storage in &layer.retired {
                batch.put(Table::Garbage, &garbage_key(layer.height, *storage), &[]);
            }
        }
        next.write(&mut batch);
        batch.commit()?;
        *position = next;
        self.values_from.store(next.values_from, Ordering::Release);
        self.proofs_from.store(next.proofs_from, Ordering::Release);

        let base = Arc::new(Base { kv: self.kv.view(), seq: newest.seq, height: newest.height });
        // Publishing waits until the new base is in place.
        let _publishing = self.lock_unpersisted();
        let view = self.view();
        let filter = new_filter(&self.config);
        let layers: Vec<_> = view.layers[layers.len()..].to_vec();
        layers.iter().for_each(|layer| layer.fill(&filter));
        let next = View { base, layers, filter, ..(*view).clone() };
        next.announce();
        self.show(next);
        Ok(())
    }

    /// Deletes history that is older than the configuration keeps, in bounded steps.
    fn prune(&self, position: &mut Position) -> Result<(), StoreError> {
        for class in [Class::Values, Class::Nodes] {
            let kept = match class {
                Class::Values => self.config.history,
                Class::Nodes => self.config.proofs,
            };
            let oldest = kept.oldest(position.persisted).min(position.flushed);
            loop {
                let mut next = *position;
                let from = match class {
                    Class::Values => &mut next.values_from,
                    Class::Nodes => &mut next.proofs_from,
                };
                if *from >= oldest {
                    break;
                }
                // The entries of block h say what the state was after block h - 1.
                let view = self.kv.view();
                let mut batch = self.kv.batch();
                let mut entries = 0;
                while *from < oldest && entries < PRUNE_ENTRIES {
                    *from += 1;
                    entries += history::forget(&mut batch, &view, class, *from)?;
                }
                next.write(&mut batch);
                // Readers are told first: a snapshot that exists reads its own view of the tables.
                match class {
                    Class::Values => self.values_from.store(next.values_from, Ordering::Release),
                    Class::Nodes => self.proofs_from.store(next.proofs_from, Ordering::Release),
                }
                batch.commit()?;
                *position = next;
            }
        }
        Ok(())
    }

    /// Deletes storage that no kept block has.
    fn collect_garbage(&self, position: &Position) -> Result<(), StoreError> {
        let oldest = position.values_from.min(position.proofs_from);
        let view = self.kv.view();
        for entry in view.scan(Table::Garbage, &[], &[]) {
            let (key, _) = entry?;
            let (height, storage) = key
                .split_first_chunk::<8>()
                .filter(|(_, storage)| storage.len() == 8)
                .ok_or_else(|| StoreError::Damaged("an entry of garbage is malformed".into()))?;
            if u64::from_be_bytes(*height) > oldest {
                break;
            }
            for table in [Table::Slots, Table::Nodes] {
                loop {
                    let mut batch = self.kv.batch();
                    let mut entries = 0;
                    for entry in self.kv.view().scan(table, storage, storage).take(PRUNE_ENTRIES) {
                        batch.delete(table, &entry?.0);
                        entries += 1;
                    }
                    batch.commit()?;
                    if entries < PRUNE_ENTRIES {
                        break;
                    }
                }
            }
            let mut batch = self.kv.batch();
            batch.delete(Table::Garbage, &key);
            batch.commit()?;
        }
        Ok(())
    }

    /// Drops all blocks above `height`, on disk too.
    ///
    /// Blocks in memory are let go; for flushed ones the values and trie nodes before them are put back, so their
    /// trie has to be kept ([`StoreError::NotKept`] otherwise). Snapshots that exist stay readable.
    pub fn rewind(&self, height: u64) -> Result<(), StoreError> {
        let mut position = self.lock_disk();
        let mut unpersisted = self.lock_unpersisted();
        let view = self.view();
        let (values_from, proofs_from) = self.oldest();
        let oldest = if height < position.flushed { values_from.max(proofs_from) } else { position.flushed };
        if height < oldest || height > view.height {
            return Err(StoreError::NotKept { height, oldest, newest: view.height });
        }
        let tables = self.kv.view();
        let mut batch = self.kv.batch();
        let persisted = position.persisted.min(height);
        for dropped in persisted + 1..=position.persisted {
            blocks::delete_block(&mut batch, &tables, dropped)?;
            batch.delete(Table::Journal, &dropped.to_be_bytes());
        }
        let flushed = position.flushed.min(height);
        // Ascending, and the first value found for a key is the one to put back.
        let mut restored: BTreeMap<(Kind, Vec<u8>), Vec<u8>> = BTreeMap::new();
        for dropped in flushed + 1..=position.flushed {
            for class in [Class::Values, Class::Nodes] {
                for (kind, key, old) in history::take(&mut batch, &tables, class, dropped)? {
                    restored.entry((kind, key)).or_insert(old);
                }
            }
            for entry in tables.scan(Table::Garbage, &dropped.to_be_bytes(), &dropped.to_be_bytes()) {
                batch.delete(Table::Garbage, &entry?.0);
            }
        }
        for ((kind, key), old) in &restored {
            match old.is_empty() {
                true => batch.delete(kind.table(), key),
                false => batch.put(kind.table(), key, old),
            }
        }
        let next = Position { persisted, flushed, ..*position };
        if next != *position {
            next.write(&mut batch);
            batch.commit()?;
            *position = next;
        }

        while unpersisted.back().is_some_and(|block| block.layer.height > height) {
            unpersisted.pop_back();
        }
        let caches = new_caches(&self.config);
        let next = if height >= view.base.height {
            View { caches, ..self.cut(&view, height)? }
        } else {
            let seq = self.next_seq();
            let base = Arc::new(Base { kv: self.kv.view(), seq, height });
            let root = self.origin.root(&base.kv, height)?;
            View { base, layers: Vec::new(), seq, root, height, caches, ..(*view).clone() }
        };
        next.announce();
        let mut tip = self.persisted.write().expect("no holder panics");
        if tip.height > persisted {
            *tip = crate::store::Tip {
                height: persisted,
                hash: self.origin.present_header(&self.kv.view(), persisted)?.hash,
            };
        }
        drop(tip);
        self.show(next);
        Ok(())
    }
}

fn layer_bytes(layers: &[Arc<Layer>]) -> u64 {
    layers.iter().map(|layer| layer.bytes).sum()
}

fn garbage_key(height: u64, storage: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&height.to_be_bytes());
    key[8..].copy_from_slice(&storage.to_be_bytes());
    key
}

/// Writes the newest value of every key that the layers, the oldest first, change; each key once.
pub(crate) fn put_values(batch: &mut Batch<'_>, layers: &[Arc<Layer>]) {
    for delta in newest(layers, |layer| &layer.accounts, |delta| &delta.hash) {
        match delta.new {
            Some(record) => batch.put(Table::Accounts, delta.hash.as_slice(), &record.to_bytes()),
            None => batch.delete(Table::Accounts, delta.hash.as_slice()),
        }
    }
    for delta in newest(layers, |layer| &layer.slots, |delta| (delta.trie, &delta.hash)) {
        let key = slot_key(delta.trie, &delta.hash);
        match delta.new.is_zero() {
            true => batch.delete(Table::Slots, &key),
            false => batch.put(Table::Slots, &key, &slot_bytes(&delta.new)),
        }
    }
    for change in newest(layers, |layer| &layer.nodes, |change| &change.key) {
        match &change.new {
            Some(node) => batch.put(Table::Nodes, &change.key.to_bytes(), &node.to_record()),
            None => batch.delete(Table::Nodes, &change.key.to_bytes()),
        }
    }
}

/// The newest change of each key, in the order of keys.
pub(crate) fn newest<'l, C: 'l, K: Ord + 'l>(
    layers: &'l [Arc<Layer>],
    changes: impl Fn(&'l Layer) -> &'l [C],
    key: impl Fn(&'l C) -> K,
) -> impl Iterator<Item = &'l C> {
    let newest_first = layers.iter().rev().flat_map(|layer| changes(layer));
    let mut all: Vec<(K, &C)> = newest_first.map(|change| (key(change), change)).collect();
    // Stable: the newest of a key stays the first.
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all.dedup_by(|(later, _), (first, _)| later == first);
    all.into_iter().map(|(_, change)| change)
}

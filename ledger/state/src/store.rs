//! The store: blocks and the states after them.

pub(crate) mod open;
mod origin;

use crate::{
    account::Record,
    block::BlockRecord,
    blocks,
    cache::{Caches, Entry},
    config::Config,
    error::StoreError,
    history::{self, Class},
    journal,
    kv::{Batch, Kv, Table},
    layer::{Filter, Layer},
    medium::Site,
    position::Position,
    snapshot::{Snapshot, Staged},
    stage,
    view::View,
};
use alloy_primitives::B256;
use mundi_execution::StateChanges;
pub(crate) use origin::Origin;
use rayon::{ThreadPool, prelude::*};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// A block by height and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its number.
    pub height: u64,
    /// Its hash.
    pub hash: B256,
}

/// Blocks and the states after them, in one directory, on a [simulated disk](crate::SimulatedDisk) or
/// [in memory](Self::in_memory).
///
/// Shared by reference between threads. Reading never waits. [`stage`](Self::stage) may run beside everything else;
/// [`publish`](Self::publish), and [`persist`](Self::persist) with [`flush`](Self::flush), are each for one thread at
/// a time and take turns where they must. None of them is for a thread of the pool handed in: it could be given other
/// work to do while it holds a lock.
pub struct Store {
    pub(crate) config: Config,
    pub(crate) kv: Kv,
    genesis: B256,
    pub(crate) origin: Origin,
    seq: AtomicU64,
    next_storage: AtomicU64,
    pub(crate) current: RwLock<Arc<View>>,
    /// Published blocks that are not on disk yet.
    pub(crate) unpersisted: Mutex<VecDeque<Unpersisted>>,
    /// What is on disk. Whoever writes to the tables holds it.
    pub(crate) disk: Mutex<Position>,
    /// A copy of its figures for readers.
    pub(crate) proofs_from: AtomicU64,
    pub(crate) values_from: AtomicU64,
    pub(crate) persisted: RwLock<Tip>,
    /// Until the engine is closed.
    _site: Option<Site>,
}

/// A published block on its way to the disk.
#[derive(Clone)]
pub(crate) struct Unpersisted {
    pub(crate) block: Arc<BlockRecord>,
    pub(crate) layer: Arc<Layer>,
}

impl Store {
    /// Hash of the first block. That of a store [above](Self::above) a foreign state is the foreign one.
    pub const fn genesis(&self) -> B256 {
        self.genesis
    }

    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.current.read().expect("no holder panics"))
    }

    /// The newest published block, on disk or not.
    pub fn tip(&self) -> Tip {
        let view = self.view();
        match view.layers.last().and_then(|layer| layer.hash.get()) {
            Some(hash) => Tip { height: view.height, hash: *hash },
            None => *self.persisted.read().expect("no holder panics"),
        }
    }

    /// The newest block that is wholly on disk.
    pub fn persisted(&self) -> Tip {
        *self.persisted.read().expect("no holder panics")
    }

    /// The state after the newest published block.
    pub fn latest(&self) -> Snapshot {
        Snapshot { view: self.view(), proofs_from: self.proofs_from.load(Ordering::Acquire) }
    }

    /// The oldest block whose state can be read, and the oldest whose state can be proven.
    pub fn oldest(&self) -> (u64, u64) {
        (self.values_from.load(Ordering::Acquire), self.proofs_from.load(Ordering::Acquire))
    }

    /// The state after a block.
    pub fn snapshot(&self, height: u64) -> Result<Snapshot, StoreError> {
        let view = self.view();
        let (values_from, proofs_from) = self.oldest();
        if height < values_from || height > view.height {
            return Err(StoreError::NotKept { height, oldest: values_from, newest: view.height });
        }
        Ok(Snapshot { view: Arc::new(self.cut(&view, height)?), proofs_from })
    }

    /// A view of the line of blocks up to `height`, which it has.
    pub(crate) fn cut(&self, view: &View, height: u64) -> Result<View, StoreError> {
        let keep = view.layers.partition_point(|layer| layer.height <= height);
        let (seq, root) = match view.layers[..keep].last() {
            Some(layer) => (layer.seq, layer.root),
            None => (view.base.seq, self.origin.root(&view.base.kv, height)?),
        };
        let past = height < view.base.height;
        Ok(View { layers: view.layers[..keep].to_vec(), seq, root, height, past, ..view.clone() })
    }

    /// Computes the state after `parent` with `changes`, and its root. Nothing is published or written.
    ///
    /// The parent may be any state: a past one, or one that is staged itself. Errors with [`StoreError::NotKept`] if its
    /// trie is not kept.
    pub fn stage(
        &self,
        parent: &Snapshot,
        changes: &StateChanges,
        pool: &ThreadPool,
    ) -> Result<Staged, StoreError> {
        parent.check_trie()?;
        let view = &*parent.view;
        let seq = self.next_seq();
        pool.install(|| {
            let works = stage::works(view, changes, &self.next_storage)?;
            let (works, addresses): (Vec<_>, Vec<_>) = works.into_iter().unzip();
            let slots = works
                .iter()
                .flat_map(|work| work.slots.iter().map(|slot| ((work.storage, slot.slot), slot.new)))
                .collect();
            let hashes: Vec<B256> = works.iter().map(|work| work.hash).collect();
            let next_storage = self.next_storage.load(Ordering::Relaxed);
            let outlives = self.kv.outlives_the_process();
            let journal = if outlives { journal::encode(&works, next_storage) } else { Vec::new() };
            let (mut layer, hashed) = stage::layer(view, view.height + 1, seq, works, next_storage)?;
            layer.bytes += journal.len() as u64;
            layer.journal = journal;
            layer.code = changes.code.clone();
            layer.code.sort_unstable_by_key(|(hash, _)| *hash);
            layer.bytes += layer.code.iter().map(|(_, code)| 64 + code.len() as u64).sum::<u64>();
            let changed = |hash| layer.account(hash).map(|delta| delta.new);
            let accounts: Vec<(_, Option<Record>)> = addresses
                .into_iter()
                .zip(&hashes)
                .filter_map(|(address, hash)| Some((address, changed(hash)?)))
                .collect();
            let layer = Arc::new(layer);
            layer.fill_in_parallel(&view.filter);
            let snapshot =
                Snapshot { view: Arc::new(view.with(Arc::clone(&layer))), proofs_from: parent.proofs_from };
            Ok(Staged { snapshot, layer, parent: view.seq, accounts, slots, hashed })
        })
    }

    /// Makes a staged state the newest, as the state after `block`. It is in memory only until
    /// [`persist`](Self::persist).
    ///
    /// Errors if it was not staged on the newest block, or if the block does not follow from it or names another root.
    pub fn publish(
        &self,
        block: impl Into<Arc<BlockRecord>>,
        staged: Staged,
        pool: &ThreadPool,
    ) -> Result<Snapshot, StoreError> {
        let block = block.into();
        let mut unpersisted = self.lock_unpersisted();
        let current = self.view();
        let tip = self.tip();
        let layer = &staged.layer;
        let height = block.header.number;
        let mismatch =
            |field, expected: String, got: String| Err(StoreError::Mismatch { height, field, expected, got });
        if staged.parent != current.seq || height != tip.height + 1 {
            return mismatch("number", (tip.height + 1).to_string(), height.to_string());
        }
        if block.header.parent_hash != tip.hash {
            return mismatch("parentHash", tip.hash.to_string(), block.header.parent_hash.to_string());
        }
        if block.header.state_root != layer.root {
            return mismatch("stateRoot", block.header.state_root.to_string(), layer.root.to_string());
        }
        blocks::check_block(&block)?;
        let _ = layer.hash.set(block.hash);
        if !Arc::ptr_eq(&current.filter, &staged.snapshot.view.filter) {
            // A flush made a new filter since this layer was staged.
            layer.fill(&current.filter);
        }
        let mut next = current.with(Arc::clone(layer));
        next.unpublished = 0;
        next.announce();
        warm(&next.caches, &staged, pool);
        unpersisted.push_back(Unpersisted { block, layer: Arc::clone(layer) });
        self.show(next);
        Ok(self.latest())
    }

    /// Writes all published blocks in one atomic step. When this returns they are on disk.
    pub fn persist(&self) -> Result<(), StoreError> {
        let mut position = self.lock_disk();
        let blocks: Vec<Unpersisted> = self.lock_unpersisted().iter().cloned().collect();
        let Some(newest) = blocks.last() else { return Ok(()) };
        let next = Position {
            persisted: newest.layer.height,
            next_storage: newest.layer.next_storage.max(position.next_storage),
            ..*position
        };
        let mut batch = self.kv.batch();
        for Unpersisted { block, layer } in &blocks {
            if self.kv.outlives_the_process() {
                batch.put(Table::Journal, &layer.height.to_be_bytes(), &layer.journal);
            }
            put_code(&mut batch, layer);
            blocks::put_block(&mut batch, block);
        }
        next.write(&mut batch);
        batch.commit()?;
        *position = next;
        *self.persisted.write().expect("no holder panics") =
            Tip { height: newest.layer.height, hash: newest.block.hash };
        self.lock_unpersisted().drain(..blocks.len());
        Ok(())
    }

    /// Stages, publishes and persists a block on top of the newest; flushes when it is time. Returns its state root.
    pub fn commit(
        &self,
        block: BlockRecord,
        changes: &StateChanges,
        pool: &ThreadPool,
    ) -> Result<B256, StoreError> {
        let staged = self.stage(&self.latest(), changes, pool)?;
        let root = self.publish(block, staged, pool)?.state_root();
        self.persist()?;
        if self.needs_flush() {
            self.flush_aged()?;
        }
        Ok(root)
    }

    pub(crate) fn next_seq(&self) -> u64 {
        self.seq.fetch_add(1, Ordering::Relaxed)
    }

    /// Gives readers a view.
    pub(crate) fn show(&self, view: View) {
        *self.current.write().expect("no holder panics") = Arc::new(view);
    }

    pub(crate) fn lock_disk(&self) -> MutexGuard<'_, Position> {
        self.disk.lock().expect("no holder panics")
    }

    pub(crate) fn lock_unpersisted(&self) -> MutexGuard<'_, VecDeque<Unpersisted>> {
        self.unpersisted.lock().expect("no holder panics")
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("tip", &self.tip()).field("persisted", &self.persisted()).finish()
    }
}

impl View {
    /// This view with one more layer, unpublished. The filter has to know the layer's keys.
    pub(crate) fn with(&self, layer: Arc<Layer>) -> Self {
        let mut next = self.clone();
        (next.seq, next.height, next.root) = (layer.seq, layer.height, layer.root);
        next.layers.push(layer);
        next.unpublished += 1;
        next
    }
}

/// Bytes of the filter: 16 bits for each key, at about 128 bytes that a key's change takes in memory.
pub(crate) fn new_filter(config: &Config) -> Arc<Filter> {
    Arc::new(Filter::new(config.layer_bytes / 64))
}

pub(crate) fn new_caches(config: &Config) -> Arc<Caches> {
    Arc::new(Caches::new(config.cache_bytes - config.cache_bytes / 4))
}

/// Enters a layer's values into the caches.
fn warm(caches: &Caches, staged: &Staged, pool: &ThreadPool) {
    let since = staged.layer.seq;
    pool.install(|| {
        staged.accounts.par_iter().with_min_len(256).for_each(|(address, value)| {
            caches.accounts.insert(*address, Entry { since, value: *value });
        });
        staged.slots.par_iter().with_min_len(256).for_each(|(key, value)| {
            caches.slots.insert(*key, Entry { since, value: *value });
        });
        staged.layer.nodes.par_iter().with_min_len(256).for_each(|change| {
            caches.nodes.insert(change.key, Entry { since, value: change.new.clone() });
        });
    });
}

pub(crate) fn put_code(batch: &mut Batch<'_>, layer: &Layer) {
    for (hash, code) in &layer.code {
        batch.put(Table::Code, hash.as_slice(), &code.original_bytes());
    }
}

/// Writes the history of a layer, as far as it is wanted.
pub(crate) fn put_history(batch: &mut Batch<'_>, config: &Config, newest: u64, layer: &Layer) {
    for (class, kept) in [(Class::Values, config.history), (Class::Nodes, config.proofs)] {
        if layer.height > kept.oldest(newest) {
            history::write(batch, class, layer);
        }
    }
}

#[cfg(test)]
mod tests;

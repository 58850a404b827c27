//! A machine's disk for what consensus keeps: it lies over the runtime's storage, and fails by chance and on command.
//!
//! What is written is visible at once and safe after a sync. When the machine crashes, each write that was not synced is lost,
//! kept or torn: of its bytes a part is there. The runtime's storage has forgotten all of it by then, so what
//! survives is [written again](Disk::recover) before the machine is back.
//!
//! Of a file whose changes are all safe nothing is remembered.

use crate::{
    dice::Dice,
    faults::{Counters, Fault},
};
use commonware_runtime::{
    Blob, BlobVersion, Error, Handle, IoBuf, IoBufs, IoBufsMut, ReadOptions, Storage, WriteOptions,
    deterministic::Context,
};
use std::{
    collections::BTreeMap,
    io,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard},
};

/// How often operations fail, in chances of a million.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DiskRates {
    /// Writes.
    pub(crate) write: u32,
    /// Syncs.
    pub(crate) sync: u32,
}

/// A file: its partition and name.
type Key = (String, Vec<u8>);

/// The runtime's files.
type Inner = <Context as Storage>::Blob;

/// A change that is not synced.
#[derive(Clone, Debug)]
enum Change {
    /// One that is safe by itself stays, and stays in its place among the others.
    Write {
        offset: u64,
        bytes: IoBuf,
        safe: bool,
    },
    Resize {
        length: u64,
    },
}

#[derive(Debug)]
struct State {
    dice: Dice,
    rates: DiskRates,
    full: bool,
    /// Power is off: nothing comes to an end any more.
    dead: bool,
    /// Operations until power fails.
    fuse: Option<u64>,
    /// The same, from the moment on at which the machine is switched on again.
    next_fuse: Option<u64>,
    /// The machine was switched on, and what runs on it has not begun yet.
    coming_back: bool,
    /// Whether anything failed since the machine was switched on.
    failed: bool,
    versions: BTreeMap<Key, RangeInclusive<BlobVersion>>,
    /// By file, from its first change on that is not safe.
    unsynced: BTreeMap<Key, Vec<Change>>,
}

/// A disk. Clones are of the same one.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    state: Arc<Mutex<State>>,
    counters: Counters,
}

impl Disk {
    pub(crate) fn new(dice: Dice, counters: Counters) -> Self {
        let state = State {
            dice,
            rates: DiskRates::default(),
            full: false,
            dead: false,
            fuse: None,
            next_fuse: None,
            coming_back: false,
            failed: false,
            versions: BTreeMap::new(),
            unsynced: BTreeMap::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), counters }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    pub(crate) fn set_rates(&self, rates: DiskRates) {
        self.lock().rates = rates;
    }

    /// Whether there is no room any more.
    pub(crate) fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// Makes power fail in the middle of the operation that comes after so many others: of a machine that is off, after so many of
    /// those with which it comes back.
    pub(crate) fn set_fuse(&self, operations: u64) {
        let mut state = self.lock();
        let fuse = if state.dead { &mut state.next_fuse } else { &mut state.fuse };
        *fuse = Some(operations);
    }

    /// Power does not fail any more.
    pub(crate) fn clear_fuse(&self) {
        let mut state = self.lock();
        (state.fuse, state.next_fuse) = (None, None);
    }

    /// Whether power is off.
    pub(crate) fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Whether anything failed since the machine was switched on.
    pub(crate) fn has_failed(&self) -> bool {
        self.lock().failed
    }

    /// Power is off.
    pub(crate) fn kill(&self) {
        self.lock().dead = true;
    }

    /// Power is on again.
    pub(crate) fn revive(&self) {
        let mut state = self.lock();
        state.dead = false;
        state.fuse = state.next_fuse.take();
        state.coming_back = true;
        state.failed = false;
    }

    /// What runs on the machine has begun.
    pub(crate) fn begun(&self) {
        self.lock().coming_back = false;
    }

    /// Goes on while there is power.
    pub(super) async fn alive(&self) {
        if self.burn() {
            std::future::pending().await
        }
    }

    /// Counts an operation; whether there is no power for it.
    fn burn(&self) -> bool {
        let mut state = self.lock();
        if let Some(left) = state.fuse {
            state.fuse = left.checked_sub(1);
            if left == 0 {
                state.dead = true;
                let coming_back = state.coming_back;
                self.counters.add(if coming_back { Fault::CrashInRecovery } else { Fault::CrashInStorage });
            }
        }
        state.dead
    }

    pub(super) fn opened(
        &self,
        partition: &str,
        name: &[u8],
        versions: RangeInclusive<BlobVersion>,
        blob: Inner,
    ) -> DiskBlob {
        let key = (partition.to_owned(), name.to_vec());
        self.lock().versions.insert(key.clone(), versions);
        DiskBlob { blob, key, disk: self.clone() }
    }

    pub(super) fn removed(&self, partition: &str, name: Option<&[u8]>) {
        let gone = |key: &Key| key.0 == partition && name.is_none_or(|name| key.1 == name);
        let mut state = self.lock();
        state.versions.retain(|key, _| !gone(key));
        state.unsynced.retain(|key, _| !gone(key));
    }

    /// What fails about a write of so many bytes: the error, and how many bytes of it are there nevertheless.
    fn write_fault(&self, length: usize) -> Option<(io::Error, usize)> {
        let mut state = self.lock();
        let kept = state.dice.index(length + 1);
        if state.full && length > 0 {
            state.failed = true;
            self.counters.add(Fault::FullDisk);
            return Some((io::Error::from(io::ErrorKind::StorageFull), kept));
        }
        let rate = state.rates.write;
        if state.dice.happens(rate) {
            state.failed = true;
            self.counters.add(Fault::FailedWrite);
            return Some((io::Error::other("the simulated disk failed to write"), kept));
        }
        None
    }

    fn sync_fault(&self) -> Option<io::Error> {
        let mut state = self.lock();
        let rate = state.rates.sync;
        state.dice.happens(rate).then(|| {
            state.failed = true;
            self.counters.add(Fault::FailedSync);
            io::Error::other("the simulated disk failed to sync")
        })
    }

    fn changed(&self, key: &Key, change: Change) {
        let mut state = self.lock();
        match change {
            // Nothing of the file can be lost, so nothing has to be put back.
            Change::Write { safe: true, .. } if !state.unsynced.contains_key(key) => {}
            change => state.unsynced.entry(key.clone()).or_default().push(change),
        }
    }

    fn synced(&self, key: &Key) {
        self.lock().unsynced.remove(key);
    }

    /// After a crash, when nobody has a file open any more: puts back what survives of what was not synced.
    pub(crate) async fn recover(&self, context: &Context) {
        let (unsynced, versions) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.unsynced), state.versions.clone())
        };
        for (key, changes) in unsynced {
            let Some(versions) = versions.get(&key) else { continue };
            let survivors = self.survivors(changes);
            if survivors.is_empty() {
                continue;
            }
            let opened = context.open_versioned(&key.0, &key.1, versions.clone()).await;
            let (blob, _, _) = opened.expect("the runtime's storage does not fail");
            for change in survivors {
                let done = match change {
                    Change::Write { offset, bytes, .. } => {
                        blob.write_at(offset, bytes, WriteOptions::default()).await
                    }
                    Change::Resize { length } => blob.resize(length).await,
                };
                done.expect("the runtime's storage does not fail");
            }
            blob.sync().await.expect("the runtime's storage does not fail");
        }
    }

    /// Forgets everything: the disk was replaced.
    pub(crate) async fn wipe(&self, context: &Context) {
        let partitions: std::collections::BTreeSet<String> = {
            let mut state = self.lock();
            state.unsynced.clear();
            std::mem::take(&mut state.versions).into_keys().map(|(partition, _)| partition).collect()
        };
        for partition in partitions {
            // It may hold nothing any more.
            let _ = context.remove(&partition, None).await;
        }
    }

    /// What is left of changes that were not synced.
    fn survivors(&self, changes: Vec<Change>) -> Vec<Change> {
        let mut state = self.lock();
        let dice = &mut state.dice;
        let fate = dice.below(3);
        let mut survivors = Vec::new();
        for change in changes {
            match change {
                Change::Write { safe: true, .. } => survivors.push(change),
                _ if fate == 0 => {}
                _ if fate == 1 => survivors.push(change),
                Change::Resize { .. } if dice.happens(500_000) => survivors.push(change),
                Change::Resize { .. } => {}
                Change::Write { offset, bytes, .. } => {
                    let parts = torn(dice, &bytes);
                    let kept: usize = parts.iter().map(|(_, part)| part.len()).sum();
                    if 0 < kept && kept < bytes.len() {
                        self.counters.add(Fault::TornWrite);
                    }
                    survivors.extend(parts.into_iter().map(|(from, bytes)| Change::Write {
                        offset: offset + from,
                        bytes,
                        safe: false,
                    }));
                }
            }
        }
        survivors
    }
}

/// What is there of a write: its beginning, or any of its sectors.
fn torn(dice: &mut Dice, bytes: &IoBuf) -> Vec<(u64, IoBuf)> {
    if dice.happens(500_000) {
        return vec![(0, bytes.slice(..dice.index(bytes.len() + 1)))];
    }
    let sector = [1, 16, 512][dice.index(3)];
    let sectors = (0..bytes.len()).step_by(sector);
    sectors
        .filter(|_| dice.happens(500_000))
        .map(|from| (from as u64, bytes.slice(from..(from + sector).min(bytes.len()))))
        .collect()
}

/// An open file.
pub(crate) struct DiskBlob {
    blob: Inner,
    key: Key,
    disk: Disk,
}

impl Blob for DiskBlob {
    async fn read_at_buf(
        &self,
        offset: u64,
        len: usize,
        bufs: impl Into<IoBufsMut> + Send,
        options: ReadOptions,
    ) -> Result<IoBufsMut, Error> {
        self.disk.alive().await;
        self.blob.read_at_buf(offset, len, bufs, options).await
    }

    async fn read_at(&self, offset: u64, len: usize, options: ReadOptions) -> Result<IoBufsMut, Error> {
        self.disk.alive().await;
        self.blob.read_at(offset, len, options).await
    }

    async fn write_at(
        &self,
        offset: u64,
        bufs: impl Into<IoBufs> + Send,
        options: WriteOptions,
    ) -> Result<(), Error> {
        let bytes = bufs.into().coalesce();
        let sync = options.contains(WriteOptions::SYNC);
        // Power that fails here fails in the middle of the write.
        if self.disk.burn() {
            self.disk.changed(&self.key, Change::Write { offset, bytes, safe: false });
            std::future::pending::<()>().await;
            return Ok(());
        }
        let fault = self.disk.write_fault(bytes.len());
        let (kept, error) = match fault {
            None => (bytes.len(), None),
            Some((error, kept)) => (kept, Some(error)),
        };
        let error = error.or_else(|| sync.then(|| self.disk.sync_fault()).flatten());
        let bytes = bytes.slice(..kept);
        let safe = sync && error.is_none();
        let options = if safe { options } else { options.without(WriteOptions::SYNC) };
        self.blob.write_at(offset, bytes.clone(), options).await?;
        self.disk.changed(&self.key, Change::Write { offset, bytes, safe });
        error.map_or(Ok(()), |error| Err(error.into()))
    }

    async fn resize(&self, len: u64) -> Result<(), Error> {
        self.disk.alive().await;
        self.blob.resize(len).await?;
        self.disk.changed(&self.key, Change::Resize { length: len });
        Ok(())
    }

    async fn sync(&self) -> Result<(), Error> {
        self.disk.alive().await;
        if let Some(error) = self.disk.sync_fault() {
            return Err(error.into());
        }
        self.blob.sync().await?;
        self.disk.synced(&self.key);
        Ok(())
    }

    async fn start_sync(&self) -> Handle<()> {
        Handle::ready(self.sync().await)
    }
}

#[cfg(test)]
mod tests;

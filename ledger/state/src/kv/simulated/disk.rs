//! The disk itself: what is on it, who has it open, and what happens to the next write.

use super::{
    super::memory::{Tables, Writes},
    faults::{DiskFault, FaultCounts, FaultRates, Unsynced, drawn, prefix},
};
use crate::error::StoreError;
use std::{
    collections::BTreeMap,
    fmt, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

/// What an entry, and an entry's write in the log, take besides key and value.
const ENTRY_BYTES: u64 = 16;

/// What a record in the log takes besides its writes.
const RECORD_BYTES: u64 = 64;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// A disk that exists in memory and fails when it is told to: a [`Store`](crate::Store) is created on it and opened
/// from it as in a directory. For simulations of many nodes in one process.
///
/// The handle is cheap to clone, and stays with whoever simulates while stores on the disk come and go. It holds at most one
/// store.
///
/// ## What it promises
/// * A batch whose commit returned without an error survives [`crash`](Self::crash).
/// * A batch is there wholly or not at all when the store is opened again: on a real disk the checksum of a log record
///   finds the torn one, and opening cuts it off (decision 0002; `tests/faults` tears real files). So a write fails in one of three
///   ways: a part of its record was written ([`DiskFault::Write`], or there is no room for it), and the batch is gone; or all
///   was and the sync failed ([`DiskFault::Sync`]), then the batch is there unless power fails, and if that happens
///   [`Unsynced`] says what became of it.
/// * After a failed write the store refuses further ones until it is opened again, as the engine does. Reading goes on.
/// * What happens follows from the calls, their order and the seed. Nothing is drawn from elsewhere, and no time passes.
///   The fault of a write follows from the seed and the number of the write on this disk, so a run repeats as far as writes
///   come in the same order; those of one store do if it has a pool of one thread or its writer waits for each block.
///
/// ## Limits
/// * Reads do not fail, and what is on the disk does not rot.
/// * Space is that of keys and values, with 16 bytes for each, besides room for the record of the batch that is being written. What
///   is deleted is free at once.
/// * What a failed sync left, and an opening without a crash has found, counts as synced from then on.
#[derive(Clone)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

struct State {
    seed: u64,
    rates: FaultRates,
    /// By the number of the write.
    scheduled: BTreeMap<u64, DiskFault>,
    capacity: Option<u64>,
    counts: FaultCounts,
    /// How many writes were tried.
    writes: u64,
    /// The store that can be opened.
    store: Option<Image>,
    /// A store that is not finished.
    making: Option<Image>,
    /// A state file is being imported, or was when the machine crashed.
    importing: bool,
    /// What failed last and is not cleared up yet.
    unsettled: Option<Unsettled>,
    /// Who has it open.
    session: Option<u64>,
    sessions: u64,
}

/// What is safe on the disk.
#[derive(Clone, Default)]
struct Image {
    tables: Tables,
    bytes: u64,
}

/// What a failed write has left behind the last safe batch.
enum Unsettled {
    /// So many bytes of a record.
    Part(u64),
    /// All of it, in the system's cache.
    Whole(Image),
}

impl SimulatedDisk {
    /// An empty disk of any size, whose faults follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            seed,
            rates: FaultRates::default(),
            scheduled: BTreeMap::new(),
            capacity: None,
            counts: FaultCounts::default(),
            writes: 0,
            store: None,
            making: None,
            importing: false,
            unsettled: None,
            session: None,
            sessions: 0,
        })))
    }

    /// How often writes fail from now on.
    pub fn set_rates(&self, rates: FaultRates) {
        self.lock().rates = rates;
    }

    /// How many bytes there are from now on; `None` for any number. Less than what is there stops every write.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// Makes a write fail: the next one, or if `skip` is not zero, the one after so many others.
    pub fn fail(&self, fault: DiskFault, skip: u64) {
        let mut state = self.lock();
        let number = state.writes.saturating_add(skip);
        state.scheduled.insert(number, fault);
    }

    /// Power fails. Whoever has the store open cannot write to the disk any more, and it can be opened again at once.
    pub fn crash(&self, unsynced: Unsynced) {
        let mut state = self.lock();
        state.counts.crashes += 1;
        state.session = None;
        state.settle(Some(unsynced));
        state.making = None;
    }

    /// How often each fault fired.
    pub fn faults(&self) -> FaultCounts {
        self.lock().counts
    }

    /// Bytes of the store that are safe on the disk.
    pub fn bytes(&self) -> u64 {
        self.lock().store.as_ref().map_or(0, |store| store.bytes)
    }

    /// Writes that were tried so far.
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder panics")
    }

    pub(crate) fn exists(&self) -> bool {
        self.lock().store.is_some()
    }

    /// For a new store.
    pub(crate) fn prepare(&self) -> Result<Arc<Session>, StoreError> {
        let mut state = self.lock();
        state.free()?;
        if state.store.is_some() {
            return Err(StoreError::Exists(name()));
        }
        state.making = None;
        state.importing = false;
        Ok(self.session(state))
    }

    /// For the store that is there.
    pub(crate) fn enter(&self) -> Result<Arc<Session>, StoreError> {
        let mut state = self.lock();
        if state.store.is_none() {
            return Err(match state.importing {
                true => StoreError::Unfinished(name()),
                false => StoreError::Missing(name()),
            });
        }
        state.free()?;
        state.settle(None);
        Ok(self.session(state))
    }

    fn session(&self, mut state: MutexGuard<'_, State>) -> Arc<Session> {
        state.sessions += 1;
        state.session = Some(state.sessions);
        Arc::new(Session { disk: self.clone(), number: state.sessions })
    }
}

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("SimulatedDisk")
            .field("seed", &state.seed)
            .field("writes", &state.writes)
            .field("faults", &state.counts)
            .finish_non_exhaustive()
    }
}

/// What stands for the path in errors.
fn name() -> PathBuf {
    PathBuf::from("the simulated disk")
}

impl State {
    fn free(&self) -> Result<(), StoreError> {
        self.session.map_or(Ok(()), |_| Err(StoreError::Locked))
    }

    /// Clears up behind a failed write: on opening, or when power fails.
    fn settle(&mut self, power_failed: Option<Unsynced>) {
        match (self.unsettled.take(), power_failed) {
            (Some(Unsettled::Whole(image)), None | Some(Unsynced::Kept)) => {
                self.counts.kept += 1;
                self.store = Some(image);
            }
            (Some(Unsettled::Whole(_)), Some(Unsynced::Lost)) => self.counts.lost += 1,
            (Some(Unsettled::Whole(_)), Some(Unsynced::Torn)) => self.counts.torn += 1,
            (Some(Unsettled::Part(bytes)), _) => self.counts.torn += u64::from(bytes > 0),
            (None, _) => {}
        }
    }

    /// What the open store, or the one in the making, has on the disk.
    fn image(&self) -> Option<&Image> {
        self.making.as_ref().or(self.store.as_ref())
    }

    /// Writes one batch wholly, or leaves what a fault leaves of it.
    fn write(&mut self, writes: Writes) -> Result<Tables, StoreError> {
        let number = self.writes;
        self.writes += 1;
        let scheduled = self.scheduled.remove(&number);
        let lengths = writes.lengths().map(|(key, value)| (key + value) as u64 + ENTRY_BYTES);
        let record = RECORD_BYTES + lengths.sum::<u64>();
        let before = self.image().cloned().unwrap_or_default();
        let room = self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(before.bytes));
        if record > room {
            self.counts.full_disk += 1;
            self.leave(Unsettled::Part(room));
            return Err(failed(ENOSPC));
        }
        let fault = scheduled.or_else(|| drawn(self.seed, number, self.rates));
        if fault == Some(DiskFault::Write) {
            self.counts.failed_writes += 1;
            self.leave(Unsettled::Part(prefix(self.seed, number, record)));
            return Err(failed(EIO));
        }
        let mut bytes = before.bytes;
        let entry =
            |key: usize, value: Option<usize>| value.map_or(0, |value| (key + value) as u64 + ENTRY_BYTES);
        let tables = writes.apply(&before.tables, |key, before, after| {
            bytes = bytes + entry(key, after) - entry(key, before);
        });
        let after = Image { tables: Arc::clone(&tables), bytes };
        if fault == Some(DiskFault::Sync) {
            self.counts.failed_syncs += 1;
            self.leave(Unsettled::Whole(after));
            return Err(failed(EIO));
        }
        match &mut self.making {
            Some(making) => *making = after,
            None => self.store = Some(after),
        }
        Ok(tables)
    }

    /// A store in the making is thrown away whatever is left of its last batch.
    fn leave(&mut self, unsettled: Unsettled) {
        if self.making.is_none() {
            self.unsettled = Some(unsettled);
        }
    }
}

fn failed(code: i32) -> StoreError {
    StoreError::Io { place: "write", error: io::Error::from_raw_os_error(code) }
}

/// Who has the disk open, until this is dropped or power fails.
pub(crate) struct Session {
    disk: SimulatedDisk,
    number: u64,
}

impl Session {
    /// The disk, if it is this session's still.
    fn state(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.disk.lock();
        match state.session == Some(self.number) {
            true => Ok(state),
            false => Err(StoreError::Engine {
                place: "write",
                message: "the machine has crashed since the store was opened; open it again".into(),
            }),
        }
    }

    /// Begins to make a store.
    pub(super) fn make(&self) -> Result<Tables, StoreError> {
        let mut state = self.state()?;
        Ok(Arc::clone(&state.making.insert(Image::default()).tables))
    }

    /// Makes the store in the making the disk's.
    pub(crate) fn finish(&self) -> Result<(), StoreError> {
        let mut state = self.state()?;
        state.store = state.making.take();
        Ok(())
    }

    /// Throws the store in the making away.
    pub(crate) fn discard(&self) {
        if let Ok(mut state) = self.state() {
            state.making = None;
        }
    }

    /// Says whether a state file is being imported.
    pub(crate) fn set_importing(&self, importing: bool) -> Result<(), StoreError> {
        self.state()?.importing = importing;
        Ok(())
    }

    /// What the store has on the disk.
    pub(super) fn tables(&self) -> Result<Tables, StoreError> {
        Ok(self.state()?.image().map(|image| Arc::clone(&image.tables)).unwrap_or_default())
    }

    /// Writes and syncs one batch, and then shows what there is. Batches of several threads take turns.
    pub(super) fn write(&self, writes: Writes, show: impl FnOnce(Tables)) -> Result<(), StoreError> {
        let tables = self.state()?.write(writes)?;
        show(tables);
        Ok(())
    }

    /// Counts a write that never got to the disk.
    pub(super) fn refuse(&self) {
        self.disk.lock().counts.refused += 1;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state() {
            state.session = None;
            state.making = None;
        }
    }
}

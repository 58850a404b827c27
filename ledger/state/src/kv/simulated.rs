//! Tables on a disk that is simulated: in memory, and yet with all that a disk can do to a store.
//!
//! What is on the disk is the tables of [`memory`](super::memory), so that a batch costs what it changes, and what is safe after
//! it is a reference. [`SimulatedDisk`] says what is promised, and what can fail.

mod disk;
mod faults;

pub(crate) use disk::Session;
pub use disk::SimulatedDisk;
pub use faults::{DiskFault, FaultCounts, FaultRates, Unsynced};

use super::{
    Table,
    memory::{MemoryView, Tables, Writes},
    refused,
};
use crate::error::StoreError;
use std::sync::{
    Arc, Mutex, RwLock,
    atomic::{AtomicBool, Ordering},
};

/// Open tables.
pub(crate) struct Simulated {
    session: Arc<Session>,
    /// What readers see; what is on the disk, as long as no write failed and power did not.
    tables: RwLock<Tables>,
    /// Held while a batch is written.
    writer: Mutex<()>,
    /// A write failed.
    failed: AtomicBool,
}

impl Simulated {
    fn new(session: Arc<Session>, tables: Tables) -> Self {
        Self { session, tables: RwLock::new(tables), writer: Mutex::new(()), failed: AtomicBool::new(false) }
    }

    /// New tables, of a store in the making.
    pub(super) fn create(session: &Arc<Session>) -> Result<Self, StoreError> {
        Ok(Self::new(Arc::clone(session), session.make()?))
    }

    /// The tables that are there.
    pub(super) fn open(session: &Arc<Session>) -> Result<Self, StoreError> {
        Ok(Self::new(Arc::clone(session), session.tables()?))
    }

    pub(super) fn view(&self) -> MemoryView {
        MemoryView(Arc::clone(&self.tables.read().expect("no holder panics")))
    }

    pub(super) fn batch(&self) -> SimulatedBatch<'_> {
        SimulatedBatch { kv: self, writes: Writes::default() }
    }

    fn write(&self, writes: Writes) -> Result<(), StoreError> {
        let _turn = self.writer.lock().expect("no holder panics");
        if self.failed.load(Ordering::Relaxed) {
            self.session.refuse();
            return Err(refused("write"));
        }
        let show = |tables| *self.tables.write().expect("no holder panics") = tables;
        let written = self.session.write(writes, show);
        self.failed.store(written.is_err(), Ordering::Relaxed);
        written
    }
}

/// Writes that become visible and durable together.
pub(crate) struct SimulatedBatch<'a> {
    kv: &'a Simulated,
    writes: Writes,
}

impl SimulatedBatch<'_> {
    pub(super) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.writes.put(table, key, value);
    }

    pub(super) fn delete(&mut self, table: Table, key: &[u8]) {
        self.writes.delete(table, key);
    }

    pub(super) fn commit(self) -> Result<(), StoreError> {
        match self.writes.is_empty() {
            true => Ok(()),
            false => self.kv.write(self.writes),
        }
    }
}

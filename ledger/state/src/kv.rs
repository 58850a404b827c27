//! Tables of bytes, in a directory, in memory, or on a simulated disk.
//!
//! ## What it promises
//! * A [`Batch`] is applied wholly or not at all, across tables.
//! * A [`View`] is a consistent, immutable view of all tables; making and reading one never waits for a writer.
//!
//! [`disk`] keeps them in the embedded key-value engine (decision 0002), which nothing outside this module names, and
//! promises more: what was committed is there after a kill or a torn write. [`memory`] keeps them as long as the process
//! runs. [`simulated`] promises what [`disk`] does, of a disk that is told when to fail. Nothing above this module knows which
//! of them it has, except that it need not write what is only read when a store is opened again
//! ([`Kv::outlives_the_process`]).

mod disk;
mod memory;
mod simulated;
#[cfg(test)]
mod tests;

use crate::error::StoreError;
use disk::{Disk, DiskBatch, DiskView};
use memory::{Memory, MemoryBatch, MemoryView};
use rayon::iter::Either;
pub(crate) use simulated::Session;
pub use simulated::{DiskFault, FaultCounts, FaultRates, SimulatedDisk, Unsynced};
use simulated::{Simulated, SimulatedBatch};
use std::{ops::Deref, path::Path, sync::Arc};

/// A named, ordered map from bytes to bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Table {
    /// Format version, genesis, the persisted and the flushed block.
    Meta,
    /// keccak(address) → account record.
    Accounts,
    /// storage id ‖ keccak(slot) → value.
    Slots,
    /// Trie id ‖ path → branch node.
    Nodes,
    /// Code hash → code.
    Code,
    /// Height → state changes of a persisted block that is not yet in the tables above.
    Journal,
    /// Table ‖ key ‖ height → value before that block.
    History,
    /// Kind ‖ height → keys in [`Table::History`].
    Touched,
    /// Height → header, hash and total difficulty.
    Headers,
    /// Height → transactions, ommers, withdrawals and senders.
    Bodies,
    /// Height → receipts.
    Receipts,
    /// Block hash → height.
    Heights,
    /// Transaction hash → height ‖ index.
    Transactions,
    /// Log term ‖ height.
    Logs,
    /// Height ‖ storage id: storage that a block gave up.
    Garbage,
}

/// How many there are.
const TABLES: usize = 15;

impl Table {
    /// In the order in which they were created in every database.
    pub(crate) const ALL: [Self; TABLES] = [
        Self::Meta,
        Self::Accounts,
        Self::Slots,
        Self::Nodes,
        Self::Code,
        Self::Journal,
        Self::History,
        Self::Touched,
        Self::Headers,
        Self::Bodies,
        Self::Receipts,
        Self::Heights,
        Self::Transactions,
        Self::Logs,
        Self::Garbage,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Accounts => "accounts",
            Self::Slots => "slots",
            Self::Nodes => "nodes",
            Self::Code => "code",
            Self::Journal => "journal",
            Self::History => "history",
            Self::Touched => "touched",
            Self::Headers => "headers",
            Self::Bodies => "bodies",
            Self::Receipts => "receipts",
            Self::Heights => "heights",
            Self::Transactions => "transactions",
            Self::Logs => "logs",
            Self::Garbage => "garbage",
        }
    }
}

/// Bytes read from a table, shared with it or with the engine's cache.
pub(crate) struct Value {
    bytes: fjall::Slice,
    /// Bytes at the beginning that are not its own.
    skip: usize,
}

impl Value {
    const fn whole(bytes: fjall::Slice) -> Self {
        Self { bytes, skip: 0 }
    }

    /// A key after the table's number.
    const fn key(bytes: fjall::Slice) -> Self {
        Self { bytes, skip: 1 }
    }
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(self.skip..).unwrap_or_default()
    }
}

/// How the engine is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KvOptions {
    /// Bytes of the engine's block cache.
    pub(crate) cache_bytes: u64,
    /// Threads for compaction.
    pub(crate) threads: usize,
}

/// Open tables.
pub(crate) enum Kv {
    Disk(Box<Disk>),
    Memory(Memory),
    Simulated(Simulated),
}

/// The error for a write after one that failed.
fn refused(place: &'static str) -> StoreError {
    let message = "an earlier write failed; close the store, see to the disk, and open it again".into();
    StoreError::Engine { place, message }
}

impl Kv {
    /// New tables that end with the process.
    pub(crate) fn in_memory() -> Self {
        Self::Memory(Memory::default())
    }

    /// Makes a new database in a directory, which holds none.
    pub(crate) fn create(directory: &Path, options: KvOptions) -> Result<Self, StoreError> {
        Disk::create(directory, options).map(|disk| Self::Disk(Box::new(disk)))
    }

    /// Opens the database in a directory, which [`create`](Self::create) made.
    ///
    /// # Errors
    /// [`StoreError::Lost`], [`StoreError::DamagedFile`] and others for what [`disk`] names. Nothing has been changed then.
    pub(crate) fn open(directory: &Path, options: KvOptions) -> Result<Self, StoreError> {
        Disk::open(directory, options).map(|disk| Self::Disk(Box::new(disk)))
    }

    /// Begins to make a database on a simulated disk.
    pub(crate) fn create_simulated(disk: &Arc<Session>) -> Result<Self, StoreError> {
        Simulated::create(disk).map(Self::Simulated)
    }

    /// Opens the database on a simulated disk.
    pub(crate) fn open_simulated(disk: &Arc<Session>) -> Result<Self, StoreError> {
        Simulated::open(disk).map(Self::Simulated)
    }

    /// Reads all files of a closed database and compares them with their checksums. `progress` gets the number of
    /// files that are done, and of all.
    pub(crate) fn check_files(
        directory: &Path,
        progress: impl FnMut(usize, usize),
    ) -> Result<(), StoreError> {
        Disk::check_files(directory, progress)
    }

    /// Makes a closed database whose log is damaged end before the damage. What is cut off stays beside it in files
    /// that end in `.lost`.
    pub(crate) fn give_up(directory: &Path) -> Result<(), StoreError> {
        Disk::give_up(directory)
    }

    /// Whether the tables are opened again. If not, nobody reads what is written for that.
    pub(crate) const fn outlives_the_process(&self) -> bool {
        !matches!(self, Self::Memory(_))
    }

    /// What the tables hold now.
    pub(crate) fn view(&self) -> View {
        match self {
            Self::Disk(disk) => View::Disk(disk.view()),
            Self::Memory(memory) => View::Memory(memory.view()),
            Self::Simulated(disk) => View::Memory(disk.view()),
        }
    }

    /// An empty batch.
    pub(crate) fn batch(&self) -> Batch<'_> {
        match self {
            Self::Disk(disk) => Batch::Disk(disk.batch()),
            Self::Memory(memory) => Batch::Memory(memory.batch()),
            Self::Simulated(disk) => Batch::Simulated(disk.batch()),
        }
    }

    /// Bytes of a table on a disk that is real.
    pub(crate) fn disk_bytes(&self, table: Table) -> u64 {
        match self {
            Self::Disk(disk) => disk.disk_bytes(table),
            Self::Memory(_) | Self::Simulated(_) => 0,
        }
    }

    /// Keys of a table; on disk also versions and deletions of keys that compaction has not taken away yet: at least the
    /// number of keys.
    pub(crate) fn approximate_len(&self, table: Table) -> u64 {
        match self {
            Self::Disk(disk) => disk.approximate_len(table),
            Self::Memory(memory) => memory.len(table),
            Self::Simulated(disk) => disk.view().len(table),
        }
    }

    /// Writes entries in ascending order of keys, past the write-ahead log: much faster than batches. When this
    /// returns they are visible, and on disk if there is one; a kill before leaves nothing.
    pub(crate) fn ingest<'e>(
        &self,
        table: Table,
        entries: impl Iterator<Item = (&'e [u8], &'e [u8])>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Disk(disk) => disk.ingest(table, entries),
            Self::Memory(_) | Self::Simulated(_) => {
                let mut batch = self.batch();
                entries.for_each(|(key, value)| batch.put(table, key, value));
                batch.commit()
            }
        }
    }

    /// Bytes of the engine's write-ahead log on disk.
    pub(crate) fn log_bytes(&self) -> Result<u64, StoreError> {
        match self {
            Self::Disk(disk) => disk.log_bytes(),
            Self::Memory(_) | Self::Simulated(_) => Ok(0),
        }
    }
}

/// A consistent view of all tables.
#[derive(Clone)]
pub(crate) enum View {
    Disk(DiskView),
    Memory(MemoryView),
}

impl View {
    /// The value of a key.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Value>, StoreError> {
        match self {
            Self::Disk(view) => view.get(table, key),
            Self::Memory(view) => Ok(view.get(table, key)),
        }
    }

    /// Entries from `start` on, in ascending order of keys, as long as they begin with `prefix`.
    pub(crate) fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        start: &[u8],
    ) -> impl Iterator<Item = Result<(Value, Value), StoreError>> + use<> {
        match self {
            Self::Disk(view) => Either::Left(view.scan(table, prefix, start)),
            Self::Memory(view) => Either::Right(view.scan(table, prefix, start).map(Ok)),
        }
    }

    /// The last entry of a table whose key begins with `prefix`.
    pub(crate) fn last(&self, table: Table, prefix: &[u8]) -> Result<Option<(Value, Value)>, StoreError> {
        match self {
            Self::Disk(view) => view.last(table, prefix),
            Self::Memory(view) => Ok(view.last(table, prefix)),
        }
    }
}

/// Writes that become visible together, and durable where anything does.
pub(crate) enum Batch<'a> {
    Disk(DiskBatch<'a>),
    Memory(MemoryBatch<'a>),
    Simulated(SimulatedBatch<'a>),
}

impl Batch<'_> {
    /// Sets a key.
    pub(crate) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        match self {
            Self::Disk(batch) => batch.put(table, key, value),
            Self::Memory(batch) => batch.put(table, key, value),
            Self::Simulated(batch) => batch.put(table, key, value),
        }
    }

    /// Removes a key, present or not.
    pub(crate) fn delete(&mut self, table: Table, key: &[u8]) {
        match self {
            Self::Disk(batch) => batch.delete(table, key),
            Self::Memory(batch) => batch.delete(table, key),
            Self::Simulated(batch) => batch.delete(table, key),
        }
    }

    /// Says which block is the newest on disk when this batch is.
    pub(crate) const fn reaches(&mut self, height: u64) {
        match self {
            Self::Disk(batch) => batch.reaches(height),
            Self::Memory(_) | Self::Simulated(_) => {}
        }
    }

    /// Applies the writes; when this returns they are on disk, if there is one. Batches of several threads take turns.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Disk(batch) => batch.commit(),
            Self::Memory(batch) => {
                batch.commit();
                Ok(())
            }
            Self::Simulated(batch) => batch.commit(),
        }
    }
}

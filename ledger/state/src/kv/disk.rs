//! Tables in a directory: the embedded key-value engine, and the only module that knows it (decision 0002).
//!
//! ## What it promises
//! * A [`DiskBatch`] is applied wholly or not at all, across tables, also after a kill or a torn write.
//! * A batch whose [`commit`](DiskBatch::commit) returned is there when the database is opened again, or opening fails.
//! * A [`DiskView`] is a consistent, immutable view of all tables; making and reading one never waits for a writer.
//! * Blocks read from disk are checked against their checksum.
//!
//! After a failed write the engine accepts no more writes until it is opened again; reads go on.
//!
//! ## Damage
//! The engine finds damage in what it reads of its tables. It does not look for missing batches, missing or exchanged
//! files and damaged manifests, and repairs some of that by deleting what is left; so [`Disk::open`] looks first.
//! Before the engine sees a file, the manifests are compared with their checksums ([`files`]), and the log is read
//! and has to reach up to the newest batch that was acknowledged ([`log`], [`head`]). Afterwards each table has to
//! hold what the [`mark`]s of the batches say that it does, and nothing of another table: the keys of a table all begin
//! with its number.
//!
//! What this does not find is a table's file that was replaced by an older whole file of the same table;
//! [`Disk::check_files`] finds that too, and reads everything for it.

mod engine;
mod files;
mod head;
mod log;
mod mark;

use super::{KvOptions, TABLES, Table, Value};
use crate::error::StoreError;
use engine::{kv_error, start};
use fjall::{AbstractTree, Database, Keyspace, PersistMode, Readable};
use head::{Acknowledged, Head};
use mark::{FOOT, Mark};
use std::{
    hash::{BuildHasher, RandomState},
    ops::Deref,
    path::Path,
    sync::Mutex,
};

/// Bytes of the longest key as the engine gets it: one of [`Table::History`].
const MAX_KEY: usize = 64;

/// A key as the engine gets it.
struct Key {
    bytes: [u8; MAX_KEY],
    len: usize,
}

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A key as the engine gets it: after the table's number.
fn key_of(table: Table, key: &[u8]) -> Key {
    let mut bytes = [0; MAX_KEY];
    bytes[0] = table as u8 + 1;
    let len = key.len() + 1;
    bytes[1..len].copy_from_slice(key);
    Key { bytes, len }
}

/// An open database.
pub(crate) struct Disk {
    database: Database,
    tables: [Keyspace; TABLES],
    writer: Mutex<Writer>,
}

/// Numbers the batches.
struct Writer {
    head: Head,
    /// Of the newest batch.
    mark: Mark,
}

impl Disk {
    /// Makes a new database in a directory, which holds none.
    pub(crate) fn create(directory: &Path, options: KvOptions) -> Result<Self, StoreError> {
        let (database, tables) = start(directory, options)?;
        let mark = Mark {
            store: RandomState::new().hash_one(directory),
            batch: 0,
            height: 0,
            from: 0,
            touched: 0,
            before: [0; TABLES],
        };
        let head = Head::create(directory, acknowledged(&mark))?;
        let kv = Self { database, tables, writer: Mutex::new(Writer { head, mark }) };
        // So that there is a mark in every database.
        kv.batch().write(&mut kv.writer.lock().expect("no holder panics"))?;
        Ok(kv)
    }

    /// Opens the database in a directory, which [`create`](Self::create) made.
    ///
    /// # Errors
    /// [`StoreError::Lost`], [`StoreError::DamagedFile`] and others for what the [module](self) names. Nothing has been
    /// changed then.
    pub(crate) fn open(directory: &Path, options: KvOptions) -> Result<Self, StoreError> {
        let (mut head, newest) = Head::open(directory)?;
        let files = files::check(directory)?;
        let log = log::check(directory, newest)?;
        let (database, tables) = start(directory, options).map_err(|error| {
            // The engine does not say which file it was.
            let mut buffer = vec![0; 1 << 20];
            let broken = files.iter().find_map(|file| files::check_table(file, &mut buffer).err());
            broken.filter(|_| !matches!(error, StoreError::Locked)).unwrap_or(error)
        })?;
        let view = DiskView { snapshot: database.snapshot(), tables: tables.clone() };
        let mark = view.snapshot.get(&tables[Table::Meta as usize], FOOT);
        let mark = mark.map_err(|error| kv_error(Table::Meta.name(), error))?;
        let mark = mark.as_deref().and_then(Mark::from_bytes);
        let found = mark.filter(|mark| mark.store == newest.store && mark.batch >= newest.batch);
        let found = found.filter(|mark| log.last.is_none_or(|last| last.mark == *mark));
        let mark = found.ok_or_else(|| StoreError::Lost {
            path: directory.to_path_buf(),
            problem: "the last batch is neither in the journals nor in the tables",
            found: mark.map(|mark| mark.height),
            acknowledged: newest.height,
        })?;
        let flushed = log.first.map_or_else(|| mark.after(), |first| first.mark.before);
        let newest_sequence = log.last.map_or(u64::MAX, |last| last.sequence);
        let present = mark.after();
        for table in Table::ALL {
            view.check(table, present[table as usize])?;
            let in_files = view.tables[table as usize].tree.get_highest_persisted_seqno().unwrap_or(0);
            let problem = match in_files {
                less if less < flushed[table as usize] => "files of this table are missing, or a journal",
                more if more > newest_sequence => "its files are newer than the journals",
                _ => continue,
            };
            return Err(StoreError::Engine { place: table.name(), message: problem.into() });
        }
        head.set(acknowledged(&mark))?;
        Ok(Self { database, tables, writer: Mutex::new(Writer { head, mark }) })
    }

    /// Reads all files of a closed database and compares them with their checksums. `progress` gets the number of
    /// files that are done, and of all.
    pub(crate) fn check_files(
        directory: &Path,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<(), StoreError> {
        let (_, newest) = Head::open(directory)?;
        let files = files::check(directory)?;
        log::check(directory, newest)?;
        let mut buffer = vec![0; 1 << 20];
        for (done, file) in files.iter().enumerate() {
            progress(done, files.len());
            files::check_table(file, &mut buffer)?;
        }
        progress(files.len(), files.len());
        Ok(())
    }

    /// Makes a closed database whose log is damaged end before the damage. What is cut off stays beside it in files
    /// that end in `.lost`.
    pub(crate) fn give_up(directory: &Path) -> Result<(), StoreError> {
        let (_, newest) = Head::open(directory)?;
        files::check(directory)?;
        let last = log::give_up(directory, newest)?.ok_or_else(|| StoreError::Lost {
            path: directory.to_path_buf(),
            problem: "nothing of the write-ahead log is left to go on from",
            found: None,
            acknowledged: newest.height,
        })?;
        Head::create(directory, acknowledged(&last.mark)).map(drop)
    }

    fn table(&self, table: Table) -> &Keyspace {
        &self.tables[table as usize]
    }

    /// What the tables hold now.
    pub(crate) fn view(&self) -> DiskView {
        DiskView { snapshot: self.database.snapshot(), tables: self.tables.clone() }
    }

    /// An empty batch.
    pub(crate) fn batch(&self) -> DiskBatch<'_> {
        DiskBatch { kv: self, batch: self.database.batch(), touched: 0, height: None }
    }

    /// Bytes of a table on disk.
    pub(crate) fn disk_bytes(&self, table: Table) -> u64 {
        self.table(table).disk_space()
    }

    /// Keys of a table, and versions and deletions of keys that compaction has not taken away yet: at least the number
    /// of keys.
    pub(crate) fn approximate_len(&self, table: Table) -> u64 {
        self.table(table).approximate_len() as u64
    }

    /// Writes entries in ascending order of keys, past the write-ahead log: much faster than batches. When this
    /// returns they are visible and on disk; a kill before leaves nothing.
    pub(crate) fn ingest<'e>(
        &self,
        table: Table,
        entries: impl Iterator<Item = (&'e [u8], &'e [u8])>,
    ) -> Result<(), StoreError> {
        let failed = |error| kv_error(table.name(), error);
        let mut ingestion = self.table(table).start_ingestion().map_err(failed)?;
        for (key, value) in entries {
            ingestion.write(&*key_of(table, key), value).map_err(failed)?;
        }
        ingestion.finish().map_err(failed)
    }

    /// Bytes of the engine's write-ahead log on disk.
    pub(crate) fn log_bytes(&self) -> Result<u64, StoreError> {
        self.database.journal_disk_space().map_err(|error| kv_error("write-ahead log", error))
    }
}

/// A consistent view of all tables.
#[derive(Clone)]
pub(crate) struct DiskView {
    snapshot: fjall::Snapshot,
    tables: [Keyspace; Table::ALL.len()],
}

impl DiskView {
    /// The value of a key.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let value = self.snapshot.get(&self.tables[table as usize], &*key_of(table, key));
        Ok(value.map_err(|error| kv_error(table.name(), error))?.map(Value::whole))
    }

    /// Entries from `start` on, in ascending order of keys, as long as they begin with `prefix`.
    pub(crate) fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        start: &[u8],
    ) -> impl Iterator<Item = Result<(Value, Value), StoreError>> + use<> {
        let prefix = key_of(table, prefix);
        let entries = self.snapshot.range::<&[u8], _>(&self.tables[table as usize], &*key_of(table, start)..);
        entries.map_while(move |guard| match guard.into_inner() {
            Ok((key, _)) if !key.starts_with(&prefix) => None,
            Ok((key, value)) => Some(Ok((Value::key(key), Value::whole(value)))),
            Err(error) => Some(Err(kv_error(table.name(), error))),
        })
    }

    /// The last entry of a table whose key begins with `prefix`.
    pub(crate) fn last(&self, table: Table, prefix: &[u8]) -> Result<Option<(Value, Value)>, StoreError> {
        match self.snapshot.prefix(&self.tables[table as usize], &*key_of(table, prefix)).next_back() {
            None => Ok(None),
            Some(guard) => {
                let (key, value) = guard.into_inner().map_err(|error| kv_error(table.name(), error))?;
                Ok(Some((Value::key(key), Value::whole(value))))
            }
        }
    }

    /// Whether the last batch that touched a table is the one it should be, and no key is of another table.
    fn check(&self, table: Table, from: u64) -> Result<(), StoreError> {
        let keyspace = &self.tables[table as usize];
        let place = table.name();
        let error = |error| kv_error(place, error);
        let damaged = |message: &str| Err(StoreError::Engine { place, message: message.into() });
        let foot = self.snapshot.get(keyspace, FOOT).map_err(error)?;
        let foot = foot.map_or(Some(0), |foot| Some(u64::from_be_bytes((*foot).try_into().ok()?)));
        if table != Table::Meta && foot != Some(from) {
            return damaged("batches are missing in this table");
        }
        let first = self.snapshot.range::<&[u8], _>(keyspace, &[1][..]..).next();
        let last = self.snapshot.iter(keyspace).next_back();
        for guard in [first, last].into_iter().flatten() {
            let key = guard.key().map_err(error)?;
            if *key != FOOT && key.first() != key_of(table, &[]).first() {
                return damaged("a file of this table belongs to another one");
            }
        }
        Ok(())
    }
}

/// Writes that become visible and durable together.
pub(crate) struct DiskBatch<'a> {
    kv: &'a Disk,
    batch: fjall::OwnedWriteBatch,
    /// Bit *i*: something is written to table *i*.
    touched: u64,
    height: Option<u64>,
}

impl DiskBatch<'_> {
    /// Sets a key.
    pub(crate) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.touched |= 1 << table as u64;
        self.batch.insert(self.kv.table(table), &*key_of(table, key), value);
    }

    /// Removes a key, present or not.
    pub(crate) fn delete(&mut self, table: Table, key: &[u8]) {
        self.touched |= 1 << table as u64;
        self.batch.remove(self.kv.table(table), &*key_of(table, key));
    }

    /// Says which block is the newest on disk when this batch is.
    pub(crate) const fn reaches(&mut self, height: u64) {
        self.height = Some(height);
    }

    /// Applies the writes; when this returns they are on disk. Batches of several threads take turns.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        let kv = self.kv;
        match self.touched {
            0 => Ok(()),
            _ => self.write(&mut kv.writer.lock().expect("no holder panics")),
        }
    }

    fn write(mut self, writer: &mut Writer) -> Result<(), StoreError> {
        let last = writer.mark;
        let mark = Mark {
            store: last.store,
            batch: last.batch + 1,
            height: self.height.unwrap_or(last.height),
            from: self.kv.database.seqno().max(1),
            touched: self.touched | 1 << Table::Meta as u64,
            before: last.after(),
        };
        for table in Table::ALL.into_iter().filter(|table| self.touched >> *table as u64 & 1 == 1) {
            if table != Table::Meta {
                self.batch.insert(self.kv.table(table), FOOT, mark.from.to_be_bytes());
            }
        }
        self.batch.insert(self.kv.table(Table::Meta), FOOT, mark.to_bytes());
        let written = self.batch.durability(Some(PersistMode::SyncData)).commit();
        written.map_err(|error| kv_error("write", error))?;
        writer.mark = mark;
        writer.head.set(acknowledged(&mark))
    }
}

const fn acknowledged(mark: &Mark) -> Acknowledged {
    Acknowledged { store: mark.store, batch: mark.batch, height: mark.height }
}

//! The embedded key-value engine, and the only module that names it (decision 0002).
//!
//! ## What it promises
//! * A [`Batch`] is applied wholly or not at all, across tables, also after a kill or a torn write.
//! * A [`View`] is a consistent, immutable view of all tables; making and reading one never waits for a writer.
//! * Blocks read from disk are checked against their checksum.
//!
//! After a failed write the engine accepts no more writes until it is opened again; reads go on.

use crate::error::StoreError;
use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable,
    config::{BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry},
};
use std::{ops::Deref, path::Path};

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

impl Table {
    pub(crate) const ALL: [Self; 15] = [
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

    /// Whether values are hashes and numbers, which do not compress.
    const fn is_random(self) -> bool {
        matches!(
            self,
            Self::Accounts | Self::Slots | Self::Nodes | Self::Heights | Self::Transactions | Self::History
        )
    }

    fn options(self) -> KeyspaceCreateOptions {
        let options = KeyspaceCreateOptions::default().filter_policy(FilterPolicy::all(
            FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0)),
        ));
        if self.is_random() {
            options.data_block_compression_policy(CompressionPolicy::disabled())
        } else {
            options
        }
    }
}

/// Bytes read from a table, shared with the engine's cache.
pub(crate) struct Value(fjall::Slice);

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
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

/// An open database.
pub(crate) struct Kv {
    database: Database,
    tables: [Keyspace; Table::ALL.len()],
}

impl Kv {
    /// Opens or creates the database in `directory`.
    pub(crate) fn open(directory: &Path, options: KvOptions) -> Result<Self, StoreError> {
        let database = Database::builder(directory)
            .cache_size(options.cache_bytes)
            .worker_threads(options.threads.max(1))
            .manual_journal_persist(true)
            .open()
            .map_err(|error| kv_error("open", error))?;
        let mut tables = Vec::with_capacity(Table::ALL.len());
        for table in Table::ALL {
            let keyspace = database.keyspace(table.name(), || table.options());
            tables.push(keyspace.map_err(|error| kv_error(table.name(), error))?);
        }
        let tables = tables.try_into().unwrap_or_else(|_| unreachable!("one keyspace per table"));
        Ok(Self { database, tables })
    }

    fn table(&self, table: Table) -> &Keyspace {
        &self.tables[table as usize]
    }

    /// What the tables hold now.
    pub(crate) fn view(&self) -> View {
        View { snapshot: self.database.snapshot(), tables: self.tables.clone() }
    }

    /// An empty batch.
    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch { kv: self, batch: self.database.batch(), bytes: 0 }
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
            ingestion.write(key, value).map_err(failed)?;
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
pub(crate) struct View {
    snapshot: fjall::Snapshot,
    tables: [Keyspace; Table::ALL.len()],
}

impl View {
    /// The value of a key.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let value = self.snapshot.get(&self.tables[table as usize], key);
        Ok(value.map_err(|error| kv_error(table.name(), error))?.map(Value))
    }

    /// Entries from `start` on, in ascending order of keys, as long as they begin with `prefix`.
    pub(crate) fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        start: &[u8],
    ) -> impl Iterator<Item = Result<(Value, Value), StoreError>> + use<> {
        let prefix = prefix.to_vec();
        self.snapshot
            .range(&self.tables[table as usize], start.to_vec()..)
            .map(move |guard| match guard.into_inner() {
                Ok((key, value)) => Ok((Value(key), Value(value))),
                Err(error) => Err(kv_error(table.name(), error)),
            })
            .take_while(move |entry| entry.as_ref().map_or(true, |(key, _)| key.starts_with(&prefix)))
    }

    /// The last entry of a table whose key begins with `prefix`.
    pub(crate) fn last(&self, table: Table, prefix: &[u8]) -> Result<Option<(Value, Value)>, StoreError> {
        match self.snapshot.prefix(&self.tables[table as usize], prefix).next_back() {
            None => Ok(None),
            Some(guard) => {
                let (key, value) = guard.into_inner().map_err(|error| kv_error(table.name(), error))?;
                Ok(Some((Value(key), Value(value))))
            }
        }
    }
}

/// Writes that become visible and durable together.
pub(crate) struct Batch<'a> {
    kv: &'a Kv,
    batch: fjall::OwnedWriteBatch,
    bytes: u64,
}

impl Batch<'_> {
    /// Sets a key.
    pub(crate) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.bytes += (key.len() + value.len()) as u64;
        self.batch.insert(self.kv.table(table), key, value);
    }

    /// Removes a key, present or not.
    pub(crate) fn delete(&mut self, table: Table, key: &[u8]) {
        self.bytes += key.len() as u64;
        self.batch.remove(self.kv.table(table), key);
    }

    /// Bytes of keys and values so far.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Applies the writes; when this returns they are on disk.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        self.batch.durability(Some(PersistMode::SyncData)).commit().map_err(|error| kv_error("write", error))
    }
}

fn kv_error(place: &'static str, error: fjall::Error) -> StoreError {
    match error {
        fjall::Error::Locked => StoreError::Locked,
        fjall::Error::Io(error) => StoreError::Io { place, error },
        error => StoreError::Engine { place, message: error.to_string() },
    }
}

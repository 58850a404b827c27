//! How the engine is set up, and what its errors are here.

use super::super::{KvOptions, TABLES, Table, refused};
use crate::error::StoreError;
use fjall::{
    Database, Keyspace, KeyspaceCreateOptions,
    config::{
        BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry, PartitioningPolicy,
        PinningPolicy,
    },
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

/// Bytes of a table in memory before the engine writes them to a file.
const MEMTABLE_BYTES: u64 = 32 << 20;

/// Bytes of the engine's write-ahead log, about: what opening after a kill has to read.
const LOG_BYTES: u64 = 128 << 20;

/// Whether values are hashes and numbers, which do not compress.
const fn is_random(table: Table) -> bool {
    matches!(
        table,
        Table::Accounts | Table::Slots | Table::Nodes | Table::Heights | Table::Transactions | Table::History
    )
}

/// As measured for decision 0002.
fn table_options(table: Table) -> KeyspaceCreateOptions {
    let filter = FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0));
    let options = KeyspaceCreateOptions::default()
        .manual_journal_persist(true)
        .max_memtable_size(MEMTABLE_BYTES)
        .filter_policy(FilterPolicy::all(filter))
        .filter_block_pinning_policy(PinningPolicy::all(true))
        .index_block_pinning_policy(PinningPolicy::all(true))
        .filter_block_partitioning_policy(PartitioningPolicy::all(false))
        .index_block_partitioning_policy(PartitioningPolicy::all(false));
    if is_random(table) {
        options.data_block_compression_policy(CompressionPolicy::disabled())
    } else {
        options
    }
}

/// Starts the engine, which makes what is not there.
pub(super) fn start(
    directory: &Path,
    options: KvOptions,
) -> Result<(Database, [Keyspace; TABLES]), StoreError> {
    let open = || {
        let database = Database::builder(directory)
            .cache_size(options.cache_bytes)
            .worker_threads(options.threads.max(1))
            .manual_journal_persist(true)
            .max_journaling_size(LOG_BYTES)
            .open()
            .map_err(|error| kv_error("tables", error))?;
        let mut tables = Vec::with_capacity(TABLES);
        for table in Table::ALL {
            let keyspace = database.keyspace(table.name(), || table_options(table));
            tables.push(keyspace.map_err(|error| kv_error(table.name(), error))?);
        }
        let tables = tables.try_into().unwrap_or_else(|_| unreachable!("one keyspace per table"));
        Ok((database, tables))
    };
    // The engine takes some damage for a mistake in its own code.
    catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(StoreError::Engine { place: "tables", message: format!("the engine gave up: {message}") })
    })
}

pub(super) fn kv_error(place: &'static str, error: fjall::Error) -> StoreError {
    match error {
        fjall::Error::Locked => StoreError::Locked,
        fjall::Error::Io(error) => StoreError::Io { place, error },
        fjall::Error::Poisoned => refused(place),
        error => StoreError::Engine { place, message: error.to_string() },
    }
}

//! How large a store is, and what for.
//!
//! ## What is exact
//! Bytes on disk are those of the engine's table files; what was written last is in its write-ahead log and only
//! there. Keys are counted where there are few, or where that is asked for; otherwise the engine's own figure is given,
//! which counts old versions and deletions that compaction has not taken away yet. The mean length of values is that
//! of a sample, spread over the table.
//!
//! ## The theoretical minimum
//! An account cannot take less than the hash of its address (32 bytes) and its record, a slot not less than the hash
//! of its number (32 bytes) and its value without leading zeros, if they are to be found by hash, each by itself. A slot
//! has 8 bytes more here, the id of its storage. Above that come the engine's index, filters (10 bits per key), checksums,
//! and what compaction has not taken away yet; and the trie, about 0.36 nodes of 130 bytes for each leaf, which the
//! minimum leaves out because it follows from the values.

use crate::{error::StoreError, format, kv::Table, position::Position, store::Store};

/// Keys up to which they are always counted.
const COUNTED: u64 = 20_000;

/// Places in a table from which the sample of values is taken, and values from each.
const SAMPLES: (u64, usize) = (64, 64);

/// How large a store is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// The newest block wholly on disk.
    pub persisted: u64,
    /// The newest block whose state is in the tables; later ones are in memory and in the journal.
    pub flushed: u64,
    /// The oldest block whose state can be read.
    pub values_from: u64,
    /// The oldest block whose state can be proven.
    pub proofs_from: u64,
    /// The oldest block with transactions and receipts.
    pub blocks_from: u64,
    /// Blocks in memory that are not in the tables.
    pub layers: usize,
    /// Bytes that they take.
    pub layer_bytes: u64,
    /// Bytes in the caches of warm values.
    pub cache_bytes: u64,
    /// Bytes of the engine's write-ahead log on disk.
    pub log_bytes: u64,
    /// The tables.
    pub tables: Vec<TableStats>,
    /// Bytes for accounts.
    pub accounts: EntryStats,
    /// Bytes for slots.
    pub slots: EntryStats,
}

/// How large a table is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableStats {
    /// Its name.
    pub name: &'static str,
    /// Bytes on disk.
    pub bytes: u64,
    /// Keys.
    pub keys: u64,
    /// Whether the keys are counted; otherwise there may be fewer.
    pub counted: bool,
}

/// What an entry takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryStats {
    /// Entries.
    pub entries: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Bytes of the values in the sample.
    pub sample_bytes: u64,
    /// Values in the sample.
    pub sample: u64,
}

impl EntryStats {
    /// Bytes on disk per entry.
    pub fn per_entry(&self) -> Option<f64> {
        (self.entries > 0).then(|| self.bytes as f64 / self.entries as f64)
    }

    /// Bytes that an entry needs at least: 32 of its hash, and its value.
    pub fn minimum(&self) -> Option<f64> {
        (self.sample > 0).then(|| 32.0 + self.sample_bytes as f64 / self.sample as f64)
    }
}

impl Store {
    /// How large the store is. With `count`, all keys of all tables are counted, which reads the whole store.
    pub fn stats(&self, count: bool) -> Result<Stats, StoreError> {
        let view = self.view();
        let tables = self.kv.view();
        let position = Position::read(&tables)?.ok_or_else(|| StoreError::Damaged("no position".into()))?;
        let table = |table: Table| {
            let about = self.kv.approximate_len(table);
            let counted = count || about <= COUNTED;
            let keys = match counted {
                true => tables.scan(table, &[], &[]).try_fold(0, |keys, entry| entry.map(|_| keys + 1))?,
                false => about,
            };
            Ok(TableStats { name: table.name(), bytes: self.kv.disk_bytes(table), keys, counted })
        };
        let stats: Result<Vec<TableStats>, StoreError> = Table::ALL.into_iter().map(table).collect();
        let stats = stats?;
        let entries = |table: Table| -> Result<EntryStats, StoreError> {
            let TableStats { bytes, keys, .. } = stats[table as usize];
            let (sample, sample_bytes) = self.sample(table, position.next_storage)?;
            Ok(EntryStats { entries: keys, bytes, sample_bytes, sample })
        };
        Ok(Stats {
            persisted: position.persisted,
            flushed: position.flushed,
            values_from: position.values_from,
            proofs_from: position.proofs_from,
            blocks_from: format::blocks_from(&tables)?,
            layers: view.layers.len(),
            layer_bytes: self.layer_bytes(),
            cache_bytes: view.caches.bytes(),
            log_bytes: self.kv.log_bytes()?,
            accounts: entries(Table::Accounts)?,
            slots: entries(Table::Slots)?,
            tables: stats,
        })
    }

    /// Number and bytes of some values, from places spread evenly over the keys.
    fn sample(&self, table: Table, next_storage: u64) -> Result<(u64, u64), StoreError> {
        let (places, values) = SAMPLES;
        let tables = self.kv.view();
        let (mut number, mut bytes) = (0, 0);
        let mut last: Vec<u8> = Vec::new();
        for place in 0..places {
            let start = match table {
                Table::Slots => u128::from(next_storage) * u128::from(place) / u128::from(places),
                _ => u128::from(place) << 58,
            };
            let start = (start as u64).to_be_bytes();
            for entry in tables.scan(table, &[], &start).take(values) {
                let (key, value) = entry?;
                // In a small table the places lie close together.
                if *key > last[..] {
                    number += 1;
                    bytes += value.len() as u64;
                    last = key.to_vec();
                }
            }
        }
        Ok((number, bytes))
    }
}

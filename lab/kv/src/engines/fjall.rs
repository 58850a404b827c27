//! fjall: a log-structured merge tree per table, one journal for all.
//!
//! Settings: `block` (data block, bytes), `bits` (filter, bits per key; 0 for none), `lz4`, `hash` (hash index ratio), `pin`
//! (filters and indexes always in memory), `hits` (no filter on the last level), `memtable` (MiB), `journal` (most of all
//! journals, MiB), `workers`, `ingest` (load by
//! ingestion), `check` (compare the manifests with their checksums before opening), `big` (commits of so many items or more are
//! ingested table by table: durable, but atomic per table only), `cache` (MiB).

use super::fjall_manifest;
use crate::engine::{Pair, Put, Reader, Spec, Store, Table, Visit};
use eyre::Result;
use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot,
    config::{
        BlockSizePolicy, BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry,
        HashRatioPolicy, PartitioningPolicy, PinningPolicy,
    },
};
use std::{path::Path, time::Duration};

pub struct Fjall {
    tables: Vec<Keyspace>,
    ingest: bool,
    big: usize,
    database: Database,
}

impl Fjall {
    pub fn open(spec: &Spec, dir: &Path) -> Result<Self> {
        if spec.get("check", 0.0) != 0.0 {
            fjall_manifest::check(dir, Table::ALL.len())?;
        }
        let database = Database::builder(dir)
            .cache_size(spec.cache_bytes())
            .worker_threads(spec.get("workers", 2.0) as usize)
            .max_journaling_size((spec.get("journal", 512.0) * 1_048_576.0) as u64)
            .manual_journal_persist(true)
            .open()?;
        let options = || {
            let bits = spec.get("bits", 10.0) as f32;
            let filter = if bits == 0.0 {
                FilterPolicy::disabled()
            } else {
                FilterPolicy::all(FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(bits)))
            };
            let compression =
                if spec.get("lz4", 0.0) == 0.0 { CompressionType::None } else { CompressionType::Lz4 };
            let mut options = KeyspaceCreateOptions::default()
                .max_memtable_size((spec.get("memtable", 64.0) * 1_048_576.0) as u64)
                .data_block_size_policy(BlockSizePolicy::all(spec.get("block", 4096.0) as u32))
                .data_block_hash_ratio_policy(HashRatioPolicy::all(spec.get("hash", 0.0) as f32))
                .data_block_compression_policy(CompressionPolicy::all(compression))
                .index_block_compression_policy(CompressionPolicy::disabled())
                .filter_policy(filter)
                .expect_point_read_hits(spec.get("hits", 0.0) != 0.0);
            if spec.get("pin", 0.0) != 0.0 {
                options = options
                    .filter_block_pinning_policy(PinningPolicy::all(true))
                    .index_block_pinning_policy(PinningPolicy::all(true))
                    .filter_block_partitioning_policy(PartitioningPolicy::all(false))
                    .index_block_partitioning_policy(PartitioningPolicy::all(false));
            }
            options
        };
        let tables = Table::ALL
            .into_iter()
            .map(|table| database.keyspace(table.name(), options))
            .collect::<Result<_, _>>()?;
        let big = spec.get("big", f64::INFINITY) as usize;
        Ok(Self { tables, ingest: spec.get("ingest", 1.0) != 0.0, big, database })
    }
}

impl Store for Fjall {
    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(View { tables: &self.tables, snapshot: self.database.snapshot() }))
    }

    fn commit(&self, batch: &[Put]) -> Result<()> {
        if batch.len() >= self.big {
            for table in batch.chunk_by(|a, b| a.table == b.table) {
                let mut ingestion = self.tables[table[0].table as usize].start_ingestion()?;
                for put in table {
                    ingestion.write(put.key.as_slice(), put.value.as_slice())?;
                }
                ingestion.finish()?;
            }
            return Ok(());
        }
        let mut writes = self.database.batch().durability(Some(PersistMode::SyncData));
        for put in batch {
            writes.insert(&self.tables[put.table as usize], put.key.as_slice(), put.value.as_slice());
        }
        Ok(writes.commit()?)
    }

    fn load(&self, table: Table, items: &mut dyn Iterator<Item = Pair>) -> Result<()> {
        let keyspace = &self.tables[table as usize];
        if self.ingest {
            let mut ingestion = keyspace.start_ingestion()?;
            for (key, value) in items {
                ingestion.write(key, value)?;
            }
            ingestion.finish()?;
        } else {
            for (key, value) in items {
                keyspace.insert(key, value)?;
            }
            self.database.persist(PersistMode::SyncAll)?;
        }
        Ok(())
    }

    fn settle(&self) -> Result<()> {
        // Compactions are queued a moment after a flush: wait for a stretch without any.
        let mut quiet = 0;
        while quiet < 10 {
            let busy = self.database.outstanding_flushes() > 0 || self.database.active_compactions() > 0;
            quiet = if busy { 0 } else { quiet + 1 };
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

struct View<'a> {
    tables: &'a [Keyspace],
    snapshot: Snapshot,
}

impl Reader for View<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.snapshot.get(&self.tables[table as usize], key)?.map(|value| value.to_vec()))
    }

    fn seek(&self, table: Table, from: &[u8]) -> Result<Option<Pair>> {
        match self.snapshot.range(&self.tables[table as usize], from..).next() {
            Some(item) => {
                let (key, value) = item.into_inner()?;
                Ok(Some((key.to_vec(), value.to_vec())))
            }
            None => Ok(None),
        }
    }

    fn scan(&self, table: Table, visit: &mut Visit<'_>) -> Result<()> {
        for item in self.snapshot.iter(&self.tables[table as usize]) {
            let (key, value) = item.into_inner()?;
            visit(&key, &value)?;
        }
        Ok(())
    }
}

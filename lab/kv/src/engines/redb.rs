//! redb: copy-on-write B-trees in one file, checksums that are verified after a crash or on demand.
//!
//! Settings: `check` (verify every checksum when opening), `quick` (quick repair: commits save the allocator's state and take two
//! phases), `cache` (MiB).

use crate::engine::{Pair, Put, Reader, Spec, Store, Table, Visit};
use eyre::{Result, bail};
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::Path;

type Bytes = &'static [u8];

pub struct Redb {
    database: Database,
    quick: bool,
}

fn definition(table: Table) -> TableDefinition<'static, Bytes, Bytes> {
    TableDefinition::new(table.name())
}

impl Redb {
    pub fn open(spec: &Spec, dir: &Path) -> Result<Self> {
        let path = dir.join("store.redb");
        let existed = path.exists();
        let mut builder = Database::builder();
        builder.set_cache_size(spec.cache_bytes() as usize);
        let mut database = builder.create(path)?;
        if existed && spec.get("check", 0.0) != 0.0 && !database.check_integrity()? {
            bail!("check_integrity: the file was damaged");
        }
        let quick = spec.get("quick", 0.0) != 0.0;
        if !existed {
            let write = database.begin_write()?;
            for table in Table::ALL {
                write.open_table(definition(table))?;
            }
            write.commit()?;
        }
        Ok(Self { database, quick })
    }
}

impl Store for Redb {
    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        let read = self.database.begin_read()?;
        let tables = Table::ALL
            .into_iter()
            .map(|table| read.open_table(definition(table)))
            .collect::<Result<_, _>>()?;
        Ok(Box::new(View { tables }))
    }

    fn commit(&self, batch: &[Put]) -> Result<()> {
        let mut write = self.database.begin_write()?;
        write.set_quick_repair(self.quick);
        {
            let mut tables = Table::ALL
                .into_iter()
                .map(|table| write.open_table(definition(table)))
                .collect::<Result<Vec<_>, _>>()?;
            for put in batch {
                tables[put.table as usize].insert(put.key.as_slice(), put.value.as_slice())?;
            }
        }
        Ok(write.commit()?)
    }

    fn load(&self, table: Table, items: &mut dyn Iterator<Item = Pair>) -> Result<()> {
        let write = self.database.begin_write()?;
        {
            let mut table = write.open_table(definition(table))?;
            for (key, value) in items {
                table.insert(key.as_slice(), value.as_slice())?;
            }
        }
        Ok(write.commit()?)
    }
}

struct View {
    tables: Vec<ReadOnlyTable<Bytes, Bytes>>,
}

impl Reader for View {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.tables[table as usize].get(key)?.map(|value| value.value().to_vec()))
    }

    fn seek(&self, table: Table, from: &[u8]) -> Result<Option<Pair>> {
        match ReadableTable::range(&self.tables[table as usize], from..)?.next() {
            Some(item) => {
                let (key, value) = item?;
                Ok(Some((key.value().to_vec(), value.value().to_vec())))
            }
            None => Ok(None),
        }
    }

    fn scan(&self, table: Table, visit: &mut Visit<'_>) -> Result<()> {
        for item in self.tables[table as usize].iter()? {
            let (key, value) = item?;
            visit(key.value(), value.value())?;
        }
        Ok(())
    }
}

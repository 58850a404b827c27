//! LMDB through heed: copy-on-write B-trees in one memory-mapped file, without checksums.
//!
//! Settings: `map` (the most the file may grow to, GiB). The page cache is its only cache.

use crate::engine::{Pair, Put, Reader, Spec, Store, Table, Visit};
use eyre::Result;
use heed::{CommitOrAbort, Env, EnvOpenOptions, PutFlags, RoTxn, WithoutTls, types::Bytes};
use std::{ops::Bound, path::Path};

type Database = heed::Database<'static, Bytes, Bytes>;

pub struct Lmdb {
    env: Env<WithoutTls>,
    tables: [Database; 4],
}

impl Lmdb {
    pub fn open(spec: &Spec, dir: &Path) -> Result<Self> {
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size((spec.get("map", 32.0) * 1_073_741_824.0) as usize).max_dbs(4);
        // SAFETY: only this process maps the file, and nobody else writes to it while it is mapped. A file that was damaged
        // before is what the fault trials are about; they open it in a process of its own.
        let env = unsafe { options.open(dir)? };
        let write = env.write_txn()?;
        let created = env.create_databases_and_commit(write, |opener, write| -> heed::Result<_> {
            let mut create = |table: Table| {
                opener.database_options().types::<Bytes, Bytes>().name(table.name()).create(write)
            };
            let [account, slot, node, block] = Table::ALL;
            let tables = [create(account)?, create(slot)?, create(node)?, create(block)?];
            Ok(CommitOrAbort::<_, ()>::Commit(tables))
        })?;
        let tables = created.unwrap_commit();
        Ok(Self { env, tables })
    }
}

impl Store for Lmdb {
    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(View { tables: &self.tables, read: self.env.read_txn()? }))
    }

    fn commit(&self, batch: &[Put]) -> Result<()> {
        let mut write = self.env.write_txn()?;
        for put in batch {
            self.tables[put.table as usize].put(&mut write, &put.key, &put.value)?;
        }
        Ok(write.commit()?)
    }

    fn load(&self, table: Table, items: &mut dyn Iterator<Item = Pair>) -> Result<()> {
        let mut write = self.env.write_txn()?;
        for (key, value) in items {
            self.tables[table as usize].put_with_flags(&mut write, PutFlags::APPEND, &key, &value)?;
        }
        Ok(write.commit()?)
    }
}

struct View<'a> {
    tables: &'a [Database; 4],
    read: RoTxn<'a, WithoutTls>,
}

impl Reader for View<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.tables[table as usize].get(&self.read, key)?.map(<[u8]>::to_vec))
    }

    fn seek(&self, table: Table, from: &[u8]) -> Result<Option<Pair>> {
        let range = (Bound::Included(from), Bound::Unbounded);
        match self.tables[table as usize].range(&self.read, &range)?.next() {
            Some(item) => {
                let (key, value) = item?;
                Ok(Some((key.to_vec(), value.to_vec())))
            }
            None => Ok(None),
        }
    }

    fn scan(&self, table: Table, visit: &mut Visit<'_>) -> Result<()> {
        for item in self.tables[table as usize].iter(&self.read)? {
            let (key, value) = item?;
            visit(key, value)?;
        }
        Ok(())
    }
}

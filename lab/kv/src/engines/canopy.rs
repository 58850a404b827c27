//! canopydb: copy-on-write B+trees with a write-ahead log and checkpoints in the background.
//!
//! Settings: `checksum` (on every page; default 1), `cache` (MiB).

use crate::engine::{Pair, Put, Reader, Spec, Store, Table, Visit};
use canopydb::{Database, DbOptions, EnvOptions, ReadTransaction};
use eyre::{Result, eyre};
use std::path::Path;

pub struct Canopy {
    database: Database,
}

impl Canopy {
    pub fn open(spec: &Spec, dir: &Path) -> Result<Self> {
        let mut env = EnvOptions::new(dir);
        env.use_checksums = spec.get("checksum", 1.0) != 0.0;
        env.page_cache_size = spec.cache_bytes() as usize;
        let mut options = DbOptions::new();
        options.default_commit_sync = true;
        let database = Database::with_options(env, options)?;
        let write = database.begin_write()?;
        let mut created = false;
        for table in Table::ALL {
            created |= write.get_tree(table.name().as_bytes())?.is_none();
            write.get_or_create_tree(table.name().as_bytes())?;
        }
        if created {
            write.commit()?;
        }
        Ok(Self { database })
    }
}

impl Store for Canopy {
    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(View { read: self.database.begin_read()? }))
    }

    fn commit(&self, batch: &[Put]) -> Result<()> {
        let write = self.database.begin_write()?;
        {
            let mut trees = Table::ALL
                .into_iter()
                .map(|table| write.get_or_create_tree(table.name().as_bytes()))
                .collect::<Result<Vec<_>, _>>()?;
            for put in batch {
                trees[put.table as usize].insert(&put.key, &put.value)?;
            }
        }
        write.commit_with(true)?;
        Ok(())
    }

    fn load(&self, table: Table, items: &mut dyn Iterator<Item = Pair>) -> Result<()> {
        let write = self.database.begin_write()?;
        {
            let mut tree = write.get_or_create_tree(table.name().as_bytes())?;
            for (key, value) in items {
                tree.insert(&key, &value)?;
            }
        }
        write.commit_with(true)?;
        Ok(())
    }

    fn settle(&self) -> Result<()> {
        Ok(self.database.checkpoint()?)
    }
}

struct View {
    read: ReadTransaction,
}

impl View {
    fn tree(&self, table: Table) -> Result<canopydb::Tree<'_>> {
        self.read.get_tree(table.name().as_bytes())?.ok_or_else(|| eyre!("table {} is gone", table.name()))
    }
}

impl Reader for View {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.tree(table)?.get(key)?.map(|value| value.to_vec()))
    }

    fn seek(&self, table: Table, from: &[u8]) -> Result<Option<Pair>> {
        match self.tree(table)?.range(from.to_vec()..)?.next() {
            Some(item) => {
                let (key, value) = item?;
                Ok(Some((key.to_vec(), value.to_vec())))
            }
            None => Ok(None),
        }
    }

    fn scan(&self, table: Table, visit: &mut Visit<'_>) -> Result<()> {
        for item in self.tree(table)?.iter()? {
            let (key, value) = item?;
            visit(&key, &value)?;
        }
        Ok(())
    }
}

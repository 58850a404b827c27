//! Tables in memory, for as long as the process runs.
//!
//! Each table is a [`Tree`]. A batch is applied to a copy of the trees, which then takes the place of what is there; so a
//! view is a reference to the trees of a moment, and neither making nor reading one waits for a batch that is being
//! applied. What a batch copies are the nodes on the way to what it changes.
//!
//! Nothing is written anywhere, and nothing fails. Memory is freed when the last view of it is gone.

mod tree;

use super::{TABLES, Table, Value};
use fjall::Slice;
use std::sync::{Arc, Mutex, RwLock};
use tree::{Key, Tree};

/// All tables at a moment; a copy costs one reference.
pub(super) type Tables = Arc<[Tree; TABLES]>;

/// Open tables.
#[derive(Default)]
pub(crate) struct Memory {
    tables: RwLock<Tables>,
    /// Held while a batch is applied.
    writer: Mutex<()>,
}

impl Memory {
    fn tables(&self) -> Tables {
        Arc::clone(&self.tables.read().expect("no holder panics"))
    }

    pub(super) fn view(&self) -> MemoryView {
        MemoryView(self.tables())
    }

    pub(super) const fn batch(&self) -> MemoryBatch<'_> {
        MemoryBatch { memory: self, writes: Writes(Vec::new()) }
    }

    pub(super) fn len(&self, table: Table) -> u64 {
        self.view().len(table)
    }
}

/// The tables of a moment.
#[derive(Clone)]
pub(crate) struct MemoryView(pub(super) Tables);

impl MemoryView {
    fn table(&self, table: Table) -> &Tree {
        &self.0[table as usize]
    }

    pub(super) fn len(&self, table: Table) -> u64 {
        self.table(table).len() as u64
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Value> {
        self.table(table).get(key).cloned().map(Value::whole)
    }

    pub(super) fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        start: &[u8],
    ) -> impl Iterator<Item = (Value, Value)> + use<> {
        let prefix = Slice::from(prefix);
        let entries = self.table(table).from(start).take_while(move |(key, _)| key.starts_with(&prefix));
        entries.map(|(key, value)| (Value::whole((&*key).into()), Value::whole(value)))
    }

    pub(super) fn last(&self, table: Table, prefix: &[u8]) -> Option<(Value, Value)> {
        let (key, value) = self.table(table).last(prefix)?;
        Some((Value::whole((&**key).into()), Value::whole(value.clone())))
    }
}

/// A key of a table and its new value, if it gets one.
type Write = (Table, Key, Option<Slice>);

/// Writes that are applied together.
#[derive(Default)]
pub(super) struct Writes(Vec<Write>);

impl Writes {
    pub(super) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.0.push((table, Key::new(key), Some(value.into())));
    }

    pub(super) fn delete(&mut self, table: Table, key: &[u8]) {
        self.0.push((table, Key::new(key), None));
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lengths of key and value of each write.
    pub(super) fn lengths(&self) -> impl Iterator<Item = (usize, usize)> {
        self.0.iter().map(|(_, key, value)| (key.len(), value.as_ref().map_or(0, |value| value.len())))
    }

    /// The tables after the writes. `replaced` is told the length of a key, and of its value before and after.
    pub(super) fn apply(
        mut self,
        tables: &Tables,
        mut replaced: impl FnMut(usize, Option<usize>, Option<usize>),
    ) -> Tables {
        // So that a node is changed as long as it is at hand. Stable: the last write of a key counts.
        self.0.sort_by(|(table, key, _), (other, than, _)| {
            (*table as u8).cmp(&(*other as u8)).then_with(|| (**key).cmp(than))
        });
        let mut tables = (**tables).clone();
        for (table, key, value) in self.0 {
            let tree = &mut tables[table as usize];
            let after = value.as_ref().map(|value| value.len());
            let before = match value {
                Some(value) => tree.insert(key, value),
                None => tree.remove(&key),
            };
            replaced(key.len(), before.map(|value| value.len()), after);
        }
        Arc::new(tables)
    }
}

/// Writes that become visible together.
pub(crate) struct MemoryBatch<'a> {
    memory: &'a Memory,
    writes: Writes,
}

impl MemoryBatch<'_> {
    pub(super) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.writes.put(table, key, value);
    }

    pub(super) fn delete(&mut self, table: Table, key: &[u8]) {
        self.writes.delete(table, key);
    }

    pub(super) fn commit(self) {
        let _turn = self.memory.writer.lock().expect("no holder panics");
        let new = self.writes.apply(&self.memory.tables(), |_, _, _| {});
        // The old tables are taken apart after the lock is free again.
        let _old = std::mem::replace(&mut *self.memory.tables.write().expect("no holder panics"), new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_stays_as_it_is_while_batches_are_applied() {
        let memory = Memory::default();
        let put = |table, key: u32, value: &[u8]| {
            let mut batch = memory.batch();
            batch.put(table, &key.to_be_bytes(), value);
            batch.delete(table, &(key + 1).to_be_bytes());
            batch.commit();
        };
        (0..100).rev().for_each(|key| put(Table::Code, 2 * key, b"before"));
        let view = memory.view();
        (0..100).for_each(|key| put(Table::Code, 2 * key + 1, b"after"));
        put(Table::Slots, 0, b"after");

        let keys = |view: &MemoryView| view.scan(Table::Code, &[], &[]).count();
        assert_eq!((keys(&view), memory.len(Table::Code)), (100, 101));
        assert!(view.scan(Table::Code, &[], &[]).all(|(_, value)| *value == *b"before"));
        assert!(view.get(Table::Slots, &0u32.to_be_bytes()).is_none());
        let (first, _) = memory.view().scan(Table::Code, &[0, 0, 0], &1u32.to_be_bytes()).next().unwrap();
        assert_eq!(*first, 1u32.to_be_bytes());
        assert_eq!(*view.last(Table::Code, &[]).unwrap().0, 198u32.to_be_bytes());
    }
}

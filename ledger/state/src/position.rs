//! How far the store is: one record that every write to the tables renews.

use crate::{
    account::Reader,
    error::StoreError,
    kv::{Batch, Table, View},
};

/// How far the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The newest block wholly on disk.
    pub(crate) persisted: u64,
    /// The block whose state the tables hold; later blocks are in the journal.
    pub(crate) flushed: u64,
    /// The oldest block whose values are kept.
    pub(crate) values_from: u64,
    /// The oldest block whose trie nodes are kept.
    pub(crate) proofs_from: u64,
    /// The next free storage id.
    pub(crate) next_storage: u64,
}

const KEY: &[u8] = b"position";

impl Position {
    /// Of a store whose first block is at `height`.
    pub(crate) const fn first(height: u64, next_storage: u64) -> Self {
        Self { persisted: height, flushed: height, values_from: height, proofs_from: height, next_storage }
    }

    pub(crate) fn write(&self, batch: &mut Batch<'_>) {
        let fields = [self.persisted, self.flushed, self.values_from, self.proofs_from, self.next_storage];
        batch.reaches(self.persisted);
        batch.put(Table::Meta, KEY, fields.map(u64::to_be_bytes).as_flattened());
    }

    pub(crate) fn read(view: &View) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = view.get(Table::Meta, KEY)? else { return Ok(None) };
        let mut reader = Reader(&bytes);
        let mut field = || Some(u64::from_be_bytes(reader.take(8)?.try_into().ok()?));
        let position = (|| {
            Some(Self {
                persisted: field()?,
                flushed: field()?,
                values_from: field()?,
                proofs_from: field()?,
                next_storage: field()?,
            })
        })();
        let sound = |position: &Self| {
            position.flushed <= position.persisted
                && position.values_from <= position.flushed
                && position.proofs_from <= position.flushed
        };
        let position = position.filter(|position| reader.0.is_empty() && sound(position));
        position
            .map(Some)
            .ok_or_else(|| StoreError::Damaged("the record of the store's position is malformed".into()))
    }
}

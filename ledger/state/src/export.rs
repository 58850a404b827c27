//! The state on disk, written into one file.

use crate::{
    account::Record,
    error::StoreError,
    kv::{self, Table},
    state_file::{Head, StateFileReport, StateWriter},
    store::Store,
    view::slot_leaf,
    watch::{Meter, Watch},
};
use alloy_primitives::B256;
use alloy_trie::{HashBuilder, Nibbles};
use std::{io::Write, sync::Arc};

impl Store {
    /// Writes the state after the newest block, with that block and those before it that its children need, as
    /// `src/state_file.rs` specifies. Published blocks are persisted and flushed first; blocks that come
    /// meanwhile are not in it. `out` needs no buffer.
    ///
    /// All roots are computed again from what is written and compared, so that no file is made of a damaged state; after
    /// an error the file is of no use.
    pub fn export(&self, out: impl Write, watch: Watch<'_>) -> Result<StateFileReport, StoreError> {
        self.persist()?;
        self.flush()?;
        let base = Arc::clone(&self.view().base);
        let head = Head::of(&base.kv, self.genesis(), base.height)?;
        let mut export = Export {
            tables: &base.kv,
            out: StateWriter::new(out, &head)?,
            meter: Meter::new(watch),
            leaf: Vec::new(),
        };
        let root = export.accounts()?;
        let expected = head.block().header.state_root;
        if root != expected {
            return Err(damaged(format!("the flat values have root {root}, the header has {expected}")));
        }
        let (totals, bytes, _) = export.out.finish(root)?;
        export.meter.look()?;
        Ok(StateFileReport::new(&head, totals, bytes))
    }
}

fn damaged(problem: String) -> StoreError {
    StoreError::Damaged(format!("{problem}; `mundi state verify` says more"))
}

struct Export<'a, W> {
    tables: &'a kv::View,
    out: StateWriter<W>,
    meter: Meter<'a>,
    leaf: Vec<u8>,
}

impl<W: Write> Export<'_, W> {
    /// Writes all accounts; returns their root.
    fn accounts(&mut self) -> Result<B256, StoreError> {
        let mut builder = HashBuilder::default();
        for entry in self.tables.scan(Table::Accounts, &[], &[]) {
            let (key, record) = entry?;
            let key: [u8; 32] = (*key)
                .try_into()
                .map_err(|_| damaged(format!("a key of accounts has {} bytes", key.len())))?;
            let (hash, record) = (B256::from(key), Record::decode(&record)?);
            self.meter.at(&key);
            self.meter.account()?;
            let code = || {
                let code = self.tables.get(Table::Code, record.account.code_hash.as_slice())?;
                code.map(Code).ok_or_else(|| damaged(format!("account {hash}: its code is not there")))
            };
            self.out.account(&hash, &record.account, code)?;
            if record.storage != 0 {
                let root = self.slots(record.storage)?;
                if root != record.storage_root {
                    let recorded = record.storage_root;
                    let problem =
                        format!("account {hash}: its slots have root {root}, its record has {recorded}");
                    return Err(damaged(problem));
                }
            }
            self.leaf.clear();
            alloy_rlp::Encodable::encode(&record.to_leaf(), &mut self.leaf);
            builder.add_leaf(Nibbles::unpack_array(&key), &self.leaf);
        }
        Ok(builder.root())
    }

    /// Writes all slots of a storage; returns their root.
    fn slots(&mut self, storage: u64) -> Result<B256, StoreError> {
        let mut builder = HashBuilder::default();
        for entry in self.tables.scan(Table::Slots, &storage.to_be_bytes(), &storage.to_be_bytes()) {
            let (key, value) = entry?;
            let key: [u8; 32] = key[8..]
                .try_into()
                .map_err(|_| damaged(format!("a key of slots has {} bytes", key.len())))?;
            let number = crate::account::slot_value(&value)?;
            self.meter.slot()?;
            // As it is read, so that there is one way to write it.
            self.out.slot(&key.into(), &crate::account::slot_bytes(&number))?;
            builder.add_leaf(Nibbles::unpack_array(&key), &slot_leaf(&number));
        }
        Ok(builder.root())
    }
}

struct Code(kv::Value);

impl AsRef<[u8]> for Code {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

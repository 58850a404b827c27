//! The state after a block, written as a state file.
//!
//! What is written is what one snapshot holds, from the layers in memory and the history as well as from the tables. So a store
//! that blocks are committed to is exported without waiting for anything, and without anything waiting for it.

use crate::{
    account::{Record, slot_bytes},
    entries::{Entries, StateEntries},
    error::StoreError,
    state_file::{Head, MAX_CHUNK, StateFileReport, StateWriter, Totals},
    store::{Store, Tip},
    view::{View, slot_leaf},
    watch::{StateProgress, Watch},
};
use alloy_primitives::{B256, U256};
use alloy_trie::{HashBuilder, Nibbles};
use std::{io::Write, sync::Arc};

impl Store {
    /// Writes the state after the newest block, with that block and those before it that its children need, as
    /// `src/state_file.rs` specifies. Published blocks are persisted first; blocks that come meanwhile are not in it. `out`
    /// needs no buffer.
    ///
    /// All roots are computed again from what is written and compared, so that no file is made of a damaged state; after
    /// an error the file is of no use.
    pub fn export(&self, mut out: impl Write, watch: Watch<'_>) -> Result<StateFileReport, StoreError> {
        self.persist()?;
        let mut export = self.export_at(self.persisted().height)?;
        loop {
            (watch.progress)(&export.progress());
            if (watch.cancelled)() {
                return Err(StoreError::Cancelled);
            }
            let failed = |error| StoreError::Io { place: "the state file", error };
            match (export.next_chunk()?, export.report()) {
                (Some(chunk), _) => out.write_all(&chunk).map_err(failed)?,
                (None, Some(report)) => {
                    out.flush().map_err(failed)?;
                    return Ok(report);
                }
                (None, None) => unreachable!("it ends with a report"),
            }
        }
    }

    /// The same for any block that is on disk and whose values are kept, chunk by chunk as they are asked for. The same block
    /// gives the same bytes, on every node and whenever it is exported.
    ///
    /// Costs what the layers in memory change, as a copy, and keeps the tables as they are now on disk until it is dropped.
    ///
    /// # Errors
    /// [`StoreError::NotKept`] for a block that is too old, or not on disk.
    pub fn export_at(&self, height: u64) -> Result<StateExport, StoreError> {
        let newest = self.persisted().height;
        if height > newest {
            return Err(StoreError::NotKept { height, oldest: self.oldest().0, newest });
        }
        let view = self.snapshot(height)?.view;
        let head = Head::of(&self.kv.view(), self.genesis(), height)?;
        if head.block().header.state_root != view.root {
            // Another block took its place between the two looks.
            return Err(StoreError::NotKept {
                height,
                oldest: self.oldest().0,
                newest: self.persisted().height,
            });
        }
        StateExport::new(view, &head)
    }
}

fn damaged(problem: String) -> StoreError {
    StoreError::Damaged(format!("{problem}; `mundi state verify` says more"))
}

/// A state on its way out, as a stream of chunks of at most [`MAX_CHUNK`](Self::MAX_CHUNK) bytes.
///
/// The chunks one after the other are a state file, which [`Store::import`] reads. All roots are computed again from what is
/// written: a damaged state ends in an error before the last chunk, and a file without that is refused.
pub struct StateExport {
    entries: StateEntries,
    accounts: Entries<Record>,
    /// The account whose slots are being written.
    storage: Option<Storage>,
    builder: HashBuilder,
    /// What is done is reported; none of a file that is cut off by an error.
    stage: Stage,
    /// What the report begins with.
    report: StateFileReport,
    /// Of the account keys, as a part of 2^16.
    share: u16,
    leaf: Vec<u8>,
    /// Written and not handed out yet, from `at` on.
    pending: Vec<u8>,
    at: usize,
}

enum Stage {
    Writing(Box<StateWriter<Vec<u8>>>),
    Done,
    Failed,
}

struct Storage {
    account: B256,
    root: B256,
    slots: Entries<U256>,
    builder: HashBuilder,
}

impl StateExport {
    /// Bytes of a chunk, at most.
    pub const MAX_CHUNK: usize = MAX_CHUNK;

    fn new(view: Arc<View>, head: &Head) -> Result<Self, StoreError> {
        let root = view.root;
        let entries = StateEntries::new(view);
        Ok(Self {
            accounts: entries.accounts(),
            stage: Stage::Writing(StateWriter::new(Vec::new(), head)?.into()),
            report: StateFileReport::new(head, Totals { root, ..Totals::default() }, 0),
            entries,
            storage: None,
            builder: HashBuilder::default(),
            share: 0,
            leaf: Vec::new(),
            pending: Vec::new(),
            at: 0,
        })
    }

    /// The block whose state it is.
    pub const fn block(&self) -> Tip {
        self.report.block
    }

    /// How far it is.
    pub fn progress(&self) -> StateProgress {
        let share = if self.report().is_some() { 1.0 } else { f64::from(self.share) / 65536.0 };
        StateProgress { accounts: self.report.accounts, slots: self.report.slots, share }
    }

    /// What was written, once the last chunk is handed out.
    pub fn report(&self) -> Option<StateFileReport> {
        let done = matches!(self.stage, Stage::Done) && self.at == self.pending.len();
        done.then_some(self.report)
    }

    /// The next bytes; `None` after the last ones. After an error there is nothing but that it failed.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        while self.pending.len() - self.at < MAX_CHUNK && !matches!(self.stage, Stage::Done) {
            if let Err(error) = self.step() {
                self.stage = Stage::Failed;
                return Err(error);
            }
        }
        let end = self.pending.len().min(self.at + MAX_CHUNK);
        let chunk = self.pending[self.at..end].to_vec();
        self.at = end;
        // Each byte is moved once at most.
        if self.at >= self.pending.len() / 2 {
            self.pending.drain(..self.at);
            self.at = 0;
        }
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    /// Writes the next account, the next slot or the end.
    fn step(&mut self) -> Result<(), StoreError> {
        let Stage::Writing(out) = &mut self.stage else {
            return Err(damaged("the export has failed".into()));
        };
        out.take_written(&mut self.pending);
        if let Some(storage) = &mut self.storage {
            if let Some(slot) = storage.slots.next() {
                let (key, value) = slot?;
                self.report.slots += 1;
                out.slot(&key, &slot_bytes(&value))?;
                storage.builder.add_leaf(Nibbles::unpack_array(&key.0), &slot_leaf(&value));
                return Ok(());
            }
            let (root, expected, account) = (storage.builder.root(), storage.root, storage.account);
            self.storage = None;
            if root != expected {
                let problem =
                    format!("account {account}: its slots have root {root}, its record has {expected}");
                return Err(damaged(problem));
            }
        }
        let Some(account) = self.accounts.next() else { return self.end() };
        let (key, record) = account?;
        self.report.accounts += 1;
        self.share = u16::from_be_bytes([key[0], key[1]]);
        let code = || {
            let code = self.entries.code(&record.account.code_hash)?;
            code.ok_or_else(|| damaged(format!("account {key}: its code is not there")))
        };
        out.account(&key, &record.account, code)?;
        if record.storage != 0 {
            self.storage = Some(Storage {
                account: key,
                root: record.storage_root,
                slots: self.entries.slots(record.storage),
                builder: HashBuilder::default(),
            });
        }
        self.leaf.clear();
        alloy_rlp::Encodable::encode(&record.to_leaf(), &mut self.leaf);
        self.builder.add_leaf(Nibbles::unpack_array(&key.0), &self.leaf);
        Ok(())
    }

    fn end(&mut self) -> Result<(), StoreError> {
        let (root, expected) = (self.builder.root(), self.report.state_root);
        if root != expected {
            return Err(damaged(format!("the flat values have root {root}, the header has {expected}")));
        }
        let Stage::Writing(out) = std::mem::replace(&mut self.stage, Stage::Done) else {
            unreachable!("it is being written")
        };
        let (totals, bytes, mut last) = out.finish(root)?;
        self.pending.append(&mut last);
        (self.report.codes, self.report.bytes) = (totals.codes, bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! A store made of a state file.
//!
//! Everything comes in the order of keys. So accounts and slots go past the engine's log into sorted files, storage ids
//! are given out in the order of accounts, and the tries grow at their right edge (`trie::grow`): batch by batch
//! the nodes are computed as those of a block are, on the whole pool, while the next batch is read. Memory does not depend
//! on the size of the state, but for 16 bytes and a bit for each different code.
//!
//! The tables become a store by their name, and they get that at the very end, when the root is that of the header. Until
//! then the directory says that an import is not finished: opening it is refused, and an import begins anew.

use crate::{
    account::{Record, slot_bytes},
    config::Config,
    error::StoreError,
    format,
    kv::{Kv, Table},
    medium::{Medium, Site},
    position::Position,
    state_file::{Batch, Head, Part, StateFileReport, StateReader, Totals},
    store::{Store, open::kv_options},
    trie::{ACCOUNTS, Edge, Edges, LeafChange, NodeKey, Slot, TrieId, Tries, seal},
    view::{account_leaf, slot_key, slot_leaf},
    watch::{Meter, Watch},
};
use alloy_primitives::B256;
use alloy_trie::EMPTY_ROOT_HASH;
use rayon::{ThreadPool, prelude::*};
use std::io::Read;

/// Bytes that are collected for one table before they are sorted and written.
const RUN_BYTES: usize = 64 << 20;

/// Storages that one task merklises together.
const CHUNK: usize = 32;

/// What a state file has to be of, as far as that is known from elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Hash of the first block of its chain.
    pub genesis: Option<B256>,
    /// Hash of the block whose state it is.
    pub block: Option<B256>,
}

impl Expected {
    fn check(&self, reader: &StateReader<impl Read>, head: &Head) -> Result<(), StoreError> {
        let found =
            [(self.genesis, head.genesis, "the chain of genesis"), (self.block, head.tip().hash, "block")];
        for (expected, found, of) in found {
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                return Err(reader.wrong(format!("it is of {of} {found}, not {expected}")));
            }
        }
        Ok(())
    }
}

impl Store {
    /// Makes a store of a state file, as [`export`](Self::export) writes it, in a directory or on a simulated disk that holds
    /// none.
    ///
    /// It begins with the file's block: values and proofs of earlier ones are not there, and of those only as many headers
    /// and bodies as the rules for later blocks ask for. Nothing in the file is trusted but the hashes of that block and of
    /// the genesis, which [`Expected`] can name, and total difficulties.
    ///
    /// `input` is read on a thread of the pool, so what it waits for must not need the pool.
    ///
    /// After an error the directory is as it was, but for its lock file. After a kill it is refused
    /// ([`StoreError::Unfinished`]) until the import is begun anew, which removes what was left.
    pub fn import<'p>(
        medium: impl Into<Medium<'p>>,
        config: &Config,
        input: impl Read + Send,
        expected: Expected,
        pool: &ThreadPool,
        watch: Watch<'_>,
    ) -> Result<(Self, StateFileReport), StoreError> {
        let site = medium.into().prepare()?;
        site.begin_import()?;
        let done = pool.install(|| fill(&site, config, input, expected, watch));
        let done = done.and_then(|report| site.finish().map(|()| report));
        match done {
            Ok(report) => {
                site.end_import()?;
                Ok((Self::load_from(site, config, pool)?, report))
            }
            Err(error) => {
                // What is left says that it is not finished.
                site.discard();
                let _ = site.end_import();
                Err(error)
            }
        }
    }
}

/// Makes the tables. Runs on the current thread's pool.
fn fill(
    site: &Site,
    config: &Config,
    input: impl Read + Send,
    expected: Expected,
    watch: Watch<'_>,
) -> Result<StateFileReport, StoreError> {
    let (mut reader, head) = StateReader::new(input)?;
    expected.check(&reader, &head)?;
    let kv = site.create(kv_options(config))?;
    let mut import = Import::new(&kv, Meter::new(watch));
    let mut batch = reader.batch()?;
    let totals = loop {
        let end = batch.end;
        let read = || end.is_none().then(|| reader.batch()).transpose();
        let (next, taken) = rayon::join(read, || import.take(&batch));
        taken?;
        match (end, next?) {
            (_, Some(next)) => batch = next,
            (Some(totals), None) => break totals,
            (None, None) => unreachable!("only the end has nothing after it"),
        }
    };
    let root = import.accounts.root;
    for (expected, of) in [(totals.root, "its end"), (head.block().header.state_root, "the block's header")] {
        if root != expected {
            return Err(reader.wrong(format!("the accounts have root {root}, {of} says {expected}")));
        }
    }
    let bytes = reader.finish()?;
    let next_storage = import.finish()?;
    complete(&kv, &head, next_storage)?;
    Ok(StateFileReport::new(&head, Totals { root, ..totals }, bytes))
}

/// Writes what makes the tables a store.
fn complete(kv: &Kv, head: &Head, next_storage: TrieId) -> Result<(), StoreError> {
    let position = Position::first(head.tip().height, next_storage);
    let mut batch = kv.batch();
    head.store(&mut batch);
    format::put_genesis(&mut batch, head.genesis);
    format::put_blocks_from(&mut batch, head.whole_from());
    position.write(&mut batch);
    batch.commit()
}

struct Import<'a> {
    meter: Meter<'a>,
    next_storage: TrieId,
    accounts: Edge,
    /// The storage of the account whose slots may go on.
    storage: Option<Edge>,
    account_run: Run<'a>,
    slot_run: Run<'a>,
    node_run: Run<'a>,
    code_run: Run<'a>,
}

impl<'a> Import<'a> {
    const fn new(kv: &'a Kv, meter: Meter<'a>) -> Self {
        Self {
            meter,
            next_storage: 1,
            accounts: Edge::new(ACCOUNTS),
            storage: None,
            account_run: Run::new(kv, Table::Accounts),
            slot_run: Run::new(kv, Table::Slots),
            node_run: Run::new(kv, Table::Nodes),
            code_run: Run::new(kv, Table::Code),
        }
    }

    fn take(&mut self, batch: &Batch) -> Result<(), StoreError> {
        for (hash, code) in &batch.code {
            self.code_run.put(hash.as_slice(), code)?;
        }
        let storages = self.storages(batch)?;
        let mut leaves = Vec::with_capacity(batch.parts.len());
        let mut record_bytes = Vec::with_capacity(128);
        for (part, &(storage, storage_root)) in batch.parts.iter().zip(&storages) {
            for (hash, value) in &batch.slots[part.slots.clone()] {
                self.slot_run.put(&slot_key(storage, hash), &slot_bytes(value))?;
                self.meter.slot()?;
            }
            if part.unfinished {
                continue;
            }
            let record = match storage {
                0 => Record::without_storage(part.account),
                _ => Record { account: part.account, storage_root, storage },
            };
            record_bytes.clear();
            record.encode(&mut record_bytes);
            self.account_run.put(part.key.as_slice(), &record_bytes)?;
            self.meter.account()?;
            leaves.push(LeafChange { key: part.key, existed: false, value: Some(account_leaf(record)) });
        }
        self.account_leaves(&leaves)?;
        if let Some(last) = self.accounts.last() {
            self.meter.at(&last.0);
        }
        self.meter.look()
    }

    /// Puts the batch's slots into their tries; returns id and root of each part's storage.
    fn storages(&mut self, batch: &Batch) -> Result<Vec<(TrieId, B256)>, StoreError> {
        let before = self.storage.take();
        let next = &mut self.next_storage;
        let begun: Vec<(TrieId, B256)> = batch
            .parts
            .iter()
            .map(|part| match &before {
                Some(edge) if part.continues => (edge.trie, edge.root),
                _ if part.slots.is_empty() => (0, EMPTY_ROOT_HASH),
                _ => {
                    *next += 1;
                    (*next - 1, EMPTY_ROOT_HASH)
                }
            })
            .collect();
        let source = Edges(before.as_ref());
        let tries = Tries::new(&source);
        let tops: Result<Vec<Vec<Slot>>, StoreError> =
            (batch.parts.par_chunks(CHUNK), begun.par_chunks(CHUNK))
                .into_par_iter()
                .map(|(parts, begun)| {
                    let mut arena = tries.arena();
                    let top = |(part, (storage, root)): (&Part, &(TrieId, B256))| {
                        let leaves = slot_leaves(&batch.slots[part.slots.clone()]);
                        match leaves.is_empty() {
                            // As before.
                            true => Ok(Slot::Node),
                            false => tries.apply(&mut arena, *storage, *root, &leaves),
                        }
                    };
                    let tops = parts.iter().zip(begun).map(top).collect();
                    tries.finish(arena);
                    tops
                })
                .collect();
        let sealed = seal(tries.into_arenas());
        let tops = tops?.into_iter().flatten();
        let roots: Vec<(TrieId, B256)> = begun
            .iter()
            .zip(tops)
            .map(|((storage, root), top)| (*storage, sealed.root(top, *root)))
            .collect();

        // The first storage may go on from the batch before, the last into the next.
        let mut open: Vec<(Edge, Vec<_>)> = Vec::new();
        open.extend(before.map(|edge| (edge, Vec::new())));
        if let (Some(last), Some((storage, _))) = (batch.parts.last(), roots.last())
            && last.unfinished
            && *storage != 0
            && open.iter().all(|(edge, _)| edge.trie != *storage)
        {
            open.push((Edge::new(*storage), Vec::new()));
        }
        for change in sealed.changes {
            match open.iter_mut().find(|(edge, _)| edge.trie == change.key.trie) {
                Some((_, changes)) => changes.push(change),
                None => {
                    let node = change.new.expect("a new trie loses no nodes");
                    self.node_run.put(&change.key.to_bytes(), &node.to_record())?;
                }
            }
        }
        for (mut edge, changes) in open {
            let at = roots.iter().position(|(storage, _)| *storage == edge.trie).expect("it is in the batch");
            let part = &batch.parts[at];
            if let Some((key, value)) = batch.slots[part.slots.clone()].last() {
                self.nodes(edge.grow(roots[at].1, changes, (*key, slot_leaf(value))))?;
            }
            match part.unfinished {
                true => self.storage = Some(edge),
                false => self.nodes(edge.finish())?,
            }
        }
        Ok(roots)
    }

    fn account_leaves(&mut self, leaves: &[LeafChange]) -> Result<(), StoreError> {
        let Some(last) = leaves.last() else { return Ok(()) };
        let source = Edges(Some(&self.accounts));
        let tries = Tries::new(&source);
        let mut arena = tries.arena();
        let top = tries.apply(&mut arena, ACCOUNTS, self.accounts.root, leaves)?;
        tries.finish(arena);
        let sealed = seal(tries.into_arenas());
        let root = sealed.root(top, self.accounts.root);
        let last = (last.key, last.value.clone().expect("a leaf that comes"));
        let done = self.accounts.grow(root, sealed.changes, last);
        self.nodes(done)
    }

    fn nodes(
        &mut self,
        nodes: impl IntoIterator<Item = (NodeKey, std::sync::Arc<crate::trie::Node>)>,
    ) -> Result<(), StoreError> {
        nodes.into_iter().try_for_each(|(key, node)| self.node_run.put(&key.to_bytes(), &node.to_record()))
    }

    /// Writes the rest; returns the next free storage id.
    fn finish(mut self) -> Result<TrieId, StoreError> {
        let top = std::mem::replace(&mut self.accounts, Edge::new(ACCOUNTS));
        self.nodes(top.finish())?;
        for mut run in [self.account_run, self.slot_run, self.node_run, self.code_run] {
            run.write()?;
        }
        Ok(self.next_storage)
    }
}

fn slot_leaves(slots: &[(B256, alloy_primitives::U256)]) -> Vec<LeafChange> {
    let leaf =
        |(key, value): &(B256, _)| LeafChange { key: *key, existed: false, value: Some(slot_leaf(value)) };
    slots.iter().map(leaf).collect()
}

/// Entries of a table on their way to a sorted file.
struct Run<'a> {
    kv: &'a Kv,
    table: Table,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    ascending: bool,
}

/// Where in the bytes an entry is: its key, and its value after it.
#[derive(Clone, Copy)]
struct Entry {
    start: u32,
    key: u32,
    value: u32,
}

impl<'a> Run<'a> {
    const fn new(kv: &'a Kv, table: Table) -> Self {
        Self { kv, table, bytes: Vec::new(), entries: Vec::new(), ascending: true }
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if self.bytes.len() + key.len() + value.len() > RUN_BYTES {
            self.write()?;
        }
        let entry =
            Entry { start: self.bytes.len() as u32, key: key.len() as u32, value: value.len() as u32 };
        self.ascending &= self.entries.last().is_none_or(|last| self.key(*last) < key);
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.entries.push(entry);
        Ok(())
    }

    fn key(&self, entry: Entry) -> &[u8] {
        &self.bytes[entry.start as usize..][..entry.key as usize]
    }

    fn write(&mut self) -> Result<(), StoreError> {
        let mut entries = std::mem::take(&mut self.entries);
        if !self.ascending {
            entries.par_sort_unstable_by(|a, b| self.key(*a).cmp(self.key(*b)));
        }
        let value = |entry: Entry| &self.bytes[(entry.start + entry.key) as usize..][..entry.value as usize];
        self.kv.ingest(self.table, entries.iter().map(|entry| (self.key(*entry), value(*entry))))?;
        entries.clear();
        (self.entries, self.ascending) = (entries, true);
        self.bytes.clear();
        Ok(())
    }
}

//! Whether what is on disk is one state: the root recomputed from flat values alone, and everything that has to agree
//! with it.
//!
//! ## What is checked
//! 1. *Flat values.* The root of every account's storage is computed from its slots and compared with its record; the
//!    state root is computed from the records with these roots and compared with the block's header. Hashes come from
//!    `alloy_trie`'s hash builder, which has nothing in common with the code that keeps the tries.
//! 2. *Code.* Every account's code is there, and every code has its key as its hash.
//! 3. *Trie nodes.* Every node is what its parent (or the root) says by hash, none is missing, and none is there that
//!    no other refers to. With 1. it follows that the nodes are exactly those of the flat values.
//! 4. *Storage without an owner.* All slots and nodes belong to an account, or to storage that was given up and waits
//!    for its deletion.
//!
//! Where 1. fails and 3. does not, the flat values are compared with the nodes from the root downwards, so that the
//! leaf that is wrong has a name.
//!
//! The state is that of the flushed block; blocks after it were checked, root by root, when the store was opened.
//!
//! ## Cost
//! Everything is read about once, in the order of keys, split by the first byte of the account key over the pool. The
//! tries of one account are checked by one thread. Memory does not depend on the size of the state but for one bit for
//! each storage.
//!
//! ## Failure
//! What the engine itself cannot read (a block with a wrong checksum) ends the check with an error that names the table.

mod claims;
mod findings;
mod flat;
mod locate;
mod nodes;
#[cfg(test)]
mod tests;

pub use findings::{Inconsistency, Place};

use crate::{
    error::StoreError,
    history,
    kv::{self, Table},
    position::Position,
    store::Store,
    trie::ACCOUNTS,
    watch::{Meter, Watch},
};
use alloy_primitives::{B256, keccak256};
use claims::Claims;
use findings::Findings;
use rayon::prelude::*;
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// What [`Store::verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// The block whose state was checked.
    pub height: u64,
    /// The state root that the tables should have: that in its header, if its state began here.
    pub state_root: B256,
    /// Accounts.
    pub accounts: u64,
    /// Accounts with storage.
    pub storages: u64,
    /// Slots of these.
    pub slots: u64,
    /// Trie nodes.
    pub nodes: u64,
    /// Codes, also of accounts of other blocks.
    pub codes: u64,
    /// Bytes of these.
    pub code_bytes: u64,
    /// What is wrong, in the order of places. Empty if nothing is.
    pub inconsistencies: Vec<Inconsistency>,
    /// The check ended early because it had found as much as was asked for.
    pub more: bool,
}

impl Store {
    /// Checks the state on disk of the flushed block; reports at most `limit` inconsistencies.
    ///
    /// The store can be used meanwhile.
    pub fn verify(
        &self,
        limit: usize,
        pool: &rayon::ThreadPool,
        watch: Watch<'_>,
    ) -> Result<VerifyReport, StoreError> {
        let base = Arc::clone(&self.view().base);
        let root = self.origin.root(&base.kv, base.height)?;
        pool.install(|| verify(&base.kv, base.height, root, limit, watch))
    }
}

/// Checks the tables, which hold the state of block `height`. Runs on the current thread's pool.
fn verify(
    tables: &kv::View,
    height: u64,
    state_root: B256,
    limit: usize,
    watch: Watch<'_>,
) -> Result<VerifyReport, StoreError> {
    let position = Position::read(tables)?.ok_or_else(|| StoreError::Damaged("no position".into()))?;
    let check = Check {
        tables,
        findings: Findings::new(limit),
        meter: Meter::new(watch),
        claims: Claims::new(position.next_storage)?,
        known_code: Mutex::default(),
        counts: Counts::default(),
    };
    match check.run(state_root) {
        Ok(()) => {}
        // Found as much as was asked for.
        Err(StoreError::Cancelled) if check.findings.is_full() => {}
        Err(error) => return Err(error),
    }
    let progress = check.meter.progress();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let Counts { storages, nodes, codes, code_bytes } = &check.counts;
    let (storages, nodes, codes, code_bytes) =
        (count(storages), count(nodes), count(codes), count(code_bytes));
    let (inconsistencies, more) = check.findings.into_list();
    Ok(VerifyReport {
        height,
        state_root,
        accounts: progress.accounts,
        storages,
        slots: progress.slots,
        nodes,
        codes,
        code_bytes,
        inconsistencies,
        more,
    })
}

#[derive(Default)]
struct Counts {
    storages: AtomicU64,
    nodes: AtomicU64,
    codes: AtomicU64,
    code_bytes: AtomicU64,
}

/// A check under way.
struct Check<'a> {
    tables: &'a kv::View,
    findings: Findings,
    meter: Meter<'a>,
    /// Which storage belongs to somebody.
    claims: Claims,
    /// Some code hashes that are known to be in the table.
    known_code: Mutex<HashSet<B256>>,
    counts: Counts,
}

impl Check<'_> {
    fn run(&self, root: B256) -> Result<(), StoreError> {
        self.garbage()?;
        (0..=u8::MAX).into_par_iter().try_for_each(|first| self.codes(first))?;
        let computed = self.state_root()?;
        let owner = findings::Owner { storage: ACCOUNTS, account: None };
        let several = self.tables.scan(Table::Accounts, &[], &[]).take(2).count() == 2;
        self.nodes(owner, root, several)?;
        if let Some(computed) = computed.filter(|computed| *computed != root) {
            let problem = format!("the flat values have root {computed}, the header has {root}");
            self.findings.add(Place::State, problem)?;
            self.locate(owner)?;
        }
        self.orphans()
    }

    /// Notes storage that waits for its deletion.
    fn garbage(&self) -> Result<(), StoreError> {
        for entry in self.tables.scan(Table::Garbage, &[], &[]) {
            let (key, _) = entry?;
            match key.split_first_chunk::<8>() {
                Some((_, storage)) if storage.len() == 8 => {
                    let storage = storage.iter().fold(0, |id, byte| id << 8 | u64::from(*byte));
                    self.claims.claim(storage);
                }
                _ => self.findings.add(Place::State, "an entry of garbage is malformed".into())?,
            }
        }
        Ok(())
    }

    /// Hashes all code whose hash begins with a byte.
    fn codes(&self, first: u8) -> Result<(), StoreError> {
        for entry in self.tables.scan(Table::Code, &[first], &[first]) {
            let (key, code) = entry?;
            let hash = keccak256(&*code);
            if *hash != *key {
                let place = Place::Code(B256::right_padding_from(&key[..key.len().min(32)]));
                self.findings.add(place, format!("the code under this hash has {hash}"))?;
            }
            self.counts.codes.fetch_add(1, Ordering::Relaxed);
            self.counts.code_bytes.fetch_add(code.len() as u64, Ordering::Relaxed);
        }
        self.meter.look()
    }

    /// Looks for slots and nodes of storage that nobody has.
    fn orphans(&self) -> Result<(), StoreError> {
        [Table::Slots, Table::Nodes].into_par_iter().try_for_each(|table| {
            // The trie of accounts is no storage.
            let mut next = 1u64;
            loop {
                let mut steps = 0;
                let mut current = None;
                for entry in self.tables.scan(table, &[], &next.to_be_bytes()) {
                    let (key, _) = entry?;
                    let Some(storage) = key.first_chunk::<8>().map(|id| u64::from_be_bytes(*id)) else {
                        let problem = format!("a key of {} has {} bytes", table.name(), key.len());
                        self.findings.add(Place::State, problem)?;
                        continue;
                    };
                    if current != Some(storage) {
                        (current, steps) = (Some(storage), 0);
                        if !self.claims.is_claimed(storage) {
                            let problem = format!("no account has it, yet there are {} of it", table.name());
                            self.findings.add(Place::Storage { storage, account: None }, problem)?;
                        }
                    }
                    steps += 1;
                    if steps == SEEK {
                        break;
                    }
                }
                self.meter.look()?;
                match current.filter(|_| steps == SEEK).and_then(|storage| storage.checked_add(1)) {
                    Some(after) => next = after,
                    None => return Ok(()),
                }
            }
        })
    }
}

/// Entries of one storage after which it is cheaper to look for the next storage than to go on.
const SEEK: u32 = 64;

/// The keys of the flat values below a position, and the table they are in.
fn flat_table(trie: crate::trie::TrieId) -> (Table, Vec<u8>) {
    match trie {
        ACCOUNTS => (history::Kind::Account.table(), Vec::new()),
        storage => (history::Kind::Slot.table(), storage.to_be_bytes().to_vec()),
    }
}

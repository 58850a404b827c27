//! Roots from flat values alone.

use super::{
    Check,
    findings::{Owner, Place},
};
use crate::{
    account::{Record, slot_value},
    error::StoreError,
    kv::Table,
    trie::TrieId,
};
use alloy_primitives::{B256, KECCAK256_EMPTY};
use alloy_trie::{HashBuilder, Nibbles};
use rayon::prelude::*;
use std::sync::atomic::Ordering;

/// Code hashes that are remembered as being there, at most.
const KNOWN_CODE: usize = 1 << 17;

/// What all accounts with one first byte come to.
enum Part {
    Empty,
    Leaf(Nibbles, Vec<u8>),
    /// A branch, below which they all are: its path and its hash.
    Branch(Nibbles, B256),
    /// Some key is malformed.
    Unknown,
}

impl Check<'_> {
    /// The state root by the flat values; `None` if they have none.
    pub(super) fn state_root(&self) -> Result<Option<B256>, StoreError> {
        let parts: Result<Vec<Part>, StoreError> = (0..=u8::MAX)
            .into_par_iter()
            .with_max_len(1)
            .map(|first| {
                let part = self.accounts(first)?;
                self.meter.advance(256);
                Ok(part)
            })
            .collect();
        let mut builder = HashBuilder::default();
        for part in parts? {
            match part {
                Part::Empty => {}
                Part::Leaf(key, value) => builder.add_leaf(key, &value),
                Part::Branch(path, hash) => builder.add_branch(path, hash, false),
                Part::Unknown => return Ok(None),
            }
        }
        Ok(Some(builder.root()))
    }

    /// Checks the accounts whose key begins with a byte.
    fn accounts(&self, first: u8) -> Result<Part, StoreError> {
        let mut accounts = self.tables.scan(Table::Accounts, &[first], &[first]).peekable();
        let Some((last, _)) = self.tables.last(Table::Accounts, &[first])? else { return Ok(Part::Empty) };
        let key = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).ok().map(|key| Nibbles::unpack_array(&key));
        let lowest = match accounts.peek() {
            Some(Ok((lowest, _))) => key(lowest),
            _ => None,
        };
        // A hash builder knows nothing of a prefix that all keys share, so it gives the hash of the branch below it.
        let shared =
            lowest.zip(key(&last)).map(|(lowest, last)| (lowest, lowest.common_prefix_length(&last)));
        let mut builder = HashBuilder::default();
        let mut leaf = Vec::with_capacity(128);
        let mut sound = shared.is_some();
        for entry in accounts {
            let (bytes, record) = entry?;
            let Some(nibbles) = key(&bytes) else {
                let problem = format!("a key of accounts has {} bytes", bytes.len());
                self.findings.add(Place::State, problem)?;
                sound = false;
                continue;
            };
            let hash = B256::from_slice(&bytes);
            self.meter.account()?;
            let Ok(mut record) = Record::decode(&record) else {
                self.findings.add(Place::Account(hash), "its record is malformed".into())?;
                sound = false;
                continue;
            };
            self.code_of(hash, record.account.code_hash)?;
            if record.storage != 0 {
                record.storage_root = self.storage(hash, &record)?;
            }
            leaf.clear();
            alloy_rlp::Encodable::encode(&record.to_leaf(), &mut leaf);
            if let Some((_, shared)) = shared.filter(|(_, shared)| sound && *shared < 64) {
                builder.add_leaf(nibbles.slice(shared..), &leaf);
            }
        }
        Ok(match shared {
            _ if !sound => Part::Unknown,
            None => Part::Unknown,
            Some((only, 64)) => Part::Leaf(only, leaf),
            Some((lowest, shared)) => Part::Branch(lowest.slice(..shared), builder.root()),
        })
    }

    fn code_of(&self, account: B256, hash: B256) -> Result<(), StoreError> {
        if hash == KECCAK256_EMPTY || self.known_code.lock().expect("no holder panics").contains(&hash) {
            return Ok(());
        }
        if self.tables.get(Table::Code, hash.as_slice())?.is_none() {
            return self.findings.add(Place::Account(account), format!("its code {hash} is not there"));
        }
        let mut known = self.known_code.lock().expect("no holder panics");
        if known.len() >= KNOWN_CODE {
            known.clear();
        }
        known.insert(hash);
        Ok(())
    }

    /// Checks the storage of an account, and returns the root that its slots have.
    fn storage(&self, account: B256, record: &Record) -> Result<B256, StoreError> {
        let storage = record.storage;
        self.counts.storages.fetch_add(1, Ordering::Relaxed);
        if !self.claims.claim(storage) {
            let problem =
                format!("its storage {storage} is somebody else's, was given up, or was never given out");
            self.findings.add(Place::Account(account), problem)?;
        }
        let owner = Owner { storage, account: Some(account) };
        let (root, slots) = self.storage_root(owner)?;
        self.nodes(owner, record.storage_root, slots > 1)?;
        if root != record.storage_root {
            let problem =
                format!("its {slots} slots have root {root}, its record has {}", record.storage_root);
            self.findings.add(Place::Account(account), problem)?;
            self.locate(owner)?;
        }
        Ok(root)
    }

    fn storage_root(&self, owner: Owner) -> Result<(B256, u64), StoreError> {
        let mut builder = HashBuilder::default();
        let mut slots = 0;
        let mut leaf = Vec::with_capacity(40);
        for entry in
            self.tables.scan(Table::Slots, &owner.storage.to_be_bytes(), &owner.storage.to_be_bytes())
        {
            let (key, value) = entry?;
            let Ok(hash) = <[u8; 32]>::try_from(&key[8..]) else {
                let place = Place::Storage { storage: owner.storage, account: owner.account };
                self.findings.add(place, format!("a key of slots has {} bytes", key.len()))?;
                continue;
            };
            self.meter.slot()?;
            slots += 1;
            leaf.clear();
            match slot_value(&value) {
                Ok(number) if !number.is_zero() => alloy_rlp::Encodable::encode(&number, &mut leaf),
                _ => {
                    self.findings.add(owner.leaf(hash.into()), "its value is malformed".into())?;
                    continue;
                }
            }
            builder.add_leaf(Nibbles::unpack_array(&hash), &leaf);
        }
        Ok((builder.root(), slots))
    }
}

/// RLP of a leaf of a trie by the flat value, `None` if that is malformed.
pub(super) fn leaf_of(trie: TrieId, value: &[u8]) -> Option<Vec<u8>> {
    if trie == crate::trie::ACCOUNTS {
        Record::decode(value).ok().map(|record| alloy_rlp::encode(record.to_leaf()))
    } else {
        slot_value(value).ok().map(alloy_rlp::encode)
    }
}

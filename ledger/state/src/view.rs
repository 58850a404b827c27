//! The state after one block: layers in memory over the tables on disk.

use crate::{
    account::{Record, slot_value},
    cache::{Caches, Entry, Values},
    error::StoreError,
    history::{self, Kind},
    kv::{self, Table},
    layer::{Filter, Layer},
    trie::{ACCOUNTS, Leaf, Node, NodeKey, Source, TrieId},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::Nibbles;
use quick_cache::sync::GuardResult;
use revm::bytecode::Bytecode;
use std::{
    collections::HashSet,
    hash::Hash,
    sync::{Arc, RwLock},
    time::Duration,
};

/// The tables as of one flush.
pub(crate) struct Base {
    pub(crate) kv: kv::View,
    /// Sequence number of the newest layer that they hold.
    pub(crate) seq: u64,
    /// Its block.
    pub(crate) height: u64,
}

/// The state after one block. Immutable: whoever holds one is never disturbed by later blocks.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) base: Arc<Base>,
    /// Ascending from the base's block on.
    pub(crate) layers: Vec<Arc<Layer>>,
    /// How many of the newest layers are not published: the caches know nothing of them.
    pub(crate) unpublished: usize,
    pub(crate) filter: Arc<Filter>,
    pub(crate) caches: Arc<Caches>,
    /// Sequence number of the newest layer, or of the base.
    pub(crate) seq: u64,
    pub(crate) height: u64,
    pub(crate) root: B256,
    /// The tables are asked for an earlier block than theirs.
    pub(crate) past: bool,
    /// The newest line of blocks, for whoever wants to enter a value into the caches.
    pub(crate) announced: Arc<Announced>,
}

/// The newest layers, before readers see them.
pub(crate) struct Announced(pub(crate) RwLock<Line>);

/// A line of layers over a base.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) base_seq: u64,
    pub(crate) layers: Vec<Arc<Layer>>,
    pub(crate) caches: Arc<Caches>,
}

impl View {
    /// This view's line of layers.
    fn line(&self) -> Line {
        Line { base_seq: self.base.seq, layers: self.layers.clone(), caches: Arc::clone(&self.caches) }
    }

    /// Shows this view's line to those who want to enter values into the caches.
    pub(crate) fn announce(&self) {
        *self.announced.0.write().expect("no holder panics") = self.line();
    }

    /// Finds `key` in the unpublished layers, then in the cache, then in the other layers, then in the tables.
    fn lookup<K, H, V>(
        &self,
        cache: &Values<K, Entry<V>>,
        key: &K,
        hashed: impl Fn() -> H,
        in_layer: impl Fn(&Layer, &H) -> Option<V>,
        in_base: impl FnOnce(&H) -> Result<V, StoreError>,
    ) -> Result<V, StoreError>
    where
        K: Hash + Eq + Clone,
        H: Hash,
        V: Clone,
        crate::cache::Bytes: quick_cache::Weighter<K, Entry<V>>,
    {
        let published = self.layers.len() - self.unpublished;
        let mut hash = None;
        if self.unpublished > 0 {
            let hash = hash.insert(hashed());
            if self.filter.may_have(hash) {
                let found = self.layers[published..].iter().rev().find_map(|layer| in_layer(layer, hash));
                if let Some(value) = found {
                    return Ok(value);
                }
            }
        }
        let guard = if self.past {
            None
        } else {
            match cache.get_value_or_guard(key, Some(Duration::ZERO)) {
                GuardResult::Value(entry) if entry.since <= self.published_seq() => return Ok(entry.value),
                GuardResult::Guard(guard) => Some(guard),
                GuardResult::Value(_) | GuardResult::Timeout => None,
            }
        };
        let hash = hash.unwrap_or_else(&hashed);
        let guard = guard.filter(|_| self.may_enter(|layer| in_layer(layer, &hash).is_some()));
        let in_layers = if self.filter.may_have(&hash) {
            self.layers[..published].iter().rev().find_map(|layer| in_layer(layer, &hash))
        } else {
            None
        };
        let value = match in_layers {
            Some(value) => value,
            None => in_base(&hash)?,
        };
        if let Some(guard) = guard {
            // Refused if a commit got here first.
            let _ = guard.insert(Entry { since: self.seq, value: value.clone() });
        }
        Ok(value)
    }

    /// The sequence number up to which the caches know this view's layers. Another block that was published in place of
    /// the first unpublished layer may have a number between that and [`seq`](Self::seq).
    fn published_seq(&self) -> u64 {
        match (self.unpublished, self.layers.len() - self.unpublished) {
            (0, _) => self.seq,
            (_, 0) => self.base.seq,
            (_, published) => self.layers[published - 1].seq,
        }
    }

    /// Whether a value of this view, read from now on, is still the value in the newest announced layer.
    fn may_enter(&self, changed: impl Fn(&Layer) -> bool) -> bool {
        if self.unpublished > 0 {
            return false;
        }
        let line = self.announced.0.read().expect("no holder panics");
        if !Arc::ptr_eq(&line.caches, &self.caches) {
            return false;
        }
        let newer = line.layers.partition_point(|layer| layer.seq <= self.seq);
        let known = match newer.checked_sub(1) {
            Some(at) => line.layers[at].seq == self.seq,
            None => line.base_seq == self.seq,
        };
        known && !line.layers[newer..].iter().any(|layer| changed(layer))
    }

    /// The account at an address.
    pub(crate) fn account(&self, address: &Address) -> Result<Option<Record>, StoreError> {
        self.lookup(
            &self.caches.accounts,
            address,
            || keccak256(address),
            |layer, hash| layer.account(hash).map(|delta| delta.new),
            |hash| self.account_in_base(hash),
        )
    }

    /// A slot of a storage.
    pub(crate) fn slot(&self, trie: TrieId, slot: &U256) -> Result<U256, StoreError> {
        self.lookup(
            &self.caches.slots,
            &(trie, *slot),
            || (trie, keccak256(slot.to_be_bytes::<32>())),
            |layer, (trie, hash)| layer.slot(*trie, hash).map(|delta| delta.new),
            |(trie, hash)| self.slot_in_base(*trie, hash),
        )
    }

    /// An account by the hash of its address, past the caches.
    pub(crate) fn account_by_hash(&self, hash: &B256) -> Result<Option<Record>, StoreError> {
        let in_layers = self.in_layers(hash, |layer| layer.account(hash).map(|delta| delta.new));
        in_layers.map_or_else(|| self.account_in_base(hash), Ok)
    }

    /// A slot by its hash, past the caches.
    pub(crate) fn slot_by_hash(&self, trie: TrieId, hash: &B256) -> Result<U256, StoreError> {
        let in_layers = self.in_layers(&(trie, *hash), |layer| layer.slot(trie, hash).map(|delta| delta.new));
        in_layers.map_or_else(|| self.slot_in_base(trie, hash), Ok)
    }

    fn in_layers<V>(&self, key: &impl Hash, find: impl Fn(&Layer) -> Option<V>) -> Option<V> {
        self.filter.may_have(key).then(|| self.layers.iter().rev().find_map(|layer| find(layer))).flatten()
    }

    /// Code by its hash.
    pub(crate) fn code(&self, hash: &B256) -> Result<Option<Bytecode>, StoreError> {
        if let Some(code) = self.caches.code.get(hash) {
            return Ok(Some(code));
        }
        let in_layers = self.layers.iter().rev().find_map(|layer| layer.code(hash)).cloned();
        let code = match in_layers {
            Some(code) => Some(code),
            None => self.base.kv.get(Table::Code, hash.as_slice())?.map(|code| bytecode(&code)),
        };
        if let Some(code) = &code {
            self.caches.code.insert(*hash, code.clone());
        }
        Ok(code)
    }

    fn account_in_base(&self, hash: &B256) -> Result<Option<Record>, StoreError> {
        self.in_base(Table::Accounts, hash.as_slice(), Record::decode)
    }

    fn slot_in_base(&self, trie: TrieId, hash: &B256) -> Result<U256, StoreError> {
        let value = self.in_base(Table::Slots, &slot_key(trie, hash), slot_value)?;
        Ok(value.unwrap_or_default())
    }

    /// The block whose state the layers are on.
    pub(crate) fn below_layers(&self) -> u64 {
        self.layers.first().map_or(self.height, |oldest| oldest.height - 1)
    }

    fn in_base<T>(
        &self,
        table: Table,
        key: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if self.past
            && let Some(before) = history::value_at(&self.base.kv, Kind::of(table), key, self.below_layers())?
        {
            return if before.is_empty() { Ok(None) } else { decode(&before).map(Some) };
        }
        self.base.kv.get(table, key)?.map(|bytes| decode(&bytes)).transpose()
    }

    /// Whether a key of a table is there, and its value as written.
    fn raw(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.in_base(table, key, |bytes| Ok(bytes.to_vec()))
    }

    /// The first key of `table` under the nibbles `prefix` (after the bytes `group`) that the tables hold and `skip`
    /// does not.
    fn first_in_base(
        &self,
        table: Table,
        group: &[u8],
        prefix: &Nibbles,
        skip: &HashSet<B256>,
    ) -> Result<Option<(B256, Vec<u8>)>, StoreError> {
        let start = [group, &prefix.pack()].concat();
        let below = |key: &[u8]| -> Result<Option<B256>, StoreError> {
            let hash = key.strip_prefix(group).filter(|hash| hash.len() >= 32);
            let hash =
                hash.ok_or_else(|| StoreError::Damaged(format!("a key of {} is malformed", table.name())))?;
            let hash = B256::from_slice(&hash[..32]);
            Ok(Nibbles::unpack_array(&hash.0).starts_with(prefix).then_some(hash))
        };
        let first_of = |keys: &mut dyn Iterator<Item = Result<Vec<u8>, StoreError>>| {
            for key in keys {
                let key = key?;
                let Some(hash) = below(&key)? else { break };
                if !skip.contains(&hash)
                    && let Some(value) = self.raw(table, &key)?
                {
                    return Ok(Some((hash, value)));
                }
            }
            Ok(None)
        };
        let mut in_tables = self.base.kv.scan(table, group, &start).map(|entry| Ok(entry?.0.to_vec()));
        match first_of(&mut in_tables)? {
            // What was deleted since is in the history only.
            None if self.past => {
                first_of(&mut history::changed_below(&self.base.kv, Kind::of(table), group, &start))
            }
            found => Ok(found),
        }
    }

    /// The only leaf below a prefix: key and RLP value.
    fn leaf_below(&self, trie: TrieId, prefix: &Nibbles) -> Result<Option<Leaf>, StoreError> {
        let first = B256::from(packed(prefix));
        let is_below = |hash: &B256| Nibbles::unpack_array(&hash.0).starts_with(prefix);
        let mut seen = HashSet::new();
        for layer in self.layers.iter().rev() {
            if trie == ACCOUNTS {
                let from = layer.accounts.partition_point(|delta| delta.hash < first);
                for delta in layer.accounts[from..].iter().take_while(|delta| is_below(&delta.hash)) {
                    if seen.insert(delta.hash)
                        && let Some(record) = delta.new
                    {
                        return Ok(Some((delta.hash, account_leaf(record))));
                    }
                }
            } else {
                let from = layer.slots.partition_point(|delta| (delta.trie, &delta.hash) < (trie, &first));
                let slots = layer.slots[from..].iter();
                for delta in slots.take_while(|delta| delta.trie == trie && is_below(&delta.hash)) {
                    if seen.insert(delta.hash) && !delta.new.is_zero() {
                        return Ok(Some((delta.hash, slot_leaf(&delta.new))));
                    }
                }
            }
        }
        if trie == ACCOUNTS {
            let found = self.first_in_base(Table::Accounts, &[], prefix, &seen)?;
            found.map(|(hash, bytes)| Ok((hash, account_leaf(Record::decode(&bytes)?)))).transpose()
        } else {
            let found = self.first_in_base(Table::Slots, &trie.to_be_bytes(), prefix, &seen)?;
            found.map(|(hash, bytes)| Ok((hash, slot_leaf(&slot_value(&bytes)?)))).transpose()
        }
    }

    /// Hash of the block at a height, if this line of blocks has it.
    pub(crate) fn block_hash(&self, height: u64) -> Result<Option<B256>, StoreError> {
        let layer = self.layers.iter().find(|layer| layer.height == height);
        match layer {
            Some(layer) => Ok(layer.hash.get().copied()),
            None if height > self.height => Ok(None),
            None => crate::blocks::block_hash(&self.base.kv, height),
        }
    }
}

impl Source for View {
    fn node(&self, key: &NodeKey) -> Result<Option<Arc<Node>>, StoreError> {
        self.lookup(
            &self.caches.nodes,
            key,
            || *key,
            |layer, key| layer.node(key).map(|change| change.new.clone()),
            |key| Ok(self.in_base(Table::Nodes, &key.to_bytes(), Node::from_record)?.map(Arc::new)),
        )
    }

    fn leaf(&self, trie: TrieId, prefix: &Nibbles) -> Result<Leaf, StoreError> {
        self.leaf_below(trie, prefix)?.ok_or_else(|| {
            StoreError::Damaged(format!("trie {trie} has a leaf below {prefix:?}, the flat values have none"))
        })
    }
}

/// The RLP value of an account's leaf.
pub(crate) fn account_leaf(record: Record) -> Box<[u8]> {
    alloy_rlp::encode(record.to_leaf()).into()
}

/// The RLP value of a slot's leaf.
pub(crate) fn slot_leaf(value: &U256) -> Box<[u8]> {
    alloy_rlp::encode(value).into()
}

/// Storage id ‖ hashed slot.
pub(crate) fn slot_key(trie: TrieId, hash: &B256) -> [u8; 40] {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&trie.to_be_bytes());
    key[8..].copy_from_slice(hash.as_slice());
    key
}

fn packed(prefix: &Nibbles) -> [u8; 32] {
    let mut bytes = [0; 32];
    let packed = prefix.pack();
    bytes[..packed.len()].copy_from_slice(&packed);
    bytes
}

/// Code as the engine wants it. Code in a state need not be well formed: it is data until it runs.
fn bytecode(code: &[u8]) -> Bytecode {
    let code = alloy_primitives::Bytes::copy_from_slice(code);
    Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code))
}

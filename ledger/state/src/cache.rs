//! Warm values with a byte bound.
//!
//! ## Which value a cache holds
//! An entry is a value with the sequence number of a layer from which on it is the value: of the layer that wrote it,
//! or of the newest layer its reader saw. A view with an older number does not use it. What makes it right for all
//! newer views is the order of a commit: first the new layer is *announced*, then its values replace older entries,
//! and only then readers get a view with the layer. A reader that missed may enter what it read only under a
//! placeholder made before it looked at the announced layers and found its key in none newer than its own view: a
//! commit after that look replaces the placeholder, and the entry is dropped.
//!
//! Dropping layers starts with new, empty caches; older views keep theirs.

use crate::{
    account::Record,
    trie::{Node, NodeKey, TrieId},
};
use alloy_primitives::{Address, B256, U256, map::DefaultHashBuilder};
use quick_cache::{
    Weighter,
    sync::{Cache, DefaultLifecycle},
};
use revm::bytecode::Bytecode;
use std::{hash::Hash, sync::Arc};

/// A value, right from layer `since` on.
#[derive(Clone, Debug)]
pub(crate) struct Entry<V> {
    pub(crate) since: u64,
    pub(crate) value: V,
}

/// Bytes of an entry in a cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes;

/// What the cache itself needs for an entry.
const OVERHEAD: u64 = 48;

impl Weighter<Address, Entry<Option<Record>>> for Bytes {
    fn weight(&self, _: &Address, _: &Entry<Option<Record>>) -> u64 {
        (size_of::<(Address, Entry<Option<Record>>)>()) as u64 + OVERHEAD
    }
}

impl Weighter<(TrieId, U256), Entry<U256>> for Bytes {
    fn weight(&self, _: &(TrieId, U256), _: &Entry<U256>) -> u64 {
        (size_of::<((TrieId, U256), Entry<U256>)>()) as u64 + OVERHEAD
    }
}

impl Weighter<NodeKey, Entry<Option<Arc<Node>>>> for Bytes {
    fn weight(&self, _: &NodeKey, entry: &Entry<Option<Arc<Node>>>) -> u64 {
        let node = entry.value.as_ref().map_or(0, |node| node.memory());
        (size_of::<(NodeKey, Entry<Option<Arc<Node>>>)>() + node) as u64 + OVERHEAD
    }
}

impl Weighter<B256, Bytecode> for Bytes {
    fn weight(&self, _: &B256, code: &Bytecode) -> u64 {
        // The jump table takes an eighth; the rest is bookkeeping.
        (code.len() + code.len() / 8 + 256) as u64 + OVERHEAD
    }
}

pub(crate) type Values<K, V> = Cache<K, V, Bytes, DefaultHashBuilder, DefaultLifecycle<K, V>>;

/// The caches of one line of blocks.
pub(crate) struct Caches {
    pub(crate) accounts: Values<Address, Entry<Option<Record>>>,
    pub(crate) slots: Values<(TrieId, U256), Entry<U256>>,
    pub(crate) nodes: Values<NodeKey, Entry<Option<Arc<Node>>>>,
    pub(crate) code: Values<B256, Bytecode>,
}

impl Caches {
    /// Empty caches that hold at most so many bytes together.
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            accounts: cache(bytes * 20 / 100, 240),
            slots: cache(bytes * 20 / 100, 190),
            nodes: cache(bytes * 52 / 100, 600),
            code: cache(bytes * 8 / 100, 8192),
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.accounts.weight() + self.slots.weight() + self.nodes.weight() + self.code.weight()
    }
}

/// Bytes of a cache at least. An entry that is larger than its part of a cache would be turned away, and leave the
/// placeholder of a reader that then enters an older value.
const LEAST: u64 = 16 << 10;

fn cache<K: Hash + Eq, V: Clone>(bytes: u64, per_entry: u64) -> Values<K, V>
where
    Bytes: Weighter<K, V>,
{
    let bytes = bytes.max(LEAST);
    let entries = (bytes / per_entry).max(64) as usize;
    Cache::with(entries, bytes, Bytes, DefaultHashBuilder::default(), DefaultLifecycle::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trie::{ACCOUNTS, Node};
    use alloy_trie::Nibbles;
    use quick_cache::sync::GuardResult;
    use std::time::Duration;

    /// The rule at the top, where the newer value is the largest there is and the cache the smallest.
    #[test]
    fn a_value_read_before_a_commit_is_not_entered_after_it() {
        let caches = Caches::new(0);
        let record = [&[0, 0xff, 0xff, 0, 0], [7; 16 * 32].as_slice()].concat();
        let node = Node::from_record(&record).expect("sixteen children");
        for path in 0..=255 {
            let key = NodeKey::new(ACCOUNTS, Nibbles::unpack([path]));
            let GuardResult::Guard(reader) = caches.nodes.get_value_or_guard(&key, Some(Duration::ZERO))
            else {
                panic!("nothing is there");
            };
            caches.nodes.insert(key, Entry { since: 2, value: Some(Arc::new(node.clone())) });
            assert!(reader.insert(Entry { since: 1, value: None }).is_err());
        }
    }
}

//! The changes of one block, kept in memory until they are flushed.

use crate::{
    account::Record,
    trie::{NodeChange, NodeKey, TrieId},
};
use alloy_primitives::{B256, U256, map::DefaultHashBuilder};
use rayon::prelude::*;
use revm::bytecode::Bytecode;
use std::{
    hash::{BuildHasher, Hash},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// An account before and after a block.
#[derive(Clone, Debug)]
pub(crate) struct AccountDelta {
    pub(crate) hash: B256,
    pub(crate) old: Option<Record>,
    pub(crate) new: Option<Record>,
}

/// A slot before and after a block; zero where there is none.
#[derive(Clone, Debug)]
pub(crate) struct SlotDelta {
    pub(crate) trie: TrieId,
    pub(crate) hash: B256,
    pub(crate) old: U256,
    pub(crate) new: U256,
}

/// The changes of one block. Immutable.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Ascending over all layers ever made by this process.
    pub(crate) seq: u64,
    pub(crate) height: u64,
    /// State root after the block.
    pub(crate) root: B256,
    /// Hash of the block, once there is one.
    pub(crate) hash: OnceLock<B256>,
    /// Sorted by hash.
    pub(crate) accounts: Vec<AccountDelta>,
    /// Sorted by trie and hash.
    pub(crate) slots: Vec<SlotDelta>,
    /// Sorted by key.
    pub(crate) nodes: Vec<NodeChange>,
    /// Sorted by hash.
    pub(crate) code: Vec<(B256, Bytecode)>,
    /// Storage that accounts gave up.
    pub(crate) retired: Vec<TrieId>,
    /// What is written of the layer before it is flushed; empty where it never has to be read again.
    pub(crate) journal: Vec<u8>,
    /// The next free storage id.
    pub(crate) next_storage: TrieId,
    /// Bytes in memory, about.
    pub(crate) bytes: u64,
}

impl Layer {
    pub(crate) fn account(&self, hash: &B256) -> Option<&AccountDelta> {
        self.accounts.binary_search_by(|delta| delta.hash.cmp(hash)).ok().map(|at| &self.accounts[at])
    }

    pub(crate) fn slot(&self, trie: TrieId, hash: &B256) -> Option<&SlotDelta> {
        let found = self.slots.binary_search_by(|delta| (delta.trie, &delta.hash).cmp(&(trie, hash)));
        found.ok().map(|at| &self.slots[at])
    }

    pub(crate) fn node(&self, key: &NodeKey) -> Option<&NodeChange> {
        self.nodes.binary_search_by(|change| change.key.cmp(key)).ok().map(|at| &self.nodes[at])
    }

    pub(crate) fn code(&self, hash: &B256) -> Option<&Bytecode> {
        self.code.binary_search_by(|(other, _)| other.cmp(hash)).ok().map(|at| &self.code[at].1)
    }

    /// Bytes in memory, about, with nodes of `node_bytes`, without code and journal, which come later.
    pub(crate) fn memory(&self, node_bytes: u64) -> u64 {
        let accounts = self.accounts.len() * size_of::<AccountDelta>();
        let slots = self.slots.len() * size_of::<SlotDelta>();
        let nodes = self.nodes.len() * size_of::<NodeChange>();
        (accounts + slots + nodes) as u64 + node_bytes
    }

    /// Enters all keys into a filter.
    pub(crate) fn fill(&self, filter: &Filter) {
        self.accounts.iter().for_each(|delta| filter.insert(&delta.hash));
        self.slots.iter().for_each(|delta| filter.insert(&(delta.trie, delta.hash)));
        self.nodes.iter().for_each(|change| filter.insert(&change.key));
    }

    /// The same on the current thread's pool.
    pub(crate) fn fill_in_parallel(&self, filter: &Filter) {
        self.accounts.par_iter().with_min_len(512).for_each(|delta| filter.insert(&delta.hash));
        self.slots.par_iter().with_min_len(512).for_each(|delta| filter.insert(&(delta.trie, delta.hash)));
        self.nodes.par_iter().with_min_len(512).for_each(|change| filter.insert(&change.key));
    }
}

/// Says of most keys that no layer has them, without asking the layers: a Bloom filter whose bits for one key lie in
/// one word.
pub(crate) struct Filter {
    words: Box<[AtomicU64]>,
    hasher: DefaultHashBuilder,
}

impl Filter {
    /// A filter of about this many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let words = (bytes / 8).clamp(64, 1 << 24);
        Self { words: (0..words).map(|_| AtomicU64::new(0)).collect(), hasher: DefaultHashBuilder::default() }
    }

    fn place(&self, key: &impl Hash) -> (usize, u64) {
        let hash = self.hasher.hash_one(key);
        let word = (u128::from(hash) * self.words.len() as u128) >> 64;
        let bits = [0, 6, 12, 18].into_iter().fold(0, |bits, shift| bits | 1 << (hash >> shift & 63));
        (word as usize, bits)
    }

    pub(crate) fn insert(&self, key: &impl Hash) {
        let (word, bits) = self.place(key);
        self.words[word].fetch_or(bits, Ordering::Relaxed);
    }

    /// `false` if no layer has the key. Layers are entered before they can be seen, so relaxed order is enough.
    pub(crate) fn may_have(&self, key: &impl Hash) -> bool {
        let (word, bits) = self.place(key);
        self.words[word].load(Ordering::Relaxed) & bits == bits
    }
}

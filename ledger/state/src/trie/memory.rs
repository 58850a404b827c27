//! A trie in memory, changed by the code that keeps a store's tries.

use super::{LeafChange, Node, NodeChange, NodeKey, Source, TrieId, Tries, seal};
use crate::error::StoreError;
use alloy_primitives::B256;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// There is only one.
const TRIE: TrieId = 1;

/// A Merkle-Patricia trie of 32-byte keys and values of any bytes, in memory.
///
/// It changes step by step by the code that keeps the tries of a [`Store`](crate::Store), and its nodes are kept as they
/// come back from their records on disk. So that code can be held against tries that no state has.
///
/// ```
/// use alloy_primitives::{B256, keccak256};
/// use mundi_state::MemoryTrie;
///
/// let mut trie = MemoryTrie::default();
/// let empty = trie.root();
/// let one = trie.apply([(keccak256("a"), Some(b"1".to_vec()))])?;
/// trie.apply([(keccak256("b"), Some(b"2".to_vec())), (keccak256("c"), Some(b"3".to_vec()))])?;
/// assert_eq!(trie.apply([(keccak256("b"), None), (keccak256("c"), None)])?, one);
/// assert_eq!(trie.apply([(keccak256("a"), None)])?, empty);
/// # Ok::<(), mundi_state::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryTrie {
    pub(crate) nodes: HashMap<NodeKey, Arc<Node>>,
    pub(crate) leaves: BTreeMap<B256, Box<[u8]>>,
    root: B256,
}

impl Default for MemoryTrie {
    fn default() -> Self {
        Self { nodes: HashMap::new(), leaves: BTreeMap::new(), root: EMPTY_ROOT_HASH }
    }
}

impl MemoryTrie {
    /// The root.
    pub const fn root(&self) -> B256 {
        self.root
    }

    /// Sets leaves, or removes those without a value, all at once; returns the new root. Runs on the current thread's
    /// pool.
    ///
    /// Errors if the code under test contradicts what is there.
    pub fn apply(
        &mut self,
        changes: impl IntoIterator<Item = (B256, Option<Vec<u8>>)>,
    ) -> Result<B256, StoreError> {
        let changes: BTreeMap<B256, Option<Vec<u8>>> = changes.into_iter().collect();
        let changes: Vec<LeafChange> = changes
            .into_iter()
            .map(|(key, value)| LeafChange {
                key,
                existed: self.leaves.contains_key(&key),
                value: value.map(Into::into),
            })
            .filter(|change| change.existed || change.value.is_some())
            .collect();
        let tries = Tries::new(&*self);
        let mut arena = tries.arena();
        let top = tries.apply(&mut arena, TRIE, self.root, &changes)?;
        tries.finish(arena);
        let sealed = seal(tries.into_arenas());
        self.root = sealed.root(top, self.root);
        for NodeChange { key, old, new } in sealed.changes {
            let new = new.map(|node| Node::from_record(&node.to_record()).map(Arc::new)).transpose()?;
            let before = match new {
                Some(node) => self.nodes.insert(key, node),
                None => self.nodes.remove(&key),
            };
            if before != old {
                return Err(StoreError::Damaged(format!("{:?} had {before:?}, not {old:?}", key.path)));
            }
        }
        for LeafChange { key, value, .. } in changes {
            match value {
                Some(value) => self.leaves.insert(key, value),
                None => self.leaves.remove(&key),
            };
        }
        Ok(self.root)
    }
}

impl Source for MemoryTrie {
    fn node(&self, key: &NodeKey) -> Result<Option<Arc<Node>>, StoreError> {
        Ok(self.nodes.get(key).cloned())
    }

    fn leaf(&self, _: TrieId, prefix: &Nibbles) -> Result<(B256, Box<[u8]>), StoreError> {
        let mut below =
            self.leaves.iter().filter(|(key, _)| Nibbles::unpack_array(&key.0).starts_with(prefix));
        match (below.next(), below.next()) {
            (Some((key, value)), None) => Ok((*key, value.clone())),
            (first, _) => {
                let count = if first.is_none() { "no leaf" } else { "several leaves" };
                Err(StoreError::Damaged(format!("one leaf was expected below {prefix:?}, there are {count}")))
            }
        }
    }
}

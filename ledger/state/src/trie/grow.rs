//! A trie whose leaves come in ascending order, batch by batch, in bounded memory.
//!
//! Later leaves change nothing of a trie but its right edge: the nodes on the way to its last leaf, and that leaf. So
//! the edge is all that is kept between batches; what leaves it is final and never seen again.

use super::{Node, NodeChange, NodeKey, Source, TrieId};
use crate::error::StoreError;
use alloy_primitives::B256;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use std::{collections::BTreeMap, sync::Arc};

/// The right edge of a trie, at most one node per level.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) trie: TrieId,
    pub(crate) root: B256,
    nodes: BTreeMap<Nibbles, Arc<Node>>,
    last: Option<(B256, Box<[u8]>)>,
}

impl Edge {
    /// Of an empty trie.
    pub(crate) const fn new(trie: TrieId) -> Self {
        Self { trie, root: EMPTY_ROOT_HASH, nodes: BTreeMap::new(), last: None }
    }

    /// The key of the last leaf.
    pub(crate) fn last(&self) -> Option<&B256> {
        self.last.as_ref().map(|(key, _)| key)
    }

    /// Takes in what a batch changed, whose last leaf is `last`; returns the nodes that are final.
    pub(crate) fn grow(
        &mut self,
        root: B256,
        changes: impl IntoIterator<Item = NodeChange>,
        last: (B256, Box<[u8]>),
    ) -> Vec<(NodeKey, Arc<Node>)> {
        let path = Nibbles::unpack_array(&last.0.0);
        for change in changes {
            debug_assert_eq!(change.key.trie, self.trie, "a change of this trie");
            match change.new {
                Some(node) => self.nodes.insert(change.key.path, node),
                None => self.nodes.remove(&change.key.path),
            };
        }
        (self.root, self.last) = (root, Some(last));
        let left = self.nodes.extract_if(.., |position, _| !path.starts_with(position));
        left.map(|(position, node)| (NodeKey::new(self.trie, position), node)).collect()
    }

    /// The nodes of the edge, which are final when no leaf comes any more.
    pub(crate) fn finish(self) -> impl Iterator<Item = (NodeKey, Arc<Node>)> {
        self.nodes.into_iter().map(move |(position, node)| (NodeKey::new(self.trie, position), node))
    }
}

/// The edges of the tries that grow; other tries are empty.
pub(crate) struct Edges<'a>(pub(crate) Option<&'a Edge>);

impl Source for Edges<'_> {
    fn node(&self, key: &NodeKey) -> Result<Option<Arc<Node>>, StoreError> {
        let edge = self.0.filter(|edge| edge.trie == key.trie);
        Ok(edge.and_then(|edge| edge.nodes.get(&key.path)).cloned())
    }

    fn leaf(&self, trie: TrieId, prefix: &Nibbles) -> Result<(B256, Box<[u8]>), StoreError> {
        let last = self.0.filter(|edge| edge.trie == trie).and_then(|edge| edge.last.clone());
        let last = last.filter(|(key, _)| Nibbles::unpack_array(&key.0).starts_with(prefix));
        last.ok_or_else(|| StoreError::Damaged(format!("leaves of trie {trie} came out of order")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trie::{LeafChange, Tries, seal};
    use alloy_trie::HashBuilder;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn leaf(key: B256) -> LeafChange {
        LeafChange { key, existed: false, value: Some(alloy_rlp::encode(key[31]).into()) }
    }

    /// Applies leaves; returns the root and all final nodes.
    fn batch(edge: &mut Edge, leaves: &[LeafChange]) -> Vec<(NodeKey, Arc<Node>)> {
        let sealed = {
            let source = Edges(Some(edge));
            let tries = Tries::new(&source);
            let mut arena = tries.arena();
            let top = tries.apply(&mut arena, edge.trie, edge.root, leaves).unwrap();
            tries.finish(arena);
            let sealed = seal(tries.into_arenas());
            (sealed.root(top, edge.root), sealed.changes)
        };
        let last = leaves.last().unwrap();
        edge.grow(sealed.0, sealed.1, (last.key, last.value.clone().unwrap()))
    }

    proptest! {
        /// Keys of few bits lie close together, so that there are extensions and leaves that move.
        #[test]
        fn any_batches_give_the_trie_of_all_leaves(
            keys in prop::collection::btree_set(prop::collection::vec(0u8..3, 5), 1..200),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let keys: BTreeSet<B256> = keys
                .iter()
                .map(|bytes| B256::from(std::array::from_fn(|at| match at {
                    3 | 9 | 10 | 20 | 31 => bytes[[3, 9, 10, 20, 31].iter().position(|p| *p == at).unwrap()] * 0x21,
                    _ => 0x11,
                })))
                .collect();
            let leaves: Vec<LeafChange> = keys.into_iter().map(leaf).collect();
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(leaves.len())).collect();
            ends.push(leaves.len());
            ends.sort_unstable();
            let (mut grown, mut whole) = (Edge::new(5), Edge::new(5));
            let mut nodes = Vec::new();
            let mut from = 0;
            for end in ends {
                if end > from {
                    nodes.extend(batch(&mut grown, &leaves[from..end]));
                    from = end;
                }
            }
            let mut at_once = batch(&mut whole, &leaves);
            prop_assert_eq!(grown.root, whole.root);
            let mut builder = HashBuilder::default();
            for leaf in &leaves {
                builder.add_leaf(Nibbles::unpack_array(&leaf.key.0), leaf.value.as_ref().unwrap());
            }
            prop_assert_eq!(grown.root, builder.root());
            nodes.extend(grown.finish());
            at_once.extend(whole.finish());
            nodes.sort_unstable_by_key(|(key, _)| *key);
            at_once.sort_unstable_by_key(|(key, _)| *key);
            prop_assert_eq!(nodes, at_once);
        }
    }
}

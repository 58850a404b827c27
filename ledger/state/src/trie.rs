//! Merkle-Patricia tries over hashed keys: incremental roots and proofs.
//!
//! ## Shape
//! A trie maps 32-byte keys to values. Only branch nodes are stored, each under its *position*: the path that leads
//! to it from its parent's branch. A node's record holds the extension between its position and its branch, and for
//! each child whether it is a leaf and how the branch refers to it (hash, or the child's RLP if shorter than 32
//! bytes). Leaves are not stored: the flat values are the leaves. So a root over *n* changes reads and writes about
//! one node per change and level below the crowded top of the trie, and never a sibling's value, except where a leaf
//! moves because its neighbour came or went.
//!
//! ## Invariants
//! * A stored node has at least two children.
//! * A trie with one leaf has no node; an empty one neither.
//! * No node is stored at a position inside another's extension.
//!
//! ## Failure
//! A node or leaf that should be there and is not means that the store is damaged: an error, never a wrong root.

mod grow;
mod memory;
mod node;
mod proof;
mod seal;
#[cfg(test)]
mod tests;
mod update;

pub(crate) use grow::{Edge, Edges};
pub use memory::MemoryTrie;
pub(crate) use node::{Node, NodeKey, root_of};
pub(crate) use proof::prove;
pub use proof::{AccountProof, ProofError, SlotProof};
pub use seal::Hashed;
pub(crate) use seal::{NodeChange, seal};
pub(crate) use update::{Arena, LeafChange, Slot, Tries};

use crate::error::StoreError;
use alloy_primitives::B256;
use alloy_trie::Nibbles;
use std::sync::Arc;

/// Which trie: 0 is the trie of accounts, others are storage ids.
pub(crate) type TrieId = u64;

/// The trie of accounts.
pub(crate) const ACCOUNTS: TrieId = 0;

/// Key and RLP value of a leaf.
pub(crate) type Leaf = (B256, Box<[u8]>);

/// What a trie is made of before a change.
pub(crate) trait Source: Sync {
    /// The node at a position.
    fn node(&self, key: &NodeKey) -> Result<Option<Arc<Node>>, StoreError>;

    /// Key and RLP value of the only leaf whose key begins with `prefix`.
    fn leaf(&self, trie: TrieId, prefix: &Nibbles) -> Result<Leaf, StoreError>;
}

/// Nibble `index` of a key.
pub(crate) fn nibble(key: &B256, index: usize) -> usize {
    let byte = key[index / 2];
    usize::from(if index.is_multiple_of(2) { byte >> 4 } else { byte & 15 })
}

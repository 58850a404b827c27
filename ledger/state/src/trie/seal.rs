//! References of new leaves and branches: hashing, a level of the tries at a time.
//!
//! All leaves first, then the branches from the deepest level up, so that each hash waits only for hashes that are
//! already known, and Keccak gets wide batches.

use super::{
    Arena, Node, NodeKey, Slot,
    update::{NewLeaf, NewNode},
};
use crate::keccak::keccak256_many;
use alloy_primitives::{B256, keccak256};
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles,
    nodes::{ExtensionNodeRef, LeafNodeRef, RlpNode},
};
use rayon::prelude::*;
use std::sync::Arc;

/// Leaves or branches that one task encodes and hashes together.
const CHUNK: usize = 64;

/// A stored node before and after; `None` where there is none.
#[derive(Clone, Debug)]
pub(crate) struct NodeChange {
    pub(crate) key: NodeKey,
    pub(crate) old: Option<Arc<Node>>,
    pub(crate) new: Option<Arc<Node>>,
}

/// Tries whose references are all known.
pub(crate) struct Sealed {
    leaves: Vec<Vec<RlpNode>>,
    nodes: Vec<Vec<RlpNode>>,
    /// Stored nodes that differ.
    pub(crate) changes: Vec<NodeChange>,
    /// Bytes given to Keccak.
    pub(crate) hashed_bytes: u64,
}

impl Sealed {
    /// The root hash of a trie with `top` at its top, which had root `before`.
    pub(crate) fn root(&self, top: Slot, before: B256) -> B256 {
        let reference = match top {
            Slot::Empty => return EMPTY_ROOT_HASH,
            Slot::Leaf | Slot::Node => return before,
            Slot::NewLeaf(index) => &self.leaves[index.arena as usize][index.at as usize],
            Slot::NewNode(index) => &self.nodes[index.arena as usize][index.at as usize],
        };
        reference.as_hash().unwrap_or_else(|| keccak256(reference.as_slice()))
    }

    /// Whether the child at a nibble is a leaf, and its reference.
    fn child(&self, new: &NewNode, at: usize) -> Option<(bool, RlpNode)> {
        match new.slots[at] {
            Slot::Empty => None,
            Slot::Leaf | Slot::Node => {
                let before = new.before.as_ref().expect("a slot as before comes from a branch");
                before.child(at).map(|(leaf, reference)| (leaf, reference.clone()))
            }
            Slot::NewLeaf(index) => {
                Some((true, self.leaves[index.arena as usize][index.at as usize].clone()))
            }
            Slot::NewNode(index) => {
                Some((false, self.nodes[index.arena as usize][index.at as usize].clone()))
            }
        }
    }

    fn node(&self, new: &NewNode) -> Node {
        let mut node = Node { extension: new.extension, occupied: 0, leaves: 0, children: Box::default() };
        let mut children = Vec::with_capacity(16);
        for at in 0..16 {
            if let Some((leaf, reference)) = self.child(new, at) {
                node.occupied |= 1 << at;
                node.leaves |= u16::from(leaf) << at;
                children.push(reference);
            }
        }
        node.children = children.into_boxed_slice();
        node
    }
}

/// Computes all references. Runs on the current thread's pool.
pub(crate) fn seal(arenas: Vec<Arena>) -> Sealed {
    let mut sealed = Sealed {
        leaves: arenas.iter().map(|arena| vec![RlpNode::default(); arena.leaves.len()]).collect(),
        nodes: arenas.iter().map(|arena| vec![RlpNode::default(); arena.nodes.len()]).collect(),
        changes: Vec::new(),
        hashed_bytes: 0,
    };
    let mut hashed = 0;
    let all: Vec<&[NewLeaf]> = arenas.iter().flat_map(|arena| arena.leaves.chunks(CHUNK)).collect();
    let references: Vec<(Vec<RlpNode>, u64)> = all.par_iter().map(|leaves| leaf_references(leaves)).collect();
    let mut references = references.into_iter();
    for (arena, known) in arenas.iter().zip(&mut sealed.leaves) {
        let mut at = 0;
        for _ in arena.leaves.chunks(CHUNK) {
            let (chunk, bytes) = references.next().expect("as many as chunks");
            known[at..at + chunk.len()].clone_from_slice(&chunk);
            at += chunk.len();
            hashed += bytes;
        }
    }
    let mut levels: Vec<Vec<(u32, u32)>> = vec![Vec::new(); 65];
    for (id, arena) in arenas.iter().enumerate() {
        for (at, node) in arena.nodes.iter().enumerate().filter(|(_, node)| node.live) {
            levels[node.key.path.len()].push((id as u32, at as u32));
        }
    }
    for level in levels.iter().rev().filter(|level| !level.is_empty()) {
        let known = &sealed;
        let chunks: Vec<_> = level
            .par_chunks(CHUNK)
            .map(|chunk| {
                let new = |&(arena, at): &(u32, u32)| &arenas[arena as usize].nodes[at as usize];
                node_references(chunk.iter().map(|place| known.node(new(place))).collect())
            })
            .collect();
        let mut places = level.iter();
        for (nodes, references, bytes) in chunks {
            hashed += bytes;
            for ((node, reference), &(arena, at)) in nodes.into_iter().zip(references).zip(places.by_ref()) {
                sealed.nodes[arena as usize][at as usize] = reference;
                let new = &arenas[arena as usize].nodes[at as usize];
                if new.old.as_deref() != Some(&node) {
                    let (old, new_node) = (new.old.clone(), Some(Arc::new(node)));
                    sealed.changes.push(NodeChange { key: new.key, old, new: new_node });
                }
            }
        }
    }
    for arena in arenas {
        let removed = arena.removed.into_iter();
        sealed.changes.extend(removed.map(|(key, old)| NodeChange { key, old: Some(old), new: None }));
    }
    sealed.hashed_bytes = hashed;
    sealed
}

fn leaf_references(leaves: &[NewLeaf]) -> (Vec<RlpNode>, u64) {
    let mut encoded = Encoded::default();
    for leaf in leaves {
        let suffix = Nibbles::unpack_array(&leaf.key.0).slice(leaf.depth..);
        encoded.push(|out| alloy_rlp::Encodable::encode(&LeafNodeRef::new(&suffix, &leaf.value), out));
    }
    encoded.references()
}

fn node_references(nodes: Vec<Node>) -> (Vec<Node>, Vec<RlpNode>, u64) {
    let mut encoded = Encoded::default();
    for node in &nodes {
        encoded.push(|out| node.encode_branch(out));
    }
    let (mut references, mut bytes) = encoded.references();
    let extended: Vec<usize> = (0..nodes.len()).filter(|at| !nodes[*at].extension.is_empty()).collect();
    if !extended.is_empty() {
        let mut encoded = Encoded::default();
        for &at in &extended {
            let extension = ExtensionNodeRef::new(&nodes[at].extension, references[at].as_slice());
            encoded.push(|out| alloy_rlp::Encodable::encode(&extension, out));
        }
        let (outer, more) = encoded.references();
        bytes += more;
        for (at, reference) in extended.into_iter().zip(outer) {
            references[at] = reference;
        }
    }
    (nodes, references, bytes)
}

/// RLP of several nodes, one after the other.
#[derive(Default)]
struct Encoded {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Encoded {
    fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// How a parent refers to each, and how many bytes were hashed.
    fn references(&self) -> (Vec<RlpNode>, u64) {
        let mut start = 0;
        let nodes: Vec<&[u8]> = self
            .ends
            .iter()
            .map(|&end| {
                let node = &self.bytes[start..end];
                start = end;
                node
            })
            .collect();
        let long: Vec<&[u8]> = nodes.iter().copied().filter(|node| node.len() >= 32).collect();
        let mut hashes = vec![B256::ZERO; long.len()];
        keccak256_many(&long, &mut hashes);
        let mut hashes = hashes.iter();
        let reference = |node: &&[u8]| match node.len() {
            32.. => RlpNode::word_rlp(hashes.next().expect("one hash per long node")),
            _ => RlpNode::from_raw(node).expect("shorter than a hash"),
        };
        let hashed = long.iter().map(|node| node.len() as u64).sum();
        (nodes.iter().map(reference).collect(), hashed)
    }
}

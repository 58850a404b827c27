//! References of new leaves and branches: hashing, a level of the tries at a time.
//!
//! All leaves first, then the branches from the deepest level up, so that each hash waits only for hashes that are
//! already known, and Keccak gets wide batches.

use super::{
    Arena, Node, NodeKey, Slot,
    node::Reference,
    update::{NewLeaf, NewNode},
};
use crate::keccak::keccak256_many;
use alloy_primitives::{B256, keccak256};
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles,
    nodes::{ExtensionNodeRef, LeafNodeRef},
};
use rayon::prelude::*;
use std::sync::Arc;

/// Leaves or branches that one task encodes and hashes together.
const CHUNK: usize = 64;

/// Bytes that one permutation of Keccak-256 takes in.
const RATE: u64 = 136;

/// What was given to Keccak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hashed {
    /// Bytes.
    pub bytes: u64,
    /// Blocks of 136 bytes, the padding included: permutations.
    pub blocks: u64,
}

impl std::ops::AddAssign for Hashed {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.blocks += other.blocks;
    }
}

/// What stands where no reference is known yet.
const NO_REFERENCE: Reference = Reference::UNKNOWN;

/// A stored node before and after; `None` where there is none.
#[derive(Clone, Debug)]
pub(crate) struct NodeChange {
    pub(crate) key: NodeKey,
    pub(crate) old: Option<Arc<Node>>,
    pub(crate) new: Option<Arc<Node>>,
}

/// Tries whose references are all known.
pub(crate) struct Sealed {
    leaves: Vec<Vec<Reference>>,
    nodes: Vec<Vec<Reference>>,
    /// Stored nodes that differ.
    pub(crate) changes: Vec<NodeChange>,
    /// What was given to Keccak.
    pub(crate) hashed: Hashed,
    /// Bytes of the new nodes in memory, about.
    pub(crate) node_bytes: u64,
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
    fn child(&self, new: &NewNode, at: usize) -> Option<(bool, Reference)> {
        match new.slots[at] {
            Slot::Empty => None,
            Slot::Leaf | Slot::Node => {
                let before = new.before.as_ref().expect("a slot as before comes from a branch");
                before.child(at).map(|(leaf, reference)| (leaf, *reference))
            }
            Slot::NewLeaf(index) => Some((true, self.leaves[index.arena as usize][index.at as usize])),
            Slot::NewNode(index) => Some((false, self.nodes[index.arena as usize][index.at as usize])),
        }
    }

    fn node(&self, new: &NewNode) -> Node {
        let mut node = Node { extension: new.extension, occupied: 0, leaves: 0, children: Box::default() };
        let mut children = [NO_REFERENCE; 16];
        let mut count = 0;
        for at in 0..16 {
            if let Some((leaf, reference)) = self.child(new, at) {
                node.occupied |= 1 << at;
                node.leaves |= u16::from(leaf) << at;
                children[count] = reference;
                count += 1;
            }
        }
        node.children = children[..count].into();
        node
    }
}

/// Computes all references. Runs on the current thread's pool.
pub(crate) fn seal(arenas: Vec<Arena>) -> Sealed {
    let mut sealed = Sealed {
        leaves: arenas.iter().map(|arena| vec![NO_REFERENCE; arena.leaves.len()]).collect(),
        nodes: arenas.iter().map(|arena| vec![NO_REFERENCE; arena.nodes.len()]).collect(),
        changes: Vec::new(),
        hashed: Hashed::default(),
        node_bytes: 0,
    };
    let all: Vec<&[NewLeaf]> = arenas.iter().flat_map(|arena| arena.leaves.chunks(CHUNK)).collect();
    let references: Vec<(Vec<Reference>, Hashed)> =
        all.par_iter().map(|leaves| leaf_references(leaves)).collect();
    let mut references = references.into_iter();
    for (arena, known) in arenas.iter().zip(&mut sealed.leaves) {
        let mut at = 0;
        for _ in arena.leaves.chunks(CHUNK) {
            let (chunk, bytes) = references.next().expect("as many as chunks");
            known[at..at + chunk.len()].clone_from_slice(&chunk);
            at += chunk.len();
            sealed.hashed += bytes;
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
        let chunks: Vec<SealedNodes> = level
            .par_chunks(CHUNK)
            .map(|chunk| {
                let new = |&(arena, at): &(u32, u32)| &arenas[arena as usize].nodes[at as usize];
                seal_nodes(known, chunk.iter().map(new))
            })
            .collect();
        let mut places = level.iter();
        for chunk in chunks {
            sealed.hashed += chunk.hashed;
            sealed.node_bytes += chunk.node_bytes;
            sealed.changes.extend(chunk.changes);
            for (reference, &(arena, at)) in chunk.references.into_iter().zip(places.by_ref()) {
                sealed.nodes[arena as usize][at as usize] = reference;
            }
        }
    }
    for arena in arenas {
        let removed = arena.removed.into_iter();
        sealed.changes.extend(removed.map(|(key, old)| NodeChange { key, old: Some(old), new: None }));
    }
    sealed
}

fn leaf_references(leaves: &[NewLeaf]) -> (Vec<Reference>, Hashed) {
    let mut encoded = Encoded::default();
    for leaf in leaves {
        let suffix = Nibbles::unpack_array(&leaf.key.0).slice(leaf.depth..);
        encoded.push(|out| alloy_rlp::Encodable::encode(&LeafNodeRef::new(&suffix, &leaf.value), out));
    }
    encoded.references()
}

/// Branches of one level.
struct SealedNodes {
    references: Vec<Reference>,
    changes: Vec<NodeChange>,
    hashed: Hashed,
    node_bytes: u64,
}

fn seal_nodes<'a>(known: &Sealed, new: impl Iterator<Item = &'a NewNode> + Clone) -> SealedNodes {
    let nodes: Vec<Node> = new.clone().map(|new| known.node(new)).collect();
    let mut encoded = Encoded::default();
    for node in &nodes {
        encoded.push(|out| node.encode_branch(out));
    }
    let (mut references, mut hashed) = encoded.references();
    let extended: Vec<usize> = (0..nodes.len()).filter(|at| !nodes[*at].extension.is_empty()).collect();
    if !extended.is_empty() {
        let mut encoded = Encoded::default();
        for &at in &extended {
            let extension = ExtensionNodeRef::new(&nodes[at].extension, references[at].as_slice());
            encoded.push(|out| alloy_rlp::Encodable::encode(&extension, out));
        }
        let (outer, more) = encoded.references();
        hashed += more;
        for (at, reference) in extended.into_iter().zip(outer) {
            references[at] = reference;
        }
    }
    let mut node_bytes = 0;
    let differing = nodes.into_iter().zip(new).filter(|(node, new)| new.old.as_deref() != Some(node));
    let changes = differing.map(|(node, new)| {
        node_bytes += node.memory() as u64;
        NodeChange { key: new.key, old: new.old.clone(), new: Some(Arc::new(node)) }
    });
    let changes = changes.collect();
    SealedNodes { references, changes, hashed, node_bytes }
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

    /// How a parent refers to each, and what was hashed.
    fn references(&self) -> (Vec<Reference>, Hashed) {
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
            32.. => Reference::hash(hashes.next().expect("one hash per long node")),
            _ => Reference::short(node).expect("shorter than a hash"),
        };
        let mut hashed = Hashed::default();
        for node in &long {
            hashed += Hashed { bytes: node.len() as u64, blocks: node.len() as u64 / RATE + 1 };
        }
        (nodes.iter().map(reference).collect(), hashed)
    }
}

//! A Merkle-Patricia trie in memory that hashes again only what changed.
//!
//! A chain needs a root for every block, and computing the whole state's each time would take time quadratic in the length of the
//! chain. This trie is the simplest one that is incremental; it shares nothing with the store that generated chains test, and
//! encodes nodes with `alloy-trie`.
//!
//! ## Invariants
//! * A branch has at least two children; keys below it agree on its first `depth` nibbles, and its own key is one that does.
//!   Extensions are not kept: there is one wherever a branch is deeper than just below its parent.
//! * A kept reference is that of the node as it is, where it is.

use alloy_primitives::{B256, keccak256};
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles, TrieMask,
    nodes::{BranchNodeRef, ExtensionNodeRef, LeafNodeRef, RlpNode},
};

/// Nibbles in a key.
const KEY: usize = 64;

/// What is kept under a key: the RLP form of an account or of a slot's value.
pub(crate) type Value = Box<[u8]>;

#[derive(Debug, Default)]
pub(crate) struct Trie(Option<Node>);

#[derive(Debug)]
enum Node {
    Leaf(Box<Leaf>),
    Branch(Box<Branch>),
}

#[derive(Debug)]
struct Leaf {
    key: B256,
    value: Value,
    reference: Option<RlpNode>,
}

#[derive(Debug)]
struct Branch {
    key: B256,
    depth: usize,
    children: [Option<Node>; 16],
    reference: Option<RlpNode>,
}

impl Trie {
    /// Whether nothing is in it.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Puts a value in place and returns the one that was there.
    pub(crate) fn insert(&mut self, key: B256, value: Value) -> Option<Value> {
        insert(&mut self.0, key, value)
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, key: &B256) -> Option<Value> {
        remove(&mut self.0, key)
    }

    /// The root hash. Costs in proportion to what changed since the last time.
    pub(crate) fn root(&mut self) -> B256 {
        let Some(node) = &mut self.0 else { return EMPTY_ROOT_HASH };
        let reference = node.reference(0, &mut Vec::new());
        reference.as_hash().unwrap_or_else(|| keccak256(&reference))
    }
}

impl Node {
    fn leaf(key: B256, value: Value) -> Self {
        Self::Leaf(Box::new(Leaf { key, value, reference: None }))
    }

    fn forget(&mut self) {
        match self {
            Self::Leaf(leaf) => leaf.reference = None,
            Self::Branch(branch) => branch.reference = None,
        }
    }

    /// A key below this node, and how many of its nibbles all keys below share.
    fn path(&self) -> (&B256, usize) {
        match self {
            Self::Leaf(leaf) => (&leaf.key, KEY),
            Self::Branch(branch) => (&branch.key, branch.depth),
        }
    }

    /// The node as its parent refers to it, where `from` nibbles lead to it.
    fn reference(&mut self, from: usize, buffer: &mut Vec<u8>) -> RlpNode {
        match self {
            Self::Leaf(leaf) => leaf
                .reference
                .get_or_insert_with(|| {
                    buffer.clear();
                    LeafNodeRef::new(&Nibbles::unpack(leaf.key).slice(from..), &leaf.value).rlp(buffer)
                })
                .clone(),
            Self::Branch(branch) => {
                if let Some(reference) = &branch.reference {
                    return reference.clone();
                }
                let reference = branch.encode(from, buffer);
                branch.reference.insert(reference).clone()
            }
        }
    }
}

impl Branch {
    fn encode(&mut self, from: usize, buffer: &mut Vec<u8>) -> RlpNode {
        let mut mask = TrieMask::default();
        let mut stack = Vec::with_capacity(self.children.len());
        for (nibble, child) in (0_u8..).zip(&mut self.children) {
            if let Some(child) = child {
                mask.set_bit(nibble);
                stack.push(child.reference(self.depth + 1, buffer));
            }
        }
        buffer.clear();
        let branch = BranchNodeRef::new(&stack, mask).rlp(buffer);
        if self.depth == from {
            return branch;
        }
        buffer.clear();
        ExtensionNodeRef::new(&Nibbles::unpack(self.key).slice(from..self.depth), &branch).rlp(buffer)
    }
}

fn insert(place: &mut Option<Node>, key: B256, value: Value) -> Option<Value> {
    let Some(node) = place else {
        *place = Some(Node::leaf(key, value));
        return None;
    };
    node.forget();
    let (other, shared) = node.path();
    let common = common_nibbles(&key, other);
    if common < shared {
        let beside = nibble(other, common);
        let mut children = [const { None }; 16];
        children[nibble(&key, common)] = Some(Node::leaf(key, value));
        children[beside] = place.take();
        *place = Some(Node::Branch(Box::new(Branch { key, depth: common, children, reference: None })));
        return None;
    }
    match node {
        Node::Leaf(leaf) => Some(std::mem::replace(&mut leaf.value, value)),
        Node::Branch(branch) => insert(&mut branch.children[nibble(&key, branch.depth)], key, value),
    }
}

fn remove(place: &mut Option<Node>, key: &B256) -> Option<Value> {
    match place.as_mut()? {
        Node::Leaf(leaf) if leaf.key == *key => {
            let value = std::mem::take(&mut leaf.value);
            *place = None;
            Some(value)
        }
        Node::Leaf(_) => None,
        Node::Branch(branch) => {
            let value = remove(&mut branch.children[nibble(key, branch.depth)], key)?;
            branch.reference = None;
            let mut left = branch.children.iter_mut().filter(|child| child.is_some());
            if let (Some(only), None) = (left.next(), left.next()) {
                let mut only = only.take();
                only.as_mut().map(Node::forget);
                *place = only;
            }
            Some(value)
        }
    }
}

fn nibble(key: &B256, index: usize) -> usize {
    let byte = key[index / 2];
    usize::from(if index.is_multiple_of(2) { byte >> 4 } else { byte & 0xf })
}

fn common_nibbles(a: &B256, b: &B256) -> usize {
    match a.iter().zip(b).position(|(a, b)| a != b) {
        None => KEY,
        Some(byte) => 2 * byte + usize::from(a[byte] >> 4 == b[byte] >> 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;
    use alloy_trie::root::storage_root;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Keys that share long paths.
    fn key(word: u16) -> B256 {
        let mut key = B256::ZERO;
        key[0] = (word >> 12) as u8;
        key[10] = (word >> 4) as u8;
        key[31] = word as u8;
        key
    }

    proptest! {
        #[test]
        fn after_every_change_the_root_is_that_of_the_whole(
            changes in prop::collection::vec((0..400_u16, 0..3_u64), 0..150)
        ) {
            let (mut trie, mut whole) = (Trie::default(), BTreeMap::new());
            for (word, value) in changes {
                let key = key(word.wrapping_mul(40_503));
                let value = U256::from(value);
                let rlp = |value: U256| alloy_rlp::encode(value).into_boxed_slice();
                if value.is_zero() {
                    prop_assert_eq!(trie.remove(&key), whole.remove(&key).map(rlp));
                } else {
                    prop_assert_eq!(trie.insert(key, rlp(value)), whole.insert(key, value).map(rlp));
                }
                prop_assert_eq!(trie.root(), storage_root(whole.iter().map(|(key, value)| (*key, *value))));
                prop_assert_eq!(trie.is_empty(), whole.is_empty());
            }
        }
    }
}

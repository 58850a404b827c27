//! A branch node, its place, and its record on disk.

use super::TrieId;
use crate::error::StoreError;
use alloy_primitives::{B256, keccak256};
use alloy_rlp::{EMPTY_STRING_CODE, Header};
use alloy_trie::{
    Nibbles,
    nodes::{ExtensionNodeRef, RlpNode},
};

/// Where a node is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeKey {
    /// The trie it belongs to.
    pub(crate) trie: TrieId,
    /// Its position.
    pub(crate) path: Nibbles,
}

/// Bytes of the longest [`NodeKey`].
const MAX_KEY: usize = 8 + 32 + 1;

/// [`NodeKey`] as bytes.
#[derive(Clone, Copy)]
pub(crate) struct NodeKeyBytes {
    bytes: [u8; MAX_KEY],
    len: usize,
}

impl std::ops::Deref for NodeKeyBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl NodeKey {
    pub(crate) const fn new(trie: TrieId, path: Nibbles) -> Self {
        Self { trie, path }
    }

    /// Trie id (big endian), number of nibbles, packed path: a trie's levels one after the other, and no key the
    /// beginning of another.
    pub(crate) fn to_bytes(self) -> NodeKeyBytes {
        let mut bytes = [0; MAX_KEY];
        bytes[..8].copy_from_slice(&self.trie.to_be_bytes());
        bytes[8] = self.path.len() as u8;
        let packed = self.path.len().div_ceil(2);
        self.path.pack_to(&mut bytes[9..9 + packed]);
        NodeKeyBytes { bytes, len: 9 + packed }
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged = || StoreError::Damaged("the key of a trie node is malformed".into());
        let (trie, rest) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (&len, packed) = rest.split_first().ok_or_else(damaged)?;
        if len > 64 || packed.len() != usize::from(len).div_ceil(2) {
            return Err(damaged());
        }
        let mut path = Nibbles::unpack(packed);
        path.truncate(len.into());
        Ok(Self::new(u64::from_be_bytes(*trie), path))
    }
}

/// How a branch refers to a child: the RLP of its hash, or the child's own RLP if that is shorter than a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference([u8; 33]);

/// First byte of the RLP of a hash.
const HASH: u8 = 0x80 + 32;

impl Reference {
    /// No reference to anything.
    pub(crate) const UNKNOWN: Self = Self([0; 33]);

    pub(crate) fn hash(hash: &B256) -> Self {
        let mut bytes = [HASH; 33];
        bytes[1..].copy_from_slice(hash.as_slice());
        Self(bytes)
    }

    /// A child's RLP: a list of less than 32 bytes.
    pub(crate) fn short(rlp: &[u8]) -> Option<Self> {
        let mut bytes = [0; 33];
        bytes[..32].get_mut(..rlp.len())?.copy_from_slice(rlp);
        let reference = Self(bytes);
        (rlp.len() < 32 && reference.as_slice() == rlp).then_some(reference)
    }

    /// As it stands in the branch.
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self.0[0] {
            HASH => &self.0,
            list => &self.0[..1 + usize::from(list.saturating_sub(0xc0)).min(31)],
        }
    }

    pub(crate) fn as_hash(&self) -> Option<B256> {
        (self.0[0] == HASH).then(|| B256::from_slice(&self.0[1..]))
    }
}

/// A branch node with the extension before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Nibbles between the position and the branch.
    pub(crate) extension: Nibbles,
    /// Bit *i*: there is a child at nibble *i*.
    pub(crate) occupied: u16,
    /// Bit *i*: the child at nibble *i* is a leaf.
    pub(crate) leaves: u16,
    /// References to the children, in ascending order of nibbles.
    pub(crate) children: Box<[Reference]>,
}

/// Bytes of the RLP of a branch with sixteen hashes.
const LONGEST_BRANCH: usize = 532;

/// Flag in a record's first byte: some child is shorter than a hash.
const SHORT_CHILDREN: u8 = 0x80;

impl Node {
    /// The child at a nibble, and whether it is a leaf.
    pub(crate) fn child(&self, nibble: usize) -> Option<(bool, &Reference)> {
        let bit = 1 << nibble;
        (self.occupied & bit != 0).then(|| {
            let index = (self.occupied & (bit - 1)).count_ones() as usize;
            (self.leaves & bit != 0, &self.children[index])
        })
    }

    /// Bytes in memory, about.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + self.children.len() * size_of::<Reference>() + 48
    }

    /// Appends the RLP of the branch, without the extension.
    pub(crate) fn encode_branch(&self, out: &mut Vec<u8>) {
        encode_branch(self.occupied, &self.children, out);
    }

    /// How a parent refers to this node: its RLP, or the hash of that.
    pub(crate) fn reference(&self) -> RlpNode {
        let mut branch = Vec::with_capacity(LONGEST_BRANCH);
        self.encode_branch(&mut branch);
        let branch = RlpNode::from_rlp(&branch);
        if self.extension.is_empty() {
            return branch;
        }
        RlpNode::from_rlp(&alloy_rlp::encode(ExtensionNodeRef::new(&self.extension, &branch)))
    }

    /// The record: length and nibbles of the extension, both masks, children.
    pub(crate) fn to_record(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(6 + 33 * self.children.len());
        let mut short = 0u16;
        let mut bits = (0..16).filter(|nibble| self.occupied >> nibble & 1 == 1);
        for child in &self.children {
            let nibble = bits.next().expect("as many as children");
            short |= u16::from(child.as_hash().is_none()) << nibble;
        }
        let flag = if short == 0 { 0 } else { SHORT_CHILDREN };
        record.push(self.extension.len() as u8 | flag);
        record.extend_from_slice(&self.extension.pack());
        record.extend_from_slice(&self.occupied.to_be_bytes());
        record.extend_from_slice(&self.leaves.to_be_bytes());
        if short != 0 {
            record.extend_from_slice(&short.to_be_bytes());
        }
        for child in &self.children {
            match child.as_hash() {
                Some(hash) => record.extend_from_slice(hash.as_slice()),
                None => record.extend_from_slice(child.as_slice()),
            }
        }
        record
    }

    /// Reads what [`to_record`](Self::to_record) wrote.
    pub(crate) fn from_record(record: &[u8]) -> Result<Self, StoreError> {
        Self::parse(record)
            .ok_or_else(|| StoreError::Damaged("the record of a trie node is malformed".into()))
    }

    fn parse(record: &[u8]) -> Option<Self> {
        let (&first, rest) = record.split_first()?;
        let len = usize::from(first & !SHORT_CHILDREN);
        let (packed, rest) = rest.split_at_checked(len.div_ceil(2))?;
        let mut extension = if len <= 64 { Nibbles::unpack(packed) } else { return None };
        extension.truncate(len);
        let (occupied, rest) = take_u16(rest)?;
        let (leaves, rest) = take_u16(rest)?;
        let (short, mut rest) = if first & SHORT_CHILDREN != 0 { take_u16(rest)? } else { (0, rest) };
        if occupied.count_ones() < 2 || (leaves | short) & !occupied != 0 {
            return None;
        }
        let mut children = Vec::with_capacity(occupied.count_ones() as usize);
        for nibble in (0..16).filter(|nibble| occupied >> nibble & 1 == 1) {
            if short >> nibble & 1 == 1 {
                let list = usize::from(rest.first()?.checked_sub(0xc0).filter(|len| *len < 32)?);
                let (child, after) = rest.split_at_checked(1 + list)?;
                children.push(Reference::short(child)?);
                rest = after;
            } else {
                let (hash, after) = rest.split_first_chunk::<32>()?;
                children.push(Reference::hash(&hash.into()));
                rest = after;
            }
        }
        rest.is_empty().then(|| Self { extension, occupied, leaves, children: children.into() })
    }
}

/// The root of a trie, from how a parent would refer to its topmost node.
pub(crate) fn root_of(top: &RlpNode) -> B256 {
    top.as_hash().unwrap_or_else(|| keccak256(top))
}

/// Appends the RLP of a branch.
pub(crate) fn encode_branch(occupied: u16, children: &[Reference], out: &mut Vec<u8>) {
    let empty = 17 - children.len();
    let payload_length = empty + children.iter().map(|child| child.as_slice().len()).sum::<usize>();
    Header { list: true, payload_length }.encode(out);
    let mut children = children.iter();
    for nibble in 0..16 {
        match occupied >> nibble & 1 {
            0 => out.push(EMPTY_STRING_CODE),
            _ => out.extend_from_slice(children.next().expect("as many as bits").as_slice()),
        }
    }
    out.push(EMPTY_STRING_CODE);
}

fn take_u16(bytes: &[u8]) -> Option<(u16, &[u8])> {
    bytes.split_first_chunk::<2>().map(|(head, rest)| (u16::from_be_bytes(*head), rest))
}

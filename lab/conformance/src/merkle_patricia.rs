//! The root of any Merkle-Patricia trie, as the Yellow Paper's appendix D defines it: keys of any length, one of which
//! may be the beginning of another, so that branches have values.
//!
//! No trie of Ethereum is of that kind, and nothing but trie tests uses this. It owes nothing to the tries of the store or
//! to alloy's. The stack grows with the length of the keys.

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Header;
use std::collections::BTreeMap;

/// A key in nibbles, and its value.
type Entry<'a> = (Vec<u8>, &'a [u8]);

/// The root of the trie that holds these values.
pub(crate) fn root(values: &BTreeMap<Vec<u8>, Vec<u8>>) -> B256 {
    let nibbles = |key: &[u8]| key.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect();
    let entries: Vec<Entry<'_>> = values.iter().map(|(key, value)| (nibbles(key), &value[..])).collect();
    keccak256(node(&entries, 0))
}

/// RLP of the node that holds these entries, in ascending order, whose keys agree in their first `depth` nibbles.
fn node(entries: &[Entry<'_>], depth: usize) -> Vec<u8> {
    let [(first, value), rest @ ..] = entries else { return alloy_rlp::encode(Bytes::new()) };
    let Some((last, _)) = rest.last() else {
        return list(&[string(&compact(&first[depth..], true)), string(value)]);
    };
    let shared = first[depth..].iter().zip(&last[depth..]).take_while(|(a, b)| a == b).count();
    if shared > 0 {
        let child = reference(node(entries, depth + shared));
        return list(&[string(&compact(&first[depth..depth + shared], false)), child]);
    }
    let (here, below) = if first.len() == depth { (*value, rest) } else { (&[][..], entries) };
    let mut items: Vec<Vec<u8>> = (0..16)
        .map(|nibble| {
            let from = below.partition_point(|(key, _)| key[depth] < nibble);
            let to = below.partition_point(|(key, _)| key[depth] <= nibble);
            reference(node(&below[from..to], depth + 1))
        })
        .collect();
    items.push(string(here));
    list(&items)
}

/// How a node stands in its parent: as it is if that is shorter than a hash, otherwise by its hash.
fn reference(node: Vec<u8>) -> Vec<u8> {
    if node.len() < 32 { node } else { alloy_rlp::encode(keccak256(node)) }
}

/// Nibbles in bytes, after a nibble that says whether they end at a value and whether they are odd in number (the
/// Yellow Paper's appendix C).
fn compact(nibbles: &[u8], leaf: bool) -> Vec<u8> {
    let flag = if leaf { 2 } else { 0 };
    let (head, rest) = match nibbles.len() % 2 {
        0 => (flag << 4, nibbles),
        _ => ((flag | 1) << 4 | nibbles[0], &nibbles[1..]),
    };
    std::iter::once(head).chain(rest.chunks(2).map(|pair| pair[0] << 4 | pair[1])).collect()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    alloy_rlp::encode(bytes)
}

/// RLP of a list of items that are encoded already.
fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let items = items.concat();
    let mut out = Vec::with_capacity(items.len() + 9);
    Header { list: true, payload_length: items.len() }.encode(&mut out);
    out.extend_from_slice(&items);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles};

    #[test]
    fn roots_are_those_of_alloy_where_that_has_one() {
        let mut values = BTreeMap::new();
        assert_eq!(root(&values), EMPTY_ROOT_HASH);
        for seed in 0u64..300 {
            // Keys of three bytes over few nibbles, values of any length.
            let hash = keccak256(seed.to_be_bytes());
            values.insert(
                hash[..3].iter().map(|byte| byte & 0x33).collect(),
                hash[..1 + usize::from(hash[4] % 32)].to_vec(),
            );
            let mut builder = HashBuilder::default();
            for (key, value) in &values {
                builder.add_leaf(Nibbles::unpack(key), value);
            }
            assert_eq!(root(&values), builder.root());
        }
    }

    #[test]
    fn a_branch_has_a_value_where_a_key_ends() {
        // Keys 0x12 and 0x1234 with one byte each: an extension over 1, 2 and a branch with a leaf at 3, all of them
        // shorter than a hash.
        let leaf = [0xc2, 0x34, 0x02];
        let branch = [&[0xd3, 0x80, 0x80, 0x80], &leaf[..], &[0x80; 12], &[0x01]].concat();
        let extension = [&[0xd7, 0x82, 0x00, 0x12], &branch[..]].concat();
        let values = BTreeMap::from([(vec![0x12], vec![1]), (vec![0x12, 0x34], vec![2])]);
        assert_eq!(root(&values), keccak256(extension));
    }
}

//! Tries against alloy's hash builder, over keys that share long prefixes.

use super::*;
use alloy_primitives::Bytes;
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, proof::verify_proof};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn expected_root(trie: &MemoryTrie) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in &trie.leaves {
        builder.add_leaf(Nibbles::unpack_array(&key.0), value);
    }
    builder.root()
}

/// Keys that branch at few places, some deep: nodes shorter than a hash, long extensions, splits and merges.
fn key() -> impl Strategy<Value = B256> {
    (0u8..4, 0u8..4, 0u8..3, 0usize..31, 0u8..16).prop_map(|(first, second, last, at, nibble)| {
        let mut key = [0u8; 32];
        key[0] = first << 4 | second;
        key[at] ^= nibble << 4;
        key[31] = last;
        B256::from(key)
    })
}

fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        2 => Just(None),
        3 => (1u8..5).prop_map(|byte| Some(vec![byte])),
        2 => (1u8..255, 20usize..60).prop_map(|(byte, len)| Some(alloy_rlp::encode(&vec![byte; len][..]))),
    ]
}

fn changes(most: usize) -> impl Strategy<Value = BTreeMap<B256, Option<Vec<u8>>>> {
    proptest::collection::btree_map(key(), value(), 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn roots_and_nodes_are_those_of_a_trie_built_at_once(batches in proptest::collection::vec(changes(40), 1..12)) {
        let mut trie = MemoryTrie::default();
        for batch in batches {
            let root = trie.apply(batch).unwrap();
            prop_assert_eq!(root, expected_root(&trie));
        }
        let mut fresh = MemoryTrie::default();
        let all = trie.leaves.iter().map(|(key, value)| (*key, Some(value.to_vec())));
        prop_assert_eq!(fresh.apply(all).unwrap(), trie.root());
        prop_assert_eq!(fresh.nodes, trie.nodes);
    }

    #[test]
    fn proofs_hold_for_what_is_there_and_what_is_not(batch in changes(60), asked in proptest::collection::vec(key(), 8)) {
        let mut trie = MemoryTrie::default();
        let root = trie.apply(batch).unwrap();
        for key in asked.iter().chain(trie.leaves.keys()) {
            let proof: Vec<Bytes> = prove(&trie, 1, root, key).unwrap();
            let value = trie.leaves.get(key).map(|value| value.to_vec());
            let checked = verify_proof(root, Nibbles::unpack_array(&key.0), value.clone(), &proof);
            prop_assert!(checked.is_ok(), "{:?}", checked);
            let other = if value.is_some() { None } else { Some(vec![1]) };
            prop_assert!(verify_proof(root, Nibbles::unpack_array(&key.0), other, &proof).is_err());
        }
    }

    #[test]
    fn damaged_records_are_refused_or_read_as_something_else(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        if let Ok(node) = Node::from_record(&bytes) {
            prop_assert!(node.occupied.count_ones() >= 2);
        }
        let _ = NodeKey::from_bytes(&bytes);
    }
}

/// Enough changes that branches are walked in parallel, with a top that dissolves at the end.
#[test]
fn wide_changes_are_walked_in_parallel() {
    let mut trie = MemoryTrie::default();
    let hashed = |seed: u32| alloy_primitives::keccak256(seed.to_be_bytes());
    trie.apply((0..20_000).map(|seed| (hashed(seed), Some(vec![1; 40])))).unwrap();
    assert_eq!(trie.root(), expected_root(&trie));
    let update = (0..20_000).step_by(3).map(|seed| (hashed(seed), (seed % 2 == 0).then(|| vec![2; 50])));
    trie.apply(update.chain((20_000..30_000).map(|seed| (hashed(seed), Some(vec![3; 3]))))).unwrap();
    assert_eq!(trie.root(), expected_root(&trie));
    // Everything under all first nibbles but one goes, so that the top branch is left with one child.
    let rest: Vec<_> = trie.leaves.keys().filter(|key| key[0] >> 4 != 5).map(|key| (*key, None)).collect();
    trie.apply(rest).unwrap();
    assert_eq!(trie.root(), expected_root(&trie));
    let all: Vec<_> = trie.leaves.keys().map(|key| (*key, None)).collect();
    assert_eq!(trie.apply(all).unwrap(), EMPTY_ROOT_HASH);
    assert!(trie.nodes.is_empty());
}

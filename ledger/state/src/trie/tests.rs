//! Tries against alloy's hash builder, over keys that share long prefixes.

use super::*;
use alloy_primitives::Bytes;
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, proof::verify_proof};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

const TRIE: TrieId = 7;

#[derive(Clone, Default)]
struct Memory {
    nodes: HashMap<NodeKey, Arc<Node>>,
    leaves: BTreeMap<B256, Box<[u8]>>,
}

impl Source for Memory {
    fn node(&self, key: &NodeKey) -> Result<Option<Arc<Node>>, StoreError> {
        Ok(self.nodes.get(key).cloned())
    }

    fn leaf(&self, _: TrieId, prefix: &Nibbles) -> Result<(B256, Box<[u8]>), StoreError> {
        let mut below = self.leaves.iter().filter(|(key, _)| Nibbles::unpack_array(&key.0).starts_with(prefix));
        let (key, value) = below.next().expect("the trie asks for leaves that exist");
        assert!(below.next().is_none(), "the trie asks only where one leaf is");
        Ok((*key, value.clone()))
    }
}

impl Memory {
    fn apply(&mut self, root: B256, changes: &BTreeMap<B256, Option<Box<[u8]>>>) -> B256 {
        let changes: Vec<_> = changes
            .iter()
            .filter(|(key, value)| value.is_some() || self.leaves.contains_key(*key))
            .map(|(key, value)| LeafChange { key: *key, existed: self.leaves.contains_key(key), value: value.clone() })
            .collect();
        let tries = Tries::new(&*self);
        let mut arena = tries.arena();
        let top = tries.apply(&mut arena, TRIE, root, &changes).unwrap();
        tries.finish(arena);
        let sealed = seal(tries.into_arenas());
        let root = sealed.root(top, root);
        for change in sealed.changes {
            assert_eq!(self.nodes.get(&change.key), change.old.as_ref(), "what was there at {:?}", change.key);
            let record = change.new.as_ref().map(|node| Node::from_record(&node.to_record()).unwrap());
            assert_eq!(record.as_ref(), change.new.as_deref());
            match change.new {
                Some(node) => self.nodes.insert(change.key, node),
                None => self.nodes.remove(&change.key),
            };
        }
        for change in changes {
            match change.value {
                Some(value) => self.leaves.insert(change.key, value),
                None => self.leaves.remove(&change.key),
            };
        }
        root
    }

    fn expected_root(&self) -> B256 {
        let mut builder = HashBuilder::default();
        for (key, value) in &self.leaves {
            builder.add_leaf(Nibbles::unpack_array(&key.0), value);
        }
        builder.root()
    }
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

fn value() -> impl Strategy<Value = Option<Box<[u8]>>> {
    prop_oneof![
        2 => Just(None),
        3 => (1u8..5).prop_map(|byte| Some(vec![byte].into())),
        2 => (1u8..255, 20usize..60).prop_map(|(byte, len)| Some(alloy_rlp::encode(&vec![byte; len][..]).into())),
    ]
}

fn changes(most: usize) -> impl Strategy<Value = BTreeMap<B256, Option<Box<[u8]>>>> {
    proptest::collection::btree_map(key(), value(), 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn roots_and_nodes_are_those_of_a_trie_built_at_once(batches in proptest::collection::vec(changes(40), 1..12)) {
        let mut memory = Memory::default();
        let mut root = EMPTY_ROOT_HASH;
        for batch in &batches {
            root = memory.apply(root, batch);
            prop_assert_eq!(root, memory.expected_root());
        }
        let mut fresh = Memory::default();
        let all = memory.leaves.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
        prop_assert_eq!(fresh.apply(EMPTY_ROOT_HASH, &all), root);
        prop_assert_eq!(fresh.nodes, memory.nodes);
    }

    #[test]
    fn proofs_hold_for_what_is_there_and_what_is_not(batch in changes(60), asked in proptest::collection::vec(key(), 8)) {
        let mut memory = Memory::default();
        let root = memory.apply(EMPTY_ROOT_HASH, &batch);
        for key in asked.iter().chain(memory.leaves.keys()) {
            let proof: Vec<Bytes> = prove(&memory, TRIE, root, key).unwrap();
            let value = memory.leaves.get(key).map(|value| value.to_vec());
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
    let mut memory = Memory::default();
    let hashed = |seed: u32| alloy_primitives::keccak256(seed.to_be_bytes());
    let insert: BTreeMap<_, _> = (0..20_000).map(|seed| (hashed(seed), Some(vec![1; 40].into()))).collect();
    let root = memory.apply(EMPTY_ROOT_HASH, &insert);
    assert_eq!(root, memory.expected_root());
    let update = (0..20_000)
        .step_by(3)
        .map(|seed| (hashed(seed), (seed % 2 == 0).then(|| vec![2; 50].into())))
        .chain((20_000..30_000).map(|seed| (hashed(seed), Some(vec![3; 3].into()))))
        .collect();
    let root = memory.apply(root, &update);
    assert_eq!(root, memory.expected_root());
    // Everything under all first nibbles but one goes, so that the top branch is left with one child.
    let rest = memory.leaves.keys().filter(|key| key[0] >> 4 != 5).map(|key| (*key, None)).collect();
    let root = memory.apply(root, &rest);
    assert_eq!(root, memory.expected_root());
    let all = memory.leaves.keys().map(|key| (*key, None)).collect();
    assert_eq!(memory.apply(root, &all), EMPTY_ROOT_HASH);
    assert!(memory.nodes.is_empty());
}

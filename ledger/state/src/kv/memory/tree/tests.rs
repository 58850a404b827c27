use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// All entries, the depth of the leaves, and whether the invariants hold.
fn check(node: &Node, lowest: Option<&[u8]>, root: bool) -> (usize, usize) {
    assert!(node.len() > 0 && node.len() <= MOST);
    match node {
        Node::Leaf(entries) => {
            assert!(entries.is_sorted_by(|a, b| *a.0 < *b.0));
            assert!(lowest.is_none_or(|lowest| lowest <= &*entries[0].0));
            (entries.len(), 1)
        }
        Node::Inner(children) => {
            assert!(!root || children.len() > 1);
            assert!(children[1..].is_sorted_by(|a, b| *a.0 < *b.0));
            let mut total = 0;
            let mut depths = Vec::new();
            for (at, (key, child)) in children.iter().enumerate() {
                let (entries, depth) = check(child, if at == 0 { lowest } else { Some(key) }, false);
                total += entries;
                depths.push(depth);
            }
            assert!(depths.iter().all(|depth| *depth == depths[0]));
            (total, 1 + depths[0])
        }
    }
}

fn assert_is(tree: &Tree, model: &BTreeMap<Vec<u8>, Vec<u8>>) {
    let entries: Vec<_> = tree.from(&[]).map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    assert!(entries.iter().map(|(key, value)| (key, value)).eq(model));
    assert_eq!(tree.len(), model.len());
    if let Some(root) = &tree.root {
        assert_eq!(check(root, None, true).0, model.len());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, u8),
    Remove(Vec<u8>),
    /// Removes all keys from one on, so many.
    Clear(Vec<u8>, usize),
    Copy,
    From(Vec<u8>),
    Last(Vec<u8>),
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    // Few bytes, so that keys meet, and a tail longer than what is kept in place.
    (proptest::collection::vec(0u8..6, 0..5), any::<bool>()).prop_map(|(mut key, long)| {
        if long {
            key.resize(key.len() + 30, 3);
        }
        key
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => (key(), any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
        20 => key().prop_map(Step::Remove),
        1 => (key(), 0usize..400).prop_map(|(key, count)| Step::Clear(key, count)),
        1 => Just(Step::Copy),
        10 => key().prop_map(Step::From),
        10 => key().prop_map(Step::Last),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_and_all_its_copies_equal_ordered_maps(steps in proptest::collection::vec(step(), 0..2000)) {
        let (mut tree, mut model) = (Tree::default(), BTreeMap::new());
        let mut copies = Vec::new();
        for step in steps {
            match step {
                Step::Put(key, value) => {
                    tree.insert(Key::new(&key), [value; 40][..].into());
                    model.insert(key, vec![value; 40]);
                }
                Step::Remove(key) => {
                    tree.remove(&key);
                    model.remove(&key);
                }
                Step::Clear(key, count) => {
                    let keys: Vec<_> = model.range(key..).take(count).map(|(key, _)| key.clone()).collect();
                    for key in keys {
                        tree.remove(&key);
                        model.remove(&key);
                    }
                }
                Step::Copy => copies.push((tree.clone(), model.clone())),
                Step::From(key) => {
                    let got: Vec<_> = tree.from(&key).take(3).map(|(key, _)| key.to_vec()).collect();
                    prop_assert!(got.iter().eq(model.range(key.clone()..).take(3).map(|(key, _)| key)));
                    prop_assert_eq!(tree.get(&key).map(|value| value.to_vec()), model.get(&key).cloned());
                }
                Step::Last(prefix) => {
                    let last = model.iter().rfind(|(key, _)| key.starts_with(&prefix));
                    let got = tree.last(&prefix).map(|(key, value)| (key.to_vec(), value.to_vec()));
                    prop_assert_eq!(got, last.map(|(key, value)| (key.clone(), value.clone())));
                }
            }
        }
        assert_is(&tree, &model);
        copies.iter().for_each(|(tree, model)| assert_is(tree, model));
    }
}

#[test]
fn what_is_removed_leaves_no_sparse_nodes_behind() {
    let mut tree = Tree::default();
    let key = |number: u32| Key::new(&number.to_be_bytes());
    (0..20_000).for_each(|number| drop(tree.insert(key(number), Slice::default())));
    (0..20_000).filter(|number| number % 40 != 0).for_each(|number| drop(tree.remove(&key(number))));
    fn nodes(node: &Node) -> usize {
        match node {
            Node::Leaf(_) => 1,
            Node::Inner(children) => 1 + children.iter().map(|(_, child)| nodes(child)).sum::<usize>(),
        }
    }
    assert_eq!(tree.len(), 500);
    let nodes = nodes(tree.root.as_deref().unwrap());
    assert!(nodes < 500 / FEWEST, "{nodes} nodes for 500 entries");
}

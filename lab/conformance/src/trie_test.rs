//! Trie tests: the root of a Merkle-Patricia trie, and the order of its keys.

use crate::{
    failure::{Reason, expect},
    merkle_patricia,
    runner::Recorder,
};
use alloy_primitives::{B256, hex, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles};
use mundi_state::MemoryTrie;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Changes in one test. The root is computed from nothing after each.
const MAX_CHANGES: usize = 1_000;

/// Entries of a map that each begin an order.
const MAX_ORDERS: usize = 16;

/// Bytes of a key. A trie is as deep as its keys are long.
const MAX_KEY: usize = 256;

/// Bytes of the longest key that alloy's hash builder takes.
const MAX_ALLOY_KEY: usize = 32;

/// A key, and the value that it gets; `None` removes it.
type Change = (Vec<u8>, Option<Vec<u8>>);

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum TrieTest {
    /// Insert, and delete where there is no value; in the given order or, for a map, in any.
    Root {
        #[serde(rename = "in")]
        input: Input,
        root: B256,
    },
    /// For each key, the neighbours in the trie; an empty text is none.
    Neighbours {
        #[serde(rename = "in")]
        input: Vec<String>,
        tests: Vec<[String; 3]>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    Ordered(Vec<(String, Option<String>)>),
    AnyOrder(BTreeMap<String, Option<String>>),
}

/// A trie while it changes, in every form there is.
///
/// * The code that keeps the store's tries, changed by one key after another: where all keys have 32 bytes, as they have
///   in every trie of a state.
/// * alloy's hash builder, from nothing each time: where no key is the beginning of another.
/// * The definition, [`merkle_patricia`]: always.
struct Tries {
    kept: Option<MemoryTrie>,
    values: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Tries {
    /// Tries that will have these keys.
    fn new<'a>(mut keys: impl Iterator<Item = &'a Vec<u8>>) -> Self {
        let kept = keys.all(|key| key.len() == 32).then(MemoryTrie::default);
        Self { kept, values: BTreeMap::new() }
    }

    /// Sets or removes one key in all of them; they have to agree on the root.
    fn apply(&mut self, (key, value): &Change) -> Result<B256, Reason> {
        match value {
            Some(value) => self.values.insert(key.clone(), value.clone()),
            None => self.values.remove(key),
        };
        let root = merkle_patricia::root(&self.values);
        let keys: Vec<&Vec<u8>> = self.values.keys().collect();
        if keys.iter().all(|key| key.len() <= MAX_ALLOY_KEY)
            && keys.windows(2).all(|pair| !pair[1].starts_with(pair[0]))
        {
            let mut builder = HashBuilder::default();
            self.values.iter().for_each(|(key, value)| builder.add_leaf(Nibbles::unpack(key), value));
            expect("root by definition, after a step", builder.root(), root)?;
        }
        if let Some(kept) = &mut self.kept {
            let got = kept.apply([(B256::from_slice(key), value.clone())])?;
            expect("root of the trie that is kept, after a step", root, got)?;
        }
        Ok(root)
    }

    /// Removes what is left, key by key.
    fn clear(&mut self, backwards: bool) -> Result<(), Reason> {
        let mut keys: Vec<Vec<u8>> = self.values.keys().cloned().collect();
        if backwards {
            keys.reverse();
        }
        let mut root = merkle_patricia::root(&self.values);
        for key in keys {
            root = self.apply(&(key, None))?;
        }
        expect("root of an empty trie", EMPTY_ROOT_HASH, root)
    }
}

/// Runs the one vector of a test. In a *secure* trie keys are hashed.
pub(crate) fn run(json: &str, secure: bool, recorder: &mut Recorder<'_>) {
    recorder.vector(|| match serde_json::from_str(json).map_err(Reason::malformed)? {
        TrieTest::Root { input, root } => {
            for (index, order) in input.orders(secure)?.iter().enumerate() {
                let mut tries = Tries::new(order.iter().map(|(key, _)| key));
                let mut got = EMPTY_ROOT_HASH;
                for change in order {
                    got = tries.apply(change)?;
                }
                expect("root", root, got)?;
                tries.clear(index % 2 == 0)?;
            }
            Ok(())
        }
        TrieTest::Neighbours { input, tests } => {
            let keys: std::collections::BTreeSet<String> = input.into_iter().collect();
            for [key, before, after] in tests {
                let got = keys.range(..key.clone()).next_back().cloned().unwrap_or_default();
                expect("previous key", before, got)?;
                let mut following = keys.range(key.clone()..).filter(|next| **next != key);
                expect("next key", after, following.next().cloned().unwrap_or_default())?;
            }
            Ok(())
        }
    });
}

impl Input {
    /// The changes, in each order in which they are to be made.
    fn orders(self, secure: bool) -> Result<Vec<Vec<Change>>, Reason> {
        let (entries, any_order) = match self {
            Self::Ordered(entries) => (entries, false),
            Self::AnyOrder(entries) => (entries.into_iter().collect(), true),
        };
        if entries.len() > MAX_CHANGES {
            return Err(Reason::malformed(format_args!("more than {MAX_CHANGES} changes")));
        }
        let change = |(key, value): (String, Option<String>)| {
            let key = bytes(&key)?;
            if key.len() > MAX_KEY {
                return Err(Reason::malformed(format_args!("a key of {} bytes", key.len())));
            }
            let key = if secure { keccak256(key).to_vec() } else { key };
            Ok((key, value.as_deref().map(bytes).transpose()?))
        };
        let changes: Vec<Change> = entries.into_iter().map(change).collect::<Result<_, Reason>>()?;
        if !any_order {
            return Ok(vec![changes]);
        }
        // Each begins with another one, forwards and backwards.
        let mut orders = Vec::new();
        for first in 0..changes.len().clamp(1, MAX_ORDERS) {
            let mut order = changes.clone();
            order.rotate_left(first);
            orders.push(order.clone());
            order.reverse();
            orders.push(order);
        }
        Ok(orders)
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, Reason> {
    match text.strip_prefix("0x") {
        Some(digits) => hex::decode(digits).map_err(Reason::malformed),
        None => Ok(text.as_bytes().to_vec()),
    }
}

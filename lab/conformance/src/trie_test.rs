//! Trie tests: the root of a Merkle-Patricia trie, and the order of its keys.

use crate::{
    failure::{Reason, expect},
    runner::Recorder,
};
use alloy_primitives::{B256, hex, keccak256};
use alloy_trie::{HashBuilder, Nibbles};
use serde::Deserialize;
use std::collections::BTreeMap;

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

/// Runs the one vector of a test. In a *secure* trie keys are hashed.
pub(crate) fn run(json: &str, secure: bool, recorder: &mut Recorder<'_>) {
    recorder.vector(|| match serde_json::from_str(json).map_err(Reason::malformed)? {
        TrieTest::Root { input, root } => {
            let mut leaves = BTreeMap::new();
            for (key, value) in input.entries() {
                let key = bytes(&key)?;
                let key = if secure { keccak256(key).to_vec() } else { key };
                match value {
                    Some(value) => leaves.insert(key, bytes(&value)?),
                    None => leaves.remove(&key),
                };
            }
            let keys: Vec<&Vec<u8>> = leaves.keys().collect();
            if keys.windows(2).any(|pair| pair[1].starts_with(pair[0])) {
                return Err(Reason::Skipped(
                    "a key is the beginning of another, which never happens in Ethereum's tries".into(),
                ));
            }
            let mut builder = HashBuilder::default();
            for (key, value) in &leaves {
                builder.add_leaf(Nibbles::unpack(key), value);
            }
            expect("root", root, builder.root())
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
    fn entries(self) -> Vec<(String, Option<String>)> {
        match self {
            Self::Ordered(entries) => entries,
            Self::AnyOrder(entries) => entries.into_iter().collect(),
        }
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, Reason> {
    match text.strip_prefix("0x") {
        Some(digits) => hex::decode(digits).map_err(Reason::malformed),
        None => Ok(text.as_bytes().to_vec()),
    }
}

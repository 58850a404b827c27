//! Stored trie nodes: each is what its parent says, none is missing, none is too many.
//!
//! The walk goes down in the order of paths. So it comes to the nodes of one level in the order of their keys, and a
//! cursor per level finds them all in one pass over the table, and all that nobody asked for.

use super::{Check, findings::Owner};
use crate::{
    error::StoreError,
    kv::{Table, Value},
    trie::{Node, NodeKey, root_of},
};
use alloy_primitives::B256;
use alloy_trie::{Nibbles, nodes::RlpNode};
use rayon::prelude::*;
use std::{collections::BTreeMap, iter::Peekable, sync::atomic::Ordering};

/// Nodes of a trie that is read at once; a larger one is walked with cursors, and in parallel.
const FEW: usize = 4096;

/// Nibbles of a path after which parallel walks begin.
const SPLIT: usize = 2;

type Nodes<'a> = Box<dyn Iterator<Item = Result<(Nibbles, Value), StoreError>> + 'a>;

/// What is stored of a trie, one cursor per level.
struct Levels<'a> {
    levels: BTreeMap<usize, Peekable<Nodes<'a>>>,
    /// Positions that should have a node and have none: what is below them is known to be without a parent.
    missing: Vec<Nibbles>,
}

/// How a node is referred to.
#[derive(Clone)]
enum Reference {
    Root(B256),
    Child(RlpNode),
}

impl Reference {
    fn is(&self, node: &RlpNode) -> bool {
        match self {
            Self::Root(hash) => root_of(node) == *hash,
            Self::Child(child) => child == node,
        }
    }
}

/// A reference as a branch has it.
fn as_stored(reference: &[u8]) -> RlpNode {
    RlpNode::from_raw(reference).expect("a node's record has no longer references than of 33 bytes")
}

impl Check<'_> {
    /// Checks the nodes of a trie with a known root, which has several leaves or not.
    pub(super) fn nodes(&self, owner: Owner, root: B256, several: bool) -> Result<(), StoreError> {
        let trie = owner.storage.to_be_bytes();
        let few: Result<Vec<_>, _> = self.nodes_from(owner, &trie).take(FEW + 1).collect();
        let few = few?;
        if few.len() > FEW {
            return self.many_nodes(owner, root);
        }
        let mut levels: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for (path, record) in few {
            levels.entry(path.len()).or_default().push(Ok((path, record)));
        }
        let levels = levels.into_iter().map(|(len, nodes)| (len, boxed(nodes.into_iter())));
        let mut levels = Levels { levels: levels.collect(), missing: Vec::new() };
        if several {
            self.node(owner, &mut levels, Nibbles::new(), &Reference::Root(root), None)?;
        }
        self.left_over(owner, &mut levels)
    }

    /// The same, split by the first byte of the path.
    fn many_nodes(&self, owner: Owner, root: B256) -> Result<(), StoreError> {
        let trie = owner.storage.to_be_bytes();
        let prefix = |len: usize| [&trie[..], &[len as u8]].concat();
        let present: Vec<usize> = (0..=64)
            .filter(|len| self.tables.scan(Table::Nodes, &prefix(*len), &prefix(*len)).next().is_some())
            .collect();
        let level = |len: usize, first: &[u8]| {
            (len, boxed(self.nodes_from(owner, &[&prefix(len)[..], first].concat())))
        };
        let upper = present.iter().filter(|len| **len < SPLIT).map(|len| level(*len, &[])).collect();
        let mut upper = Levels { levels: upper, missing: Vec::new() };
        let mut lower = Vec::new();
        self.node(owner, &mut upper, Nibbles::new(), &Reference::Root(root), Some(&mut lower))?;
        self.left_over(owner, &mut upper)?;
        (0..=u8::MAX).into_par_iter().with_max_len(1).try_for_each(|first| {
            let levels =
                present.iter().filter(|len| **len >= SPLIT).map(|len| level(*len, &[first])).collect();
            let mut levels = Levels { levels, missing: upper.missing.clone() };
            let below = lower.iter().filter(|(path, _)| path.get_byte(0) == Some(first));
            for (path, reference) in below {
                self.node(owner, &mut levels, *path, reference, None)?;
            }
            self.left_over(owner, &mut levels)?;
            self.meter.look()
        })
    }

    /// Stored nodes whose keys begin with a prefix.
    fn nodes_from(
        &self,
        owner: Owner,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(Nibbles, Value), StoreError>> + use<'_> {
        self.tables.scan(Table::Nodes, prefix, prefix).filter_map(move |entry| match entry {
            Err(error) => Some(Err(error)),
            Ok((key, record)) => match NodeKey::from_bytes(&key) {
                Ok(key) => Some(Ok((key.path, record))),
                Err(_) => {
                    let place = super::Place::Storage { storage: owner.storage, account: owner.account };
                    let told = self.findings.add(place, "the key of a trie node is malformed".into());
                    told.err().map(Err)
                }
            },
        })
    }

    /// Checks a node and all below it. With `lower`, those at [`SPLIT`] and below are left to later.
    fn node(
        &self,
        owner: Owner,
        levels: &mut Levels<'_>,
        path: Nibbles,
        expected: &Reference,
        mut lower: Option<&mut Vec<(Nibbles, Reference)>>,
    ) -> Result<(), StoreError> {
        if let Some(lower) = lower.as_deref_mut().filter(|_| path.len() >= SPLIT) {
            lower.push((path, expected.clone()));
            return Ok(());
        }
        let Some(record) = self.take(owner, levels, &path)? else {
            levels.missing.push(path);
            return self.findings.add(owner.node(&path), "it is missing".into());
        };
        self.counts.nodes.fetch_add(1, Ordering::Relaxed);
        let node = Node::from_record(&record).ok().filter(|node| path.len() + node.extension.len() < 64);
        let Some(node) = node else {
            levels.missing.push(path);
            return self.findings.add(owner.node(&path), "its record is malformed".into());
        };
        if !expected.is(&node.reference()) {
            self.findings.add(owner.node(&path), "it is not what the node above it says".into())?;
        }
        let branch = path.join(&node.extension);
        for at in 0..16u8 {
            if let Some((false, child)) = node.child(at.into()) {
                let mut path = branch;
                path.push(at);
                self.node(
                    owner,
                    levels,
                    path,
                    &Reference::Child(as_stored(child.as_slice())),
                    lower.as_deref_mut(),
                )?;
            }
        }
        Ok(())
    }

    /// The record at a path; what is before it belongs to nobody.
    fn take(
        &self,
        owner: Owner,
        levels: &mut Levels<'_>,
        path: &Nibbles,
    ) -> Result<Option<Value>, StoreError> {
        let Some(level) = levels.levels.get_mut(&path.len()) else { return Ok(None) };
        loop {
            let next = level.next_if(|next| next.as_ref().map_or(true, |(stored, _)| stored <= path));
            match next.transpose()? {
                Some((stored, record)) if stored == *path => return Ok(Some(record)),
                Some((stored, _)) => self.extra(owner, &levels.missing, &stored)?,
                None => return Ok(None),
            }
        }
    }

    fn left_over(&self, owner: Owner, levels: &mut Levels<'_>) -> Result<(), StoreError> {
        for level in levels.levels.values_mut() {
            for next in level {
                self.extra(owner, &levels.missing, &next?.0)?;
            }
        }
        Ok(())
    }

    fn extra(&self, owner: Owner, missing: &[Nibbles], path: &Nibbles) -> Result<(), StoreError> {
        if missing.iter().any(|missing| path.starts_with(missing)) {
            return Ok(());
        }
        self.findings.add(owner.node(path), "it is stored and not part of the trie".into())
    }
}

fn boxed<'a>(nodes: impl Iterator<Item = Result<(Nibbles, Value), StoreError>> + 'a) -> Peekable<Nodes<'a>> {
    let nodes: Nodes<'a> = Box::new(nodes);
    nodes.peekable()
}

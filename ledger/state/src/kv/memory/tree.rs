//! An ordered map whose copies share what they have in common.
//!
//! A B+ tree of shared nodes: entries are in the leaves, and a node that somebody else holds too is copied before it is
//! changed. So a copy of the map costs one reference, and changing an entry of a map that was copied costs at most one new
//! node per level, once for each node until the next copy.
//!
//! ## Invariants
//! * Entries ascend by key; all leaves are equally deep; no node is empty.
//! * A node has at most [`MOST`] entries; one that shrinks below [`FEWEST`] is joined with a neighbour where both fit into
//!   one node. So the memory of a map follows the number of its entries, whatever was removed before.
//! * The key that an inner node has for a child is not above any key of that child, and above all keys of the child
//!   before it. That of the first child is never looked at.

use fjall::Slice;
use std::{ops::Deref, sync::Arc};

/// Entries of a node, at most.
const MOST: usize = 32;

/// Entries of a node below which it looks for a neighbour to join.
const FEWEST: usize = MOST / 4;

/// Bytes of a key, at most.
const MAX_KEY: usize = 55;

/// A key, in place: to compare or to copy keys follows no pointers.
#[derive(Clone, Copy)]
pub(super) struct Key {
    len: u8,
    bytes: [u8; MAX_KEY],
}

impl Key {
    /// # Panics
    /// If a table has longer keys than any is made of.
    pub(super) fn new(key: &[u8]) -> Self {
        let mut bytes = [0; MAX_KEY];
        bytes[..key.len()].copy_from_slice(key);
        Self { len: key.len() as u8, bytes }
    }
}

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// An ordered map from bytes to bytes, cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Tree {
    root: Option<Arc<Node>>,
    len: usize,
}

enum Node {
    Leaf(Vec<(Key, Slice)>),
    Inner(Vec<(Key, Arc<Node>)>),
}

/// Made where a shared node is about to change: with room for an entry more.
impl Clone for Node {
    fn clone(&self) -> Self {
        match self {
            Self::Leaf(entries) => Self::Leaf(copy(entries)),
            Self::Inner(children) => Self::Inner(copy(children)),
        }
    }
}

fn copy<T: Clone>(entries: &[T]) -> Vec<T> {
    let mut copy = Vec::with_capacity((entries.len() + 2).min(MOST + 1));
    copy.extend_from_slice(entries);
    copy
}

/// A node split off another one, after its first key.
type Split = Option<(Key, Arc<Node>)>;

impl Tree {
    /// Number of entries.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Slice> {
        let mut node = self.root.as_deref()?;
        loop {
            match node {
                Node::Inner(children) => node = &children[child_at(children, key)].1,
                Node::Leaf(entries) => return find(entries, key).ok().map(|at| &entries[at].1),
            }
        }
    }

    /// Sets a key; returns its value before.
    pub(super) fn insert(&mut self, key: Key, value: Slice) -> Option<Slice> {
        let Some(root) = &mut self.root else {
            (self.root, self.len) = (Some(Arc::new(Node::Leaf(vec![(key, value)]))), 1);
            return None;
        };
        let (before, split) = insert(root, key, value);
        self.len += usize::from(before.is_none());
        if let Some(right) = split {
            let left = (Key::new(&[]), Arc::clone(root));
            *root = Arc::new(Node::Inner(vec![left, right]));
        }
        before
    }

    /// Removes a key, present or not; returns its value.
    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Slice> {
        // Nothing is copied for a key that is not there.
        self.get(key)?;
        self.len -= 1;
        let root = self.root.as_mut().expect("it has an entry");
        let before = remove(root, key);
        while let Node::Inner(children) = &**root
            && let [(_, only)] = &children[..]
        {
            *root = Arc::clone(only);
        }
        if root.len() == 0 {
            self.root = None;
        }
        Some(before)
    }

    /// Entries from a key on, in ascending order of keys. The iterator goes on over the map as it is now.
    pub(super) fn from(&self, key: &[u8]) -> Entries {
        let mut path = Vec::new();
        let mut next = self.root.as_ref();
        while let Some(node) = next {
            let (at, below) = match &**node {
                Node::Inner(children) => {
                    let at = child_at(children, key);
                    (at + 1, Some(&children[at].1))
                }
                Node::Leaf(entries) => (find(entries, key).unwrap_or_else(|at| at), None),
            };
            path.push((Arc::clone(node), at));
            next = below;
        }
        Entries { path }
    }

    /// The last entry that begins with a prefix.
    pub(super) fn last(&self, prefix: &[u8]) -> Option<(&Key, &Slice)> {
        last(self.root.as_ref()?, prefix).filter(|(key, _)| key.starts_with(prefix))
    }
}

/// The child that a key belongs to.
fn child_at(children: &[(Key, Arc<Node>)], key: &[u8]) -> usize {
    children[1..].partition_point(|(first, _)| **first <= *key)
}

/// Where a key is, or where it would be.
fn find(entries: &[(Key, Slice)], key: &[u8]) -> Result<usize, usize> {
    entries.binary_search_by(|(other, _)| (**other).cmp(key))
}

/// The value before, if the key is not new, and what was split off.
fn insert(node: &mut Arc<Node>, key: Key, value: Slice) -> (Option<Slice>, Split) {
    match Arc::make_mut(node) {
        Node::Leaf(entries) => match find(entries, &key) {
            Ok(at) => (Some(std::mem::replace(&mut entries[at].1, value)), None),
            Err(at) => {
                entries.insert(at, (key, value));
                (None, split(entries, Node::Leaf))
            }
        },
        Node::Inner(children) => {
            let at = child_at(children, &key);
            let (before, below) = insert(&mut children[at].1, key, value);
            if let Some(right) = below {
                children.insert(at + 1, right);
            }
            (before, split(children, Node::Inner))
        }
    }
}

fn split<T>(entries: &mut Vec<(Key, T)>, node: impl FnOnce(Vec<(Key, T)>) -> Node) -> Split {
    (entries.len() > MOST).then(|| {
        let right = entries.split_off(entries.len() / 2);
        (right[0].0, Arc::new(node(right)))
    })
}

/// Removes a key that is below `node`, which may be left empty; returns its value.
fn remove(node: &mut Arc<Node>, key: &[u8]) -> Slice {
    match Arc::make_mut(node) {
        Node::Leaf(entries) => {
            let at = find(entries, key).expect("it was found before");
            entries.remove(at).1
        }
        Node::Inner(children) => {
            let at = child_at(children, key);
            let before = remove(&mut children[at].1, key);
            let left = at.saturating_sub(1);
            match children[at].1.len() {
                0 => drop(children.remove(at)),
                ..FEWEST
                    if let Some((_, right)) = children.get(left + 1)
                        && children[left].1.len() + right.len() <= MOST =>
                {
                    let (first, right) = children.remove(left + 1);
                    Arc::make_mut(&mut children[left].1).append(first, Arc::unwrap_or_clone(right));
                }
                _ => {}
            }
            before
        }
    }
}

impl Node {
    const fn len(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.len(),
            Self::Inner(children) => children.len(),
        }
    }

    /// Takes the entries of the node after it, whose parent has the key `first` for it.
    fn append(&mut self, first: Key, right: Self) {
        match (self, right) {
            (Self::Leaf(entries), Self::Leaf(right)) => entries.extend(right),
            (Self::Inner(children), Self::Inner(mut right)) => {
                // From now on it is looked at.
                right[0].0 = first;
                children.extend(right);
            }
            _ => unreachable!("neighbours are equally deep"),
        }
    }
}

/// The last entry whose key is not above all keys that begin with `prefix`.
fn last<'a>(node: &'a Node, prefix: &[u8]) -> Option<(&'a Key, &'a Slice)> {
    let above = |key: &[u8]| key > prefix && !key.starts_with(prefix);
    match node {
        Node::Leaf(entries) => {
            let end = entries.partition_point(|(key, _)| !above(key));
            end.checked_sub(1).map(|at| (&entries[at].0, &entries[at].1))
        }
        Node::Inner(children) => {
            let end = 1 + children[1..].partition_point(|(key, _)| !above(key));
            children[..end].iter().rev().find_map(|(_, child)| last(child, prefix))
        }
    }
}

/// Entries of a map in ascending order of keys.
pub(super) struct Entries {
    /// Nodes from the root down to a leaf, and what comes next in each.
    path: Vec<(Arc<Node>, usize)>,
}

impl Iterator for Entries {
    type Item = (Key, Slice);

    fn next(&mut self) -> Option<(Key, Slice)> {
        loop {
            let (node, at) = self.path.last_mut()?;
            let below = match &**node {
                Node::Leaf(entries) => match entries.get(*at) {
                    Some(entry) => {
                        *at += 1;
                        return Some(entry.clone());
                    }
                    None => None,
                },
                Node::Inner(children) => children.get(*at).map(|(_, child)| Arc::clone(child)),
            };
            match below {
                Some(child) => {
                    *at += 1;
                    self.path.push((child, 0));
                }
                None => drop(self.path.pop()),
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! From changed leaves to the nodes that they change, without a hash.
//!
//! The walk goes down once with all changes of a trie, sorted; it reads each node that has a change below it, and
//! leaves behind an [`Arena`] of new leaves and branches whose references are still unknown ([`seal`](super::seal)
//! fills them in). Groups of many changes are walked in parallel, each into an arena of its own.

use super::{Node, NodeKey, Source, TrieId, nibble};
use crate::error::StoreError;
use alloy_primitives::B256;
use alloy_trie::Nibbles;
use rayon::prelude::*;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

/// Changes in one subtrie from which on its branches are walked in parallel.
const SPLIT: usize = 256;

/// A leaf that comes, goes or gets another value.
#[derive(Clone, Debug)]
pub(crate) struct LeafChange {
    /// The hashed key.
    pub(crate) key: B256,
    /// Whether the trie has this key before.
    pub(crate) existed: bool,
    /// The RLP value afterwards; `None` removes the leaf.
    pub(crate) value: Option<Box<[u8]>>,
}

/// What is at a position of a trie.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot {
    Empty,
    /// A leaf as it was before.
    Leaf,
    /// A node as it was before.
    Node,
    /// A leaf of an arena.
    NewLeaf(Index),
    /// A node of an arena.
    NewNode(Index),
}

/// A place in the arenas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index {
    pub(crate) arena: u32,
    pub(crate) at: u32,
}

/// A new leaf.
pub(crate) struct NewLeaf {
    pub(crate) key: B256,
    pub(crate) value: Box<[u8]>,
    /// Length of its position.
    pub(crate) depth: usize,
}

/// A new or changed branch.
pub(crate) struct NewNode {
    pub(crate) key: NodeKey,
    pub(crate) extension: Nibbles,
    pub(crate) slots: [Slot; 16],
    /// The branch that has the references of the slots that are as before.
    pub(crate) before: Option<Arc<Node>>,
    /// What is stored there before.
    pub(crate) old: Option<Arc<Node>>,
    /// Whether it is part of the new trie: a branch left with one child is merged into it.
    pub(crate) live: bool,
}

impl NewNode {
    /// A branch where none was, as yet without children.
    const fn empty(key: NodeKey) -> Self {
        Self { key, extension: Nibbles::new(), slots: [Slot::Empty; 16], before: None, old: None, live: true }
    }
}

/// New leaves and nodes of one task.
#[derive(Default)]
pub(crate) struct Arena {
    id: u32,
    pub(crate) leaves: Vec<NewLeaf>,
    pub(crate) nodes: Vec<NewNode>,
    /// Nodes stored before that are gone.
    pub(crate) removed: Vec<(NodeKey, Arc<Node>)>,
}

impl Arena {
    fn leaf(&mut self, key: B256, value: Box<[u8]>, depth: usize) -> Slot {
        self.leaves.push(NewLeaf { key, value, depth });
        Slot::NewLeaf(Index { arena: self.id, at: self.leaves.len() as u32 - 1 })
    }

    fn node(&mut self, node: NewNode) -> Index {
        self.nodes.push(node);
        Index { arena: self.id, at: self.nodes.len() as u32 - 1 }
    }

    /// Takes a branch out of the trie.
    fn dissolve(&mut self, index: Index) {
        let branch = self.at(index);
        branch.live = false;
        let (key, old) = (branch.key, branch.old.take());
        self.removed.extend(old.map(|old| (key, old)));
    }

    fn at(&mut self, index: Index) -> &mut NewNode {
        debug_assert_eq!(index.arena, self.id, "a branch is walked in one arena");
        &mut self.nodes[index.at as usize]
    }
}

/// Tries under change: the arenas that the walks leave behind.
pub(crate) struct Tries<'a, S> {
    source: &'a S,
    next: AtomicU32,
    done: Mutex<Vec<Arena>>,
}

impl<'a, S: Source> Tries<'a, S> {
    pub(crate) const fn new(source: &'a S) -> Self {
        Self { source, next: AtomicU32::new(0), done: Mutex::new(Vec::new()) }
    }

    /// An arena for one task; give it back by [`finish`](Self::finish).
    pub(crate) fn arena(&self) -> Arena {
        Arena { id: self.next.fetch_add(1, Ordering::Relaxed), ..Arena::default() }
    }

    /// Takes an arena back.
    pub(crate) fn finish(&self, arena: Arena) {
        self.done.lock().expect("no holder panics").push(arena);
    }

    /// All arenas; an arena's id is its index.
    pub(crate) fn into_arenas(self) -> Vec<Arena> {
        let mut arenas = self.done.into_inner().expect("no holder panics");
        arenas.sort_unstable_by_key(|arena| arena.id);
        arenas
    }

    /// Applies changes, sorted by key, to the trie that had `root`; returns what is at its top afterwards.
    pub(crate) fn apply(
        &self,
        arena: &mut Arena,
        trie: TrieId,
        root: B256,
        changes: &[LeafChange],
    ) -> Result<Slot, StoreError> {
        let top = NodeKey::new(trie, Nibbles::new());
        let slot = if root == alloy_trie::EMPTY_ROOT_HASH {
            Slot::Empty
        } else {
            match self.source.node(&top)? {
                Some(node) if !changes.is_empty() => {
                    let branch = arena.node(stored(top, node));
                    return self.walk_branch(arena, branch, changes);
                }
                Some(_) => Slot::Node,
                None => Slot::Leaf,
            }
        };
        self.walk(arena, top, slot, changes)
    }

    /// Applies `changes`, whose keys all begin with the position `key`, to what is there.
    fn walk(
        &self,
        arena: &mut Arena,
        key: NodeKey,
        slot: Slot,
        changes: &[LeafChange],
    ) -> Result<Slot, StoreError> {
        let depth = key.path.len();
        match (slot, changes) {
            (_, []) => Ok(slot),
            (Slot::Empty, [only]) => match &only.value {
                Some(value) if !only.existed => Ok(arena.leaf(only.key, value.clone(), depth)),
                _ => Err(contradiction(key)),
            },
            (Slot::Empty, [first, .., last]) => {
                let extension = common(first, last, depth);
                let branch = arena.node(NewNode { extension, ..NewNode::empty(key) });
                self.walk_children(arena, branch, changes)
            }
            (Slot::Leaf, [only]) if only.existed => Ok(match &only.value {
                Some(value) => arena.leaf(only.key, value.clone(), depth),
                None => Slot::Empty,
            }),
            (Slot::Leaf, _) => {
                // The leaf that was here, if no change is about it, becomes one of the leaves that come.
                let mut leaves: Vec<LeafChange> = Vec::with_capacity(changes.len() + 1);
                leaves.extend(changes.iter().filter(|change| change.value.is_some()).cloned());
                leaves.iter_mut().for_each(|leaf| leaf.existed = false);
                match changes.iter().filter(|change| change.existed).count() {
                    0 => {
                        let (leaf, value) = self.source.leaf(key.trie, &key.path)?;
                        let at = leaves.binary_search_by(|change| change.key.cmp(&leaf));
                        let at = at.err().ok_or_else(|| contradiction(key))?;
                        leaves.insert(at, LeafChange { key: leaf, existed: false, value: Some(value) });
                    }
                    1 => {}
                    _ => return Err(contradiction(key)),
                }
                self.walk(arena, key, Slot::Empty, &leaves)
            }
            (Slot::Node, _) => {
                let node = self.source.node(&key)?.ok_or_else(|| missing(key))?;
                let branch = arena.node(stored(key, node));
                self.walk_branch(arena, branch, changes)
            }
            (Slot::NewLeaf(_) | Slot::NewNode(_), _) => unreachable!("a position is visited once"),
        }
    }

    /// Applies `changes` to a branch of the arena.
    fn walk_branch(
        &self,
        arena: &mut Arena,
        branch: Index,
        changes: &[LeafChange],
    ) -> Result<Slot, StoreError> {
        let [first, ..] = changes else { return Ok(Slot::NewNode(branch)) };
        let last = &changes[changes.len() - 1];
        let NewNode { key, extension, .. } = *arena.at(branch);
        let depth = key.path.len();
        let shared = matching(&first.key, &extension, depth).min(matching(&last.key, &extension, depth));
        if shared == extension.len() {
            return self.walk_children(arena, branch, changes);
        }
        // A change leaves the extension half-way: the branch moves below a new one at its position.
        let fork = depth + shared;
        let upper = extension.slice(..shared);
        let at = usize::from(extension.get_unchecked(shared));
        let position = |at: usize| {
            let mut path = key.path.join(&upper);
            path.push(at as u8);
            NodeKey::new(key.trie, path)
        };
        let forked = arena.at(branch);
        let (slots, before) = (forked.slots, forked.before.take());
        (forked.extension, forked.slots) = (upper, [Slot::Empty; 16]);
        let extension = extension.slice(shared + 1..);
        let moved = arena.node(NewNode { extension, slots, before, ..NewNode::empty(position(at)) });
        arena.at(branch).slots[at] = Slot::NewNode(moved);
        for group in changes.chunk_by(|a, b| nibble(&a.key, fork) == nibble(&b.key, fork)) {
            let to = nibble(&group[0].key, fork);
            arena.at(branch).slots[to] = match to == at {
                true => self.walk_branch(arena, moved, group)?,
                false => self.walk(arena, position(to), Slot::Empty, group)?,
            };
        }
        self.settle(arena, branch)
    }

    /// Applies changes below a branch whose extension they all follow.
    fn walk_children(
        &self,
        arena: &mut Arena,
        branch: Index,
        changes: &[LeafChange],
    ) -> Result<Slot, StoreError> {
        let NewNode { key, extension, slots, .. } = *arena.at(branch);
        let path = key.path.join(&extension);
        let depth = path.len();
        if depth >= 64 {
            return Err(contradiction(key));
        }
        let position = |at: usize| {
            let mut path = path;
            path.push(at as u8);
            NodeKey::new(key.trie, path)
        };
        let groups = changes.chunk_by(|a, b| nibble(&a.key, depth) == nibble(&b.key, depth));
        if changes.len() < SPLIT {
            for group in groups {
                let at = nibble(&group[0].key, depth);
                let slot = self.walk(arena, position(at), slots[at], group)?;
                arena.at(branch).slots[at] = slot;
            }
        } else {
            let groups: Vec<_> = groups.collect();
            let walked = groups.into_par_iter().map(|group| {
                let at = nibble(&group[0].key, depth);
                let mut arena = self.arena();
                let slot = self.walk(&mut arena, position(at), slots[at], group);
                self.finish(arena);
                Ok((at, slot?))
            });
            for (at, slot) in walked.collect::<Result<Vec<_>, StoreError>>()? {
                arena.at(branch).slots[at] = slot;
            }
        }
        self.settle(arena, branch)
    }

    /// Keeps a branch with two children or more; dissolves one with fewer.
    fn settle(&self, arena: &mut Arena, index: Index) -> Result<Slot, StoreError> {
        let branch = arena.at(index);
        let mut children = (0..16).filter(|at| !matches!(branch.slots[*at], Slot::Empty));
        let (first, second) = (children.next(), children.next());
        if second.is_some() {
            return Ok(Slot::NewNode(index));
        }
        let key = branch.key;
        let Some(at) = first else {
            arena.dissolve(index);
            return Ok(Slot::Empty);
        };
        let slot = branch.slots[at];
        let mut path = branch.extension;
        path.push(at as u8);
        let child = NodeKey::new(key.trie, key.path.join(&path));
        // What is at the only child moves up to the branch's position.
        let (below, slots, before) = match slot {
            Slot::Empty => unreachable!("the child is there"),
            Slot::Leaf => {
                let (leaf, value) = self.source.leaf(key.trie, &child.path)?;
                arena.dissolve(index);
                return Ok(arena.leaf(leaf, value, key.path.len()));
            }
            Slot::NewLeaf(leaf) => {
                arena.dissolve(index);
                self.in_arena(arena, leaf.arena, |arena| {
                    arena.leaves[leaf.at as usize].depth = key.path.len()
                });
                return Ok(slot);
            }
            Slot::Node => {
                let node = self.source.node(&child)?.ok_or_else(|| missing(child))?;
                arena.removed.push((child, Arc::clone(&node)));
                (node.extension, slots_of(&node), Some(node))
            }
            Slot::NewNode(new) => {
                let (content, old) = self.in_arena(arena, new.arena, |arena| {
                    let node = arena.at(new);
                    node.live = false;
                    ((node.extension, node.slots, node.before.take()), node.old.take())
                });
                arena.removed.extend(old.map(|old| (child, old)));
                content
            }
        };
        let branch = arena.at(index);
        (branch.extension, branch.slots, branch.before) = (path.join(&below), slots, before);
        Ok(Slot::NewNode(index))
    }

    /// Runs `change` on the arena with this id: the task's own, or one that was given back.
    fn in_arena<T>(&self, own: &mut Arena, id: u32, change: impl FnOnce(&mut Arena) -> T) -> T {
        if own.id == id {
            return change(own);
        }
        let mut done = self.done.lock().expect("no holder panics");
        change(
            done.iter_mut().find(|arena| arena.id == id).expect("a task gives its arena back before it ends"),
        )
    }
}

/// The nibbles that all keys from `first` to `last` share after `depth`.
fn common(first: &LeafChange, last: &LeafChange, depth: usize) -> Nibbles {
    let first = Nibbles::unpack_array(&first.key.0);
    let last = Nibbles::unpack_array(&last.key.0);
    let end = first.common_prefix_length(&last);
    first.slice(depth..end)
}

/// How many nibbles of `extension` a key follows after `depth`.
fn matching(key: &B256, extension: &Nibbles, depth: usize) -> usize {
    if extension.is_empty() {
        return 0;
    }
    Nibbles::unpack_array(&key.0).slice(depth..).common_prefix_length(extension)
}

/// The branch as it is stored at its position.
fn stored(key: NodeKey, node: Arc<Node>) -> NewNode {
    let slots = slots_of(&node);
    NewNode {
        key,
        extension: node.extension,
        slots,
        before: Some(Arc::clone(&node)),
        old: Some(node),
        live: true,
    }
}

fn slots_of(node: &Node) -> [Slot; 16] {
    std::array::from_fn(|at| match node.child(at) {
        None => Slot::Empty,
        Some((true, _)) => Slot::Leaf,
        Some((false, _)) => Slot::Node,
    })
}

fn contradiction(key: NodeKey) -> StoreError {
    StoreError::Damaged(format!("flat values and trie {} disagree below {:?}", key.trie, key.path))
}

fn missing(key: NodeKey) -> StoreError {
    StoreError::Damaged(format!("trie {} has no node at {:?}", key.trie, key.path))
}

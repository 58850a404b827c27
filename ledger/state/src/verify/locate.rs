//! Which leaf it is: the flat values compared with the stored nodes from the top downwards.

use super::{Check, findings::Owner, flat::leaf_of, flat_table};
use crate::{
    error::StoreError,
    kv::Table,
    trie::{Node, NodeKey},
};
use alloy_primitives::B256;
use alloy_trie::{
    HashBuilder, Nibbles,
    nodes::{LeafNodeRef, RlpNode},
};

impl Check<'_> {
    /// Names the leaves of a trie whose flat values are not those that its nodes were made of.
    pub(super) fn locate(&self, owner: Owner) -> Result<(), StoreError> {
        self.compare(owner, Nibbles::new())
    }

    fn compare(&self, owner: Owner, path: Nibbles) -> Result<(), StoreError> {
        let key = NodeKey::new(owner.storage, path).to_bytes();
        let record = self.tables.get(Table::Nodes, &key)?;
        // A node that is missing or malformed was named already.
        let node = record.and_then(|record| Node::from_record(&record).ok());
        let Some(node) = node.filter(|node| path.len() + node.extension.len() < 64) else { return Ok(()) };
        let branch = path.join(&node.extension);
        self.strangers(owner, &path, &branch)?;
        for at in 0..16u8 {
            let mut child = branch;
            child.push(at);
            let (flat, first) = self.subtrie(owner, &child)?;
            match (node.child(at.into()), flat, first) {
                (None, None, _) => {}
                (Some((_, stored)), Some(flat), _) if stored.as_slice() == flat.as_slice() => {}
                (Some((false, _)), Some(_), _) => self.compare(owner, child)?,
                (Some((true, _)), Some(_), Some(first)) => {
                    let problem = "its value is not the one that the trie was made of".into();
                    self.findings.add(owner.leaf(first), problem)?;
                }
                (None, Some(_), Some(first)) => {
                    self.findings.add(owner.leaf(first), "the trie does not have it".into())?;
                }
                (Some(_), None, _) => {
                    let problem = "the trie has something here, the flat values have nothing".into();
                    self.findings.add(owner.node(&child), problem)?;
                }
                (_, Some(_), None) => unreachable!("a subtrie has a first leaf"),
            }
        }
        Ok(())
    }

    /// Names a leaf below a position that does not follow the extension there.
    fn strangers(&self, owner: Owner, path: &Nibbles, branch: &Nibbles) -> Result<(), StoreError> {
        if path == branch {
            return Ok(());
        }
        for leaf in self.leaves(owner, path) {
            let (key, _) = leaf?;
            if !Nibbles::unpack_array(&key.0).starts_with(branch) {
                return self.findings.add(owner.leaf(key), "the trie does not have it".into());
            }
        }
        Ok(())
    }

    /// How a branch refers to what the flat values have below a position, and the first leaf there.
    fn subtrie(&self, owner: Owner, path: &Nibbles) -> Result<(Option<RlpNode>, Option<B256>), StoreError> {
        let mut leaves = self.leaves(owner, path);
        let Some((first, value)) = leaves.next().transpose()? else { return Ok((None, None)) };
        let suffix = |key: &B256| Nibbles::unpack_array(&key.0).slice(path.len()..);
        let Some((second, second_value)) = leaves.next().transpose()? else {
            let leaf = LeafNodeRef::new(&suffix(&first), &value).rlp(&mut Vec::new());
            return Ok((Some(leaf), Some(first)));
        };
        let mut builder = HashBuilder::default();
        builder.add_leaf(suffix(&first), &value);
        builder.add_leaf(suffix(&second), &second_value);
        for leaf in leaves {
            let (key, value) = leaf?;
            builder.add_leaf(suffix(&key), &value);
        }
        builder.root();
        Ok((builder.stack.pop(), Some(first)))
    }

    /// The leaves below a position, by the flat values; malformed ones, which were named already, are left out.
    fn leaves(
        &self,
        owner: Owner,
        path: &Nibbles,
    ) -> impl Iterator<Item = Result<(B256, Vec<u8>), StoreError>> + use<> {
        let (table, group) = flat_table(owner.storage);
        let start = [&group[..], &path.pack()].concat();
        let path = *path;
        let skip = group.len();
        let entries = self.tables.scan(table, &group, &start);
        let below = entries.map_while(move |entry| match entry {
            Err(error) => Some(Err(error)),
            Ok((key, value)) => {
                let Ok(hash) = <[u8; 32]>::try_from(&key[skip..]) else { return Some(Ok(None)) };
                let below = Nibbles::unpack_array(&hash).starts_with(&path);
                below.then(|| Ok(leaf_of(owner.storage, &value).map(|leaf| (hash.into(), leaf))))
            }
        });
        below.filter_map(Result::transpose)
    }
}

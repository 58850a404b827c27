//! What the store is measured against: the same work by the means that it replaces.

use crate::{
    account::Record,
    error::StoreError,
    kv::Table,
    snapshot::Snapshot,
    store::Store,
    trie::{ACCOUNTS, Leaf, Node, NodeKey, Source},
    view::account_leaf,
};
use alloy_primitives::{B256, keccak256};
use alloy_trie::{HashBuilder, Nibbles};
use mundi_execution::StateChanges;
use std::sync::Arc;

impl Store {
    /// Reads an account's record from the key-value engine alone, past layers and caches, by the hash of the address.
    /// Returns its length in bytes.
    pub fn engine_read(&self, address_hash: &B256) -> Result<Option<usize>, StoreError> {
        Ok(self.view().base.kv.get(Table::Accounts, address_hash.as_slice())?.map(|record| record.len()))
    }
}

impl Snapshot {
    /// The state root after changes to balances and nonces of accounts that exist, computed by alloy's hash builder on
    /// one thread: it is given the hash of each stored branch that nothing changed below, and all leaves of the branches
    /// with a change, because alloy's builder knows leaves by their values only. Each such branch is read in one scan.
    ///
    /// Errors if blocks wait in memory, or with changes of another kind.
    pub fn root_by_hash_builder(&self, changes: &StateChanges) -> Result<B256, StoreError> {
        let refuse = |problem: &str| Err(StoreError::Damaged(format!("cannot be compared: {problem}")));
        if !self.view.layers.is_empty() {
            return refuse("blocks wait in memory");
        }
        let mut leaves = Vec::with_capacity(changes.accounts.len());
        for change in &changes.accounts {
            let (Some(account), Some(old)) = (change.account, self.view.account(&change.address)?) else {
                return refuse("an account comes or goes");
            };
            if change.storage_wiped || !change.storage.is_empty() {
                return refuse("a slot changes");
            }
            leaves.push((keccak256(change.address), account_leaf(Record { account, ..old })));
        }
        leaves.sort_unstable();
        let Some(top) = self.view.node(&NodeKey::new(ACCOUNTS, Nibbles::new()))? else {
            return refuse("there are fewer than two accounts");
        };
        let mut builder = HashBuilder::default();
        self.rebuild(&mut builder, Nibbles::new(), &top, &leaves)?;
        Ok(builder.root())
    }

    fn rebuild(
        &self,
        builder: &mut HashBuilder,
        path: Nibbles,
        node: &Arc<Node>,
        leaves: &[Leaf],
    ) -> Result<(), StoreError> {
        let branch = path.join(&node.extension);
        let mut siblings = self.siblings(&branch, node)?.into_iter().peekable();
        for at in 0..16 {
            let Some((is_leaf, reference)) = node.child(at) else { continue };
            let mut child = branch;
            child.push(at as u8);
            let below = |key: &B256| Nibbles::unpack_array(&key.0).starts_with(&child);
            let from = leaves.partition_point(|(key, _)| Nibbles::unpack_array(&key.0) < child);
            let changed = &leaves[from..];
            let changed = &changed[..changed.partition_point(|(key, _)| below(key))];
            match (is_leaf, changed) {
                (true, [(key, value), ..]) => builder.add_leaf(Nibbles::unpack_array(&key.0), value),
                (true, []) => {
                    while siblings.next_if(|(key, _)| Nibbles::unpack_array(&key.0) < child).is_some() {}
                    if let Some((key, value)) = siblings.next_if(|(key, _)| below(key)) {
                        builder.add_leaf(Nibbles::unpack_array(&key.0), &value);
                    }
                }
                (false, []) => {
                    let hash = reference.as_hash().expect("a branch of accounts is longer than a hash");
                    builder.add_branch(child, hash, false);
                }
                (false, _) => {
                    let key = NodeKey::new(ACCOUNTS, child);
                    let missing = || StoreError::Damaged(format!("trie 0 has no node at {child:?}"));
                    let below = self.view.node(&key)?.ok_or_else(missing)?;
                    self.rebuild(builder, child, &below, changed)?;
                }
            }
        }
        Ok(())
    }

    /// The leaves below a branch, if it has any of its own.
    fn siblings(&self, branch: &Nibbles, node: &Node) -> Result<Vec<Leaf>, StoreError> {
        let mut found = Vec::new();
        if node.leaves == 0 {
            return Ok(found);
        }
        for entry in self.view.base.kv.scan(Table::Accounts, &[], &branch.pack()) {
            let (key, record) = entry?;
            let key = B256::from_slice(&key);
            let nibbles = Nibbles::unpack_array(&key.0);
            if !nibbles.starts_with(branch) {
                break;
            }
            // Leaves below a branch below this one are read when that one is.
            if node.child(nibbles.get_unchecked(branch.len()).into()).is_some_and(|(leaf, _)| leaf) {
                found.push((key, account_leaf(Record::decode(&record)?)));
            }
        }
        Ok(found)
    }
}

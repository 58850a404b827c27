//! Proofs of accounts and slots (EIP-1186), and how anyone checks them.

use super::{NodeKey, Source, TrieId, nibble};
use crate::error::StoreError;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles, TrieAccount,
    nodes::{ExtensionNodeRef, LeafNodeRef, RlpNode},
    proof::{ProofVerificationError, verify_proof},
};

/// What an account was in a state with a known root, with the proof of it, and of some of its slots.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountProof {
    /// Whose.
    pub address: Address,
    /// The account as the trie holds it; `None` if there is none.
    pub account: Option<TrieAccount>,
    /// RLP of the trie's nodes from the root towards the account; empty for an empty trie.
    pub account_proof: Vec<Bytes>,
    /// Slots, in the order asked for.
    pub storage_proof: Vec<SlotProof>,
}

/// The value of a slot with the proof of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotProof {
    /// The slot.
    pub key: B256,
    /// Its value; zero if the trie has no such slot.
    pub value: U256,
    /// RLP of the trie's nodes from the storage root towards the slot.
    pub proof: Vec<Bytes>,
}

/// A proof that does not prove what it says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Of the account.
    #[error("the proof of account {address} does not hold: {source}")]
    Account {
        /// Whose.
        address: Address,
        /// Where it breaks.
        source: Box<ProofVerificationError>,
    },
    /// Of a slot.
    #[error("the proof of slot {slot} of {address} does not hold: {source}")]
    Slot {
        /// Whose.
        address: Address,
        /// Which.
        slot: B256,
        /// Where it breaks.
        source: Box<ProofVerificationError>,
    },
}

impl AccountProof {
    /// Checks the account and every slot against a state root. Nothing but the root is trusted.
    pub fn verify(&self, state_root: B256) -> Result<(), ProofError> {
        let address = self.address;
        let key = Nibbles::unpack_array(&keccak256(address).0);
        verify_proof(state_root, key, self.account.as_ref().map(alloy_rlp::encode), &self.account_proof)
            .map_err(|source| ProofError::Account { address, source: source.into() })?;
        let root = self.account.as_ref().map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
        for slot in &self.storage_proof {
            let key = Nibbles::unpack_array(&keccak256(slot.key).0);
            let value = (!slot.value.is_zero()).then(|| alloy_rlp::encode(slot.value));
            verify_proof(root, key, value, &slot.proof).map_err(|source| ProofError::Slot {
                address,
                slot: slot.key,
                source: source.into(),
            })?;
        }
        Ok(())
    }
}

/// The nodes of a trie with this root, from the root towards a key. Nodes shorter than a hash are part of their
/// parents and have no entry of their own.
pub(crate) fn prove(
    source: &impl Source,
    trie: TrieId,
    root: B256,
    key: &B256,
) -> Result<Vec<Bytes>, StoreError> {
    let mut proof = Vec::new();
    if root == EMPTY_ROOT_HASH {
        return Ok(proof);
    }
    let nibbles = Nibbles::unpack_array(&key.0);
    let mut path = Nibbles::new();
    let mut leaf = false;
    while !leaf {
        let Some(node) = source.node(&NodeKey::new(trie, path))? else {
            if !path.is_empty() {
                return Err(StoreError::Damaged(format!("trie {trie} has no node at {path:?}")));
            }
            break;
        };
        let mut branch = Vec::with_capacity(532);
        node.encode_branch(&mut branch);
        if !node.extension.is_empty() {
            let child = RlpNode::from_rlp(&branch);
            let extension = alloy_rlp::encode(ExtensionNodeRef::new(&node.extension, child.as_slice()));
            push(&mut proof, extension);
        }
        push(&mut proof, branch);
        if !nibbles.slice(path.len()..).starts_with(&node.extension) {
            return Ok(proof);
        }
        path.extend(&node.extension);
        let at = nibble(key, path.len());
        match node.child(at) {
            None => return Ok(proof),
            Some((is_leaf, _)) => leaf = is_leaf,
        }
        path.push(at as u8);
    }
    let (found, value) = source.leaf(trie, &path)?;
    let suffix = Nibbles::unpack_array(&found.0).slice(path.len()..);
    push(&mut proof, alloy_rlp::encode(LeafNodeRef::new(&suffix, &value)));
    Ok(proof)
}

fn push(proof: &mut Vec<Bytes>, node: Vec<u8>) {
    if node.len() >= 32 || proof.is_empty() {
        proof.push(node.into());
    }
}

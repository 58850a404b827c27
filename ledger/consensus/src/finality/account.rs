//! Proofs of accounts and slots under a final header.

use super::{FinalityError, FinalizedHeader, MOST_NODE_BYTES, MOST_NODES, MOST_SLOTS, bounded};
use crate::scheme::GroupKey;
use alloy_consensus::{Header, Sealed};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use mundi_state::{AccountProof, SlotProof};
use serde::{Deserialize, Serialize};

/// An account, and slots of it, with all that proves them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FinalizedAccount {
    /// Of which block.
    pub finalized_header: FinalizedHeader,
    /// What `eth_getProof` returns for that block.
    pub proof: EthProof,
}

/// What `eth_getProof` returns (EIP-1186).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EthProof {
    /// Whose.
    pub address: Address,
    /// In wei.
    pub balance: U256,
    /// Hash of the code; zero or that of nothing if there is no account.
    pub code_hash: B256,
    /// How many transactions it sent, or contracts it made.
    #[serde(with = "alloy_serde::quantity")]
    pub nonce: u64,
    /// Root of its storage; zero or that of nothing if there is no account.
    pub storage_hash: B256,
    /// Nodes from the state root towards the account.
    #[serde(deserialize_with = "bounded::list::<_, MOST_NODES, MOST_NODE_BYTES>")]
    pub account_proof: Vec<Bytes>,
    /// Slots.
    #[serde(deserialize_with = "bounded::items::<_, _, MOST_SLOTS>")]
    pub storage_proof: Vec<EthSlot>,
}

/// A slot in [`EthProof`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EthSlot {
    /// Which.
    pub key: alloy_serde::JsonStorageKey,
    /// Its value; zero if there is none.
    pub value: U256,
    /// Nodes from the storage root towards the slot.
    #[serde(deserialize_with = "bounded::list::<_, MOST_NODES, MOST_NODE_BYTES>")]
    pub proof: Vec<Bytes>,
}

/// An account that is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenAccount {
    /// The block after which it is so.
    pub header: Sealed<Header>,
    /// Whose.
    pub address: Address,
    /// The account; `None` if there is provably none.
    pub account: Option<TrieAccount>,
    /// Slots and their values.
    pub slots: Vec<(B256, U256)>,
}

impl FinalizedAccount {
    /// Checks it. Nothing is trusted but the key.
    pub fn verify(&self, key: &GroupKey) -> Result<ProvenAccount, FinalityError> {
        let header = self.finalized_header.verify(key)?;
        let (number, root) = (header.number, header.state_root);
        let proof = self.proof.account_proof(number)?;
        proof.verify(root).map_err(|source| FinalityError::State { number, root, source })?;
        let slots = proof.storage_proof.iter().map(|slot| (slot.key, slot.value)).collect();
        Ok(ProvenAccount { header, address: proof.address, account: proof.account, slots })
    }
}

impl EthProof {
    /// The same in the form that is checked.
    fn account_proof(&self, number: u64) -> Result<AccountProof, FinalityError> {
        let account = TrieAccount {
            nonce: self.nonce,
            balance: self.balance,
            storage_root: self.storage_hash,
            code_hash: self.code_hash,
        };
        let slots = self.storage_proof.iter().map(|slot| SlotProof {
            key: slot.key.as_b256(),
            value: slot.value,
            proof: slot.proof.clone(),
        });
        Ok(AccountProof {
            address: self.address,
            account: self.is_somebody(number)?.then_some(account),
            account_proof: self.account_proof.clone(),
            storage_proof: slots.collect(),
        })
    }

    /// Whether it is said that there is an account. Nodes say that there is none with hashes of zero, or of nothing.
    fn is_somebody(&self, number: u64) -> Result<bool, FinalityError> {
        let nobody = match (self.code_hash, self.storage_hash) {
            (B256::ZERO, _) | (_, B256::ZERO) => true,
            // Since EIP-161 no state holds such an account.
            (KECCAK256_EMPTY, EMPTY_ROOT_HASH) => self.nonce == 0 && self.balance.is_zero(),
            _ => false,
        };
        if !nobody {
            return Ok(true);
        }
        let wrong = [
            (self.nonce != 0, "a nonce"),
            (!self.balance.is_zero(), "a balance"),
            (!matches!(self.code_hash, B256::ZERO | KECCAK256_EMPTY), "code"),
            (!matches!(self.storage_hash, B256::ZERO | EMPTY_ROOT_HASH), "storage"),
        ];
        match wrong.into_iter().find(|(wrong, _)| *wrong) {
            Some((_, field)) => Err(FinalityError::Nobody { address: self.address, number, field }),
            None => Ok(false),
        }
    }
}

//! Proofs of transactions and their receipts under a final header.

use super::{FinalityError, FinalizedHeader, MOST_NODES, MOST_VALUE_BYTES, bounded};
use crate::scheme::GroupKey;
use alloy_consensus::{Header, ReceiptEnvelope, Sealed};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{
    HashBuilder, Nibbles,
    proof::{ProofRetainer, verify_proof},
    root::adjust_index_for_rlp,
};
use mundi_state::BlockRecord;
use serde::{Deserialize, Serialize};

/// A transaction and its receipt, with all that proves them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FinalizedReceipt {
    /// In which block.
    pub finalized_header: FinalizedHeader,
    /// That they are in that block.
    pub proof: ReceiptProof,
}

/// The proof that a transaction is in a block, and that this came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReceiptProof {
    /// Position in the block.
    #[serde(with = "alloy_serde::quantity")]
    pub transaction_index: u64,
    /// The transaction (EIP-2718), whose hash is the Keccak-256 of these bytes.
    #[serde(deserialize_with = "bounded::bytes::<_, MOST_VALUE_BYTES>")]
    pub transaction: Bytes,
    /// Nodes from the transactions' root towards it.
    #[serde(deserialize_with = "bounded::list::<_, MOST_NODES, MOST_VALUE_BYTES>")]
    pub transaction_proof: Vec<Bytes>,
    /// The receipt (EIP-2718).
    #[serde(deserialize_with = "bounded::bytes::<_, MOST_VALUE_BYTES>")]
    pub receipt: Bytes,
    /// Nodes from the receipts' root towards it.
    #[serde(deserialize_with = "bounded::list::<_, MOST_NODES, MOST_VALUE_BYTES>")]
    pub receipt_proof: Vec<Bytes>,
}

/// A receipt that is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenReceipt {
    /// The block.
    pub header: Sealed<Header>,
    /// Position in the block.
    pub index: u64,
    /// Hash of the transaction.
    pub transaction: B256,
    /// What came of it.
    pub receipt: ReceiptEnvelope,
}

impl FinalizedReceipt {
    /// Checks it. Nothing is trusted but the key.
    pub fn verify(&self, key: &GroupKey) -> Result<ProvenReceipt, FinalityError> {
        let header = self.finalized_header.verify(key)?;
        let (transaction, receipt) = self.proof.verify(&header)?;
        Ok(ProvenReceipt { index: self.proof.transaction_index, header, transaction, receipt })
    }
}

impl ReceiptProof {
    /// Of the transaction at a position of a block; `None` if there is no such position. Costs hashing all of the block's
    /// transactions and receipts.
    pub fn new(block: &BlockRecord, index: usize) -> Option<Self> {
        let (transactions, receipts) = (&block.body.transactions, &block.receipts);
        let transaction = transactions.get(index)?.encoded_2718().into();
        let receipt = receipts.get(index)?.encoded_2718().into();
        Some(Self {
            transaction_index: index as u64,
            transaction,
            transaction_proof: prove(transactions, index),
            receipt,
            receipt_proof: prove(receipts, index),
        })
    }

    /// Checks that the transaction and the receipt are in the block with this header, and gives the hash of the one and the other.
    pub fn verify(&self, header: &Header) -> Result<(B256, ReceiptEnvelope), FinalityError> {
        let index = self.transaction_index;
        let key = key(index);
        let check = |what, root, value: &Bytes, proof: &[Bytes]| {
            verify_proof(root, key, Some(value.to_vec()), proof)
                .map_err(|error| FinalityError::entry(header, what, index, error))
        };
        check("transaction", header.transactions_root, &self.transaction, &self.transaction_proof)?;
        check("receipt", header.receipts_root, &self.receipt, &self.receipt_proof)?;
        let mut rest = self.receipt.as_ref();
        let receipt = ReceiptEnvelope::decode_2718(&mut rest)
            .map_err(|error| FinalityError::entry(header, "receipt", index, error))?;
        Ok((keccak256(&self.transaction), receipt))
    }
}

/// Where the trie of a block has its entry with this position.
fn key(index: u64) -> Nibbles {
    Nibbles::unpack(alloy_rlp::encode(index))
}

/// The nodes of the trie of a block's entries from the root towards one of them.
fn prove(entries: &[impl Encodable2718], index: usize) -> Vec<Bytes> {
    let target = key(index as u64);
    let mut trie = HashBuilder::default().with_proof_retainer(ProofRetainer::new(vec![target]));
    let mut value = Vec::new();
    for position in 0..entries.len() {
        // The trie wants its keys in order, which is not that of the numbers.
        let position = adjust_index_for_rlp(position, entries.len());
        value.clear();
        entries[position].encode_2718(&mut value);
        trie.add_leaf(key(position as u64), &value);
    }
    trie.root();
    let nodes = trie.take_proof_nodes().into_nodes_sorted();
    nodes.into_iter().map(|(_, node)| node).collect()
}

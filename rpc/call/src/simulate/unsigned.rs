//! Transactions without a signature, in the form that blocks hold.

use crate::message::Message;
use alloy_consensus::{
    Signed, TxEip1559, TxEip2930, TxEip4844, TxEip4844Variant, TxEip7702, TxEnvelope, TxLegacy,
};
use alloy_eips::{eip2718::Encodable2718, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use alloy_rlp::Encodable;
use alloy_rpc_types_eth::Transaction;
use serde_json::Value;

/// A transaction whose signature is all zeros.
#[derive(Clone, Debug)]
pub(crate) struct Unsigned {
    /// The transaction; its hash is right.
    pub(crate) envelope: TxEnvelope,
    /// As it stands in a block.
    pub(crate) encoded: Bytes,
    /// Who sends it.
    pub(crate) sender: Address,
}

impl Unsigned {
    /// A transaction of the type that its fields ask for: with fees by EIP-1559, unless `legacy` asks for a gas price.
    pub(crate) fn new(message: &Message, nonce: u64, legacy: bool) -> Self {
        let tx = &message.tx;
        let chain_id = tx.chain_id.unwrap_or_default();
        let to = match tx.kind {
            TxKind::Call(to) => to,
            TxKind::Create => Address::ZERO,
        };
        let (gas_limit, value, input) = (tx.gas_limit, tx.value, tx.data.clone());
        let (max_fee_per_gas, max_priority_fee_per_gas) = (tx.gas_price, message.tip_cap);
        let access_list = tx.access_list.clone();
        let none = Signature::new(U256::ZERO, U256::ZERO, false);
        let envelope: TxEnvelope = match tx.tx_type {
            _ if legacy && access_list.0.is_empty() => {
                let tx = TxLegacy {
                    chain_id: None,
                    nonce,
                    gas_price: tx.gas_price,
                    gas_limit,
                    to: tx.kind,
                    value,
                    input,
                };
                return Self::legacy(tx, message.tx.caller);
            }
            _ if legacy => {
                let (gas_price, to) = (tx.gas_price, tx.kind);
                let tx = TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input };
                Signed::new_unhashed(tx, none).into()
            }
            3 => {
                let blob_versioned_hashes = tx.blob_hashes.clone();
                let max_fee_per_blob_gas = tx.max_fee_per_blob_gas;
                let tx: TxEip4844Variant = TxEip4844Variant::TxEip4844(TxEip4844 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas,
                    max_priority_fee_per_gas,
                    to,
                    value,
                    access_list,
                    blob_versioned_hashes,
                    max_fee_per_blob_gas,
                    input,
                });
                Signed::new_unhashed(tx, none).into()
            }
            4 => {
                let authorization_list: Vec<SignedAuthorization> =
                    tx.authorization_list.iter().filter_map(|one| one.as_ref().left().cloned()).collect();
                let tx = TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas,
                    max_priority_fee_per_gas,
                    to,
                    value,
                    access_list,
                    authorization_list,
                    input,
                };
                Signed::new_unhashed(tx, none).into()
            }
            _ => {
                let to = tx.kind;
                let tx = TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas,
                    max_priority_fee_per_gas,
                    to,
                    value,
                    access_list,
                    input,
                };
                Signed::new_unhashed(tx, none).into()
            }
        };
        Self { encoded: envelope.encoded_2718().into(), envelope, sender: message.tx.caller }
    }

    /// A legacy transaction, where the zeros stand in place of `v` too.
    fn legacy(tx: TxLegacy, sender: Address) -> Self {
        let zero = 0u8;
        let fields: [&dyn Encodable; 9] =
            [&tx.nonce, &tx.gas_price, &tx.gas_limit, &tx.to, &tx.value, &tx.input, &zero, &zero, &zero];
        let mut encoded = Vec::new();
        alloy_rlp::encode_list::<_, dyn Encodable>(&fields, &mut encoded);
        let none = Signature::new(U256::ZERO, U256::ZERO, false);
        let envelope = Signed::new_unchecked(tx, none, keccak256(&encoded)).into();
        Self { envelope, encoded: encoded.into(), sender }
    }

    /// Its hash.
    pub(crate) fn hash(&self) -> B256 {
        *self.envelope.tx_hash()
    }

    /// Its length within a list of transactions.
    pub(crate) fn length_in_block(&self) -> usize {
        if self.envelope.is_legacy() { self.encoded.len() } else { self.encoded.as_ref().length() }
    }

    /// As clients see it; `place` says in which block.
    pub(crate) fn to_json(&self, place: impl FnOnce(&mut Transaction)) -> Result<Value, serde_json::Error> {
        let inner =
            alloy_consensus::transaction::Recovered::new_unchecked(self.envelope.clone(), self.sender);
        let mut transaction = Transaction {
            inner,
            block_hash: None,
            block_number: None,
            transaction_index: None,
            effective_gas_price: None,
            block_timestamp: None,
        };
        place(&mut transaction);
        let mut value = serde_json::to_value(transaction)?;
        if self.envelope.is_legacy()
            && let Value::Object(fields) = &mut value
        {
            fields.insert("v".into(), "0x0".into());
        }
        Ok(value)
    }
}

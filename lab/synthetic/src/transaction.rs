//! Transactions before they are signed, and the forms they may take.

use crate::keys::{Role, Signer};
use alloy_consensus::{TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxEnvelope, TxLegacy};
use alloy_eips::{eip2930::AccessList, eip7702::Authorization};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};

/// What a transaction does, whoever sends it in whatever form.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) to: TxKind,
    pub(crate) value: U256,
    pub(crate) data: Bytes,
    /// Enough under every fork's rules, and not much more.
    pub(crate) gas: u64,
}

impl Call {
    pub(crate) fn transfer(to: Address, value: U256) -> Self {
        Self { to: TxKind::Call(to), value, data: Bytes::new(), gas: 21_000 }
    }

    pub(crate) fn contract(to: Address, data: Bytes, gas: u64) -> Self {
        Self { to: TxKind::Call(to), value: U256::ZERO, data, gas }
    }
}

/// The form of a transaction (EIP-2718), with what only this form has.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    Legacy {
        chain_id: Option<u64>,
    },
    AccessList(AccessList),
    Dynamic(AccessList),
    Blobs {
        hashes: Vec<B256>,
        max_fee: u128,
    },
    /// Authorizations with the index of the authority that signs.
    Delegations(Vec<(u64, Authorization)>),
}

/// A transaction that lacks nothing but its signature.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Index of the sender.
    pub(crate) sender: usize,
    pub(crate) nonce: u64,
    pub(crate) call: Call,
    pub(crate) form: Form,
    /// Wei per gas: the most, and the most of it as a tip. Forms with one price pay the first.
    pub(crate) max_fee: u128,
    pub(crate) tip: u128,
}

impl Draft {
    /// Signs the transaction, and its authorizations.
    pub(crate) fn sign(self, seed: u64, chain_id: u64, sender: &Signer) -> TxEnvelope {
        let Self { nonce, call, form, max_fee, tip, .. } = self;
        let Call { to, value, data: input, gas: gas_limit } = call;
        let target = || to.to().copied().expect("forms without creations are given to calls only");
        match form {
            Form::Legacy { chain_id } => sender.transaction(TxLegacy {
                chain_id,
                nonce,
                gas_price: max_fee,
                gas_limit,
                to,
                value,
                input,
            }),
            Form::AccessList(access_list) => sender.transaction(TxEip2930 {
                chain_id,
                nonce,
                gas_price: max_fee,
                gas_limit,
                to,
                value,
                access_list,
                input,
            }),
            Form::Dynamic(access_list) => sender.transaction(TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: max_fee,
                max_priority_fee_per_gas: tip,
                to,
                value,
                access_list,
                input,
            }),
            Form::Blobs { hashes, max_fee: max_fee_per_blob_gas } => sender.transaction(TxEip4844 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: max_fee,
                max_priority_fee_per_gas: tip,
                to: target(),
                value,
                access_list: AccessList::default(),
                blob_versioned_hashes: hashes,
                max_fee_per_blob_gas,
                input,
            }),
            Form::Delegations(authorizations) => sender.transaction(TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: max_fee,
                max_priority_fee_per_gas: tip,
                to: target(),
                value,
                access_list: AccessList::default(),
                authorization_list: authorizations
                    .into_iter()
                    .map(|(authority, authorization)| {
                        Signer::new(seed, Role::Authority, authority).authorization(authorization)
                    })
                    .collect(),
                input,
            }),
        }
    }
}

//! The transaction of a state test, field by field, for files that do not carry it in its encoded form.

use crate::{failure::Reason, quantity::Quantity};
use alloy_consensus::crypto::secp256k1::{recover_signer, sign_message};
use alloy_eips::{
    eip2930::AccessList,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, TxKind};
use revm::{context::TxEnv, context_interface::either::Either};
use serde::Deserialize;

/// Lists hold one entry for each value of an index.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionFields {
    /// Texts, because some tests hold what is no transaction at all.
    data: Vec<String>,
    gas_limit: Vec<Quantity>,
    value: Vec<String>,
    nonce: Quantity,
    #[serde(default)]
    to: String,
    sender: Option<Address>,
    secret_key: Option<B256>,
    gas_price: Option<Quantity>,
    max_fee_per_gas: Option<Quantity>,
    max_priority_fee_per_gas: Option<Quantity>,
    access_lists: Option<Vec<Option<AccessList>>>,
    max_fee_per_blob_gas: Option<Quantity>,
    blob_versioned_hashes: Option<Vec<B256>>,
    authorization_list: Option<Vec<AuthorizationFields>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizationFields {
    chain_id: Quantity,
    address: Address,
    nonce: Quantity,
    y_parity: Option<Quantity>,
    /// Older name of the parity; newer files have both.
    v: Option<Quantity>,
    r: Quantity,
    s: Quantity,
}

/// Which entries of the lists make up a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Indexes {
    pub(crate) data: usize,
    pub(crate) gas: usize,
    pub(crate) value: usize,
}

impl TransactionFields {
    /// Who sends it.
    pub(crate) fn sender(&self) -> Result<Address, Reason> {
        if let Some(sender) = self.sender {
            return Ok(sender);
        }
        let key = self.secret_key.ok_or_else(|| Reason::malformed("neither sender nor secretKey"))?;
        let signature = sign_message(key, B256::ZERO).map_err(Reason::malformed)?;
        recover_signer(&signature, B256::ZERO).map_err(Reason::malformed)
    }

    /// The transaction at `indexes`. `None` if its fields exceed what a transaction can hold, so that there is no such
    /// transaction.
    pub(crate) fn at(&self, indexes: Indexes, chain_id: u64) -> Result<Option<TxEnv>, Reason> {
        let missing = || Reason::malformed(format_args!("indexes {indexes:?} lead nowhere"));
        let data = self.data.get(indexes.data).ok_or_else(missing)?;
        let gas_limit = self.gas_limit.get(indexes.gas).ok_or_else(missing)?;
        let value = self.value.get(indexes.value).ok_or_else(missing)?;
        let data = data.parse::<Bytes>().map_err(Reason::malformed)?;
        let (Some(value), Ok(gas_limit), Ok(nonce)) =
            (Quantity::parse(value), u64::try_from(gas_limit.0), u64::try_from(self.nonce.0))
        else {
            return Ok(None);
        };
        let access_list = self.access_lists.as_ref().and_then(|lists| lists.get(indexes.data)?.clone());
        let tx_type = if self.authorization_list.is_some() {
            4
        } else if self.max_fee_per_blob_gas.is_some() {
            3
        } else if self.max_fee_per_gas.is_some() {
            2
        } else {
            u8::from(access_list.is_some())
        };
        let fee = self.max_fee_per_gas.or(self.gas_price).unwrap_or_default();
        Ok(Some(TxEnv {
            tx_type,
            caller: self.sender()?,
            gas_limit,
            gas_price: fee.saturating_u128(),
            kind: match self.to.as_str() {
                "" => TxKind::Create,
                to => TxKind::Call(to.parse().map_err(Reason::malformed)?),
            },
            value: value.0,
            data,
            nonce,
            chain_id: Some(chain_id),
            access_list: access_list.unwrap_or_default(),
            gas_priority_fee: self.max_priority_fee_per_gas.map(Quantity::saturating_u128),
            blob_hashes: self.blob_versioned_hashes.clone().unwrap_or_default(),
            max_fee_per_blob_gas: self.max_fee_per_blob_gas.unwrap_or_default().saturating_u128(),
            authorization_list: self
                .authorization_list
                .iter()
                .flatten()
                .map(|fields| Either::Left(fields.signed()))
                .collect(),
        }))
    }
}

impl AuthorizationFields {
    fn signed(&self) -> SignedAuthorization {
        let authorization = Authorization {
            chain_id: self.chain_id.0,
            address: self.address,
            nonce: self.nonce.saturating_u64(),
        };
        let parity = self.y_parity.or(self.v).unwrap_or_default().0.saturating_to();
        SignedAuthorization::new_unchecked(authorization, parity, self.r.0, self.s.0)
    }
}

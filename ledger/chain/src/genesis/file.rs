//! The genesis file as it is written.

use super::{
    config::Config,
    quantity::{Quantity, Small, Word},
    unique::UniqueMap,
};
use alloy_primitives::{Address, B256, Bytes};
use serde::Deserialize;

/// `genesis.json`. Fields beyond these mean nothing to consensus and are passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GenesisFile {
    pub(super) config: Config,
    pub(super) alloc: UniqueMap<Address, AllocAccount>,
    pub(super) gas_limit: Small,
    pub(super) difficulty: Quantity,
    #[serde(default)]
    pub(super) nonce: Option<Small>,
    #[serde(default)]
    pub(super) timestamp: Option<Small>,
    #[serde(default)]
    pub(super) extra_data: Option<Bytes>,
    #[serde(default, alias = "mixhash")]
    pub(super) mix_hash: Option<B256>,
    #[serde(default)]
    pub(super) coinbase: Option<Address>,
    #[serde(default)]
    pub(super) number: Option<Small>,
    #[serde(default)]
    pub(super) gas_used: Option<Small>,
    #[serde(default)]
    pub(super) parent_hash: Option<B256>,
    #[serde(default)]
    pub(super) state_root: Option<B256>,
    #[serde(default)]
    pub(super) base_fee_per_gas: Option<Small>,
    #[serde(default)]
    pub(super) excess_blob_gas: Option<Small>,
    #[serde(default)]
    pub(super) blob_gas_used: Option<Small>,
}

/// What an account starts with.
#[derive(Debug, Deserialize)]
pub(super) struct AllocAccount {
    pub(super) balance: Quantity,
    #[serde(default)]
    pub(super) nonce: Option<Small>,
    #[serde(default)]
    pub(super) code: Option<Bytes>,
    #[serde(default)]
    pub(super) storage: Option<UniqueMap<Word, Word>>,
}

/// Blob parameters of a fork (EIP-7840).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlobEntry {
    pub(super) target: Small,
    pub(super) max: Small,
    pub(super) base_fee_update_fraction: Small,
}

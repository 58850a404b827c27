//! Everything about a transaction that can be said without the sender's account: decoding, static rules, signature, blobs.
//!
//! Runs on any thread, holds no lock. The order of checks is that of cost, and among equals that of geth, so that
//! clients see the reason that they know.

use crate::{
    blobs,
    config::{Config, Origin},
    error::PoolError,
    fees::Fees,
    head::Context,
    transaction::{PooledTransaction, greatest_cost},
};
use alloy_consensus::{
    Signed, Transaction as _, TxEip4844Variant, TxEnvelope, Typed2718, crypto::secp256k1::recover_signer,
};
use alloy_eips::{
    eip2718::{Decodable2718, Eip2718Error, Encodable2718},
    eip4844::{DATA_GAS_PER_BLOB, VERSIONED_HASH_VERSION_KZG},
    eip7594::BlobTransactionSidecarVariant,
};
use alloy_primitives::{Address, B256, U256};
use mundi_chain::{EthereumHardfork, OrderedTransaction, SenderError, recover_sender};
use std::{sync::Arc, time::Duration};

/// Greatest code of a creation from Shanghai on, in bytes (EIP-3860).
pub(crate) const MAX_INITCODE_SIZE: usize = 2 * 24_576;

/// A decoded transaction, its blobs beside it.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) envelope: TxEnvelope,
    pub(crate) sidecar: Option<BlobTransactionSidecarVariant>,
    pub(crate) hash: B256,
    pub(crate) encoded: usize,
}

/// Decodes the network form, strictly: one encoding, nothing after it.
pub(crate) fn decode(context: &Context, config: &Config, bytes: &[u8]) -> Result<Decoded, PoolError> {
    let limit = match bytes.first() {
        // Below 0x80 it is a type (EIP-2718).
        Some(tx_type @ 5..0x80) => return Err(PoolError::Type { tx_type: *tx_type, fork: context.fork }),
        Some(3) => config.max_blob_tx_bytes,
        Some(_) => config.max_tx_bytes,
        None => return Err(PoolError::Decode("no bytes".into())),
    };
    if bytes.len() > limit {
        return Err(PoolError::Size { size: bytes.len(), limit });
    }
    let envelope = TxEnvelope::decode_2718_exact(bytes).map_err(|error| match error {
        // Known types have passed the first check, so it is that of no type.
        Eip2718Error::UnexpectedType(_) => {
            PoolError::Decode("neither a known type nor a legacy transaction".into())
        }
        error => PoolError::Decode(error.to_string()),
    })?;
    let again = envelope.encoded_2718();
    if again != bytes {
        let at = again.iter().zip(bytes).position(|(a, b)| a != b);
        return Err(PoolError::NotCanonical(at.unwrap_or(again.len().min(bytes.len()))));
    }
    let TxEnvelope::Eip4844(signed) = envelope else {
        return Ok(Decoded { hash: *envelope.tx_hash(), envelope, sidecar: None, encoded: bytes.len() });
    };
    Ok(strip(signed))
}

/// Takes the blobs out of a blob transaction.
fn strip(signed: Signed<TxEip4844Variant>) -> Decoded {
    let (variant, signature, hash) = signed.into_parts();
    let (tx, sidecar) = match variant {
        TxEip4844Variant::TxEip4844(tx) => (tx, None),
        TxEip4844Variant::TxEip4844WithSidecar(whole) => {
            let (tx, sidecar) = whole.into_parts();
            (tx, Some(sidecar))
        }
    };
    let signed = Signed::new_unchecked(TxEip4844Variant::TxEip4844(tx), signature, hash);
    let encoded = signed.eip2718_encoded_length();
    Decoded { envelope: TxEnvelope::Eip4844(signed), sidecar, hash, encoded }
}

/// A transaction that is decoded already, as it comes from a developer or from a block.
pub(crate) fn from_envelope(envelope: TxEnvelope) -> Decoded {
    match envelope {
        TxEnvelope::Eip4844(signed) => strip(signed),
        envelope => {
            let encoded = envelope.encode_2718_len();
            Decoded { hash: *envelope.tx_hash(), envelope, sidecar: None, encoded }
        }
    }
}

/// The rules that need neither signature nor state. Also asked again when the rules of the chain change.
pub(crate) fn check_rules(context: &Context, tx: &TxEnvelope) -> Result<(), PoolError> {
    let since = match tx.ty() {
        0 => EthereumHardfork::Frontier,
        1 => EthereumHardfork::Berlin,
        2 => EthereumHardfork::London,
        3 => EthereumHardfork::Cancun,
        _ => EthereumHardfork::Prague,
    };
    if context.fork < since {
        return Err(PoolError::Type { tx_type: tx.ty(), fork: context.fork });
    }
    if let Some(have) = tx.chain_id()
        && have != context.rules.chain_id
    {
        return Err(PoolError::ChainId { have, want: context.rules.chain_id });
    }
    if context.fork >= EthereumHardfork::Shanghai && tx.is_create() && tx.input().len() > MAX_INITCODE_SIZE {
        return Err(PoolError::InitCodeSize { size: tx.input().len(), limit: MAX_INITCODE_SIZE });
    }
    if tx.nonce() == u64::MAX {
        return Err(PoolError::NonceMax(u64::MAX));
    }
    check_gas(context, tx)?;
    let (cap, tip) = (tx.max_fee_per_gas(), tx.max_priority_fee_per_gas().unwrap_or_default());
    if tip > cap {
        return Err(PoolError::TipAboveCap { tip, cap });
    }
    if tx.authorization_list().is_some_and(<[_]>::is_empty) {
        return Err(PoolError::NoAuthorizations);
    }
    if let Some(hashes) = tx.blob_versioned_hashes() {
        check_blob_hashes(context, hashes)?;
    }
    Ok(())
}

fn check_gas(context: &Context, tx: &TxEnvelope) -> Result<(), PoolError> {
    let gas = tx.gas_limit();
    if gas > context.head.gas_limit {
        return Err(PoolError::BlockGasLimit { gas, limit: context.head.gas_limit });
    }
    if let Some(cap) = context.gas_cap()
        && gas > cap
    {
        return Err(PoolError::GasLimitTooHigh { gas, cap });
    }
    let (accounts, slots) = tx.access_list().map_or((0, 0), |list| {
        (list.0.len() as u64, list.0.iter().map(|item| item.storage_keys.len() as u64).sum())
    });
    let authorizations = tx.authorization_list().map_or(0, |list| list.len() as u64);
    let needed =
        context.gas.initial_tx_gas(tx.input(), tx.is_create(), accounts, slots, authorizations, None);
    let intrinsic = needed.initial_total_gas();
    if gas < intrinsic {
        return Err(PoolError::IntrinsicGas { gas, needed: intrinsic });
    }
    if context.fork >= EthereumHardfork::Prague && gas < needed.floor_gas() {
        return Err(PoolError::FloorDataGas { gas, needed: needed.floor_gas() });
    }
    Ok(())
}

fn check_blob_hashes(context: &Context, hashes: &[B256]) -> Result<(), PoolError> {
    if hashes.is_empty() {
        return Err(PoolError::NoBlobs);
    }
    if hashes.len() as u64 > context.max_blobs {
        return Err(PoolError::TooManyBlobs { have: hashes.len() as u64, limit: context.max_blobs });
    }
    match hashes.iter().position(|hash| hash[0] != VERSIONED_HASH_VERSION_KZG) {
        Some(index) => Err(PoolError::BlobHashVersion { index, version: hashes[index][0] }),
        None => Ok(()),
    }
}

/// What this node takes, beyond what the chain takes.
pub(crate) fn check_policy(
    context: &Context,
    config: &Config,
    tx: &TxEnvelope,
    origin: Origin,
) -> Result<(), PoolError> {
    if !config.allow_unprotected && tx.chain_id().is_none() {
        return Err(PoolError::Unprotected);
    }
    let cap = tx.max_fee_per_gas();
    let tip = tx.max_priority_fee_per_gas().unwrap_or(cap);
    if origin == Origin::Remote && tip < config.min_priority_fee {
        return Err(PoolError::TipTooLow { tip, needed: config.min_priority_fee });
    }
    if config.require_base_fee && cap < u128::from(context.head.base_fee) {
        return Err(PoolError::FeeCapTooLow { cap, base_fee: context.head.base_fee });
    }
    if let Some(limit) = config.max_fee {
        let blob_gas = U256::from(tx.blob_count().unwrap_or_default()) * U256::from(DATA_GAS_PER_BLOB);
        let blobs = blob_gas.saturating_mul(U256::from(tx.max_fee_per_blob_gas().unwrap_or_default()));
        let fee = U256::from(tx.gas_limit()).saturating_mul(U256::from(cap)).saturating_add(blobs);
        if fee > limit {
            return Err(PoolError::FeeAboveCap { fee, cap: limit });
        }
    }
    Ok(())
}

/// Who signed it. About 30 µs, most of what a transaction costs.
pub(crate) fn sender(context: &Context, tx: &TxEnvelope) -> Result<Address, PoolError> {
    recover_sender(context.fork, tx).map_err(|error| match error {
        SenderError::Type(tx_type, fork) => PoolError::Type { tx_type, fork },
        error => PoolError::Sender(error.to_string()),
    })
}

/// What is known when a transaction becomes one of the pool.
pub(crate) struct Arrival {
    pub(crate) sender: Address,
    pub(crate) signed: bool,
    pub(crate) origin: Origin,
    pub(crate) received: Duration,
}

/// The last of the stateless checks, the expensive ones of rare types, and the form in which the pool keeps it.
pub(crate) fn finish(
    context: &Context,
    decoded: Decoded,
    arrival: &Arrival,
) -> Result<PooledTransaction, PoolError> {
    let Decoded { envelope, sidecar, hash, encoded } = decoded;
    let sidecar = match (envelope.blob_versioned_hashes(), sidecar) {
        (Some(_), None) => return Err(PoolError::NoSidecar),
        (Some(hashes), Some(sidecar)) => Some(Arc::new(blobs::checked(context.fork, hashes, sidecar)?)),
        (None, _) => None,
    };
    Ok(pooled(envelope, sidecar, hash, encoded, arrival))
}

/// Builds the form in which the pool keeps a transaction whose blobs, if any, have been checked.
pub(crate) fn pooled(
    envelope: TxEnvelope,
    sidecar: Option<Arc<BlobTransactionSidecarVariant>>,
    hash: B256,
    encoded: usize,
    arrival: &Arrival,
) -> PooledTransaction {
    let cap = envelope.max_fee_per_gas();
    PooledTransaction {
        authorities: authorities(&envelope),
        hash,
        sidecar,
        encoded,
        received: arrival.received,
        origin: arrival.origin,
        signed: arrival.signed,
        nonce: envelope.nonce(),
        gas: envelope.gas_limit(),
        fees: Fees::new(cap, envelope.max_priority_fee_per_gas().unwrap_or(cap)),
        blobs: envelope.blob_count().unwrap_or_default(),
        blob_cap: envelope.max_fee_per_blob_gas().unwrap_or_default(),
        cost: greatest_cost(&envelope),
        ordered: Arc::new(OrderedTransaction::new(envelope, arrival.sender)),
    }
}

/// The valid signers of a transaction's authorisations. Invalid ones have no effect when it is executed.
fn authorities(tx: &TxEnvelope) -> Vec<Address> {
    let list = tx.authorization_list().unwrap_or_default();
    let signer = |auth: &alloy_eips::eip7702::SignedAuthorization| {
        recover_signer(&auth.signature().ok()?, auth.signature_hash()).ok()
    };
    let mut authorities: Vec<Address> = list.iter().filter_map(signer).collect();
    authorities.sort_unstable();
    authorities.dedup();
    authorities
}

//! A transaction in the pool.

use crate::{
    config::{Origin, PER_TRANSACTION},
    fees::Fees,
};
use alloy_consensus::{Signed, Transaction as _, TxEip4844Variant, TxEip4844WithSidecar, TxEnvelope};
use alloy_eips::{
    eip2718::Encodable2718, eip4844::DATA_GAS_PER_BLOB, eip7594::BlobTransactionSidecarVariant,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use mundi_chain::OrderedTransaction;
use mundi_execution::Transaction;
use std::{sync::Arc, time::Duration};

/// A valid transaction that waits, shared as an [`Arc`] by all who look at it.
#[derive(Debug)]
pub struct PooledTransaction {
    pub(crate) ordered: Arc<OrderedTransaction>,
    pub(crate) hash: B256,
    pub(crate) sidecar: Option<Arc<BlobTransactionSidecarVariant>>,
    pub(crate) authorities: Vec<Address>,
    pub(crate) encoded: usize,
    pub(crate) received: Duration,
    pub(crate) origin: Origin,
    pub(crate) signed: bool,
    // What queues and orders look at all the time.
    pub(crate) nonce: u64,
    pub(crate) gas: u64,
    pub(crate) fees: Fees,
    pub(crate) blobs: u64,
    pub(crate) blob_cap: u128,
    pub(crate) cost: U256,
}

impl PooledTransaction {
    /// The signed transaction as blocks hold it, without blobs.
    pub fn envelope(&self) -> &TxEnvelope {
        &self.ordered.envelope
    }

    /// Who sent it.
    pub fn sender(&self) -> Address {
        self.ordered.sender
    }

    /// What the engine takes.
    pub fn executable(&self) -> &Transaction {
        &self.ordered.executable
    }

    /// What payloads hold.
    pub const fn ordered(&self) -> &Arc<OrderedTransaction> {
        &self.ordered
    }

    /// Its hash.
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// Its nonce.
    pub const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// The blobs with their commitments and proofs, of a blob transaction.
    pub const fn sidecar(&self) -> Option<&Arc<BlobTransactionSidecarVariant>> {
        self.sidecar.as_ref()
    }

    /// Who delegates by it (EIP-7702): the valid signers of its authorisations.
    pub fn authorities(&self) -> &[Address] {
        &self.authorities
    }

    /// Bytes of the transaction as blocks hold it.
    pub const fn encoded_length(&self) -> usize {
        self.encoded
    }

    /// What it counts for in the pool's bounds, in bytes.
    pub fn size(&self) -> usize {
        self.encoded
            + self.sidecar.as_ref().map_or(0, |sidecar| sidecar.rlp_encoded_fields_length())
            + PER_TRANSACTION
    }

    /// When it came, by the pool's clock.
    pub const fn received(&self) -> Duration {
        self.received
    }

    /// Where it comes from.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether it is signed; `false` for a developer's transaction of an impersonated sender.
    pub const fn is_signed(&self) -> bool {
        self.signed
    }

    /// The most it can take from the sender's balance, in wei.
    pub const fn cost(&self) -> U256 {
        self.cost
    }

    /// The form that travels between nodes: with blobs, if it has any.
    pub fn network_encoded(&self) -> Bytes {
        match (&self.ordered.envelope, &self.sidecar) {
            (TxEnvelope::Eip4844(signed), Some(sidecar)) => {
                let tx = TxEip4844WithSidecar {
                    tx: signed.tx().tx().clone(),
                    sidecar: BlobTransactionSidecarVariant::clone(sidecar),
                };
                let tx = TxEip4844Variant::TxEip4844WithSidecar(tx);
                let whole = Signed::new_unchecked(tx, *signed.signature(), self.hash);
                TxEnvelope::Eip4844(whole).encoded_2718().into()
            }
            (envelope, _) => envelope.encoded_2718().into(),
        }
    }
}

/// The most a transaction can take from its sender's balance. Saturates, which nobody can pay.
pub(crate) fn greatest_cost(envelope: &TxEnvelope) -> U256 {
    let gas = U256::from(envelope.gas_limit()).saturating_mul(U256::from(envelope.max_fee_per_gas()));
    let blob_gas = U256::from(envelope.blob_count().unwrap_or_default()) * U256::from(DATA_GAS_PER_BLOB);
    let blobs = blob_gas.saturating_mul(U256::from(envelope.max_fee_per_blob_gas().unwrap_or_default()));
    gas.saturating_add(blobs).saturating_add(envelope.value())
}

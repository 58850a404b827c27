//! Blobs: proofs checked, sidecars found by the hashes of their commitments.

use crate::{error::PoolError, transaction::PooledTransaction};
use alloy_eips::{
    eip4844::{Blob, Bytes48, c_kzg},
    eip7594::{BlobTransactionSidecarVariant, CELLS_PER_EXT_BLOB, EIP_7594_WRAPPER_VERSION},
};
use alloy_primitives::{B256, map::B256Map};
use mundi_chain::EthereumHardfork;
use std::{collections::VecDeque, sync::Arc};

/// What is computed of the setup ahead: nothing. Proofs are checked as fast without; to make those of cells takes longer, which a
/// pool does only for sidecars of the old kind. The usual 8 costs every start a second of a core, and every node 96 MiB.
const PRECOMPUTE: u64 = 0;

/// The trusted setup of the blobs' proofs. It takes a second or two of a core to load, which the first blob transaction waits for: most
/// nodes start, and follow, without ever seeing one. Blocks do not need it, because the point evaluation precompile has its own way.
fn trusted_setup() -> &'static c_kzg::KzgSettings {
    c_kzg::ethereum_kzg_settings(PRECOMPUTE)
}

/// Checks that the sidecar is what the hashes promise. From Osaka on blobs are proven by cells (EIP-7594): a sidecar with
/// proofs of whole blobs is checked and converted.
pub(crate) fn checked(
    fork: EthereumHardfork,
    hashes: &[B256],
    sidecar: BlobTransactionSidecarVariant,
) -> Result<BlobTransactionSidecarVariant, PoolError> {
    let cells = fork >= EthereumHardfork::Osaka;
    if sidecar.is_eip7594() && !cells {
        return Err(PoolError::SidecarVersion { want: 0, got: EIP_7594_WRAPPER_VERSION });
    }
    // Counts first: they cost nothing.
    let (blobs, commitments) = (sidecar.blobs().len(), sidecar.commitments().len());
    let (proofs, wanted) = match &sidecar {
        BlobTransactionSidecarVariant::Eip4844(sidecar) => (sidecar.proofs.len(), hashes.len()),
        BlobTransactionSidecarVariant::Eip7594(sidecar) => {
            (sidecar.cell_proofs.len(), hashes.len() * CELLS_PER_EXT_BLOB)
        }
    };
    for (what, have, want) in [
        ("blobs", blobs, hashes.len()),
        ("commitments", commitments, hashes.len()),
        ("proofs", proofs, wanted),
    ] {
        if have != want {
            return Err(PoolError::Sidecar(format!("invalid number of {what}: {have}, want {want}")));
        }
    }
    let settings = trusted_setup();
    let invalid = |error: &dyn std::fmt::Display| PoolError::Sidecar(error.to_string());
    sidecar.validate(hashes, settings).map_err(|error| invalid(&error))?;
    if cells {
        sidecar.try_convert_into_eip7594_with_settings(settings).map_err(|error| invalid(&error))
    } else {
        Ok(sidecar)
    }
}

/// A blob with what proves it.
#[derive(Clone, Debug)]
pub struct FoundBlob {
    sidecar: Arc<BlobTransactionSidecarVariant>,
    index: usize,
}

impl FoundBlob {
    /// The blob.
    pub fn blob(&self) -> &Blob {
        &self.sidecar.blobs()[self.index]
    }

    /// Its commitment.
    pub fn commitment(&self) -> &Bytes48 {
        &self.sidecar.commitments()[self.index]
    }

    /// Its proofs: one of the whole blob (EIP-4844), or one of each cell (EIP-7594).
    pub fn proofs(&self) -> &[Bytes48] {
        match &*self.sidecar {
            BlobTransactionSidecarVariant::Eip4844(sidecar) => &sidecar.proofs[self.index..=self.index],
            BlobTransactionSidecarVariant::Eip7594(sidecar) => {
                let first = self.index * CELLS_PER_EXT_BLOB;
                &sidecar.cell_proofs[first..first + CELLS_PER_EXT_BLOB]
            }
        }
    }
}

/// Which transaction has a sidecar.
#[derive(Debug)]
struct Holder {
    tx: B256,
    sidecar: Arc<BlobTransactionSidecarVariant>,
    index: usize,
}

/// All sidecars of the pool, and those of the last included transactions up to a number of blobs.
#[derive(Debug, Default)]
pub(crate) struct Sidecars {
    by_blob: B256Map<Vec<Holder>>,
    by_tx: B256Map<Arc<BlobTransactionSidecarVariant>>,
    included: VecDeque<B256>,
    included_blobs: usize,
}

impl Sidecars {
    pub(crate) fn add(&mut self, tx: &PooledTransaction) {
        let Some(sidecar) = &tx.sidecar else { return };
        if self.by_tx.insert(tx.hash, Arc::clone(sidecar)).is_some() {
            // It was included in a block that is gone, and waits again.
            if let Some(at) = self.included.iter().position(|hash| *hash == tx.hash) {
                self.included.remove(at);
                self.included_blobs -= sidecar.blobs().len();
            }
            return;
        }
        for (index, hash) in sidecar.versioned_hashes().enumerate() {
            let holder = Holder { tx: tx.hash, sidecar: Arc::clone(sidecar), index };
            self.by_blob.entry(hash).or_default().push(holder);
        }
    }

    pub(crate) fn remove(&mut self, tx: &B256) {
        let Some(sidecar) = self.by_tx.remove(tx) else { return };
        for hash in sidecar.versioned_hashes() {
            if let Some(holders) = self.by_blob.get_mut(&hash) {
                holders.retain(|holder| holder.tx != *tx);
                if holders.is_empty() {
                    self.by_blob.remove(&hash);
                }
            }
        }
    }

    /// The transaction is part of the chain: its blobs stay until `limit` newer ones have come.
    pub(crate) fn included(&mut self, tx: &B256, limit: usize) {
        let Some(sidecar) = self.by_tx.get(tx) else { return };
        self.included_blobs += sidecar.blobs().len();
        self.included.push_back(*tx);
        while self.included_blobs > limit
            && let Some(oldest) = self.included.pop_front()
        {
            self.included_blobs -= self.by_tx.get(&oldest).map_or(0, |sidecar| sidecar.blobs().len());
            self.remove(&oldest);
        }
    }

    pub(crate) fn of_transaction(&self, tx: &B256) -> Option<Arc<BlobTransactionSidecarVariant>> {
        self.by_tx.get(tx).cloned()
    }

    pub(crate) fn of_blob(&self, hash: &B256) -> Option<FoundBlob> {
        let holder = self.by_blob.get(hash)?.first()?;
        Some(FoundBlob { sidecar: Arc::clone(&holder.sidecar), index: holder.index })
    }
}

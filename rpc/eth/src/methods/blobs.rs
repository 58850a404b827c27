//! Blobs of transactions that wait, and of those that were included of late.

use crate::prefixed::hex;
use crate::schemas;
use alloy_consensus::Transaction as _;
use alloy_eips::{
    BlockId,
    eip4844::{Blob, Bytes48},
    eip7594::BlobTransactionSidecarVariant,
};
use alloy_primitives::{B256, U64};
use mundi_rpc_context::{Cost, Ctx, Methods, RpcError, Schema, optional, required};
use mundi_state::BlockRecord;
use serde::Serialize;

/// Most blobs of one `eth_getBlobs`, as in `engine_getBlobsV1`.
const MAX_BLOBS: usize = 128;

pub(super) fn add(methods: &mut Methods) {
    methods.add(
        Cost::Read,
        "eth_getBlobSidecars",
        "The sidecars of a block's blob transactions, as far as they are kept; null if there is no such block.",
        &[optional("block", Schema::BlockId)],
        Schema::Nullable(&schemas::SIDECARS),
        |ctx, mut args| {
            let id: BlockId = args.optional()?.unwrap_or_default();
            let block = ctx.block(id)?;
            Ok(block.map(|block| {
                (0..block.body.transactions.len()).filter_map(|at| sidecar(ctx, &block, at)).collect::<Vec<_>>()
            }))
        },
    );
    methods.add(
        Cost::Read,
        "eth_getBlobSidecarByTxHash",
        "The sidecar of an included blob transaction, if it is still kept.",
        &[required("hash", Schema::Hash)],
        Schema::Nullable(&schemas::SIDECAR),
        |ctx, mut args| {
            let found = ctx.ledger.transaction(&hex(&mut args)?)?;
            Ok(found.and_then(|(block, index)| sidecar(ctx, &block, index)))
        },
    );
    methods.add(
        Cost::Read,
        "eth_getBlobs",
        "Blobs by their versioned hashes, with commitments and proofs; null for those that are not kept.",
        &[required("versionedHashes", Schema::Array(&Schema::Hash))],
        schemas::BLOBS,
        |ctx, mut args| {
            let hashes: Vec<B256> = args.next()?;
            if hashes.len() > MAX_BLOBS {
                return Err(RpcError::limit(format!(
                    "{} blobs at once; the most is {MAX_BLOBS}",
                    hashes.len()
                )));
            }
            let shown = |found: mundi_mempool::FoundBlob| BlobAndProofs {
                blob: Box::new(*found.blob()),
                commitment: *found.commitment(),
                proofs: found.proofs().to_vec(),
            };
            Ok(ctx.pool.blobs(&hashes).into_iter().map(|blob| blob.map(shown)).collect::<Vec<_>>())
        },
    );
}

#[derive(Clone, Debug, Serialize)]
struct BlobAndProofs {
    blob: Box<Blob>,
    commitment: Bytes48,
    proofs: Vec<Bytes48>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sidecar {
    blob_sidecar: Content,
    block_hash: B256,
    block_number: U64,
    tx_hash: B256,
    tx_index: U64,
}

#[derive(Clone, Debug, Serialize)]
struct Content {
    blobs: Vec<Blob>,
    commitments: Vec<Bytes48>,
    proofs: Vec<Bytes48>,
}

fn sidecar(ctx: &Ctx, block: &BlockRecord, index: usize) -> Option<Sidecar> {
    let tx = block.body.transactions.get(index)?;
    tx.blob_versioned_hashes()?;
    let sidecar = ctx.pool.sidecar(tx.tx_hash())?;
    let proofs = match &*sidecar {
        BlobTransactionSidecarVariant::Eip4844(sidecar) => &sidecar.proofs,
        BlobTransactionSidecarVariant::Eip7594(sidecar) => &sidecar.cell_proofs,
    };
    Some(Sidecar {
        blob_sidecar: Content {
            blobs: sidecar.blobs().to_vec(),
            commitments: sidecar.commitments().to_vec(),
            proofs: proofs.clone(),
        },
        block_hash: block.hash,
        block_number: U64::from(block.header.number),
        tx_hash: *tx.tx_hash(),
        tx_index: U64::from(index),
    })
}

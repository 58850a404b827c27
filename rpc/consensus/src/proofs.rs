//! What proves that something is final.

use alloy_consensus::TrieAccount;
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, map::B256Map};
use alloy_serde::JsonStorageKey;
use futures::executor::block_on;
use mundi_consensus::finality::{
    self, EthProof, EthSlot, FinalizedAccount, FinalizedHeader, FinalizedPayload, FinalizedReceipt,
    FindError, ReceiptProof,
};
use mundi_rpc_context::{Consensus, Ctx, RpcError};
use mundi_state::{AccountProof, BlockRecord};
use std::sync::Arc;

/// The block that a client means.
pub(crate) fn header_of(ctx: &Ctx, id: BlockId) -> Result<Arc<BlockRecord>, RpcError> {
    let block = ctx.block(id)?;
    block.ok_or_else(|| RpcError::not_found(format!("header not found: no block {id}")))
}

pub(crate) fn payload(ctx: &Ctx, consensus: &Consensus, height: u64) -> Result<FinalizedPayload, RpcError> {
    block_on(finality::finalized_payload(&*consensus.archive, &ctx.ledger, height)).map_err(refusal)
}

pub(crate) fn header(ctx: &Ctx, consensus: &Consensus, height: u64) -> Result<FinalizedHeader, RpcError> {
    block_on(finality::finalized_header(&*consensus.archive, &ctx.ledger, height)).map_err(refusal)
}

pub(crate) fn account(
    ctx: &Ctx,
    consensus: &Consensus,
    address: Address,
    keys: Vec<JsonStorageKey>,
    block: Option<BlockId>,
) -> Result<FinalizedAccount, RpcError> {
    if keys.len() > ctx.limits.slots {
        let message = format!("too many slots (max {}): {}", ctx.limits.slots, keys.len());
        return Err(RpcError::limit(message));
    }
    // The newest block is not proved by any certificate yet.
    let (block, state) = ctx.state(Some(block.unwrap_or(BlockId::finalized())))?;
    let mut slots: Vec<B256> = keys.iter().map(JsonStorageKey::as_b256).collect();
    slots.sort_unstable();
    slots.dedup();
    let (_, proof) = state.proof(ctx.ledger.store(), address, &slots, ctx.workers.pool())?;
    let finalized_header = header(ctx, consensus, block.header.number)?;
    Ok(FinalizedAccount { finalized_header, proof: as_eth_proof(proof, keys) })
}

fn as_eth_proof(proof: AccountProof, keys: Vec<JsonStorageKey>) -> EthProof {
    let AccountProof { address, account, account_proof, storage_proof } = proof;
    let nobody = TrieAccount { storage_root: B256::ZERO, code_hash: B256::ZERO, ..TrieAccount::default() };
    let account = account.unwrap_or(nobody);
    let proven: B256Map<_> = storage_proof.into_iter().map(|slot| (slot.key, slot)).collect();
    let slots = keys.into_iter().filter_map(|key| {
        let slot = proven.get(&key.as_b256())?;
        Some(EthSlot { key, value: slot.value, proof: slot.proof.clone() })
    });
    EthProof {
        address,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: account.nonce,
        storage_hash: account.storage_root,
        account_proof,
        storage_proof: slots.collect(),
    }
}

pub(crate) fn receipt(
    ctx: &Ctx,
    consensus: &Consensus,
    hash: &B256,
) -> Result<Option<FinalizedReceipt>, RpcError> {
    let Some((block, index)) = ctx.ledger.transaction(hash)? else { return Ok(None) };
    let finalized_header = header(ctx, consensus, block.header.number)?;
    Ok(Some(FinalizedReceipt { finalized_header, proof: receipt_proof(&block, index)? }))
}

pub(crate) fn receipt_proof(block: &BlockRecord, index: usize) -> Result<ReceiptProof, RpcError> {
    ReceiptProof::new(block, index)
        .ok_or_else(|| RpcError::internal(format!("block {} has no receipt {index}", block.header.number)))
}

/// Why there is no proof, as clients see it.
pub(crate) fn refusal(error: FindError) -> RpcError {
    let message = error.to_string();
    match error {
        FindError::NotFinal(_) | FindError::NotExecuted(_) => RpcError::not_found(message),
        FindError::NotKept(_) => RpcError::invalid_input(message),
        FindError::TooFar { .. } => RpcError::limit(message),
        FindError::Damaged { .. } => RpcError::internal(message),
        FindError::Store(error) => error.into(),
    }
}

//! Transactions and receipts.

use crate::prefixed::hex;
use crate::{form, next::pending_block, schemas};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_eth::{Index, Transaction};
use form::PendingTransaction;
use mundi_rpc_context::{Args, Cost, Ctx, Methods, Param, RpcError, Schema, required};
use mundi_state::BlockRecord;
use std::sync::Arc;

const BLOCK_HASH: Param = required("blockHash", Schema::Hash);
const HEIGHT: Param = required("block", Schema::BlockTag);
const INDEX: Param = required("index", Schema::Quantity);
const HASH: Param = required("hash", Schema::Hash);

pub(super) fn add(methods: &mut Methods) {
    whole(methods);
    raw(methods);
    receipts(methods);
}

fn whole(methods: &mut Methods) {
    methods.add(
        Cost::Read,
        "eth_getTransactionByHash",
        "A transaction of the chain or the pool; null if there is none.",
        &[HASH],
        Schema::Nullable(&schemas::TRANSACTION),
        |ctx, mut args| {
            let hash: B256 = hex(&mut args)?;
            if let Some((block, index)) = ctx.ledger.transaction(&hash)? {
                return Ok(form::transaction(&block, index).map(PendingTransaction::from));
            }
            match ctx.pool.get(&hash) {
                Some(tx) => Ok(Some(PendingTransaction::from(&*tx))),
                // Between the two questions it may have moved from the pool into a block.
                None => Ok(mined(ctx, &hash)?.map(PendingTransaction::from)),
            }
        },
    );
    methods.add(
        Cost::Read,
        "eth_getTransactionByBlockHashAndIndex",
        "A transaction of a block by its place; null if there is none.",
        &[BLOCK_HASH, INDEX],
        Schema::Nullable(&schemas::TRANSACTION),
        |ctx, mut args| {
            let block = ctx.ledger.block_by_hash(&hex(&mut args)?)?;
            let index = args.next::<Index>()?.0;
            Ok(block.and_then(|block| form::transaction(&block, index)))
        },
    );
    methods.add(
        Cost::Read,
        "eth_getTransactionByBlockNumberAndIndex",
        "A transaction of a block by its place; null if there is none.",
        &[HEIGHT, INDEX],
        Schema::Nullable(&schemas::TRANSACTION),
        |ctx, mut args| {
            let tag: BlockNumberOrTag = args.next()?;
            let index = args.next::<Index>()?.0;
            if tag.is_pending() {
                let pending = pending_block(ctx);
                return Ok(pending.transactions.get(index).map(|tx| PendingTransaction::from(&**tx)));
            }
            let block = ctx.block(tag.into())?;
            Ok(block.and_then(|block| form::transaction(&block, index)).map(PendingTransaction::from))
        },
    );
}

fn mined(ctx: &Ctx, hash: &B256) -> Result<Option<Transaction>, RpcError> {
    Ok(ctx.ledger.transaction(hash)?.and_then(|(block, index)| form::transaction(&block, index)))
}

fn raw(methods: &mut Methods) {
    methods.add(
        Cost::Read,
        "eth_getRawTransactionByHash",
        "A transaction of the chain or the pool, encoded; nothing if there is none.",
        &[HASH],
        Schema::Bytes,
        |ctx, mut args| raw_transaction(ctx, &hex(&mut args)?),
    );
    methods.add(
        Cost::Read,
        "eth_getRawTransactionByBlockHashAndIndex",
        "A transaction of a block by its place, encoded; nothing if there is none.",
        &[BLOCK_HASH, INDEX],
        Schema::Bytes,
        |ctx, mut args| {
            let block = ctx.ledger.block_by_hash(&hex(&mut args)?)?;
            raw_by_index(block, args)
        },
    );
    methods.add(
        Cost::Read,
        "eth_getRawTransactionByBlockNumberAndIndex",
        "A transaction of a block by its place, encoded; nothing if there is none.",
        &[HEIGHT, INDEX],
        Schema::Bytes,
        |ctx, mut args| {
            let tag: BlockNumberOrTag = args.next()?;
            raw_by_index(ctx.block(tag.into())?, args)
        },
    );
    methods.add(
        Cost::Read,
        "debug_getRawTransaction",
        "A transaction of the chain or the pool, encoded; nothing if there is none.",
        &[HASH],
        Schema::Bytes,
        |ctx, mut args| raw_transaction(ctx, &hex(&mut args)?),
    );
}

fn raw_transaction(ctx: &Ctx, hash: &B256) -> Result<Bytes, RpcError> {
    let mined = |ctx: &Ctx| -> Result<Option<Bytes>, RpcError> {
        Ok(ctx.ledger.transaction(hash)?.and_then(|(block, index)| form::raw_transaction(&block, index)))
    };
    if let Some(bytes) = mined(ctx)? {
        return Ok(bytes);
    }
    match ctx.pool.get(hash) {
        Some(tx) => Ok(tx.network_encoded()),
        None => Ok(mined(ctx)?.unwrap_or_default()),
    }
}

fn raw_by_index(block: Option<Arc<BlockRecord>>, mut args: Args<'_>) -> Result<Bytes, RpcError> {
    let index = args.next::<Index>()?.0;
    Ok(block.and_then(|block| form::raw_transaction(&block, index)).unwrap_or_default())
}

fn receipts(methods: &mut Methods) {
    methods.add(
        Cost::Read,
        "eth_getTransactionReceipt",
        "The receipt of a transaction; null if it is in no block.",
        &[HASH],
        Schema::Nullable(&schemas::RECEIPT),
        |ctx, mut args| {
            let found = ctx.ledger.transaction(&hex(&mut args)?)?;
            Ok(found.and_then(|(block, index)| form::receipt(&ctx.ledger, &block, index)))
        },
    );
    methods.add(
        Cost::Read,
        "eth_getBlockReceipts",
        "The receipts of a block; null if there is no such block.",
        &[required("block", Schema::BlockId)],
        Schema::Nullable(&Schema::Array(&schemas::RECEIPT)),
        |ctx, mut args| match args.next()? {
            // Nothing of it has been executed.
            BlockId::Number(BlockNumberOrTag::Pending) => Ok(None),
            id => Ok(ctx.block(id)?.map(|block| form::receipts(&ctx.ledger, &block))),
        },
    );
}

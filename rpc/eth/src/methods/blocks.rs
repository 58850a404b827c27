//! Blocks, headers and ommers.

use crate::prefixed::hex;
use crate::{form, next::pending_block, schemas};
use alloy_consensus::Block as ConsensusBlock;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, U64, U256};
use alloy_rpc_types_eth::{Block, Header, Index};
use mundi_rpc_context::{Args, Cost, Ctx, Methods, Param, RpcError, Schema, optional, required};
use mundi_state::BlockRecord;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

const HASH: Param = required("hash", Schema::Hash);
const HEIGHT: Param = required("block", Schema::BlockTag);
const INDEX: Param = required("index", Schema::Quantity);

pub(super) fn add(methods: &mut Methods) {
    blocks(methods);
    counts(methods);
    uncles(methods);
}

fn blocks(methods: &mut Methods) {
    let whole = optional("wholeTransactions", Schema::Bool);
    methods.add(
        Cost::Read,
        "eth_getBlockByHash",
        "A block; null if there is none.",
        &[HASH, whole],
        Schema::Nullable(&schemas::BLOCK),
        |ctx, mut args| {
            let block = ctx.ledger.block_by_hash(&hex(&mut args)?)?;
            let whole = args.optional()?.unwrap_or(false);
            Ok(block.map(|block| form::block(&block, whole)))
        },
    );
    methods.add(
        Cost::Read,
        "eth_getBlockByNumber",
        "A block; null if there is none. `pending` is the next one, as far as it is known.",
        &[HEIGHT, whole],
        Schema::Nullable(&schemas::BLOCK),
        block_by_number,
    );
    methods.add(
        Cost::Read,
        "eth_getHeaderByHash",
        "A header; null if there is none.",
        &[HASH],
        Schema::Nullable(&schemas::HEADER),
        |ctx, mut args| Ok(ctx.ledger.block_by_hash(&hex(&mut args)?)?.map(|block| form::header(&block))),
    );
    methods.add(
        Cost::Read,
        "eth_getHeaderByNumber",
        "A header; null if there is none. `pending` is that of the next block, as far as it is known.",
        &[HEIGHT],
        Schema::Nullable(&schemas::HEADER),
        |ctx, mut args| match args.next()? {
            BlockNumberOrTag::Pending => {
                let header = Header::new(pending_block(ctx).header);
                unsealed(&header).map(Some)
            }
            tag => match ctx.block(tag.into())? {
                Some(block) => to_value(&form::header(&block)).map(Some),
                None => Ok(None),
            },
        },
    );
    methods.alias("erigon_getHeaderByNumber", "eth_getHeaderByNumber");
}

fn block_by_number(ctx: &Ctx, mut args: Args<'_>) -> Result<Option<Value>, RpcError> {
    let tag: BlockNumberOrTag = args.next()?;
    let whole = args.optional()?.unwrap_or(false);
    if !tag.is_pending() {
        return ctx.block(tag.into())?.map(|block| to_value(&form::block(&block, whole))).transpose();
    }
    let pending = pending_block(ctx);
    let body = pending.body();
    let size = ConsensusBlock::rlp_length_for(&pending.header, &body);
    let header = Header { size: Some(U256::from(size)), ..Header::new(pending.header) };
    let mut value = unsealed(&Block::<B256> {
        header,
        uncles: Vec::new(),
        transactions: alloy_rpc_types_eth::BlockTransactions::Full(Vec::new()),
        withdrawals: body.withdrawals,
    })?;
    value["transactions"] = if whole {
        let all = pending.transactions.iter().map(|tx| form::PendingTransaction::from(&**tx));
        to_value(&all.collect::<Vec<_>>())?
    } else {
        pending.transactions.iter().map(|tx| json!(tx.hash())).collect()
    };
    Ok(Some(value))
}

fn to_value(value: &impl Serialize) -> Result<Value, RpcError> {
    serde_json::to_value(value).map_err(RpcError::internal)
}

/// A header or block of which it is not known who will make it, nor what its hash will be.
fn unsealed(value: &impl Serialize) -> Result<Value, RpcError> {
    let mut value = to_value(value)?;
    for key in ["hash", "nonce", "miner"] {
        value[key] = Value::Null;
    }
    Ok(value)
}

fn counts(methods: &mut Methods) {
    methods.add(
        Cost::Read,
        "eth_getBlockTransactionCountByHash",
        "How many transactions a block has; null if there is no such block.",
        &[HASH],
        schemas::MAYBE_QUANTITY,
        |ctx, mut args| {
            count(ctx.ledger.block_by_hash(&hex(&mut args)?)?, |block| block.body.transactions.len())
        },
    );
    methods.add(
        Cost::Read,
        "eth_getBlockTransactionCountByNumber",
        "How many transactions a block has; null if there is no such block.",
        &[HEIGHT],
        schemas::MAYBE_QUANTITY,
        |ctx, mut args| match args.next()? {
            BlockNumberOrTag::Pending => Ok(Some(U64::from(pending_block(ctx).transactions.len()))),
            tag => count(ctx.block(tag.into())?, |block| block.body.transactions.len()),
        },
    );
    methods.add(
        Cost::Read,
        "eth_getUncleCountByBlockHash",
        "How many ommers a block has; null if there is no such block.",
        &[HASH],
        schemas::MAYBE_QUANTITY,
        |ctx, mut args| count(ctx.ledger.block_by_hash(&hex(&mut args)?)?, |block| block.body.ommers.len()),
    );
    methods.add(
        Cost::Read,
        "eth_getUncleCountByBlockNumber",
        "How many ommers a block has; null if there is no such block.",
        &[HEIGHT],
        schemas::MAYBE_QUANTITY,
        |ctx, mut args| match args.next()? {
            BlockNumberOrTag::Pending => Ok(Some(U64::ZERO)),
            tag => count(ctx.block(tag.into())?, |block| block.body.ommers.len()),
        },
    );
}

fn count(block: Option<Arc<BlockRecord>>, of: fn(&BlockRecord) -> usize) -> Result<Option<U64>, RpcError> {
    Ok(block.map(|block| U64::from(of(&block))))
}

fn uncles(methods: &mut Methods) {
    methods.add(
        Cost::Read,
        "eth_getUncleByBlockHashAndIndex",
        "An ommer of a block; null if there is none.",
        &[HASH, INDEX],
        Schema::Nullable(&schemas::UNCLE),
        |ctx, mut args| {
            let block = ctx.ledger.block_by_hash(&hex(&mut args)?)?;
            uncle(block, args.next()?)
        },
    );
    methods.add(
        Cost::Read,
        "eth_getUncleByBlockNumberAndIndex",
        "An ommer of a block; null if there is none.",
        &[HEIGHT, INDEX],
        Schema::Nullable(&schemas::UNCLE),
        |ctx, mut args| {
            let tag: BlockNumberOrTag = args.next()?;
            let block = if tag.is_pending() { None } else { ctx.block(BlockId::Number(tag))? };
            uncle(block, args.next()?)
        },
    );
}

fn uncle(block: Option<Arc<BlockRecord>>, index: Index) -> Result<Option<Block>, RpcError> {
    Ok(block.and_then(|block| block.body.ommers.get(index.0).map(form::uncle)))
}

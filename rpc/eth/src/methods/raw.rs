//! `debug_getRaw…`: blocks, headers and receipts as they are encoded for consensus.

use alloy_consensus::Block;
use alloy_eips::{BlockId, eip2718::Encodable2718};
use alloy_primitives::Bytes;
use mundi_rpc_context::{Cost, Ctx, Methods, Param, RpcError, Schema, required};
use mundi_state::BlockRecord;
use std::sync::Arc;

const BLOCK: Param = required("block", Schema::BlockId);

pub(super) fn add(methods: &mut Methods) {
    methods.add(
        Cost::Read,
        "debug_getRawHeader",
        "A header in RLP.",
        &[BLOCK],
        Schema::Bytes,
        |ctx, mut args| Ok(Bytes::from(alloy_rlp::encode(&block(ctx, args.next()?)?.header))),
    );
    methods.add(
        Cost::Read,
        "debug_getRawBlock",
        "A block in RLP.",
        &[BLOCK],
        Schema::Bytes,
        |ctx, mut args| {
            let block = block(ctx, args.next()?)?;
            let block = Block { header: block.header.clone(), body: block.body.clone() };
            Ok(Bytes::from(alloy_rlp::encode(&block)))
        },
    );
    methods.add(
        Cost::Read,
        "debug_getRawReceipts",
        "The receipts of a block, each in its EIP-2718 encoding.",
        &[BLOCK],
        Schema::Array(&Schema::Bytes),
        |ctx, mut args| {
            let id: BlockId = args.next()?;
            if id.is_hash() && ctx.block(id)?.is_none() {
                // As geth: a hash that nobody knows has no receipts.
                return Ok(Vec::new());
            }
            let block = block(ctx, id)?;
            Ok(block.receipts.iter().map(|receipt| Bytes::from(receipt.encoded_2718())).collect::<Vec<_>>())
        },
    );
    methods.add(
        Cost::Light,
        "debug_getBadBlocks",
        "Nothing: blocks are made here, and one that is bad is never made.",
        &[],
        Schema::Array(&Schema::Any),
        |_, _| Ok(Vec::<()>::new()),
    );
}

fn block(ctx: &Ctx, id: BlockId) -> Result<Arc<BlockRecord>, RpcError> {
    ctx.block(id)?.ok_or_else(|| RpcError::invalid_input(format!("block {id} not found")))
}

//! The `ots` methods, which the block explorer [Otterscan](https://docs.otterscan.io/api-docs/ots-api) asks for.

use crate::{
    answer::{self, Json},
    parity,
    replay::Replay,
    reward::Rewards,
    watch::{Recorder, Recording, Watch},
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_trace::otterscan::{InternalOperation, TraceEntry};
use mundi_execution::StateSnapshot;
use mundi_rpc_context::{Args, Ctx, RpcError};
use mundi_rpc_eth::form;
use mundi_state::BlockRecord;
use revm::context::result::ExecutionResult;
use revm_inspectors::{
    otterscan::InternalOperationsInspector,
    tracing::types::{CallKind, CallTraceNode},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The version of the methods.
const API_LEVEL: u64 = 8;
/// Most transactions on a page.
pub(crate) const MOST_ON_PAGE: usize = 1000;

/// A height as a number, as hexadecimal digits or as a tag.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Height {
    /// Otterscan sends numbers.
    Number(u64),
    /// Others send what all other methods take.
    Tag(BlockNumberOrTag),
}

impl Height {
    fn block(self, ctx: &Ctx) -> Result<Option<Arc<BlockRecord>>, RpcError> {
        let tag = match self {
            Self::Number(height) => BlockNumberOrTag::Number(height),
            Self::Tag(tag) => tag,
        };
        ctx.block(tag.into())
    }
}

/// `ots_getApiLevel`.
pub(crate) fn api_level(_: &Ctx, _: Args<'_>) -> Result<u64, RpcError> {
    Ok(API_LEVEL)
}

/// `ots_hasCode`.
pub(crate) fn has_code(ctx: &Ctx, mut args: Args<'_>) -> Result<bool, RpcError> {
    let (address, id): (Address, Option<BlockId>) = (args.next()?, args.optional()?);
    let (_, state) = ctx.state(id)?;
    Ok(state.account(&address)?.is_some_and(|account| account.has_code()))
}

/// A transaction that is about to be executed again.
fn replay_to(ctx: &Ctx, hash: &B256) -> Result<Option<(Arc<BlockRecord>, usize)>, RpcError> {
    Ok(ctx.ledger.transaction(hash)?)
}

fn not_found(hash: &B256) -> RpcError {
    RpcError::invalid_input(format!("transaction {hash} not found"))
}

impl Recorder for InternalOperationsInspector {}

/// `ots_getInternalOperations`.
pub(crate) fn internal_operations(ctx: &Ctx, mut args: Args<'_>) -> Result<Vec<InternalOperation>, RpcError> {
    let hash: B256 = args.next()?;
    let (block, index) = replay_to(ctx, &hash)?.ok_or_else(|| not_found(&hash))?;
    let allowance = answer::allowance(ctx, None);
    let mut watch = Watch::new(InternalOperationsInspector::default(), Recording::CALLS, &allowance);
    let mut replay = Replay::new(ctx, &block)?;
    replay.skip_to(index)?;
    replay.inspect(&mut watch, &allowance)?;
    Ok(watch.inspector.into_operations())
}

/// Records nothing.
#[derive(Debug)]
struct Nothing;

impl<CTX> revm::Inspector<CTX> for Nothing {}
impl Recorder for Nothing {}

/// `ots_getTransactionError`: what a transaction reverted with, as it is.
pub(crate) fn transaction_error(ctx: &Ctx, mut args: Args<'_>) -> Result<Bytes, RpcError> {
    let hash: B256 = args.next()?;
    let (block, index) = replay_to(ctx, &hash)?.ok_or_else(|| not_found(&hash))?;
    let allowance = answer::allowance(ctx, None);
    let mut watch = Watch::new(Nothing, Recording::default(), &allowance);
    let mut replay = Replay::new(ctx, &block)?;
    replay.skip_to(index)?;
    let result = replay.inspect(&mut watch, &allowance)?;
    Ok(match result.result {
        ExecutionResult::Revert { output, .. } => output,
        _ => Bytes::new(),
    })
}

/// `ots_traceTransaction`.
pub(crate) fn trace_transaction(ctx: &Ctx, mut args: Args<'_>) -> Result<Option<Json>, RpcError> {
    let hash: B256 = args.next()?;
    let Some((block, index)) = replay_to(ctx, &hash)? else { return Ok(None) };
    let allowance = answer::allowance(ctx, None);
    let mut watch = parity::frames(&allowance);
    let mut replay = Replay::new(ctx, &block)?;
    replay.skip_to(index)?;
    replay.inspect(&mut watch, &allowance)?;
    let mut list = answer::List::new(allowance);
    let nodes = watch.inspector.traces().nodes();
    // Nodes are in the order of their beginnings, but that what follows a frame's end has to wait for it.
    let mut ends: Vec<(usize, TraceEntry)> = Vec::new();
    for node in nodes.iter().filter(|node| node.trace.maybe_precompile != Some(true)) {
        while ends.last().is_some_and(|(depth, _)| *depth >= node.trace.depth) {
            list.push(&ends.pop().map(|(_, entry)| entry))?;
        }
        list.push(&entry(node))?;
        if let Some(entry) = destruction(node) {
            ends.push((node.trace.depth, entry));
        }
    }
    while let Some((_, entry)) = ends.pop() {
        list.push(&entry)?;
    }
    list.finish().map(Some)
}

fn entry(node: &CallTraceNode) -> TraceEntry {
    let trace = &node.trace;
    let (kind, value) = match trace.kind {
        CallKind::Call | CallKind::AuthCall => ("CALL", Some(trace.value)),
        CallKind::StaticCall => ("STATICCALL", None),
        CallKind::CallCode => ("CALLCODE", Some(trace.value)),
        CallKind::DelegateCall => ("DELEGATECALL", None),
        CallKind::Create => ("CREATE", Some(trace.value)),
        CallKind::Create2 => ("CREATE2", Some(trace.value)),
    };
    TraceEntry {
        r#type: kind.into(),
        depth: u32::try_from(trace.depth).unwrap_or(u32::MAX),
        from: trace.caller,
        to: trace.address,
        value,
        input: trace.data.clone(),
        output: trace.output.clone(),
    }
}

/// The entry of a frame that ended in `SELFDESTRUCT`.
fn destruction(node: &CallTraceNode) -> Option<TraceEntry> {
    let trace = &node.trace;
    Some(TraceEntry {
        r#type: "SELFDESTRUCT".into(),
        depth: u32::try_from(trace.depth + 1).unwrap_or(u32::MAX),
        from: trace.selfdestruct_address.unwrap_or(trace.address),
        to: trace.selfdestruct_refund_target?,
        value: trace.selfdestruct_transferred_value,
        input: Bytes::new(),
        output: Bytes::new(),
    })
}

/// A block without its transactions, but with their number.
fn outline(block: &BlockRecord) -> Result<serde_json::Map<String, Value>, RpcError> {
    let Value::Object(mut outline) =
        serde_json::to_value(form::block(block, false)).map_err(RpcError::internal)?
    else {
        return Err(RpcError::internal("a block is an object"));
    };
    outline.remove("transactions");
    outline.insert("logsBloom".into(), Value::Null);
    outline.insert("transactionCount".into(), block.body.transactions.len().into());
    Ok(outline)
}

fn details(ctx: &Ctx, block: &BlockRecord) -> Result<Value, RpcError> {
    let rewards = Rewards::of(ctx, block);
    let fees = form::receipts(&ctx.ledger, block).iter().fold(U256::ZERO, |sum, receipt| {
        sum + U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price)
    });
    Ok(json!({
        "block": outline(block)?,
        "issuance": {
            "blockReward": rewards.block,
            "uncleReward": rewards.of_ommers(),
            "issuance": rewards.block + rewards.of_ommers(),
        },
        "totalFees": fees,
    }))
}

/// `ots_getBlockDetails`.
pub(crate) fn block_details(ctx: &Ctx, mut args: Args<'_>) -> Result<Option<Value>, RpcError> {
    let height: Height = args.next()?;
    height.block(ctx)?.map(|block| details(ctx, &block)).transpose()
}

/// `ots_getBlockDetailsByHash`.
pub(crate) fn block_details_by_hash(ctx: &Ctx, mut args: Args<'_>) -> Result<Option<Value>, RpcError> {
    let hash: B256 = args.next()?;
    ctx.ledger.block_by_hash(&hash)?.map(|block| details(ctx, &block)).transpose()
}

/// Digits of an input that are shown: a function's selector.
const SHOWN_INPUT: usize = 2 + 2 * 4;

/// A transaction of which only the selector of the input is kept, and its receipt without logs.
pub(crate) fn shortened(
    ctx: &Ctx,
    block: &BlockRecord,
    index: usize,
) -> Result<Option<(Value, Value)>, RpcError> {
    let Some((tx, receipt)) = form::transaction(block, index).zip(form::receipt(&ctx.ledger, block, index))
    else {
        return Ok(None);
    };
    let mut tx = serde_json::to_value(tx).map_err(RpcError::internal)?;
    if let Some(Value::String(input)) = tx.get_mut("input") {
        input.truncate(SHOWN_INPUT);
    }
    let mut receipt = serde_json::to_value(receipt).map_err(RpcError::internal)?;
    (receipt["logs"], receipt["logsBloom"]) = (Value::Null, Value::Null);
    receipt["timestamp"] = json!(U64::from(block.header.timestamp));
    Ok(Some((tx, receipt)))
}

/// `ots_getBlockTransactions`. The first page has the block's last transactions.
pub(crate) fn block_transactions(ctx: &Ctx, mut args: Args<'_>) -> Result<Option<Value>, RpcError> {
    let height: Height = args.next()?;
    let (page, size): (U64, U64) = (args.next()?, args.next()?);
    let size = page_size(size)?;
    let Some(block) = height.block(ctx)? else { return Ok(None) };
    let before = usize::try_from(page).unwrap_or(usize::MAX).saturating_mul(size);
    let end = block.body.transactions.len().saturating_sub(before);
    let (mut transactions, mut receipts) = (Vec::new(), Vec::new());
    for index in end.saturating_sub(size)..end {
        if let Some((tx, receipt)) = shortened(ctx, &block, index)? {
            transactions.push(tx);
            receipts.push(receipt);
        }
    }
    let mut full = outline(&block)?;
    full.insert("transactions".into(), transactions.into());
    Ok(Some(json!({"fullblock": full, "receipts": receipts})))
}

/// A page's size within its bound.
pub(crate) fn page_size(size: U64) -> Result<usize, RpcError> {
    match usize::try_from(size) {
        Ok(size) if (1..=MOST_ON_PAGE).contains(&size) => Ok(size),
        _ => Err(RpcError::invalid_params(format!("page size {size}: choose 1 to {MOST_ON_PAGE}"))),
    }
}

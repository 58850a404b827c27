//! The `debug_trace…` methods, as geth defined them.

use crate::{
    above::{self, Above},
    answer::{self, Json, List},
    duration, parity,
    replay::Replay,
    tracer::Tracer,
    watch::Allowance,
};
use alloy_consensus::transaction::Recovered;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_eth::{Bundle, StateContext, TransactionIndex, TransactionRequest};
use alloy_rpc_types_trace::geth::{GethDebugTracingCallOptions, GethDebugTracingOptions};
use mundi_chain::{ForkPoint, decode_block, recover_senders};
use mundi_rpc_context::{Args, Ctx, RpcError};
use mundi_state::BlockRecord;
use revm_inspectors::tracing::TransactionContext;
use serde::Serialize;
use std::sync::Arc;

/// A transaction's trace in a block's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    tx_hash: B256,
    result: Json,
}

/// The options of a trace, with the time that it may take.
fn options(ctx: &Ctx, given: Option<GethDebugTracingOptions>) -> Result<Options, RpcError> {
    let options = given.unwrap_or_default();
    let time = options.timeout.as_deref().map(duration::parse).transpose()?;
    Ok(Options { allowance: answer::allowance(ctx, time), options })
}

struct Options {
    options: GethDebugTracingOptions,
    allowance: Allowance,
}

/// Traces the next transaction of a block, and executes it.
fn next(
    replay: &mut Replay,
    block: &BlockRecord,
    index: usize,
    Options { options, allowance }: &Options,
) -> Result<Json, RpcError> {
    let mut watch = Tracer::new(options, allowance)?;
    let tx = replay.transaction().ok_or_else(|| RpcError::internal("the transaction is not there"))?;
    let result = replay.inspect(&mut watch, allowance)?;
    let position: TransactionContext = parity::position(block, index).into();
    let env = replay.environment().block.clone();
    let trace = watch.inspector.finish(Some(position), (&tx, &env), &result, replay.view_mut(), allowance)?;
    replay.commit(result.state);
    Ok(trace)
}

fn trace_block(ctx: &Ctx, block: &Arc<BlockRecord>, options: Options) -> Result<Json, RpcError> {
    let mut replay = Replay::new(ctx, block)?;
    let Options { options, allowance } = options;
    let mut list = List::new(allowance);
    for (index, tx) in block.body.transactions.iter().enumerate() {
        let options = Options { options: options.clone(), allowance: list.allowance() };
        let result = next(&mut replay, block, index, &options)?;
        list.push(&Entry { tx_hash: *tx.tx_hash(), result })?;
    }
    list.finish()
}

/// `debug_traceTransaction`.
pub(crate) fn transaction(ctx: &Ctx, mut args: Args<'_>) -> Result<Json, RpcError> {
    let hash: B256 = args.next()?;
    let options = options(ctx, args.optional()?)?;
    let (block, index) =
        ctx.ledger.transaction(&hash)?.ok_or_else(|| RpcError::invalid_input("transaction not found"))?;
    let mut replay = Replay::new(ctx, &block)?;
    replay.skip_to(index)?;
    next(&mut replay, &block, index, &options)
}

/// `debug_traceBlockByNumber`.
pub(crate) fn block_by_number(ctx: &Ctx, mut args: Args<'_>) -> Result<Json, RpcError> {
    let tag: BlockNumberOrTag = args.next()?;
    let options = options(ctx, args.optional()?)?;
    let height = ctx.height(tag)?;
    let block = ctx
        .ledger
        .block(height)?
        .ok_or_else(|| RpcError::invalid_input(format!("block #{height} not found")))?;
    trace_block(ctx, &block, options)
}

/// `debug_traceBlockByHash`.
pub(crate) fn block_by_hash(ctx: &Ctx, mut args: Args<'_>) -> Result<Json, RpcError> {
    let hash: B256 = args.next()?;
    let options = options(ctx, args.optional()?)?;
    let block = ctx
        .ledger
        .block_by_hash(&hash)?
        .ok_or_else(|| RpcError::invalid_input(format!("block {hash} not found")))?;
    trace_block(ctx, &block, options)
}

/// `debug_traceBlock`: a block that need not be of the chain; its parent has to be.
pub(crate) fn block(ctx: &Ctx, mut args: Args<'_>) -> Result<Json, RpcError> {
    let raw: Bytes = args.next()?;
    let options = options(ctx, args.optional()?)?;
    let (block, hash) = decode_block(&raw)
        .map_err(|error| RpcError::invalid_input(format!("could not decode block: {error}")))?
        .into_parts();
    let header = block.header.clone();
    if header.number == 0 {
        return Err(RpcError::invalid_input("genesis is not traceable"));
    }
    let parent = ctx
        .ledger
        .block_by_hash(&header.parent_hash)?
        .filter(|parent| parent.header.number + 1 == header.number)
        .ok_or_else(|| RpcError::invalid_input(format!("parent {} not found", header.parent_hash)))?;
    let total_difficulty = parent.total_difficulty.saturating_add(header.difficulty);
    let point =
        ForkPoint::new(header.number, header.timestamp).with_parent_total_difficulty(parent.total_difficulty);
    let fork = ctx.ledger.spec().fork_at(point);
    let block = recover_senders(fork, block)
        .map_err(|error| RpcError::invalid_input(format!("could not recover senders: {error}")))?;
    let senders = block.body.transactions.iter().map(|tx| tx.signer()).collect();
    let body = block.map_transactions(Recovered::into_inner).body;
    let block = BlockRecord { header, hash, total_difficulty, body, senders, receipts: Vec::new() };
    trace_block(ctx, &Arc::new(block), options)
}

/// `debug_traceCall`.
pub(crate) fn call(ctx: &Ctx, mut args: Args<'_>) -> Result<Json, RpcError> {
    let request: TransactionRequest = args.next()?;
    let block: Option<BlockId> = args.optional()?;
    let given: GethDebugTracingCallOptions = args.optional()?.unwrap_or_default();
    let Options { options, allowance } = options(ctx, Some(given.tracing_options))?;
    let mut above = match given.tx_index {
        None => Above::block(ctx, block)?,
        Some(index) => Above::transaction(ctx, block, usize::try_from(index).unwrap_or(usize::MAX))?,
    };
    above.override_block(ctx, given.block_overrides.as_ref())?;
    above.override_state(given.state_overrides.as_ref())?;
    trace_call(ctx, &mut above, request, &Options { options, allowance }).map(|(trace, _)| trace)
}

fn trace_call(
    ctx: &Ctx,
    above: &mut Above,
    request: TransactionRequest,
    Options { options, allowance }: &Options,
) -> Result<(Json, revm::state::EvmState), RpcError> {
    let mut watch = Tracer::new(options, allowance)?;
    let (tx, result) = above.call(ctx, request, &mut watch, allowance)?;
    let env = above.environment().block.clone();
    let trace = watch.inspector.finish(None, (&tx, &env), &result, above.view_mut(), allowance)?;
    Ok((trace, result.state))
}

/// `debug_traceCallMany`: bundles of calls, each of which sees what those before it left behind.
pub(crate) fn call_many(ctx: &Ctx, mut args: Args<'_>) -> Result<Json, RpcError> {
    let bundles: Vec<Bundle> = args.next()?;
    let context: StateContext = args.optional()?.unwrap_or_default();
    let given: GethDebugTracingCallOptions = args.optional()?.unwrap_or_default();
    let Options { options, allowance } = options(ctx, Some(given.tracing_options))?;
    let calls = bundles.iter().map(|bundle| bundle.transactions.len()).sum();
    above::check_calls(calls)?;
    let block = context.block_number;
    let mut above = match context.transaction_index {
        None | Some(TransactionIndex::All) => Above::block(ctx, block)?,
        Some(TransactionIndex::Index(index)) => Above::transaction(ctx, block, index)?,
    };
    above.override_block(ctx, given.block_overrides.as_ref())?;
    above.override_state(given.state_overrides.as_ref())?;
    let mut list = List::new(allowance.within(ctx.limits.call_time));
    for bundle in bundles {
        above.override_block(ctx, bundle.block_override.as_ref())?;
        let mut traces = List::new(list.allowance());
        for request in bundle.transactions {
            let options = Options { options: options.clone(), allowance: traces.allowance() };
            let (trace, state) = trace_call(ctx, &mut above, request, &options)?;
            traces.push(&trace)?;
            above.commit(state);
        }
        list.push(&traces.finish()?)?;
    }
    list.finish()
}

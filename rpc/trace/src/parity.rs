//! The `trace` methods, as OpenEthereum defined them.

use crate::{
    above::{self, Above},
    answer::{self, Json, List},
    replay::Replay,
    reward,
    watch::{Allowance, Recorder, Recording, Watch},
};
use alloy_eips::BlockId;
use alloy_primitives::{B256, Bytes, U64, map::HashSet};
use alloy_rpc_types_eth::{BlockOverrides, TransactionInfo, TransactionRequest, state::StateOverride};
use alloy_rpc_types_trace::parity::{
    LocalizedTransactionTrace, TraceResults, TraceResultsWithTransactionHash, TraceType,
};
use mundi_rpc_context::{Args, Ctx, RpcError};
use mundi_state::BlockRecord;
use revm::{DatabaseRef, context::result::ResultAndState};
use revm_inspectors::tracing::{TraceLimitBehavior, TraceLimits, TracingInspector, TracingInspectorConfig};
use std::sync::Arc;

/// The kinds of trace that a client wants.
type Types = HashSet<TraceType>;

/// Most trace types that one request may name: there are three.
const MOST_TYPES: usize = 16;

impl Recorder for TracingInspector {
    fn is_exhausted(&self) -> bool {
        self.limit_exceeded()
    }
}

/// What an instruction's part of a `vmTrace` takes.
const VM_STEPS: Recording = Recording { step: 320, stack_item: 0, memory_byte: 0, frame: 512, data_byte: 2 };

/// A watched inspector for calls alone.
pub(crate) fn frames(allowance: &Allowance) -> Watch<TracingInspector> {
    let inspector = TracingInspector::new(TracingInspectorConfig::default_parity());
    Watch::new(inspector, Recording::FRAMES, allowance)
}

fn typed(types: &Types, allowance: &Allowance) -> Watch<TracingInspector> {
    let limits = TraceLimits::default()
        .set_max_recorded_bytes(Some(allowance.bytes))
        .set_behavior(TraceLimitBehavior::Halt);
    let inspector =
        TracingInspector::new(TracingInspectorConfig::from_parity_config(types)).with_limits(limits);
    let recording = if types.contains(&TraceType::VmTrace) {
        VM_STEPS
    } else if types.contains(&TraceType::Trace) {
        Recording::FRAMES
    } else {
        Recording::CALLS
    };
    Watch::new(inspector, recording, allowance)
}

fn types(given: Vec<TraceType>) -> Result<Types, RpcError> {
    if given.len() > MOST_TYPES {
        return Err(RpcError::invalid_params(format!(
            "{} trace types; there are only trace, vmTrace and stateDiff",
            given.len()
        )));
    }
    Ok(given.into_iter().collect())
}

fn results<DB: DatabaseRef<Error: std::fmt::Display>>(
    inspector: TracingInspector,
    result: &ResultAndState,
    types: &Types,
    db: DB,
) -> Result<TraceResults, RpcError> {
    let builder = inspector.into_parity_builder();
    builder.into_trace_results_with_state(result, types, db).map_err(RpcError::internal)
}

/// Where a transaction is.
pub(crate) fn position(block: &BlockRecord, index: usize) -> TransactionInfo {
    TransactionInfo {
        hash: block.body.transactions.get(index).map(|tx| *tx.tx_hash()),
        index: Some(index as u64),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        base_fee: block.header.base_fee_per_gas,
        block_timestamp: Some(block.header.timestamp),
    }
}

/// The traces of a block's transactions, one transaction after another. `each` says whether to go on.
pub(crate) fn each_transaction(
    ctx: &Ctx,
    block: &Arc<BlockRecord>,
    mut allowance: impl FnMut() -> Allowance,
    mut each: impl FnMut(usize, Vec<LocalizedTransactionTrace>) -> Result<bool, RpcError>,
) -> Result<bool, RpcError> {
    if block.body.transactions.is_empty() {
        return Ok(true);
    }
    let mut replay = Replay::new(ctx, block)?;
    for index in 0..block.body.transactions.len() {
        let allowance = allowance();
        let mut watch = frames(&allowance);
        let result = replay.inspect(&mut watch, &allowance)?;
        replay.commit(result.state);
        let builder = watch.inspector.into_parity_builder();
        if !each(index, builder.into_localized_transaction_traces(position(block, index)))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `trace_block`.
pub(crate) fn block(ctx: &Ctx, mut args: Args<'_>) -> Result<Option<Json>, RpcError> {
    let Some(block) = ctx.block(args.next()?)? else { return Ok(None) };
    let list = std::cell::RefCell::new(List::new(answer::allowance(ctx, None)));
    each_transaction(
        ctx,
        &block,
        || list.borrow().allowance(),
        |_, traces| traces.iter().try_for_each(|trace| list.borrow_mut().push(trace)).map(|()| true),
    )?;
    let mut list = list.into_inner();
    for reward in reward::traces(ctx, &block) {
        list.push(&reward)?;
    }
    list.finish().map(Some)
}

/// The traces of one transaction, if it exists.
pub(crate) fn of_transaction(
    ctx: &Ctx,
    hash: B256,
) -> Result<Option<Vec<LocalizedTransactionTrace>>, RpcError> {
    let Some((block, index)) = ctx.ledger.transaction(&hash)? else { return Ok(None) };
    let allowance = answer::allowance(ctx, None);
    let mut watch = frames(&allowance);
    let mut replay = Replay::new(ctx, &block)?;
    replay.skip_to(index)?;
    replay.inspect(&mut watch, &allowance)?;
    let builder = watch.inspector.into_parity_builder();
    Ok(Some(builder.into_localized_transaction_traces(position(&block, index))))
}

/// `trace_transaction`.
pub(crate) fn transaction(
    ctx: &Ctx,
    mut args: Args<'_>,
) -> Result<Option<Vec<LocalizedTransactionTrace>>, RpcError> {
    of_transaction(ctx, args.next()?)
}

/// `trace_get`. The index counts the transaction's traces; of several indices OpenEthereum found nothing.
pub(crate) fn get(ctx: &Ctx, mut args: Args<'_>) -> Result<Option<LocalizedTransactionTrace>, RpcError> {
    let (hash, indices): (B256, Vec<U64>) = (args.next()?, args.next()?);
    let [index] = indices[..] else { return Ok(None) };
    let traces = of_transaction(ctx, hash)?.unwrap_or_default();
    Ok(traces.into_iter().nth(usize::try_from(index).unwrap_or(usize::MAX)))
}

/// `trace_replayTransaction`.
pub(crate) fn replay_transaction(ctx: &Ctx, mut args: Args<'_>) -> Result<Json, RpcError> {
    let hash: B256 = args.next()?;
    let types = types(args.next()?)?;
    let (block, index) = ctx
        .ledger
        .transaction(&hash)?
        .ok_or_else(|| RpcError::invalid_input(format!("transaction not found: {hash}")))?;
    let allowance = answer::allowance(ctx, None);
    let mut watch = typed(&types, &allowance);
    let mut replay = Replay::new(ctx, &block)?;
    replay.skip_to(index)?;
    let result = replay.inspect(&mut watch, &allowance)?;
    answer::json(&results(watch.inspector, &result, &types, replay.view())?)
}

/// `trace_replayBlockTransactions`.
pub(crate) fn replay_block(ctx: &Ctx, mut args: Args<'_>) -> Result<Option<Json>, RpcError> {
    let id: BlockId = args.next()?;
    let types = types(args.next()?)?;
    let Some(block) = ctx.block(id)? else { return Ok(None) };
    let mut list = List::new(answer::allowance(ctx, None));
    if block.body.transactions.is_empty() {
        return list.finish().map(Some);
    }
    let mut replay = Replay::new(ctx, &block)?;
    for tx in &block.body.transactions {
        let allowance = list.allowance();
        let mut watch = typed(&types, &allowance);
        let result = replay.inspect(&mut watch, &allowance)?;
        let full_trace = results(watch.inspector, &result, &types, replay.view())?;
        list.push(&TraceResultsWithTransactionHash { full_trace, transaction_hash: *tx.tx_hash() })?;
        replay.commit(result.state);
    }
    list.finish().map(Some)
}

/// `trace_call`.
pub(crate) fn call(ctx: &Ctx, mut args: Args<'_>) -> Result<Json, RpcError> {
    let request: TransactionRequest = args.next()?;
    let types = types(args.next()?)?;
    let block: Option<BlockId> = args.optional()?;
    let state: Option<StateOverride> = args.optional()?;
    let overrides: Option<Box<BlockOverrides>> = args.optional()?;
    let mut above = Above::block(ctx, block)?;
    above.override_block(ctx, overrides.as_deref())?;
    above.override_state(state.as_ref())?;
    let allowance = answer::allowance(ctx, None);
    let mut watch = typed(&types, &allowance);
    let (_, result) = above.call(ctx, request, &mut watch, &allowance)?;
    answer::json(&results(watch.inspector, &result, &types, above.view())?)
}

/// `trace_callMany`: each call sees what those before it left behind.
pub(crate) fn call_many(ctx: &Ctx, mut args: Args<'_>) -> Result<Json, RpcError> {
    let calls: Vec<(TransactionRequest, Vec<TraceType>)> = args.next()?;
    let block: Option<BlockId> = args.optional()?;
    above::check_calls(calls.len())?;
    let mut above = Above::block(ctx, block)?;
    let mut list = List::new(answer::allowance(ctx, None).within(ctx.limits.call_time));
    for (request, kinds) in calls {
        let types = types(kinds)?;
        let allowance = list.allowance();
        let mut watch = typed(&types, &allowance);
        let (_, result) = above.call(ctx, request, &mut watch, &allowance)?;
        list.push(&results(watch.inspector, &result, &types, above.view())?)?;
        above.commit(result.state);
    }
    list.finish()
}

/// `trace_rawTransaction`.
pub(crate) fn raw_transaction(ctx: &Ctx, mut args: Args<'_>) -> Result<Json, RpcError> {
    let raw: Bytes = args.next()?;
    let types = types(args.next()?)?;
    let block: Option<BlockId> = args.optional()?;
    let mut above = Above::block(ctx, block)?;
    let tx = above::signed(&raw)?;
    let allowance = answer::allowance(ctx, None);
    let mut watch = typed(&types, &allowance);
    let result = above.transact(&tx, ctx, &mut watch, &allowance)?;
    answer::json(&results(watch.inspector, &result, &types, above.view())?)
}

//! `eth_call` and `eth_callMany`.

use crate::{
    budget::Budget,
    environment::Environment,
    machine::{machine_error, transact},
    message::Message,
    outcome::{halt_message, returned, revert_message},
    overrides::{apply_state_overrides, overridden_environment},
    refusal::check,
    steps::replay_before,
    view::View,
};
use alloy_consensus::Header;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::Bytes;
use alloy_rpc_types_eth::{
    BlockOverrides, Bundle, EthCallResponse, StateContext, TransactionIndex, TransactionRequest,
    state::StateOverride,
};
use mundi_chain::{ForkPoint, LedgerState};
use mundi_rpc_context::{Args, Context, Ctx, RpcError};
use revm::{
    DatabaseCommit,
    context_interface::result::{ExecutionResult, ResultAndState},
};

/// A state and the block that calls on it are in.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) header: Header,
    pub(crate) point: ForkPoint,
    pub(crate) view: View,
}

impl Place {
    /// The state after a block, seen from that block. `pending` is the newest state seen from the block to come.
    pub(crate) fn new(ctx: &Context, id: Option<BlockId>) -> Result<Self, RpcError> {
        let id = id.unwrap_or_default();
        let (block, state): (_, LedgerState) = ctx.state(Some(id))?;
        let view = View::of(state);
        if id == BlockId::Number(BlockNumberOrTag::Pending) {
            let (header, point) = Environment::header_after(ctx, &block);
            return Ok(Self { header, point, view });
        }
        Ok(Self { header: block.header.clone(), point: ctx.ledger.point(&block), view })
    }

    /// The same with everything that a client wants otherwise; checks are those of calls.
    pub(crate) fn overridden(
        self,
        ctx: &Context,
        state: Option<&StateOverride>,
        block: Option<&BlockOverrides>,
    ) -> Result<(Environment, View), RpcError> {
        let Self { header, point, mut view } = self;
        let environment = overridden_environment(ctx, point, &header, block, &mut view)?;
        let mut environment = environment.for_calls(&ctx.limits);
        if let Some(overrides) = state {
            apply_state_overrides(overrides, &mut environment, &mut view)?;
        }
        Ok((environment, view))
    }
}

/// Runs a call; nothing is written.
pub(crate) fn run(
    ctx: &Context,
    environment: &Environment,
    view: &mut View,
    request: TransactionRequest,
    budget: &Budget,
) -> Result<ResultAndState, RpcError> {
    let message = Message::new(request, environment, ctx.limits.call_gas)?;
    let mut environment = environment.clone();
    message.waive_fees(&mut environment);
    check(&message, &environment, view, false).map_err(|error| error.of_call(message.tx.gas_limit))?;
    transact(&environment, view, message.tx, budget).map_err(machine_error)
}

/// `eth_call`.
pub(crate) fn call(ctx: &Ctx, mut args: Args<'_>) -> Result<Bytes, RpcError> {
    let request = args.next()?;
    let place = Place::new(ctx, args.optional()?)?;
    let state: Option<StateOverride> = args.optional()?;
    let block: Option<BlockOverrides> = args.optional()?;
    let (environment, mut view) = place.overridden(ctx, state.as_ref(), block.as_ref())?;
    let ran = run(ctx, &environment, &mut view, request, &Budget::of(ctx.limits.call_time))?;
    returned(ran.result)
}

/// `eth_callMany`: calls in bundles, each on the state that the one before left.
pub(crate) fn call_many(ctx: &Ctx, mut args: Args<'_>) -> Result<Vec<Vec<EthCallResponse>>, RpcError> {
    let bundles: Vec<Bundle> = args.next()?;
    let StateContext { block_number, transaction_index } = args.optional()?.unwrap_or_default();
    let overrides: Option<StateOverride> = args.optional()?;
    if bundles.is_empty() {
        return Err(RpcError::invalid_params("bundles are empty"));
    }
    let most = ctx.limits.simulated_blocks;
    if bundles.len() > most {
        return Err(RpcError::limit(format!("{} bundles, at most {most} are allowed", bundles.len())));
    }
    let budget = Budget::of(ctx.limits.call_time);
    let id = block_number.unwrap_or_default();
    let mut place = Place::new(ctx, Some(id))?;
    if let Some(TransactionIndex::Index(index)) = transaction_index {
        let block = ctx.block(id)?.ok_or_else(|| RpcError::not_found(format!("block not found: {id}")))?;
        place.view = replay_before(ctx, &block, index, &budget)?;
    }
    let Place { header, point, mut view } = place;
    let mut answers = Vec::with_capacity(bundles.len());
    let mut gas_left = ctx.limits.call_gas;
    for (place, bundle) in bundles.into_iter().enumerate() {
        let block = bundle.block_override.as_ref();
        let environment = overridden_environment(ctx, point, &header, block, &mut view)?;
        let mut environment = environment.for_calls(&ctx.limits);
        if let Some(overrides) = overrides.as_ref().filter(|_| place == 0) {
            apply_state_overrides(overrides, &mut environment, &mut view)?;
        }
        let mut bundle_answers = Vec::with_capacity(bundle.transactions.len());
        for request in bundle.transactions {
            let request =
                TransactionRequest { gas: Some(request.gas.unwrap_or(gas_left).min(gas_left)), ..request };
            bundle_answers.push(match run(ctx, &environment, &mut view, request, &budget) {
                Ok(ran) => {
                    gas_left = gas_left.saturating_sub(ran.result.tx_gas_used());
                    view.commit(ran.state);
                    response(ran.result)
                }
                Err(error) => EthCallResponse { value: None, error: Some(error.message) },
            });
            if budget.is_past() {
                return Err(RpcError::invalid_input(budget.message()));
            }
        }
        answers.push(bundle_answers);
    }
    Ok(answers)
}

fn response(result: ExecutionResult) -> EthCallResponse {
    match result {
        ExecutionResult::Success { output, .. } => {
            EthCallResponse { value: Some(output.into_data()), error: None }
        }
        ExecutionResult::Revert { output, .. } => {
            EthCallResponse { value: None, error: Some(revert_message(&output)) }
        }
        ExecutionResult::Halt { reason, .. } => {
            EthCallResponse { value: None, error: Some(halt_message(&reason)) }
        }
    }
}

//! `eth_createAccessList`: what a call accesses, so that it may say so beforehand (EIP-2930).

use crate::{
    budget::Budget,
    call::Place,
    machine::{inspect, machine_error},
    message::Message,
    outcome::halt_message,
    refusal::check,
};
use alloy_primitives::U256;
use alloy_rpc_types_eth::{AccessListResult, BlockOverrides, TransactionRequest, state::StateOverride};
use mundi_rpc_context::{Args, Ctx, RpcError};
use revm::context_interface::result::ExecutionResult;
use revm_inspectors::access_list::AccessListInspector;

/// `eth_createAccessList`. The list may change what is accessed, by what gas is left; so it is tried until it does not.
pub(crate) fn create(ctx: &Ctx, mut args: Args<'_>) -> Result<AccessListResult, RpcError> {
    let request: TransactionRequest = args.next()?;
    let place = Place::new(ctx, args.optional()?)?;
    let state: Option<StateOverride> = args.optional()?;
    let block: Option<BlockOverrides> = args.optional()?;
    let (mut environment, mut view) = place.overridden(ctx, state.as_ref(), block.as_ref())?;
    let mut message = Message::new(request, &environment, ctx.limits.call_gas)?;
    message.waive_fees(&mut environment);
    let budget = Budget::of(ctx.limits.call_time);
    loop {
        check(&message, &environment, &mut view, false)
            .map_err(|error| error.of_call(message.tx.gas_limit))?;
        let before = message.tx.access_list.clone();
        let mut inspector = AccessListInspector::new(before.clone());
        let tx = message.tx.clone();
        let ran = inspect(&environment, &mut view, tx, &mut inspector, &budget).map_err(machine_error)?;
        let access_list = inspector.into_access_list();
        let mut sorted = before;
        sorted.sort();
        if access_list == sorted {
            let gas_used = U256::from(ran.result.tx_gas_used());
            let error = match ran.result {
                ExecutionResult::Success { .. } => None,
                ExecutionResult::Revert { .. } => Some("execution reverted".to_owned()),
                ExecutionResult::Halt { reason, .. } => Some(halt_message(&reason)),
            };
            return Ok(AccessListResult { access_list, gas_used, error });
        }
        if budget.is_past() {
            return Err(RpcError::invalid_input(budget.message()));
        }
        message.set_access_list(access_list, environment.spec());
    }
}

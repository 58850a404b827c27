//! Finding where an ERC-20 token keeps a number.
//!
//! The contract is asked, and what it reads on the way to its answer is tried slot by slot: the right one is that with which it
//! answers what is wanted. Tokens that compute their answers, such as those that rebase, have no such slot.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use mundi_execution::StateSnapshot;
use mundi_rpc_call::{Budget, Environment, View, machine_error, transact};
use mundi_rpc_context::{Context, RpcError};
use revm::{
    context::{TxEnv, result::ExecutionResult},
    state::EvmState,
};

/// Slots that are tried at most.
const MAX_CANDIDATES: usize = 256;

/// `balanceOf(owner)`.
pub(crate) fn balance_of(owner: Address) -> Bytes {
    [[0x70, 0xa0, 0x82, 0x31].as_slice(), owner.into_word().as_slice()].concat().into()
}

/// `allowance(owner, spender)`.
pub(crate) fn allowance(owner: Address, spender: Address) -> Bytes {
    [[0xdd, 0x62, 0xed, 0x3e].as_slice(), owner.into_word().as_slice(), spender.into_word().as_slice()]
        .concat()
        .into()
}

/// Writes the slot with which `token` answers `question` with `wanted`.
pub(crate) fn set(
    ctx: &Context,
    view: &mut View,
    token: Address,
    question: &Bytes,
    wanted: U256,
) -> Result<(), RpcError> {
    let environment = Environment::pending(ctx).0.for_calls(&ctx.limits);
    let budget = Budget::of(ctx.limits.call_time);
    let ask = |view: &mut View| ask(ctx, &environment, &budget, view, token, question);
    let (_, touched) = ask(&mut view.clone())?;
    let mut candidates: Vec<(Address, U256)> = touched
        .iter()
        .flat_map(|(address, account)| account.storage.keys().map(|slot| (*address, *slot)))
        .collect();
    // The token's own slots first, in a fixed order.
    candidates.sort_unstable_by_key(|(address, slot)| (*address != token, *address, *slot));
    for (address, slot) in candidates.into_iter().take(MAX_CANDIDATES) {
        let mut tried = view.clone();
        tried.set_slot(address, slot, wanted)?;
        // A wrong slot may be one that the contract cannot do without.
        if matches!(ask(&mut tried), Ok((Some(answer), _)) if answer == wanted)
            && is_it(view, &ask, address, slot, wanted)?
        {
            view.set_slot(address, slot, wanted)?;
            return Ok(());
        }
    }
    Err(RpcError::invalid_input(format!(
        "no slot found that {token} answers from: it is no ERC-20 token, or computes its answers"
    )))
}

/// Whether the answer follows the slot, and is not just what it would be anyway.
fn is_it(
    view: &View,
    ask: &impl Fn(&mut View) -> Result<(Option<U256>, EvmState), RpcError>,
    address: Address,
    slot: U256,
    wanted: U256,
) -> Result<bool, RpcError> {
    let other = if wanted.is_zero() { U256::ONE } else { wanted - U256::ONE };
    let mut tried = view.clone();
    tried.set_slot(address, slot, other)?;
    Ok(matches!(ask(&mut tried), Ok((Some(answer), _)) if answer == other))
}

/// The contract's answer, if it is a number, and what was touched.
fn ask<S: StateSnapshot>(
    ctx: &Context,
    environment: &Environment,
    budget: &Budget,
    view: &mut View<S>,
    token: Address,
    question: &Bytes,
) -> Result<(Option<U256>, EvmState), RpcError> {
    let call = TxEnv {
        gas_limit: ctx.limits.call_gas,
        kind: TxKind::Call(token),
        data: question.clone(),
        chain_id: Some(ctx.ledger.spec().chain_id()),
        ..TxEnv::default()
    };
    let outcome = transact(environment, view, call, budget).map_err(machine_error)?;
    let answer = match outcome.result {
        ExecutionResult::Success { output, .. } => {
            let data = output.into_data();
            (data.len() >= 32).then(|| U256::from_be_slice(&data[..32]))
        }
        _ => None,
    };
    Ok((answer, outcome.state))
}

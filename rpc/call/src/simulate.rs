//! `eth_simulateV1`: blocks that might come after a block, with calls in them.
//!
//! ## What it promises
//! * Simulated blocks follow each other in number and time; gaps in numbers are filled with empty blocks. Each is sealed as a
//!   block of the chain would be: with roots, bloom, requests and hash. Nothing is kept.
//! * With `validation` transactions are checked as in a block, except that senders may be contracts and need not have signed.
//!   Without, nonces are not checked, and the base fee is zero unless it is given.
//!
//! ## Limits
//! [`Limits::simulated_blocks`](mundi_rpc_context::Limits::simulated_blocks) blocks, gaps included, and
//! [`Limits::call_gas`](mundi_rpc_context::Limits::call_gas) for all calls together.
//!
//! ## What happens when things fail
//! A call that reverts or halts is a result. A call that cannot run at all ends the simulation with one of the codes of the
//! specification, -38010 to -38026.

mod answer;
mod block;
mod plan;
mod transfers;
mod unsigned;

pub(crate) use unsigned::Unsigned;

use crate::budget::Budget;
use alloy_eips::eip4895::Withdrawal;
use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest, state::StateOverride};
use block::Simulation;
use mundi_rpc_context::{Args, Ctx, RpcError, code};
use serde::Deserialize;
use serde_json::Value;

/// Codes of the specification.
pub(crate) mod codes {
    /// The calls of a block ask for more gas than it has.
    pub(crate) const BLOCK_GAS: i32 = -38015;
    /// A number is not greater than the one before.
    pub(crate) const BLOCK_NUMBER: i32 = -38020;
    /// A time is not later than the one before.
    pub(crate) const BLOCK_TIME: i32 = -38021;
    /// More than this node is willing to do.
    pub(crate) const CLIENT_LIMIT: i32 = -38026;
    /// A call was ended by the virtual machine.
    pub(crate) const VM_ERROR: i32 = -32015;
    /// It takes too long.
    pub(crate) const TIMEOUT: i32 = -32016;
}

/// What is to be simulated.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    block_state_calls: Vec<BlockRequest>,
    #[serde(default)]
    trace_transfers: bool,
    #[serde(default)]
    validation: bool,
    #[serde(default)]
    return_full_transactions: bool,
}

/// A block that is to be simulated.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockRequest {
    block_overrides: Option<SimulatedOverrides>,
    state_overrides: Option<StateOverride>,
    calls: Option<Vec<TransactionRequest>>,
}

/// What is otherwise in a block; withdrawals can be given to simulated blocks only.
#[derive(Clone, Debug, Default, Deserialize)]
struct SimulatedOverrides {
    #[serde(flatten)]
    header: BlockOverrides,
    #[serde(default)]
    withdrawals: Option<Vec<Withdrawal>>,
}

/// `eth_simulateV1`.
pub(crate) fn simulate(ctx: &Ctx, mut args: Args<'_>) -> Result<Vec<Value>, RpcError> {
    let request: Request = args.next()?;
    let (base, state) = ctx.state(args.optional()?)?;
    if request.block_state_calls.is_empty() {
        return Err(RpcError::new(code::INVALID_PARAMS, "empty input: blockStateCalls names no block"));
    }
    if request.block_state_calls.len() > ctx.limits.simulated_blocks {
        return Err(too_many_blocks());
    }
    let plan = plan::blocks(&base.header, request.block_state_calls, ctx.limits.simulated_blocks)?;
    let budget = Budget::of(ctx.limits.call_time);
    let mut simulation = Simulation::new(ctx, &base, state, budget)?;
    simulation.validation = request.validation;
    simulation.trace_transfers = request.trace_transfers;
    let mut answers = Vec::with_capacity(plan.len());
    for planned in plan {
        answers.push(simulation.block(planned)?.answer(request.return_full_transactions)?);
    }
    Ok(answers)
}

fn too_many_blocks() -> RpcError {
    RpcError::new(codes::CLIENT_LIMIT, "too many blocks")
}

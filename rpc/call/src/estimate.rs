//! `eth_estimateGas`: the least gas limit with which a call succeeds, nearly.

use crate::{
    budget::Budget,
    call::Place,
    environment::Environment,
    machine::{machine_error, transact},
    message::Message,
    outcome::{halt_message, reverted},
    refusal::{CheckError, Refusal, check},
    view::View,
};
use alloy_eips::{BlockId, eip4844::DATA_GAS_PER_BLOB};
use alloy_primitives::{TxKind, U256};
use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest, state::StateOverride};
use mundi_rpc_context::{Args, Context, Ctx, RpcError};
use revm::{
    context_interface::result::{ExecutionResult, HaltReason},
    primitives::{eip7825, hardfork::SpecId},
};

/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;
/// What a call with value lends to its recipient.
const CALL_STIPEND: u64 = 2_300;
/// How far the estimate may be above the least, as a fraction.
const TOLERANCE: f64 = 0.015;

/// `eth_estimateGas`.
pub(crate) fn estimate_gas(ctx: &Ctx, mut args: Args<'_>) -> Result<U256, RpcError> {
    let request = args.next()?;
    let id: Option<BlockId> = args.optional()?;
    let state: Option<StateOverride> = args.optional()?;
    let block: Option<BlockOverrides> = args.optional()?;
    estimate(ctx, request, id, state.as_ref(), block.as_ref()).map(U256::from)
}

/// The least gas limit with which a call succeeds, up to 1.5 % more.
pub fn estimate(
    ctx: &Context,
    request: TransactionRequest,
    id: Option<BlockId>,
    state: Option<&StateOverride>,
    block: Option<&BlockOverrides>,
) -> Result<u64, RpcError> {
    let (mut environment, view) = Place::new(ctx, id)?.overridden(ctx, state, block)?;
    let asked = request.gas.filter(|gas| *gas >= TRANSFER_GAS);
    let message = Message::new(request, &environment, u64::MAX)?;
    message.waive_fees(&mut environment);
    let budget = Budget::of(ctx.limits.call_time);
    let gas_cap = ctx.limits.call_gas;
    Estimation { environment, view, message, budget }.run(asked, gas_cap)
}

struct Estimation {
    environment: Environment,
    view: View,
    message: Message,
    budget: Budget,
}

/// What a run with some gas limit says.
enum Run {
    Success {
        used: u64,
        peak: u64,
    },
    /// More gas might help.
    OutOfGas,
    Failed(RpcError),
}

impl Estimation {
    fn run(mut self, asked: Option<u64>, gas_cap: u64) -> Result<u64, RpcError> {
        let mut high = asked.unwrap_or(self.environment.block.gas_limit);
        if self.environment.spec().is_enabled_in(SpecId::OSAKA) {
            high = high.min(eip7825::TX_GAS_LIMIT_CAP);
        }
        high = high.min(self.affordable()?).min(gas_cap);
        if self.is_plain_transfer()? && matches!(self.at(TRANSFER_GAS)?, Run::Success { .. }) {
            return Ok(TRANSFER_GAS);
        }
        let (used, peak) = match self.at(high)? {
            Run::Success { used, peak } => (used, peak),
            Run::OutOfGas => {
                return Err(RpcError::invalid_input(format!("gas required exceeds allowance ({high})")));
            }
            Run::Failed(error) => return Err(error),
        };
        let mut low = used.saturating_sub(1);
        let likely = (peak + CALL_STIPEND).saturating_mul(64) / 63;
        if likely < high {
            match self.at(likely)? {
                Run::Success { .. } => high = likely,
                _ => low = likely,
            }
        }
        while low + 1 < high {
            if (high - low) as f64 / (high as f64) < TOLERANCE {
                break;
            }
            // Most calls need little more than they use.
            let middle = (low + (high - low) / 2).min(low.saturating_mul(2).max(1));
            match self.at(middle)? {
                Run::Success { .. } => high = middle,
                _ => low = middle,
            }
        }
        Ok(high)
    }

    /// How much gas the sender can pay for.
    fn affordable(&mut self) -> Result<u64, RpcError> {
        let tx = &self.message.tx;
        if tx.gas_price == 0 {
            return Ok(u64::MAX);
        }
        let have = self.view.account(tx.caller)?.unwrap_or_default().balance;
        let blobs =
            U256::from(tx.blob_hashes.len() as u64 * DATA_GAS_PER_BLOB) * U256::from(tx.max_fee_per_blob_gas);
        let want = tx.value.saturating_add(blobs);
        if want > have || (!tx.value.is_zero() && tx.value == have) {
            let refusal = Refusal::Funds { address: tx.caller, have, want };
            return Err(RpcError::invalid_input(refusal.to_string()));
        }
        Ok(((have - want) / U256::from(tx.gas_price)).saturating_to())
    }

    fn is_plain_transfer(&mut self) -> Result<bool, RpcError> {
        let tx = &self.message.tx;
        let TxKind::Call(to) = tx.kind else { return Ok(false) };
        Ok(tx.data.is_empty() && !self.view.account(to)?.is_some_and(|account| account.has_code()))
    }

    fn at(&mut self, gas: u64) -> Result<Run, RpcError> {
        let mut message = self.message.clone();
        message.tx.gas_limit = gas;
        match check(&message, &self.environment, &mut self.view, false) {
            Ok(()) => {}
            Err(CheckError::Refused(Refusal::IntrinsicGas { .. } | Refusal::FloorGas { .. })) => {
                return Ok(Run::OutOfGas);
            }
            Err(CheckError::Refused(refusal)) => {
                return Err(RpcError::invalid_input(format!("failed with {gas} gas: {refusal}")));
            }
            Err(CheckError::State(error)) => return Err(error.into()),
        }
        let ran = transact(&self.environment, &mut self.view, message.tx, &self.budget);
        let result = ran.map_err(machine_error)?.result;
        if self.budget.is_past() {
            return Err(RpcError::invalid_input(self.budget.message()));
        }
        Ok(match result {
            ExecutionResult::Success { gas, .. } => {
                Run::Success { used: gas.tx_gas_used(), peak: gas.total_gas_spent().max(gas.floor_gas()) }
            }
            ExecutionResult::Revert { output, .. } => Run::Failed(reverted(&output)),
            ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. } => Run::OutOfGas,
            ExecutionResult::Halt { reason, .. } => {
                Run::Failed(RpcError::invalid_input(halt_message(&reason)))
            }
        })
    }
}

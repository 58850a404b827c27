//! `SSTORE` by EIP-1283: Constantinople as first specified, which only test chains ran.
//!
//! It is Istanbul's net metering with the price of `SLOAD` before it and without the guard for the call stipend.

use revm::{
    context_interface::{Host, cfg::gas_params::GasId},
    interpreter::{
        InstructionContext, InstructionResult, InterpreterTypes,
        instructions::host::sstore_with_gas_accounting,
    },
};

/// The price of a write that changes nothing, or changes a slot again.
const NOOP: u64 = 200;
/// The price of a first write to an empty slot.
const SET: u64 = 20_000;
/// The price of a first write to a slot that holds something.
const RESET: u64 = 5_000;

/// What differs in the table of prices.
pub(crate) const PRICES: [(GasId, u64); 5] = [
    (GasId::sstore_static(), NOOP),
    (GasId::sstore_set_without_load_cost(), SET - NOOP),
    (GasId::sstore_reset_without_cold_load_cost(), RESET - NOOP),
    (GasId::sstore_set_refund(), SET - NOOP),
    (GasId::sstore_reset_refund(), RESET - NOOP),
];

/// The instruction.
pub(crate) fn sstore<W: InterpreterTypes, H: Host + ?Sized>(
    context: InstructionContext<'_, H, W>,
) -> Result<(), InstructionResult> {
    sstore_with_gas_accounting(context, |context, _, load| {
        let prices = context.host.gas_params();
        let (cost, refund) =
            (prices.sstore_dynamic_gas(true, &load.data, false), prices.sstore_refund(true, &load.data));
        if !context.interpreter.gas.record_regular_cost(cost) {
            return Err(InstructionResult::OutOfGas);
        }
        context.interpreter.gas.record_refund(refund);
        Ok(())
    })
}

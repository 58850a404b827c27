//! `SSTORE` by EIP-1283, which Constantinople specified and Petersburg took back before any public chain ran it.
//!
//! It is what EIP-2200 brought back in Istanbul, with the price of `SLOAD` as it was and without the guard for the call
//! stipend; so revm's accounting for Istanbul is run with other constants.

use revm::{
    context_interface::cfg::gas_params::GasId,
    interpreter::{
        Host, InstructionContext, InstructionResult, InterpreterTypes,
        instructions::host::sstore_with_gas_accounting,
    },
};

/// What EIP-1283 charges for a write that changes nothing, and for each further write to a slot.
const SLOAD: u64 = 200;
const SET: u64 = 20_000;
const RESET: u64 = 5_000;

/// The constants of EIP-1283, in the terms of revm's gas table.
pub(crate) const GAS: [(GasId, u64); 5] = [
    (GasId::sstore_static(), SLOAD),
    (GasId::sstore_set_without_load_cost(), SET - SLOAD),
    (GasId::sstore_reset_without_cold_load_cost(), RESET - SLOAD),
    (GasId::sstore_set_refund(), SET - SLOAD),
    (GasId::sstore_reset_refund(), RESET - SLOAD),
];

/// `SSTORE` by EIP-1283, for a machine configured by [`cfg_env`](crate::cfg_env).
pub fn sstore<W: InterpreterTypes, H: Host + ?Sized>(
    context: InstructionContext<'_, H, W>,
) -> Result<(), InstructionResult> {
    sstore_with_gas_accounting(context, |context, _, load| {
        let gas = context.host.gas_params().sstore_dynamic_gas(true, &load.data, false);
        if !context.interpreter.gas.record_regular_cost(gas) {
            return Err(InstructionResult::OutOfGas);
        }
        let refund = context.host.gas_params().sstore_refund(true, &load.data);
        context.interpreter.gas.record_refund(refund);
        Ok(())
    })
}

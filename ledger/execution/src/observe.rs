//! Instructions that note when a transaction depends on the value of a balance.
//!
//! Balances change by addition, so two transactions that only add to or take from one account do not conflict.
//! They do when one of them *looks*: through `BALANCE` or `SELFBALANCE`, by destroying the account, or by
//! spending more than it surely has. These wrappers note the look and leave the semantics to revm. One more counts
//! jumps, so that a speculative execution can be given up.

use crate::{
    view::View,
    vm::{ReadError, VmContext},
};
use alloy_primitives::{Address, U256};
use revm::{
    bytecode::opcode,
    context_interface::context::ContextError,
    handler::instructions::EthInstructions,
    interpreter::{
        Instruction, InstructionContext, InstructionExecResult, InstructionResult,
        instructions::{contract, control, host},
        interpreter::EthInterpreter,
        interpreter_types::InputsTr,
    },
};

type Context<'x, 'b, 'a> = InstructionContext<'x, VmContext<'b, View<'b, 'a>>, EthInterpreter>;

/// Puts the noting instructions in place of revm's own; gas and meaning stay the same.
pub(crate) fn install<'b, 'a>(
    instructions: &mut EthInstructions<EthInterpreter, VmContext<'b, View<'b, 'a>>>,
) {
    let mut replace = |opcode: u8, instruction| {
        let gas = instructions.gas_table()[opcode as usize];
        instructions.insert_instruction(opcode, Instruction::new(instruction), gas);
    };
    replace(opcode::BALANCE, balance);
    replace(opcode::SELFBALANCE, self_balance);
    replace(opcode::CALL, call);
    replace(opcode::CALLCODE, call_code);
    replace(opcode::CREATE, create);
    replace(opcode::CREATE2, create2);
    replace(opcode::SELFDESTRUCT, self_destruct);
}

/// Counts jumps, or no longer does.
pub(crate) fn watch_jumps<'b, 'a>(
    instructions: &mut EthInstructions<EthInterpreter, VmContext<'b, View<'b, 'a>>>,
    watched: bool,
) {
    let gas = instructions.gas_table()[opcode::JUMPDEST as usize];
    let instruction = if watched { Instruction::new(jump_dest) } else { Instruction::new(control::jumpdest) };
    instructions.insert_instruction(opcode::JUMPDEST, instruction, gas);
}

/// The stack item `depth` below the top, if it is there.
fn peek(context: &Context<'_, '_, '_>, depth: usize) -> Option<U256> {
    let stack = context.interpreter.stack.data();
    stack.len().checked_sub(depth + 1).map(|at| stack[at])
}

fn note_look(context: &mut Context<'_, '_, '_>, address: Address) {
    context.host.journaled_state.database.note_look(address);
}

fn note_spending(context: &mut Context<'_, '_, '_>, value_depth: usize) {
    if let Some(value) = peek(context, value_depth).filter(|value| !value.is_zero()) {
        let spender = context.interpreter.input.target_address();
        context.host.journaled_state.database.note_spending(spender, value);
    }
}

/// Every loop passes here, so this is where a speculative execution can be stopped.
fn jump_dest(context: Context<'_, '_, '_>) -> InstructionExecResult {
    if context.host.journaled_state.database.note_jump() {
        context.host.error = Err(ContextError::Db(ReadError::Abandoned));
        return Err(InstructionResult::FatalExternalError);
    }
    control::jumpdest(context)
}

fn balance(mut context: Context<'_, '_, '_>) -> InstructionExecResult {
    if let Some(address) = peek(&context, 0) {
        note_look(&mut context, Address::from_word(address.into()));
    }
    host::balance(context)
}

fn self_balance(mut context: Context<'_, '_, '_>) -> InstructionExecResult {
    let address = context.interpreter.input.target_address();
    note_look(&mut context, address);
    host::selfbalance(context)
}

fn call(mut context: Context<'_, '_, '_>) -> InstructionExecResult {
    note_spending(&mut context, 2);
    contract::call::<{ opcode::CALL }, _, _>(context)
}

fn call_code(mut context: Context<'_, '_, '_>) -> InstructionExecResult {
    note_spending(&mut context, 2);
    contract::call::<{ opcode::CALLCODE }, _, _>(context)
}

fn create(mut context: Context<'_, '_, '_>) -> InstructionExecResult {
    note_spending(&mut context, 0);
    contract::create::<false, _, _>(context)
}

fn create2(mut context: Context<'_, '_, '_>) -> InstructionExecResult {
    note_spending(&mut context, 0);
    contract::create::<true, _, _>(context)
}

fn self_destruct(mut context: Context<'_, '_, '_>) -> InstructionExecResult {
    let address = context.interpreter.input.target_address();
    note_look(&mut context, address);
    host::selfdestruct(context)
}

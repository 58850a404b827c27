//! The default tracer: one entry for each instruction, written as JSON while the transaction runs.
//!
//! A transaction may execute tens of millions of instructions. So nothing is kept of one but its text, and
//! [`Watch`](crate::watch::Watch) stops the transaction when there is too much of it.
//!
//! The form is that of execution-apis' `OpcodeTransactionTrace`; what it leaves open is as in go-ethereum: an entry shows
//! stack, memory and gas before the instruction, and has an error only if the instruction could not begin.

use crate::watch::Recorder;
use alloy_primitives::{Address, U256, hex, map::HashMap};
use alloy_rpc_types_trace::geth::GethDefaultTracingOptions;
use revm::{
    Inspector,
    bytecode::opcode::{self, OpCode},
    context_interface::{ContextTr, result::ExecutionResult},
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, InstructionResult, Interpreter,
        instructions::gas_table_spec,
        interpreter_types::{InputsTr, Jumps, LoopControl, ReturnData, RuntimeFlag as _},
    },
};
use std::{collections::BTreeMap, fmt::Write as _};

/// Items that the stack may hold.
const STACK_LIMIT: usize = 1024;

/// The instruction under way.
#[derive(Clone, Copy, Debug)]
struct Begun {
    op: u8,
    pc: usize,
    gas: u64,
    refund: i64,
    contract: Address,
    stack_items: usize,
    /// The slot, and for a write its value.
    slot: Option<(U256, Option<U256>)>,
}

/// Writes an entry for each instruction.
#[derive(Debug, Default)]
pub(crate) struct StructLogger {
    options: GethDefaultTracingOptions,
    /// The entries so far, each followed by a comma.
    entries: String,
    /// What comes after the error of the entry under way.
    rest: String,
    begun: Option<Begun>,
    steps: u64,
    /// For each frame under way the refunds of the frames above it.
    refunds: Vec<i64>,
    refund: i64,
    storage: HashMap<Address, BTreeMap<U256, U256>>,
}

impl Recorder for StructLogger {
    fn held(&self) -> usize {
        self.entries.len() + self.rest.len()
    }
}

impl StructLogger {
    pub(crate) fn new(options: GethDefaultTracingOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// The trace of a transaction with this result.
    pub(crate) fn into_json(mut self, result: &ExecutionResult) -> String {
        self.entries.pop();
        let output = result.output().map_or(&[][..], |output| output);
        format!(
            r#"{{"gas":{},"failed":{},"returnValue":"{}","structLogs":[{}]}}"#,
            result.tx_gas_used(),
            !result.is_success(),
            hex::encode_prefixed(output),
            self.entries
        )
    }

    fn is_full(&self) -> bool {
        self.options.limit.is_some_and(|limit| limit != 0 && self.steps >= limit)
    }

    fn enter(&mut self) {
        let above = self.refunds.last().copied().unwrap_or_default();
        self.refunds.push(above + self.refund);
        self.refund = 0;
    }

    fn leave(&mut self) {
        let sum = self.refunds.pop().unwrap_or_default();
        self.refund = sum - self.refunds.last().copied().unwrap_or_default();
    }

    fn begin(&mut self, interpreter: &Interpreter) {
        let op = interpreter.bytecode.opcode();
        let stack = interpreter.stack.data();
        let slot = match (op, &stack[..]) {
            _ if !self.options.is_storage_enabled() => None,
            (opcode::SLOAD, [.., key]) => Some((*key, None)),
            (opcode::SSTORE, [.., value, key]) => Some((*key, Some(*value))),
            _ => None,
        };
        self.refund = interpreter.gas.refunded();
        self.begun = Some(Begun {
            op,
            pc: interpreter.bytecode.pc(),
            gas: interpreter.gas.remaining(),
            refund: self.refunds.last().copied().unwrap_or_default() + self.refund,
            contract: interpreter.input.target_address(),
            stack_items: stack.len(),
            slot,
        });
        self.rest.clear();
        if self.options.is_stack_enabled() {
            self.rest.push_str(r#","stack":["#);
            list(&mut self.rest, stack, |out, item| quantity(out, *item));
        }
        let returned = interpreter.return_data.buffer();
        if self.options.is_return_data_enabled() && !returned.is_empty() {
            self.rest.push_str(r#","returnData":""#);
            self.rest.push_str(&hex::encode_prefixed(returned));
            self.rest.push('"');
        }
        let memory = interpreter.memory.context_memory();
        if self.options.is_memory_enabled() && !memory.is_empty() {
            self.rest.push_str(r#","memory":["#);
            list(&mut self.rest, memory.as_chunks::<32>().0, bytes32);
        }
    }

    fn end(&mut self, begun: Begun, interpreter: &mut Interpreter) {
        let Begun { op, pc, gas, refund, contract, stack_items, slot } = begun;
        let status = interpreter.bytecode.action().as_ref().and_then(|action| action.instruction_result());
        let mut cost = gas.saturating_sub(interpreter.gas.remaining());
        if status == Some(InstructionResult::OutOfGas) {
            // The machine has taken everything; what was missing is known if it is the fixed part.
            cost = cost.max(gas_table_spec(interpreter.runtime_flag.spec_id())[usize::from(op)].into());
        }
        let depth = self.refunds.len();
        let out = &mut self.entries;
        let _ = write!(out, r#"{{"pc":{pc},"op":""#);
        match OpCode::new(op) {
            Some(op) => out.push_str(op.as_str()),
            None => {
                let _ = write!(out, "opcode 0x{op:x} not defined");
            }
        }
        let _ = write!(out, r#"","gas":{gas},"gasCost":{cost},"depth":{depth}"#);
        if let Some(error) = status.and_then(|status| error(status, op, stack_items)) {
            let _ = write!(out, r#","error":"{error}""#);
        }
        out.push_str(&self.rest);
        let failed = status.is_some_and(|status| !status.is_ok());
        let value = |(key, written): (U256, Option<U256>)| {
            let read = || if failed { None } else { interpreter.stack.data().last().copied() };
            Some((key, written.or_else(read)?))
        };
        if let Some((key, value)) = slot.and_then(value) {
            let slots = self.storage.entry(contract).or_default();
            slots.insert(key, value);
            out.push_str(r#","storage":{"#);
            let mut between = "";
            for (key, value) in slots {
                out.push_str(between);
                bytes32(out, &key.to_be_bytes());
                out.push(':');
                bytes32(out, &value.to_be_bytes());
                between = ",";
            }
            out.push('}');
        }
        if refund != 0 {
            let _ = write!(out, r#","refund":{refund}"#);
        }
        out.push_str("},");
        self.steps += 1;
    }
}

/// Why an instruction could not begin. What goes wrong while it runs is the frame's error, not the instruction's.
fn error(status: InstructionResult, op: u8, items: usize) -> Option<String> {
    let (inputs, outputs) = OpCode::new(op).map_or((0, 0), |op| (op.inputs(), op.outputs()));
    Some(match status {
        InstructionResult::StackUnderflow => format!("stack underflow ({items} <=> {inputs})"),
        InstructionResult::StackOverflow => {
            let most = STACK_LIMIT + usize::from(inputs) - usize::from(outputs);
            format!("stack limit reached {items} ({most})")
        }
        InstructionResult::InvalidOperandOOG => "gas uint64 overflow".into(),
        InstructionResult::ReentrancySentryOOG => "out of gas: not enough gas for reentrancy sentry".into(),
        InstructionResult::CreateInitCodeSizeLimit => "out of gas: max initcode size exceeded".into(),
        InstructionResult::OutOfGas
        | InstructionResult::MemoryOOG
        | InstructionResult::MemoryLimitOOG
        | InstructionResult::PrecompileOOG => "out of gas".into(),
        _ => return None,
    })
}

/// The items with commas between them, and the closing bracket.
fn list<T>(out: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn hex_word(word: &[u8; 32]) -> [u8; 64] {
    let mut digits = [0; 64];
    hex::encode_to_slice(word, &mut digits).expect("two digits for each byte");
    digits
}

fn bytes32(out: &mut String, word: &[u8; 32]) {
    out.push_str("\"0x");
    out.push_str(std::str::from_utf8(&hex_word(word)).expect("digits are text"));
    out.push('"');
}

fn quantity(out: &mut String, value: U256) {
    let digits = hex_word(&value.to_be_bytes());
    let first = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len() - 1);
    out.push_str("\"0x");
    out.push_str(std::str::from_utf8(&digits[first..]).expect("digits are text"));
    out.push('"');
}

impl<CTX: ContextTr> Inspector<CTX> for StructLogger {
    fn step(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        if !self.is_full() {
            self.begin(interpreter);
        }
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        if let Some(begun) = self.begun.take() {
            self.end(begun, interpreter);
        }
        self.refund = interpreter.gas.refunded();
    }

    fn call(&mut self, _: &mut CTX, _: &mut CallInputs) -> Option<CallOutcome> {
        self.enter();
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, _: &mut CallOutcome) {
        self.leave();
    }

    fn create(&mut self, _: &mut CTX, _: &mut CreateInputs) -> Option<CreateOutcome> {
        self.enter();
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, _: &mut CreateOutcome) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_no_leading_zeros() {
        for (value, text) in
            [(0_u64, r#""0x0""#), (1, r#""0x1""#), (0x20, r#""0x20""#), (0xabc, r#""0xabc""#)]
        {
            let mut out = String::new();
            quantity(&mut out, U256::from(value));
            assert_eq!(out, text);
        }
        let mut out = String::new();
        quantity(&mut out, U256::MAX);
        assert_eq!(out, format!("\"0x{}\"", "f".repeat(64)));
    }

    #[test]
    fn errors_are_those_of_instructions_that_could_not_begin() {
        let text = |status, op, items| error(status, op, items);
        assert_eq!(
            text(InstructionResult::StackUnderflow, opcode::ADD, 1).as_deref(),
            Some("stack underflow (1 <=> 2)")
        );
        assert_eq!(
            text(InstructionResult::StackOverflow, opcode::PUSH1, 1024).as_deref(),
            Some("stack limit reached 1024 (1023)")
        );
        assert_eq!(text(InstructionResult::OutOfGas, opcode::ADD, 2).as_deref(), Some("out of gas"));
        assert_eq!(text(InstructionResult::Revert, opcode::REVERT, 2), None);
        assert_eq!(text(InstructionResult::Stop, opcode::STOP, 0), None);
    }
}

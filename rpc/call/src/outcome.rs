//! How executions that fail are told to clients.

use alloy_primitives::{Bytes, hex};
use alloy_sol_types::{Panic, PanicKind, Revert, SolError};
use mundi_rpc_context::{RpcError, code};
use revm::context_interface::result::{ExecutionResult, HaltReason, OutOfGasError};

/// What a revert says, in the form of `execution reverted: reason`.
pub fn revert_message(output: &[u8]) -> String {
    let reason = match Revert::abi_decode(output) {
        Ok(revert) => Some(revert.reason),
        Err(_) => Panic::abi_decode(output).ok().map(|panic| match panic.kind() {
            Some(kind) => panic_words(kind).to_owned(),
            None => format!("unknown panic code: {:#x}", panic.code),
        }),
    };
    match reason {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".to_owned(),
    }
}

const fn panic_words(kind: PanicKind) -> &'static str {
    match kind {
        PanicKind::Generic => "generic panic",
        PanicKind::Assert => "assert(false)",
        PanicKind::UnderOverflow => "arithmetic underflow or overflow",
        PanicKind::DivisionByZero => "division or modulo by zero",
        PanicKind::EnumConversionError => "enum overflow",
        PanicKind::StorageEncodingError => "invalid encoded storage byte array accessed",
        PanicKind::EmptyArrayPop => "out-of-bounds array access; popping on an empty array",
        PanicKind::ArrayOutOfBounds => "out-of-bounds access of an array or bytesN",
        PanicKind::ResourceError => "out of memory",
        PanicKind::InvalidInternalFunction => "uninitialized function",
        _ => "panic",
    }
}

/// The error of a revert: code 3, with what was returned.
pub fn reverted(output: &Bytes) -> RpcError {
    RpcError::new(code::REVERTED, revert_message(output)).with_data(hex::encode_prefixed(output))
}

/// What a halt is called.
pub fn halt_message(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(OutOfGasError::MemoryLimit) => {
            "out of gas: the call uses more memory than is allowed"
        }
        HaltReason::OutOfGas(_) => "out of gas",
        HaltReason::OpcodeNotFound | HaltReason::NotActivated => "invalid opcode",
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID",
        HaltReason::InvalidJump => "invalid jump destination",
        HaltReason::StackUnderflow => "stack underflow",
        HaltReason::StackOverflow => "stack limit reached 1024 (1023)",
        HaltReason::OutOfOffset => "return data out of bounds",
        HaltReason::CreateCollision => "contract address collision",
        HaltReason::NonceOverflow => "nonce uint64 overflow",
        HaltReason::CreateContractSizeLimit => "max code size exceeded",
        HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef",
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded",
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => {
            "write protection"
        }
        HaltReason::OutOfFunds => "insufficient balance for transfer",
        HaltReason::CallTooDeep => "max call depth exceeded",
        HaltReason::PrecompileErrorWithContext(message) => return message.clone(),
        HaltReason::PrecompileError => "precompile failed",
        HaltReason::OverflowPayment => "balance overflow",
    }
    .to_owned()
}

/// What an execution returned, or why it failed.
pub fn returned(result: ExecutionResult) -> Result<Bytes, RpcError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(reverted(&output)),
        ExecutionResult::Halt { reason, .. } => Err(RpcError::invalid_input(halt_message(&reason))),
    }
}

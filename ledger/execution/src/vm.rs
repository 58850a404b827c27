//! revm as this crate uses it: one machine per worker, transactions by reference.

use crate::{
    block::{Block, Location, Rules},
    eip1283,
    state::StateError,
};
use alloy_primitives::{Address, Bytes};
use revm::{
    MainnetEvm,
    bytecode::opcode,
    context::{CfgEnv, Context, Evm, FrameStack, Journal, TxEnv},
    context_interface::{
        Database, JournalTr,
        result::{EVMError, ExecutionResult, InvalidTransaction},
    },
    database_interface::DBErrorMarker,
    handler::{EthPrecompiles, Handler, MainnetHandler, SystemCallTx, instructions::EthInstructions},
    interpreter::Instruction,
    state::EvmState,
};

/// The execution context: block by value, transaction by reference, so that no transaction is ever copied.
pub(crate) type VmContext<'b, DB> = Context<revm::context::BlockEnv, &'b TxEnv, CfgEnv, DB, Journal<DB>, ()>;

/// A mainnet machine over such a context.
pub(crate) type Machine<'b, DB> = MainnetEvm<VmContext<'b, DB>>;

/// Why an execution has no result.
pub(crate) type VmError = EVMError<ReadError, InvalidTransaction>;

/// Why the machine's database did not answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The state failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The access is outside the transaction's declared set.
    #[error("undeclared access to {0:?}")]
    Undeclared(Location),
    /// The result is no longer wanted.
    #[error("execution is no longer wanted")]
    Abandoned,
    /// A recorded schedule has no value for this read.
    #[error("{0:?} is not in the recorded schedule")]
    Unscripted(Location),
}

impl DBErrorMarker for ReadError {}

/// Builds a machine for `block` that reads from `db`. `idle` is what its transaction field holds between runs.
pub(crate) fn machine<'b, DB: Database>(block: &Block, idle: &'b TxEnv, db: DB) -> Machine<'b, DB> {
    let cfg = cfg_env(&block.rules);
    let spec = cfg.spec;
    let mut journaled_state = Journal::new(db);
    journaled_state.set_spec_id(spec);
    let mut instruction = EthInstructions::new_mainnet_with_spec(spec);
    if block.rules.eip1283 {
        instruction.insert_instruction(opcode::SSTORE, Instruction::new(eip1283::sstore), 0);
    }
    Evm {
        ctx: Context {
            block: block.env.clone(),
            tx: idle,
            cfg,
            journaled_state,
            chain: (),
            local: Default::default(),
            error: Ok(()),
        },
        inspector: (),
        instruction,
        precompiles: EthPrecompiles::new(spec),
        frame_stack: FrameStack::new_prealloc(8),
    }
}

/// The rules of a block as revm's configuration: for everybody who runs revm beside the engine, so that they run the same
/// machine. Where [`Rules::eip1283`] is set, `SSTORE` is [`sstore_eip1283`](crate::sstore_eip1283).
pub fn cfg_env(rules: &Rules) -> CfgEnv {
    let mut cfg = CfgEnv::new_with_spec(rules.spec).with_chain_id(rules.chain_id);
    if let Some(blobs) = rules.blobs {
        // The block's own limit is enforced at commit; a transaction's limit defaults to it.
        cfg.set_max_blobs_per_tx(blobs.max_per_tx.unwrap_or(blobs.max));
        cfg.blob_base_fee_update_fraction = Some(blobs.update_fraction);
    }
    cfg.disable_eip3607 = rules.code_senders;
    if rules.eip1283 {
        cfg.gas_params.override_gas(eip1283::GAS);
    }
    cfg
}

/// Runs a transaction by the standard handler and takes its state changes.
pub(crate) fn transact<'b, DB: Database<Error = ReadError>>(
    machine: &mut Machine<'b, DB>,
    tx: &'b TxEnv,
) -> Result<(ExecutionResult, EvmState), VmError> {
    machine.ctx.tx = tx;
    let result = MainnetHandler::default().run(machine);
    let state = machine.ctx.journaled_state.finalize();
    result.map(|result| (result, state))
}

/// Runs a system call and takes its state changes.
pub(crate) fn system_call<'b, DB: Database<Error = ReadError>>(
    machine: &mut Machine<'b, DB>,
    call: &'b TxEnv,
) -> Result<(ExecutionResult, EvmState), VmError> {
    machine.ctx.tx = call;
    let result = MainnetHandler::default().run_system_call(machine);
    let state = machine.ctx.journaled_state.finalize();
    result.map(|result| (result, state))
}

/// The transaction form of a system call.
pub(crate) fn system_tx(contract: Address, input: Bytes) -> TxEnv {
    TxEnv::new_system_tx(contract, input)
}

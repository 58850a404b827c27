//! The virtual machine as calls and traces use it.

use crate::{budget::Budget, environment::Environment, precompiles::Precompiles};
use mundi_execution::{StateError, sstore_eip1283};
use mundi_rpc_context::RpcError;
use revm::{
    Context, Database, ExecuteEvm, InspectEvm, Inspector, Journal,
    bytecode::opcode,
    context::{BlockEnv, CfgEnv, Evm, JournalTr, TxEnv, result::EVMError},
    context_interface::{
        context::ContextError,
        result::{InvalidTransaction, ResultAndState},
    },
    handler::{EthFrame, instructions::EthInstructions},
    interpreter::{Instruction, InstructionContext, InstructionResult, interpreter::EthInterpreter},
};

/// What the machine works on.
pub type CallContext<DB> = Context<BlockEnv, TxEnv, CfgEnv, DB, Journal<DB>, Budget>;

/// A machine that ends when its [`Budget`] does.
pub type Machine<DB, I = ()> = Evm<
    CallContext<DB>,
    I,
    EthInstructions<EthInterpreter, CallContext<DB>>,
    Precompiles,
    EthFrame<EthInterpreter>,
>;

/// Why the machine gives no result.
pub type MachineError = EVMError<StateError, InvalidTransaction>;

/// A machine for transactions in a block, over `db`, which may be borrowed. It is good for many transactions.
pub fn machine<DB: Database, I>(
    environment: &Environment,
    db: DB,
    inspector: I,
    budget: Budget,
) -> Machine<DB, I> {
    let Environment { block, rules, cfg, precompiles } = environment;
    let mut journal = Journal::new(db);
    journal.set_spec_id(rules.spec);
    let mut instructions = EthInstructions::new_mainnet_with_spec(rules.spec);
    instructions.insert_instruction(opcode::JUMPDEST, Instruction::new(jumpdest), JUMPDEST_GAS);
    if rules.eip1283 {
        instructions.insert_instruction(opcode::SSTORE, Instruction::new(sstore_eip1283), 0);
    }
    let context = Context {
        block: block.clone(),
        tx: TxEnv::default(),
        cfg: cfg.clone(),
        journaled_state: journal,
        chain: budget,
        local: Default::default(),
        error: Ok(()),
    };
    Evm::new_with_inspector(context, inspector, instructions, precompiles.clone())
}

const JUMPDEST_GAS: u16 = 1;

/// `JUMPDEST`, where the time is looked at.
fn jumpdest<DB: Database>(
    context: InstructionContext<'_, CallContext<DB>, EthInterpreter>,
) -> Result<(), InstructionResult> {
    let budget = &mut context.host.chain;
    if budget.is_over() {
        context.host.error = Err(ContextError::Custom(budget.message()));
        return Err(InstructionResult::FatalExternalError);
    }
    Ok(())
}

/// Runs a transaction; nothing is written.
pub fn transact<DB: Database<Error = StateError>>(
    environment: &Environment,
    db: DB,
    tx: TxEnv,
    budget: &Budget,
) -> Result<ResultAndState, MachineError> {
    machine(environment, db, (), budget.clone()).transact(tx)
}

/// Runs a transaction under the eyes of an inspector; nothing is written.
pub fn inspect<DB, I>(
    environment: &Environment,
    db: DB,
    tx: TxEnv,
    inspector: I,
    budget: &Budget,
) -> Result<ResultAndState, MachineError>
where
    DB: Database<Error = StateError>,
    I: Inspector<CallContext<DB>, EthInterpreter>,
{
    machine(environment, db, inspector, budget.clone()).inspect_tx(tx)
}

/// As clients see it: states that cannot be read are faults of the node, everything else is the request's.
pub fn machine_error(error: MachineError) -> RpcError {
    match error {
        EVMError::Database(error) => error.into(),
        EVMError::Transaction(invalid) => RpcError::invalid_input(format!("invalid transaction: {invalid}")),
        EVMError::Custom(message) => RpcError::invalid_input(message),
        error => RpcError::internal(error),
    }
}

//! One worker: a machine over a view, which executes one transaction at a time.

use crate::{
    admission::TxResult,
    block::{AccessHint, Block, Transaction, TxIndex},
    block_steps::SystemCalls,
    cells::AccountEffect,
    effects::{Effects, Spare},
    error::{ExecutionError, Stage},
    observe,
    sequential::{fault, panic_message},
    undeclared,
    view::{Source, View, World},
    vm::{self, Machine, ReadError, VmError},
};
use alloy_primitives::U256;
use bumpalo::Bump;
use revm::{
    context::TxEnv,
    context_interface::{
        Transaction as _,
        result::{EVMError, InvalidTransaction},
    },
    handler::{EthFrame, Handler},
    interpreter::interpreter::EthInterpreter,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How an execution ended.
pub(crate) enum Execution<'a> {
    /// It ran; the effects are not published.
    Done(Box<Effects<'a>>),
    /// The transaction is not valid on what was read.
    Invalid(InvalidTransaction),
    /// There is no result: a read failed, or something broke.
    Failed(ExecutionError),
    /// A read left the declared set.
    Undeclared,
    /// It was given up.
    Abandoned,
}

/// Index of a transaction as a step of the block.
pub(crate) const fn step_of(tx: TxIndex) -> u32 {
    tx.0 + 1
}

/// A machine with its view and its spare memory.
pub(crate) struct Worker<'b, 'a> {
    pub(crate) number: u16,
    block: &'b Block,
    calls: &'b SystemCalls,
    machine: Machine<'b, View<'b, 'a>>,
    spare: Spare<'a>,
    /// Whether jumps are counted.
    watched: bool,
}

/// Gas limit from which on a speculative execution is watched, because it may last long. Counting jumps costs a
/// hundredth of the time.
const WATCHED_GAS: u64 = 3_000_000;

impl<'b, 'a> Worker<'b, 'a> {
    pub(crate) fn new(
        number: u16,
        block: &'b Block,
        calls: &'b SystemCalls,
        world: &'b World<'a, 'b>,
        arena: &'a Bump,
    ) -> Self {
        let machine = Self::machine(block, calls, View::new(world, arena));
        Self { number, block, calls, machine, spare: Vec::new(), watched: false }
    }

    fn machine(block: &'b Block, calls: &'b SystemCalls, view: View<'b, 'a>) -> Machine<'b, View<'b, 'a>> {
        let mut machine = vm::machine(block, calls.idle(), view);
        observe::install(&mut machine.instruction);
        machine
    }

    pub(crate) fn view(&mut self) -> &mut View<'b, 'a> {
        &mut self.machine.ctx.journaled_state.database
    }

    /// Gives the memory of used effects back to whom it came from, in whose cache it is.
    pub(crate) fn recycle(&mut self, mut effects: Box<Effects<'a>>) {
        effects.clear();
        if effects.producer == self.number {
            self.spare.push(effects);
        } else {
            self.view().world.give_back(effects);
        }
    }

    /// Empty effects.
    pub(crate) fn effects(&mut self) -> Box<Effects<'a>> {
        if self.spare.is_empty() {
            let number = self.number;
            let world = self.view().world;
            world.take_back(number, &mut self.spare);
        }
        let mut effects = self.spare.pop().unwrap_or_default();
        effects.producer = self.number;
        effects
    }

    /// Executes a transaction of the block on what `source` shows.
    pub(crate) fn execute(&mut self, tx: TxIndex, source: Source) -> Execution<'a> {
        let at = Stage::Transaction(tx);
        let Transaction { env, hint } = &self.block.transactions[tx.0 as usize];
        let declared = match hint {
            AccessHint::Declared(set) => Some(set),
            _ => None,
        };
        let watched = env.gas_limit > WATCHED_GAS && matches!(source, Source::Speculative);
        if watched != self.watched {
            observe::watch_jumps(&mut self.machine.instruction, watched);
            self.watched = watched;
        }
        self.view().begin(step_of(tx), source, env.caller, env.nonce, declared);
        self.run(at, step_of(tx), env, |machine| {
            machine.ctx.tx = env;
            let result = RewardlessHandler::<'b, 'a>::default().run(machine)?;
            Ok(TxResult::from(result))
        })
    }

    /// Runs a system call at `step`. A call that fails has effects all the same; its message is in `Err`.
    pub(crate) fn system_call(
        &mut self,
        at: Stage,
        step: u32,
        call: &'b TxEnv,
    ) -> Result<(Box<Effects<'a>>, Result<alloy_primitives::Bytes, String>), ExecutionError> {
        self.view().begin(step, Source::Committed { reward: None }, call.caller, call.nonce, None);
        let mut output = Err(String::new());
        let execution = self.run(at, step, call, |machine| {
            machine.ctx.tx = call;
            let result = RewardlessHandler::<'b, 'a>::default().run_system_call(machine)?;
            output = if result.is_success() {
                Ok(result.output().cloned().unwrap_or_default())
            } else {
                Err(format!("{result:?}"))
            };
            Ok(TxResult::default())
        });
        match execution {
            Execution::Done(effects) => Ok((effects, output)),
            Execution::Failed(error) => Err(error),
            Execution::Invalid(invalid) => Err(ExecutionError::Fault { at, message: invalid.to_string() }),
            Execution::Undeclared | Execution::Abandoned => {
                unreachable!("a system call has no declared set, and is not speculative")
            }
        }
    }

    fn run(
        &mut self,
        at: Stage,
        step: u32,
        tx: &'b TxEnv,
        run: impl FnOnce(&mut Machine<'b, View<'b, 'a>>) -> Result<TxResult, VmError>,
    ) -> Execution<'a> {
        let mut effects = self.effects();
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let result = run(&mut self.machine);
            let state = self.machine.ctx.journaled_state.finalize();
            let result = result?;
            let view = &mut self.machine.ctx.journaled_state.database;
            view.finish_reads(tx.max_balance_spending().unwrap_or(U256::MAX));
            let price = tx.effective_gas_price(u128::from(self.block.env.basefee));
            let priority = undeclared::priority_price(self.block, price);
            effects.reward = U256::from(priority) * U256::from(result.gas_used);
            effects.result = result;
            effects.take(state, step, view).map_err(|error| EVMError::Database(ReadError::from(error)))
        }));
        match ran {
            Ok(Ok(())) => Execution::Done(effects),
            Ok(Err(error)) => {
                self.recycle(effects);
                match error {
                    EVMError::Transaction(invalid) => Execution::Invalid(invalid),
                    EVMError::Database(ReadError::Undeclared(_)) => Execution::Undeclared,
                    EVMError::Database(ReadError::Abandoned) => Execution::Abandoned,
                    error => Execution::Failed(fault(at, error)),
                }
            }
            Err(panic) => {
                self.rebuild();
                Execution::Failed(ExecutionError::Fault { at, message: panic_message(&*panic) })
            }
        }
    }

    /// Replaces the machine after a panic, which may have left it anyhow.
    fn rebuild(&mut self) {
        let view = self.view();
        let mut fresh = View::new(view.world, view.arena);
        fresh.written = std::mem::take(&mut view.written);
        self.machine = Self::machine(self.block, self.calls, fresh);
        self.watched = false;
    }

    /// The effects of leaving a declared set, on committed state.
    pub(crate) fn charge(
        &mut self,
        tx: TxIndex,
        reward: Option<U256>,
    ) -> Result<Box<Effects<'a>>, ExecutionError> {
        let at = Stage::Transaction(tx);
        let env = &self.block.transactions[tx.0 as usize].env;
        let charge = undeclared::charge(self.block, env);
        let mut effects = self.effects();
        let view = self.view();
        view.begin(step_of(tx), Source::Committed { reward }, env.caller, env.nonce, None);
        let seen = view.read_account(charge.sender).map_err(|error| fault(at, EVMError::Database(error)))?;
        std::mem::swap(&mut effects.reads, &mut view.reads);
        let cell = effects.reads.accounts[0].cell;
        let effect = AccountEffect::Set(Some(charge.apply(seen)));
        effects.set_account(cell, step_of(tx), effect, view.arena);
        effects.reward = charge.reward;
        effects.result = charge.result;
        Ok(effects)
    }
}

/// The standard handler, but for the fee recipient's reward, which the committer adds: otherwise every
/// transaction would conflict with every other.
struct RewardlessHandler<'b, 'a>(std::marker::PhantomData<fn() -> View<'b, 'a>>);

impl Default for RewardlessHandler<'_, '_> {
    fn default() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<'b, 'a> Handler for RewardlessHandler<'b, 'a> {
    type Evm = Machine<'b, View<'b, 'a>>;
    type Error = VmError;
    type HaltReason = revm::context_interface::result::HaltReason;

    fn reward_beneficiary(
        &self,
        _: &mut Self::Evm,
        _: &mut <EthFrame<EthInterpreter> as revm::handler::FrameTr>::FrameResult,
    ) -> Result<(), Self::Error> {
        Ok(())
    }
}

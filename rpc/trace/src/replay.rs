//! Executing a block's transactions again, one after another.

use crate::watch::{Allowance, Recorder, Stop, Watch};
use mundi_execution::Transaction;
use mundi_rpc_call::{
    Budget, CallContext, Environment, View, before_transactions, inspect, machine, machine_error,
};
use mundi_rpc_context::{Ctx, RpcError};
use mundi_state::BlockRecord;
use revm::{
    DatabaseCommit, ExecuteCommitEvm, Inspector,
    context::{TxEnv, result::ResultAndState},
    state::EvmState,
};
use std::sync::Arc;

/// A block's transactions, as they are executed again.
#[derive(Debug)]
pub(crate) struct Replay {
    block: Arc<BlockRecord>,
    environment: Environment,
    view: View,
    next: usize,
}

impl Replay {
    /// Before the block's first transaction. The block's parent has to be of the chain.
    pub(crate) fn new(ctx: &Ctx, block: &Arc<BlockRecord>) -> Result<Self, RpcError> {
        if block.header.number == 0 {
            return Err(RpcError::invalid_input("genesis is not traceable"));
        }
        let environment = Environment::of_block(ctx, block);
        let mut view = View::of(ctx.ledger.state_before(block.header.number)?);
        before_transactions(&environment, &block.header, &mut view)?;
        Ok(Self { block: Arc::clone(block), environment, view, next: 0 })
    }

    /// What transactions see of the block.
    pub(crate) const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The state before the next transaction.
    pub(crate) const fn view(&self) -> &View {
        &self.view
    }

    /// The same as the library's tracers want it.
    pub(crate) const fn view_mut(&mut self) -> &mut View {
        &mut self.view
    }

    /// The state, for something else to run on.
    pub(crate) fn into_view(self) -> View {
        self.view
    }

    /// The next transaction.
    pub(crate) fn transaction(&self) -> Option<TxEnv> {
        let tx = self.block.body.transactions.get(self.next)?;
        Some(Transaction::from_envelope(tx, *self.block.senders.get(self.next)?).env)
    }

    /// Executes transactions up to one, which is next then.
    pub(crate) fn skip_to(&mut self, index: usize) -> Result<(), RpcError> {
        let mut machine = machine(&self.environment, &mut self.view, (), Budget::unlimited());
        let all = self.block.body.transactions.iter().zip(&self.block.senders);
        for (tx, sender) in all.take(index).skip(self.next) {
            machine.transact_commit(Transaction::from_envelope(tx, *sender).env).map_err(machine_error)?;
        }
        self.next = index;
        Ok(())
    }

    /// Executes the next transaction under the eyes of an inspector. Nothing is written until [`commit`](Self::commit).
    pub(crate) fn inspect<I>(
        &mut self,
        watch: &mut Watch<I>,
        allowance: &Allowance,
    ) -> Result<ResultAndState, RpcError>
    where
        I: Recorder,
        for<'a> I: Inspector<CallContext<&'a mut View>>,
    {
        let tx = self.transaction().ok_or_else(|| {
            RpcError::internal(format!("block {} has no transaction {}", self.block.header.number, self.next))
        })?;
        observe(&self.environment, &mut self.view, tx, watch, allowance)
    }

    /// Books what the transaction did.
    pub(crate) fn commit(&mut self, state: EvmState) {
        self.view.commit(state);
        self.next += 1;
    }
}

/// Executes a transaction under the eyes of an inspector. Nothing is written.
pub(crate) fn observe<I>(
    environment: &Environment,
    view: &mut View,
    tx: TxEnv,
    watch: &mut Watch<I>,
    allowance: &Allowance,
) -> Result<ResultAndState, RpcError>
where
    I: Recorder,
    for<'a> I: Inspector<CallContext<&'a mut View>>,
{
    let result = inspect(environment, view, tx, &mut *watch, &Budget::unlimited());
    match (watch.stop(), result) {
        (Some(stop), _) => Err(allowance.error(stop)),
        (None, Err(_)) if watch.inspector.is_exhausted() => Err(allowance.error(Stop::Size)),
        (None, result) => result.map_err(machine_error),
    }
}

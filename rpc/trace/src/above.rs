//! Executing calls on top of a block, or in the middle of one.

use crate::{
    replay::{Replay, observe},
    watch::{Allowance, Recorder, Watch},
};
use alloy_consensus::{Header, TxEnvelope};
use alloy_eips::{BlockId, eip2718::Decodable2718};
use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest, state::StateOverride};
use mundi_chain::{ForkPoint, recover_sender};
use mundi_execution::Transaction;
use mundi_rpc_call::{
    CallContext, Environment, Message, View, apply_state_overrides, check, overridden_environment,
};
use mundi_rpc_context::{Ctx, RpcError};
use revm::{
    DatabaseCommit, Inspector,
    context::{TxEnv, result::ResultAndState},
    state::EvmState,
};

/// Most calls of one request. All of them together have the time of one.
const MOST_CALLS: usize = 1024;

/// A state that calls run on, and the block that they see.
#[derive(Debug)]
pub(crate) struct Above {
    header: Header,
    point: ForkPoint,
    environment: Environment,
    view: View,
    /// Precompiled contracts were moved.
    moved: bool,
}

impl Above {
    fn new(ctx: &Ctx, header: Header, point: ForkPoint, view: View) -> Self {
        let environment = Environment::of_header(ctx, point, &header);
        Self { header, point, environment, view, moved: false }
    }

    /// After a block, with what its transactions saw of it. Without an id, the newest; `pending` is the newest state, seen from
    /// the block to come.
    pub(crate) fn block(ctx: &Ctx, id: Option<BlockId>) -> Result<Self, RpcError> {
        let (block, state) = ctx.state(id)?;
        let view = View::of(state);
        if id == Some(BlockId::pending()) {
            let (_, header) = Environment::pending(ctx);
            let point = ForkPoint::new(header.number, header.timestamp)
                .with_parent_total_difficulty(block.total_difficulty);
            return Ok(Self::new(ctx, header, point, view));
        }
        Ok(Self::new(ctx, block.header.clone(), ctx.ledger.point(&block), view))
    }

    /// Before a transaction of a block.
    pub(crate) fn transaction(ctx: &Ctx, id: Option<BlockId>, index: usize) -> Result<Self, RpcError> {
        let id = id.unwrap_or_default();
        let block =
            ctx.block(id)?.ok_or_else(|| RpcError::invalid_input(format!("block not found: {id}")))?;
        let transactions = block.body.transactions.len();
        if index > transactions {
            return Err(RpcError::invalid_input(format!(
                "transaction index {index} out of range: block {} has {transactions} transactions",
                block.header.number
            )));
        }
        let mut replay = Replay::new(ctx, &block)?;
        replay.skip_to(index)?;
        Ok(Self::new(ctx, block.header.clone(), ctx.ledger.point(&block), replay.into_view()))
    }

    /// Changes what calls see of the block.
    pub(crate) fn override_block(
        &mut self,
        ctx: &Ctx,
        overrides: Option<&BlockOverrides>,
    ) -> Result<(), RpcError> {
        if overrides.is_none() {
            return Ok(());
        }
        let new = overridden_environment(ctx, self.point, &self.header, overrides, &mut self.view)?;
        let old = std::mem::replace(&mut self.environment, new);
        if self.moved {
            self.environment.precompiles = old.precompiles;
        }
        Ok(())
    }

    /// Changes accounts.
    pub(crate) fn override_state(&mut self, overrides: Option<&StateOverride>) -> Result<(), RpcError> {
        let Some(overrides) = overrides else { return Ok(()) };
        self.moved = true;
        apply_state_overrides(overrides, &mut self.environment, &mut self.view)
    }

    /// What calls see of the block.
    pub(crate) const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The state.
    pub(crate) const fn view(&self) -> &View {
        &self.view
    }

    /// The same as the library's tracers want it.
    pub(crate) const fn view_mut(&mut self) -> &mut View {
        &mut self.view
    }

    /// Executes a call as `eth_call` does, and gives the transaction that it made of it. Nothing is written until
    /// [`commit`](Self::commit).
    pub(crate) fn call<I>(
        &mut self,
        ctx: &Ctx,
        request: TransactionRequest,
        watch: &mut Watch<I>,
        allowance: &Allowance,
    ) -> Result<(TxEnv, ResultAndState), RpcError>
    where
        I: Recorder,
        for<'a> I: Inspector<CallContext<&'a mut View>>,
    {
        let mut environment = self.environment.clone().for_calls(&ctx.limits);
        let message = Message::new(request, &environment, ctx.limits.call_gas)?;
        message.waive_fees(&mut environment);
        check(&message, &environment, &mut self.view, false)
            .map_err(|error| error.of_call(message.tx.gas_limit))?;
        let result = observe(&environment, &mut self.view, message.tx.clone(), watch, allowance)?;
        Ok((message.tx, result))
    }

    /// Executes a transaction as a block would. Nothing is written.
    pub(crate) fn transact<I>(
        &mut self,
        tx: &TxEnvelope,
        ctx: &Ctx,
        watch: &mut Watch<I>,
        allowance: &Allowance,
    ) -> Result<ResultAndState, RpcError>
    where
        I: Recorder,
        for<'a> I: Inspector<CallContext<&'a mut View>>,
    {
        let fork = ctx.ledger.spec().fork_at(self.point);
        let sender = recover_sender(fork, tx)
            .map_err(|error| RpcError::invalid_input(format!("invalid sender: {error}")))?;
        let tx = Transaction::from_envelope(tx, sender).env;
        observe(&self.environment, &mut self.view, tx, watch, allowance)
    }

    /// Books what a call did.
    pub(crate) fn commit(&mut self, state: EvmState) {
        self.view.commit(state);
    }
}

/// Refuses requests of too many calls.
pub(crate) fn check_calls(calls: usize) -> Result<(), RpcError> {
    if calls > MOST_CALLS {
        return Err(RpcError::limit(format!(
            "{calls} calls in one request, at most {MOST_CALLS} are traced"
        )));
    }
    Ok(())
}

/// Decodes a signed transaction.
pub(crate) fn signed(raw: &[u8]) -> Result<TxEnvelope, RpcError> {
    TxEnvelope::decode_2718_exact(raw)
        .map_err(|error| RpcError::invalid_input(format!("the transaction cannot be decoded: {error}")))
}

//! The world as the steps around the transactions see it, in the parallel engine.
//!
//! All steps before the transactions share step number 0, all after them the number of transactions plus one;
//! each sees what the ones before it wrote.

use crate::{
    block_steps::World,
    cells::AccountEffect,
    commit::Committer,
    error::{ExecutionError, Stage},
    sequential::fault,
    state::Account,
    versions::Version,
    view::Source,
    worker::Worker,
};
use alloy_primitives::{Address, Bytes, U256};
use revm::{context::TxEnv, context_interface::result::EVMError};

/// A committer and a worker at one end of the block.
pub(crate) struct Edge<'r, 'b, 'a> {
    committer: &'r mut Committer<'b, 'a>,
    worker: &'r mut Worker<'b, 'a>,
    at: Stage,
    step: u32,
}

impl<'r, 'b, 'a> Edge<'r, 'b, 'a> {
    pub(crate) fn before(committer: &'r mut Committer<'b, 'a>, worker: &'r mut Worker<'b, 'a>) -> Self {
        Self { committer, worker, at: Stage::PreBlock, step: 0 }
    }

    pub(crate) fn after(committer: &'r mut Committer<'b, 'a>, worker: &'r mut Worker<'b, 'a>) -> Self {
        let step = committer.block.transactions.len() as u32 + 1;
        Self { committer, worker, at: Stage::PostBlock, step }
    }

    fn read(&mut self, address: Address) -> Result<Option<Account>, ExecutionError> {
        let at = self.at;
        let view = self.worker.view();
        view.begin(self.step + 1, Source::Committed { reward: None }, Address::ZERO, 0, None);
        view.read_account(address).map_err(|error| fault(at, EVMError::Database(error)))
    }

    fn set(&mut self, address: Address, account: Option<Account>) -> Result<(), ExecutionError> {
        self.read(address)?;
        let step = self.step;
        let mut effects = self.worker.effects();
        let view = self.worker.view();
        std::mem::swap(&mut effects.reads, &mut view.reads);
        let cell = effects.reads.accounts[0].cell;
        effects.set_account(cell, step, AccountEffect::Set(account), view.arena);
        if account.is_none() {
            effects.wipes.push((cell, view.arena.alloc(Version::new(step, ()))));
        }
        effects.publish(self.worker.view());
        self.committer.settle(&effects, step);
        self.worker.recycle(effects);
        Ok(())
    }
}

impl<'b> World<'b> for Edge<'_, 'b, '_> {
    fn has_code(&mut self, address: Address) -> Result<bool, ExecutionError> {
        Ok(self.read(address)?.is_some_and(|account| account.has_code()))
    }

    fn system_call(&mut self, call: &'b TxEnv) -> Result<Result<Bytes, String>, ExecutionError> {
        let (effects, output) = self.worker.system_call(self.at, self.step, call)?;
        effects.publish(self.worker.view());
        self.committer.settle(&effects, self.step);
        self.worker.recycle(effects);
        Ok(output)
    }

    fn credit(&mut self, address: Address, amount: U256) -> Result<(), ExecutionError> {
        let mut account = self.read(address)?.unwrap_or_default();
        account.balance = account.balance.wrapping_add(amount);
        let exists = !self.committer.world.clears || !account.is_empty();
        self.set(address, exists.then_some(account))
    }

    fn drain(&mut self, address: Address) -> Result<U256, ExecutionError> {
        let Some(account) = self.read(address)? else { return Ok(U256::ZERO) };
        self.set(address, Some(Account { balance: U256::ZERO, ..account }))?;
        Ok(account.balance)
    }
}

//! Plain value transfers, which need no virtual machine.
//!
//! A transfer is a few additions once the two accounts are at hand. So workers only find the accounts; the
//! committer does the arithmetic on committed state, where nothing can conflict. Whatever is unusual about a
//! transaction, or about the accounts when its turn comes, sends it to the virtual machine, which then gives
//! the precise error too.

use crate::{
    admission::TxResult,
    block::{AccessHint, Block, Transaction},
    cells::{AccountCell, AccountEffect},
    commit::Committer,
    error::ExecutionError,
    output::Outcome,
    schedule::Event,
    state::StateError,
    undeclared::priority_price,
    versions::Version,
    view::{View, is_modest},
    worker::step_of,
};
use alloy_primitives::{TxKind, U256};
use revm::{context_interface::Transaction as _, primitives::hardfork::SpecId};

/// Gas of a plain transfer, in every fork.
const TRANSFER_GAS: u64 = 21_000;
/// EIP-7825, from Osaka.
const TX_GAS_LIMIT_CAP: u64 = 16_777_216;

/// The accounts of a plain transfer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parties<'a> {
    sender: &'a AccountCell<'a>,
    recipient: &'a AccountCell<'a>,
}

impl Parties<'_> {
    /// Whether the recipient had code before the block: the transfer calls a contract.
    pub(crate) fn is_call(&self) -> bool {
        self.recipient.base.is_some_and(|recipient| recipient.has_code())
    }
}

/// Whether the transaction is a plain transfer as far as it can be told without state.
pub(crate) fn is_plain(block: &Block, tx: &Transaction) -> bool {
    let env = &tx.env;
    let TxKind::Call(to) = env.kind else { return false };
    let spec = block.rules.spec;
    let base_fee = u128::from(block.env.basefee);
    let priced = match env.tx_type {
        0 => true,
        1 => spec.is_enabled_in(SpecId::BERLIN),
        2 => {
            spec.is_enabled_in(SpecId::LONDON)
                && env.gas_priority_fee.is_none_or(|priority| priority <= env.gas_price)
        }
        _ => false,
    };
    priced
        && env.data.is_empty()
        && env.access_list.0.is_empty()
        && env.authorization_list.is_empty()
        && env.blob_hashes.is_empty()
        && !env.value.is_zero()
        && env.gas_limit >= TRANSFER_GAS
        && (env.gas_limit <= TX_GAS_LIMIT_CAP || !spec.is_enabled_in(SpecId::OSAKA))
        && env.gas_price >= base_fee
        // Without these the machine refuses the block.
        && (block.env.prevrandao.is_some() || !spec.is_enabled_in(SpecId::MERGE))
        && (block.env.blob_excess_gas_and_price.is_some() || !spec.is_enabled_in(SpecId::CANCUN))
        && env.chain_id.is_none_or(|id| id == block.rules.chain_id)
        && (env.chain_id.is_some() || env.tx_type == 0)
        && env.nonce < u64::MAX
        && !matches!(tx.hint, AccessHint::Declared(_))
        && to != env.caller
        // Precompiles sit at the bottom of the address space.
        && to[..18] != [0; 18]
}

/// Finds the accounts of a plain transfer.
pub(crate) fn parties<'a>(tx: &Transaction, view: &mut View<'_, 'a>) -> Result<Parties<'a>, StateError> {
    let to = tx.env.kind.to().copied().unwrap_or_default();
    Ok(Parties { sender: view.account_cell(tx.env.caller)?, recipient: view.account_cell(to)? })
}

impl<'b, 'a> Committer<'b, 'a> {
    /// Carries out the next transaction as a plain transfer. `false` if it is not one after all, or not valid:
    /// nothing has happened then.
    pub(crate) fn transfer(
        &mut self,
        parties: Parties<'a>,
        view: &mut View<'b, 'a>,
    ) -> Result<bool, ExecutionError> {
        let tx = self.next;
        let step = step_of(tx);
        let env = &self.block.transactions[tx.0 as usize].env;
        let Some(sender) = self.account(parties.sender, step) else { return Ok(false) };
        let recipient = self.account(parties.recipient, step);
        let price = env.effective_gas_price(u128::from(self.block.env.basefee));
        let Ok(needed) = env.max_balance_spending() else { return Ok(false) };
        if self.totals.admit(self.block, env).is_err()
            || sender.has_code()
            || sender.nonce != env.nonce
            || sender.balance < needed
            || recipient.is_some_and(|recipient| recipient.has_code())
            || !is_modest(sender.balance)
            || recipient.is_some_and(|recipient| !is_modest(recipient.balance))
        {
            return Ok(false);
        }
        let fee = U256::from(price) * U256::from(TRANSFER_GAS);
        let mut to = recipient.unwrap_or_default();
        let Some(balance) = to.balance.checked_add(env.value) else { return Ok(false) };
        let mut from = sender;
        from.nonce += 1;
        from.balance -= env.value + fee;
        to.balance = balance;
        let versions = [(parties.sender, from), (parties.recipient, to)];
        if let Some(list) = &mut self.access_list {
            list.account(u64::from(step), parties.sender.address, Some(sender), Some(from), None);
            list.account(u64::from(step), parties.recipient.address, recipient, Some(to), None);
        }
        for (cell, account) in versions {
            if cell.address == self.world.beneficiary {
                // Its balance was read with all rewards in it.
                self.reward = None;
            }
            let version = view.arena.alloc(Version::new(step, AccountEffect::Set(Some(account))));
            view.written.account(cell, version);
        }
        let reward = U256::from(priority_price(self.block, price)) * U256::from(TRANSFER_GAS);
        self.add_reward(reward, view)?;
        let result = TxResult { success: true, gas_used: TRANSFER_GAS, ..TxResult::default() };
        let receipt = self.totals.include(env, result);
        let changes = self.transfer_changes([parties.sender, parties.recipient]);
        self.note_event(|| Event::Committed { tx, speculative: false });
        self.finish(Outcome::Executed(receipt), changes);
        Ok(true)
    }
}

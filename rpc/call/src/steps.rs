//! What a block does around its transactions, and the state in the middle of a block.

use crate::{
    budget::Budget,
    environment::Environment,
    machine::{machine, machine_error},
    view::View,
};
use alloy_consensus::Header;
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS, eip4895::Withdrawal,
    eip6110::DEPOSIT_REQUEST_TYPE, eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7002::WITHDRAWAL_REQUEST_TYPE, eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
    eip7251::CONSOLIDATION_REQUEST_TYPE, eip7685::Requests,
};
use alloy_evm::eth::dao_fork::{DAO_HARDFORK_ACCOUNTS, DAO_HARDFORK_BENEFICIARY};
use alloy_primitives::{Address, Bytes, Log, U256};
use mundi_execution::{StateError, StateSnapshot, Transaction, push_deposit};
use mundi_rpc_context::{Context, RpcError};
use mundi_state::BlockRecord;
use revm::{DatabaseCommit, ExecuteCommitEvm, SystemCallEvm, primitives::hardfork::SpecId};

/// Does what happens before the first transaction of a block of the chain: the DAO fork's change, the system calls of EIP-4788
/// and EIP-2935.
pub fn before_transactions<S: StateSnapshot>(
    environment: &Environment,
    header: &Header,
    view: &mut View<S>,
) -> Result<(), RpcError> {
    before(environment, header, view, &Budget::unlimited())
}

/// The same in a block that may never have been: system contracts may be anything, and get no more time than the budget has.
pub(crate) fn before<S: StateSnapshot>(
    environment: &Environment,
    header: &Header,
    view: &mut View<S>,
    budget: &Budget,
) -> Result<(), RpcError> {
    if environment.rules.dao_fork {
        for address in DAO_HARDFORK_ACCOUNTS {
            let Some(account) = view.account(address)? else { continue };
            view.update(address, |account| account.balance = U256::ZERO)?;
            view.update(DAO_HARDFORK_BENEFICIARY, |fund| fund.balance += account.balance)?;
        }
    }
    if header.number == 0 {
        return Ok(());
    }
    let spec = environment.spec();
    if let Some(root) = header.parent_beacon_block_root.filter(|_| spec.is_enabled_in(SpecId::CANCUN)) {
        let _ = system_call(environment, view, BEACON_ROOTS_ADDRESS, root.into(), budget)?;
    }
    if spec.is_enabled_in(SpecId::PRAGUE) {
        let _ = system_call(environment, view, HISTORY_STORAGE_ADDRESS, header.parent_hash.into(), budget)?;
    }
    Ok(())
}

/// Does what happens after the last transaction, but for rewards: withdrawals and, from Prague on, requests, which are returned.
/// `logs` are those of the block.
pub(crate) fn after<'a, S: StateSnapshot>(
    environment: &Environment,
    withdrawals: &[Withdrawal],
    logs: impl IntoIterator<Item = &'a Log>,
    view: &mut View<S>,
    budget: &Budget,
) -> Result<Option<Requests>, RpcError> {
    for withdrawal in withdrawals {
        credit(environment, view, withdrawal.address, withdrawal.amount_wei())?;
    }
    if !environment.spec().is_enabled_in(SpecId::PRAGUE) {
        return Ok(None);
    }
    let mut requests = Requests::default();
    let mut deposited = Vec::new();
    for log in logs.into_iter().filter(|log| log.address == environment.rules.deposit_contract) {
        push_deposit(log, &mut deposited).map_err(|error| RpcError::invalid_input(error.to_string()))?;
    }
    if !deposited.is_empty() {
        requests.push_request_with_type(DEPOSIT_REQUEST_TYPE, deposited);
    }
    for (kind, contract) in [
        (WITHDRAWAL_REQUEST_TYPE, WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
        (CONSOLIDATION_REQUEST_TYPE, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS),
    ] {
        let data = system_call(environment, view, contract, Bytes::new(), budget)?;
        let data = data.map_err(|reason| {
            RpcError::invalid_input(format!("the system call to {contract} failed: {reason}"))
        })?;
        if !data.is_empty() {
            requests.push_request_with_type(kind, data);
        }
    }
    Ok(Some(requests))
}

/// Pays; an account that is empty then does not exist (EIP-161).
pub(crate) fn credit<S: StateSnapshot>(
    environment: &Environment,
    view: &mut View<S>,
    address: Address,
    amount: U256,
) -> Result<(), StateError> {
    let mut account = view.account(address)?.unwrap_or_default();
    account.balance = account.balance.wrapping_add(amount);
    let clears = environment.spec().is_enabled_in(SpecId::SPURIOUS_DRAGON);
    view.set_account(address, (!clears || !account.is_empty()).then_some(account))
}

/// Calls a contract from the system address. `Err` inside is a call that failed; a contract that is not there returns nothing.
fn system_call<S: StateSnapshot>(
    environment: &Environment,
    view: &mut View<S>,
    contract: Address,
    input: Bytes,
    budget: &Budget,
) -> Result<Result<Bytes, String>, RpcError> {
    if !view.account(contract)?.is_some_and(|account| account.has_code()) {
        return Ok(Ok(Bytes::new()));
    }
    let ran = machine(environment, &mut *view, (), budget.clone()).system_call(contract, input);
    let ran = ran.map_err(machine_error)?;
    if !ran.result.is_success() {
        view.commit(ran.state);
        return Ok(Err(format!("{:?}", ran.result)));
    }
    view.commit(ran.state);
    Ok(Ok(ran.result.into_output().unwrap_or_default()))
}

/// The state before a transaction of a block: everything before it has happened.
///
/// The result is over the state of the parent; it is [`Environment::of_block`] that the transaction runs in.
pub fn replay_before(
    ctx: &Context,
    block: &BlockRecord,
    index: usize,
    budget: &Budget,
) -> Result<View, RpcError> {
    if block.header.number == 0 {
        return Err(RpcError::invalid_input("genesis is not traceable"));
    }
    let environment = Environment::of_block(ctx, block);
    let mut view = View::of(ctx.ledger.state_before(block.header.number)?);
    before_transactions(&environment, &block.header, &mut view)?;
    let mut machine = machine(&environment, &mut view, (), budget.clone());
    for (tx, sender) in block.body.transactions.iter().zip(&block.senders).take(index) {
        machine.transact_commit(Transaction::from_envelope(tx, *sender).env).map_err(machine_error)?;
    }
    drop(machine);
    Ok(view)
}

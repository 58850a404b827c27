//! What a block does outside its transactions: irregular changes and system calls before them; withdrawals,
//! requests and rewards after them. The same steps serve every mode, over whatever holds the world.

use crate::{block::Block, error::ExecutionError, options::Options, output::Outcome, vm::system_tx};
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS,
    eip4788::BEACON_ROOTS_ADDRESS,
    eip6110::DEPOSIT_REQUEST_TYPE,
    eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_TYPE},
    eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_TYPE},
    eip7685::Requests,
};
use alloy_evm::eth::dao_fork::{DAO_HARDFORK_ACCOUNTS, DAO_HARDFORK_BENEFICIARY};
use alloy_primitives::{Address, B256, Bytes, Log, U256, b256};
use revm::{context::TxEnv, primitives::hardfork::SpecId};

/// The world, as the steps around the transactions need it.
pub(crate) trait World<'b> {
    /// Whether the account has code.
    fn has_code(&mut self, address: Address) -> Result<bool, ExecutionError>;
    /// Calls a contract from the system address. `Err` inside is a call that failed.
    fn system_call(&mut self, call: &'b TxEnv) -> Result<Result<Bytes, String>, ExecutionError>;
    /// Adds to a balance; the account is made if need be. A zero amount touches the account.
    fn credit(&mut self, address: Address, amount: U256) -> Result<(), ExecutionError>;
    /// Takes the whole balance.
    fn drain(&mut self, address: Address) -> Result<U256, ExecutionError>;
}

/// The system calls of a block, built once so that machines can borrow them.
#[derive(Debug)]
pub(crate) struct SystemCalls {
    beacon_root: Option<TxEnv>,
    parent_hash: Option<TxEnv>,
    withdrawal_requests: TxEnv,
    consolidation_requests: TxEnv,
}

impl SystemCalls {
    pub(crate) fn new(block: &Block, options: &Options) -> Self {
        let spec = block.rules.spec;
        let not_genesis = !block.env.number.is_zero();
        let beacon_root = block
            .parent_beacon_block_root
            .filter(|_| spec.is_enabled_in(SpecId::CANCUN) && not_genesis)
            .map(|root| system_tx(BEACON_ROOTS_ADDRESS, root.into()));
        let parent_hash = (spec.is_enabled_in(SpecId::PRAGUE) && not_genesis && !options.late_parent_hash)
            .then(|| system_tx(HISTORY_STORAGE_ADDRESS, block.parent_hash.into()));
        Self {
            beacon_root,
            parent_hash,
            withdrawal_requests: system_tx(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, Bytes::new()),
            consolidation_requests: system_tx(CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, Bytes::new()),
        }
    }

    /// A transaction to hold while nothing runs.
    pub(crate) const fn idle(&self) -> &TxEnv {
        &self.withdrawal_requests
    }
}

/// Before the first transaction.
pub(crate) fn before<'b>(
    block: &Block,
    calls: &'b SystemCalls,
    world: &mut dyn World<'b>,
) -> Result<(), ExecutionError> {
    if block.rules.dao_fork {
        for address in DAO_HARDFORK_ACCOUNTS {
            let amount = world.drain(address)?;
            world.credit(DAO_HARDFORK_BENEFICIARY, amount)?;
        }
    }
    // EIP-4788 and EIP-2935: without code at the address, or if the call fails, the block goes on.
    for call in [&calls.beacon_root, &calls.parent_hash].into_iter().flatten() {
        if world.has_code(called(call))? {
            let _ = world.system_call(call)?;
        }
    }
    Ok(())
}

/// After the last transaction. Returns the block's requests from Prague on.
pub(crate) fn after<'b>(
    block: &Block,
    calls: &'b SystemCalls,
    outcomes: &[Outcome],
    world: &mut dyn World<'b>,
) -> Result<Option<Requests>, ExecutionError> {
    for withdrawal in block.withdrawals.iter().flatten() {
        world.credit(withdrawal.address, withdrawal.amount_wei())?;
    }
    let requests = if block.rules.spec.is_enabled_in(SpecId::PRAGUE) {
        Some(collect_requests(block, calls, outcomes, world)?)
    } else {
        None
    };
    reward(block, world)?;
    Ok(requests)
}

/// Static block and ommer rewards (yellow paper, section 11.3).
fn reward<'b>(block: &Block, world: &mut dyn World<'b>) -> Result<(), ExecutionError> {
    let base = block.rules.block_reward;
    if base.is_zero() {
        return Ok(());
    }
    let number: u64 = block.env.number.saturating_to();
    for ommer in &block.ommers {
        // Header rules keep an ommer within six generations; one further away earns nothing.
        let eighths = ommer.number.saturating_add(8).saturating_sub(number);
        world.credit(ommer.beneficiary, base * U256::from(eighths) / U256::from(8))?;
    }
    let ommers = U256::from(block.ommers.len());
    world.credit(block.env.beneficiary, base + base / U256::from(32) * ommers)
}

fn collect_requests<'b>(
    block: &Block,
    calls: &'b SystemCalls,
    outcomes: &[Outcome],
    world: &mut dyn World<'b>,
) -> Result<Requests, ExecutionError> {
    let mut requests = Requests::default();
    let logs = outcomes.iter().filter_map(Outcome::receipt).flat_map(|receipt| &receipt.logs);
    let mut deposits = Vec::new();
    for log in logs.filter(|log| log.address == block.rules.deposit_contract) {
        push_deposit(log, &mut deposits)?;
    }
    if !deposits.is_empty() {
        requests.push_request_with_type(DEPOSIT_REQUEST_TYPE, deposits);
    }
    for (request_type, call) in [
        (WITHDRAWAL_REQUEST_TYPE, &calls.withdrawal_requests),
        (CONSOLIDATION_REQUEST_TYPE, &calls.consolidation_requests),
    ] {
        let contract = called(call);
        // A state that was cut out of the world may lack the contract; then nothing was requested.
        if !world.has_code(contract)? {
            continue;
        }
        let data =
            world.system_call(call)?.map_err(|message| ExecutionError::SystemCall { contract, message })?;
        if !data.is_empty() {
            requests.push_request_with_type(request_type, data);
        }
    }
    Ok(requests)
}

fn called(call: &TxEnv) -> Address {
    *call.kind.to().expect("a system call has a target")
}

/// `keccak256("DepositEvent(bytes,bytes,bytes,bytes,bytes)")`.
const DEPOSIT_EVENT: B256 = b256!("649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");

/// ABI layout of the deposit event: for each field, where its offset is stored, the offset and the length.
const DEPOSIT_FIELDS: [(usize, usize, usize); 5] =
    [(0, 160, 48), (32, 256, 32), (64, 320, 8), (96, 384, 96), (128, 512, 8)];
const DEPOSIT_EVENT_BYTES: usize = 576;

/// Appends the deposit that a log of the deposit contract announces (EIP-6110: the layout is fixed, and a
/// log that deviates from it makes the block invalid).
///
/// A log of another event is passed over.
pub fn push_deposit(log: &Log, out: &mut Vec<u8>) -> Result<(), ExecutionError> {
    if log.topics().first() != Some(&DEPOSIT_EVENT) {
        return Ok(());
    }
    let data = &log.data.data;
    if data.len() != DEPOSIT_EVENT_BYTES {
        return Err(ExecutionError::DepositLog(format!(
            "{} bytes of data, expected {DEPOSIT_EVENT_BYTES}",
            data.len()
        )));
    }
    let word = |at: usize| U256::from_be_slice(&data[at..at + 32]);
    for (slot, offset, length) in DEPOSIT_FIELDS {
        if word(slot) != U256::from(offset) || word(offset) != U256::from(length) {
            return Err(ExecutionError::DepositLog(format!(
                "field at {slot} has offset {} and length {}, expected {offset} and {length}",
                word(slot),
                word(offset)
            )));
        }
        out.extend_from_slice(&data[offset + 32..offset + 32 + length]);
    }
    Ok(())
}

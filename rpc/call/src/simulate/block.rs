//! One simulated block after another.

use super::{answer::SimulatedBlock, codes, plan::Planned, transfers::Transfers, unsigned::Unsigned};
use crate::{
    budget::Budget,
    environment::Environment,
    machine::{MachineError, inspect, machine_error, transact},
    message::Message,
    outcome::{halt_message, revert_message},
    overrides::apply_state_overrides,
    refusal::check,
    steps::{after, before, credit},
    view::View,
};
use alloy_consensus::{
    EMPTY_OMMER_ROOT_HASH, Eip658Value, Header, Receipt, ReceiptEnvelope,
    proofs::{calculate_receipt_root, calculate_withdrawals_root, ordered_trie_root_with_encoder},
};
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::{B256, Bloom, Bytes, Log, U256};
use alloy_rpc_types_eth::{
    TransactionRequest,
    simulate::{SimCallResult, SimulateError},
};
use mundi_chain::{ForkPoint, LedgerState, next_base_fee};
use mundi_execution::StateChanges;
use mundi_rpc_context::{Context, RpcError, code};
use mundi_state::{BlockRecord, Snapshot};
use revm::{
    DatabaseCommit,
    context_interface::result::{EVMError, ExecutionResult, ResultAndState},
    primitives::hardfork::SpecId,
};

/// A simulation under way.
pub(super) struct Simulation<'c> {
    ctx: &'c Context,
    pub(super) validation: bool,
    pub(super) trace_transfers: bool,
    view: View,
    /// The state after the newest simulated block, with its trie.
    snapshot: Snapshot,
    parent: Header,
    parent_hash: B256,
    /// Whether the base is a block of proof of stake; what follows it is of the same kind.
    merged: bool,
    gas_left: u64,
    budget: Budget,
}

/// A call that ran.
struct Ran {
    result: SimCallResult,
    logs: Vec<Log>,
    receipt: ReceiptEnvelope,
    transaction: Unsigned,
}

impl<'c> Simulation<'c> {
    pub(super) fn new(
        ctx: &'c Context,
        base: &BlockRecord,
        state: LedgerState,
        budget: Budget,
    ) -> Result<Self, RpcError> {
        let mut snapshot = state.snapshot().clone();
        if let Some(edits) = state.edits() {
            snapshot = ctx.ledger.store().stage(&snapshot, &edits, ctx.workers.pool())?.snapshot();
        }
        Ok(Self {
            ctx,
            validation: false,
            trace_transfers: false,
            view: View::of(state),
            snapshot,
            parent: base.header.clone(),
            parent_hash: base.hash,
            merged: base.header.difficulty.is_zero(),
            gas_left: ctx.limits.call_gas,
            budget,
        })
    }

    /// Where a block stands in the fork schedule. Blocks of proof of work follow only the forks that have numbers.
    const fn point(&self, number: u64, timestamp: u64) -> ForkPoint {
        if self.merged {
            ForkPoint::new(number, timestamp).with_parent_total_difficulty(U256::MAX)
        } else {
            ForkPoint::new(number, 0).with_parent_total_difficulty(U256::ZERO)
        }
    }

    /// The header, as far as it is known before the calls.
    fn header(&self, planned: &Planned, point: ForkPoint) -> Header {
        let (parent, overrides) = (&self.parent, &planned.overrides.header);
        let spec = self.ctx.ledger.spec();
        let active = |fork| spec.is_active(fork, point);
        let base_fee = || match overrides.base_fee {
            Some(fee) => fee.saturating_to(),
            None if self.validation => next_base_fee(parent),
            None => 0,
        };
        let excess = |params: alloy_eips::eip7840::BlobParams| match parent.excess_blob_gas {
            Some(excess) => params.next_block_excess_blob_gas_osaka(
                excess,
                parent.blob_gas_used.unwrap_or_default(),
                parent.base_fee_per_gas.unwrap_or_default(),
            ),
            None => 0,
        };
        let difficulty = match overrides.difficulty {
            Some(difficulty) if !self.merged => difficulty,
            _ => parent.difficulty,
        };
        Header {
            parent_hash: self.parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: overrides.coinbase.unwrap_or(parent.beneficiary),
            difficulty,
            number: planned.number,
            gas_limit: overrides.gas_limit.unwrap_or(parent.gas_limit),
            timestamp: planned.timestamp,
            mix_hash: overrides.random.unwrap_or_default(),
            base_fee_per_gas: active(EthereumHardfork::London).then(base_fee),
            excess_blob_gas: spec.blob_params_at(point).map(excess),
            parent_beacon_block_root: active(EthereumHardfork::Cancun)
                .then(|| overrides.beacon_root.unwrap_or_default()),
            ..Header::default()
        }
    }

    /// Simulates the next block.
    pub(super) fn block(&mut self, planned: Planned) -> Result<SimulatedBlock, RpcError> {
        let point = self.point(planned.number, planned.timestamp);
        let mut header = self.header(&planned, point);
        let Planned { overrides, state, calls, .. } = planned;
        let mut environment = Environment::of_header(self.ctx, point, &header).for_calls(&self.ctx.limits);
        environment.rules.dao_fork = false;
        if let (Some(fee), Some(blobs)) =
            (overrides.header.blob_base_fee, &mut environment.block.blob_excess_gas_and_price)
        {
            blobs.blob_gasprice = fee.saturating_to();
        }
        for (number, hash) in overrides.header.block_hash.iter().flatten() {
            self.view.set_block_hash(*number, *hash);
        }
        if let Some(state) = state {
            apply_state_overrides(&state, &mut environment, &mut self.view)?;
        }
        self.in_time()?;
        before(&environment, &header, &mut self.view, &self.budget).map_err(|error| self.late(error))?;
        let mut ran = Vec::with_capacity(calls.len());
        for call in calls {
            let one = self.call(call, &environment, &mut header)?;
            ran.push(one);
        }
        let withdrawals = environment
            .spec()
            .is_enabled_in(SpecId::SHANGHAI)
            .then(|| overrides.withdrawals.unwrap_or_default());
        let logs = ran.iter().flat_map(|one| &one.logs);
        let paid = withdrawals.as_deref().unwrap_or_default();
        let requests = after(&environment, paid, logs, &mut self.view, &self.budget)
            .map_err(|error| self.late(error))?;
        if !environment.rules.block_reward.is_zero() {
            credit(&environment, &mut self.view, header.beneficiary, environment.rules.block_reward)?;
        }
        header.state_root = self.stage()?;
        header.requests_hash = requests.map(|requests| requests.requests_hash());
        header.withdrawals_root = withdrawals.as_ref().map(|list| calculate_withdrawals_root(list));
        if header.excess_blob_gas.is_some() {
            header.blob_gas_used.get_or_insert_default();
        }
        let receipts: Vec<_> = ran.iter().map(|one| &one.receipt).collect();
        header.receipts_root = calculate_receipt_root(&receipts);
        header.logs_bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | *receipt.logs_bloom());
        header.transactions_root = ordered_trie_root_with_encoder(&ran, |one, out| {
            out.extend_from_slice(&one.transaction.encoded);
        });
        let hash = header.hash_slow();
        self.view.set_block_hash(header.number, hash);
        (self.parent, self.parent_hash) = (header.clone(), hash);
        let (transactions, calls) = ran.into_iter().map(|one| (one.transaction, one.result)).unzip();
        Ok(SimulatedBlock { header, hash, transactions, calls, withdrawals })
    }

    /// The root of the state as it is; what comes is staged on it.
    fn stage(&mut self) -> Result<B256, RpcError> {
        let changes: StateChanges = self.view.take_changes();
        let store = self.ctx.ledger.store();
        self.snapshot = store.stage(&self.snapshot, &changes, self.ctx.workers.pool())?.snapshot();
        Ok(self.snapshot.state_root())
    }

    fn in_time(&self) -> Result<(), RpcError> {
        if self.budget.is_past() {
            return Err(RpcError::new(codes::TIMEOUT, self.budget.message()));
        }
        Ok(())
    }

    /// An error after the end of time is that of time.
    fn late(&self, error: RpcError) -> RpcError {
        self.in_time().err().unwrap_or(error)
    }

    fn call(
        &mut self,
        request: TransactionRequest,
        environment: &Environment,
        header: &mut Header,
    ) -> Result<Ran, RpcError> {
        let sender = request.from.unwrap_or_default();
        let sender_nonce = self.view.account(sender)?.unwrap_or_default().nonce;
        let nonce = request.nonce.unwrap_or(sender_nonce);
        let gas = self.gas(&request, header)?;
        let legacy = request.gas_price.is_some() || header.base_fee_per_gas.is_none();
        let request = TransactionRequest { gas: Some(gas), nonce: Some(nonce), ..request };
        let message = Message::new(request, environment, gas)?;
        check(&message, environment, &mut self.view, self.validation)
            .map_err(|error| error.of_simulation(gas))?;
        let transaction = Unsigned::new(&message, nonce, legacy);
        let is_call = message.tx.kind.is_call();
        let blobs = message.tx.blob_hashes.len() as u64;
        let (mut ran, transfers) = self.run(environment, &message)?;
        if sender_nonce == u64::MAX && is_call {
            // The nonce after the last is the first again.
            if let Some(account) = ran.state.get_mut(&sender) {
                account.info.nonce = 0;
            }
        }
        self.view.commit(ran.state);
        let used = ran.result.tx_gas_used();
        self.gas_left = self.gas_left.saturating_sub(used);
        header.gas_used += used;
        if blobs > 0 {
            *header.blob_gas_used.get_or_insert_default() += blobs * DATA_GAS_PER_BLOB;
        }
        let post_state = match environment.spec().is_enabled_in(SpecId::BYZANTIUM) {
            true => None,
            false => Some(self.stage()?),
        };
        Ok(finish(ran.result, transfers, transaction, header.gas_used, post_state))
    }

    /// How much gas a call gets.
    fn gas(&self, request: &TransactionRequest, header: &Header) -> Result<u64, RpcError> {
        let remaining = header.gas_limit.saturating_sub(header.gas_used);
        let gas = request.gas.unwrap_or(remaining);
        if gas > remaining {
            return Err(RpcError::new(
                codes::BLOCK_GAS,
                format!(
                    "block gas limit reached: {} >= {}",
                    header.gas_used.saturating_add(gas),
                    header.gas_limit
                ),
            ));
        }
        if self.gas_left == 0 {
            return Err(RpcError::new(
                codes::CLIENT_LIMIT,
                format!("the calls use more than {} gas together", self.ctx.limits.call_gas),
            ));
        }
        Ok(gas.min(self.gas_left))
    }

    fn run(
        &mut self,
        environment: &Environment,
        message: &Message,
    ) -> Result<(ResultAndState, Option<Vec<Log>>), RpcError> {
        self.in_time()?;
        let tx = message.tx.clone();
        if !self.trace_transfers {
            let ran = transact(environment, &mut self.view, tx, &self.budget);
            return Ok((ran.map_err(simulation_error)?, None));
        }
        let mut transfers = Transfers::default();
        let ran = inspect(environment, &mut self.view, tx, &mut transfers, &self.budget);
        Ok((ran.map_err(simulation_error)?, Some(transfers.into_logs())))
    }
}

fn simulation_error(error: MachineError) -> RpcError {
    match error {
        EVMError::Custom(message) => RpcError::new(codes::TIMEOUT, message),
        error => machine_error(error),
    }
}

/// Result and receipt of a call. The result shows transfers where they were traced, the receipt never.
fn finish(
    ran: ExecutionResult,
    transfers: Option<Vec<Log>>,
    transaction: Unsigned,
    cumulative_gas_used: u64,
    post_state: Option<B256>,
) -> Ran {
    let gas = *ran.gas();
    let (status, return_data, logs, error) = match ran {
        ExecutionResult::Success { logs, output, .. } => (true, output.into_data(), logs, None),
        ExecutionResult::Revert { output, .. } => {
            let message = revert_message(&output);
            let error = SimulateError { code: code::REVERTED, message, data: Some(output) };
            (false, Bytes::new(), Vec::new(), Some(error))
        }
        ExecutionResult::Halt { reason, .. } => {
            let message = halt_message(&reason);
            let error = SimulateError { code: codes::VM_ERROR, message, data: None };
            (false, Bytes::new(), Vec::new(), Some(error))
        }
    };
    let status_or_root = match post_state {
        Some(root) => Eip658Value::PostState(root),
        None => Eip658Value::Eip658(status),
    };
    let receipt = Receipt { status: status_or_root, cumulative_gas_used, logs: logs.clone() };
    let receipt = ReceiptEnvelope::from_typed(transaction.envelope.tx_type(), receipt.with_bloom());
    let shown = transfers.unwrap_or_else(|| logs.clone());
    let result = SimCallResult {
        return_data,
        logs: shown
            .into_iter()
            .map(|inner| alloy_rpc_types_eth::Log { inner, ..Default::default() })
            .collect(),
        gas_used: gas.tx_gas_used(),
        max_used_gas: Some(gas.total_gas_spent().max(gas.floor_gas())),
        status,
        error,
    };
    Ran { result, logs, receipt, transaction }
}

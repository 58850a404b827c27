//! `testing_buildBlockV1`: the block that would be built with given attributes. It is not added to the chain.

use crate::refusal::Refusal;
use alloy_consensus::{
    Header, Signed, Transaction as _, TxEip4844Variant, TxEnvelope, constants::MAXIMUM_EXTRA_DATA_SIZE,
};
use alloy_eips::{
    eip2718::{Decodable2718, Encodable2718},
    eip4895::Withdrawal,
    eip7594::BlobTransactionSidecarVariant,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use mundi_chain::{ForkPoint, OrderedTransaction, Payload, ProposalLimits, block_env, recover_sender, seal};
use mundi_execution::{
    Block, BlockOutput, ExecutionError, Mode, NoSink, Options, Policy, SkipReason, execute,
};
use mundi_rpc_context::{Args, Context, Ctx, RpcError};
use mundi_state::BlockRecord;
use revm::context_interface::result::InvalidTransaction;
use serde::{Deserialize, Serialize};
use std::{num::NonZeroUsize, sync::Arc};

/// What a block is built with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    #[serde(with = "alloy_serde::quantity")]
    timestamp: u64,
    prev_randao: B256,
    suggested_fee_recipient: Address,
    #[serde(default)]
    withdrawals: Option<Vec<Withdrawal>>,
    #[serde(default)]
    parent_beacon_block_root: Option<B256>,
}

/// A built block, in the form of the Engine API.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Built {
    execution_payload: ExecutionPayload,
    block_value: U256,
    blobs_bundle: BlobsBundle,
    execution_requests: Vec<Bytes>,
    should_override_builder: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionPayload {
    parent_hash: B256,
    fee_recipient: Address,
    state_root: B256,
    receipts_root: B256,
    logs_bloom: alloy_primitives::Bloom,
    prev_randao: B256,
    #[serde(with = "alloy_serde::quantity")]
    block_number: u64,
    #[serde(with = "alloy_serde::quantity")]
    gas_limit: u64,
    #[serde(with = "alloy_serde::quantity")]
    gas_used: u64,
    #[serde(with = "alloy_serde::quantity")]
    timestamp: u64,
    extra_data: Bytes,
    #[serde(with = "alloy_serde::quantity")]
    base_fee_per_gas: u64,
    block_hash: B256,
    transactions: Vec<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals: Option<Vec<Withdrawal>>,
    #[serde(skip_serializing_if = "Option::is_none", with = "alloy_serde::quantity::opt")]
    blob_gas_used: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", with = "alloy_serde::quantity::opt")]
    excess_blob_gas: Option<u64>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct BlobsBundle {
    commitments: Vec<Bytes>,
    proofs: Vec<Bytes>,
    blobs: Vec<Bytes>,
}

/// A transaction, and its blobs where they are known.
struct Candidate {
    ordered: Arc<OrderedTransaction>,
    sidecar: Option<Arc<BlobTransactionSidecarVariant>>,
}

/// `testing_buildBlockV1`. Without transactions it takes those of the pool, and leaves out what does not fit; given
/// transactions have to be valid in their order, all of them.
pub(crate) fn build(ctx: &Ctx, mut args: Args<'_>) -> Result<Built, RpcError> {
    let parent_hash: B256 = args.next()?;
    let attributes: Attributes = args.next()?;
    let transactions: Option<Vec<Bytes>> = args.optional()?;
    let extra_data: Option<Bytes> = args.optional()?;
    let parent = ctx.ledger.block_by_hash(&parent_hash)?.ok_or_else(|| {
        RpcError::invalid_input(format!("unknown parent: there is no block with hash {parent_hash}"))
    })?;
    if attributes.timestamp <= parent.header.timestamp {
        return Err(RpcError::invalid_params(format!(
            "timestamp: {} is not after the parent's {}",
            attributes.timestamp, parent.header.timestamp
        )));
    }
    if let Some(extra_data) = extra_data.as_ref().filter(|text| text.len() > MAXIMUM_EXTRA_DATA_SIZE) {
        return Err(RpcError::invalid_params(format!(
            "extraData: {} bytes, at most {MAXIMUM_EXTRA_DATA_SIZE} are allowed",
            extra_data.len()
        )));
    }
    let payload = Payload {
        height: parent.header.number + 1,
        timestamp: attributes.timestamp,
        beneficiary: attributes.suggested_fee_recipient,
        prev_randao: attributes.prev_randao,
        digest: attributes.parent_beacon_block_root.unwrap_or_default(),
        withdrawals: attributes.withdrawals.unwrap_or_default(),
        ..Payload::default()
    };
    let mut header = ctx.ledger.draft(&parent, &payload);
    header.extra_data = extra_data.unwrap_or(header.extra_data);
    let point =
        ForkPoint::new(header.number, header.timestamp).with_parent_total_difficulty(parent.total_difficulty);
    let (candidates, policy) = match transactions {
        Some(encoded) => (decode(ctx, point, &encoded)?, Policy::Strict),
        None => (from_pool(ctx, point, &header), Policy::Ledger),
    };
    finish(ctx, &parent, header, point, payload, candidates, policy)
}

fn decode(ctx: &Context, point: ForkPoint, encoded: &[Bytes]) -> Result<Vec<Candidate>, RpcError> {
    let fork = ctx.ledger.spec().fork_at(point);
    let decode = |(index, bytes): (usize, &Bytes)| {
        let invalid = |error: &dyn std::fmt::Display| {
            RpcError::invalid_params(format!("invalid transaction {index}: {error}"))
        };
        let envelope = TxEnvelope::decode_2718_exact(bytes).map_err(|error| invalid(&error))?;
        let (envelope, sidecar) = without_blobs(envelope);
        let sender = recover_sender(fork, &envelope).map_err(|error| invalid(&error))?;
        let sidecar = sidecar.map(Arc::new).or_else(|| ctx.pool.sidecar(envelope.tx_hash()));
        Ok(Candidate { ordered: Arc::new(OrderedTransaction::new(envelope, sender)), sidecar })
    };
    encoded.iter().enumerate().map(decode).collect()
}

fn without_blobs(envelope: TxEnvelope) -> (TxEnvelope, Option<BlobTransactionSidecarVariant>) {
    let TxEnvelope::Eip4844(signed) = envelope else { return (envelope, None) };
    let (variant, signature, hash) = signed.into_parts();
    let (tx, sidecar) = match variant {
        TxEip4844Variant::TxEip4844(tx) => (tx, None),
        TxEip4844Variant::TxEip4844WithSidecar(whole) => {
            let (tx, sidecar) = whole.into_parts();
            (tx, Some(sidecar))
        }
    };
    let signed = Signed::new_unchecked(TxEip4844Variant::TxEip4844(tx), signature, hash);
    (TxEnvelope::Eip4844(signed), sidecar)
}

/// Most bytes of a block's transactions.
const MOST_BYTES: usize = 8 << 20;
/// Most transactions of a block.
const MOST_TRANSACTIONS: usize = 50_000;

fn from_pool(ctx: &Context, point: ForkPoint, header: &Header) -> Vec<Candidate> {
    let blobs = ctx.ledger.spec().blob_params_at(point);
    let limits = ProposalLimits {
        gas: header.gas_limit,
        bytes: MOST_BYTES,
        blobs: blobs.map_or(0, |params| params.max_blob_count),
        transactions: MOST_TRANSACTIONS,
        base_fee: header.base_fee_per_gas.unwrap_or_default(),
        blob_base_fee: blobs
            .map_or(0, |params| params.calc_blob_fee(header.excess_blob_gas.unwrap_or_default())),
    };
    let proposed = ctx.pool.as_ref().propose(&limits);
    // The block is not made: they go on waiting.
    ctx.pool.returned(proposed.iter().map(|one| one.hash()));
    proposed
        .into_iter()
        .map(|ordered| Candidate { sidecar: ctx.pool.sidecar(&ordered.hash()), ordered })
        .collect()
}

fn finish(
    ctx: &Context,
    parent: &BlockRecord,
    header: Header,
    point: ForkPoint,
    payload: Payload,
    candidates: Vec<Candidate>,
    policy: Policy,
) -> Result<Built, RpcError> {
    let spec = ctx.ledger.spec();
    let state = ctx.ledger.state(parent.header.number)?;
    let block = Block {
        env: block_env(spec, point, &header),
        rules: spec.rules_at(point),
        parent_hash: header.parent_hash,
        parent_beacon_block_root: header.parent_beacon_block_root,
        transactions: candidates.iter().map(|one| one.ordered.executable.clone()).collect(),
        ommers: Vec::new(),
        withdrawals: header.withdrawals_root.map(|_| payload.withdrawals.clone()),
    };
    let options = Options { policy, ..Options::new(NonZeroUsize::MIN).with_mode(Mode::Sequential) };
    let mut output = execute(&block, &state, ctx.workers.pool(), &options, &mut NoSink)
        .map_err(|error| refused(&candidates, error))?;
    let transactions: Vec<_> = candidates.iter().map(|one| Arc::clone(&one.ordered)).collect();
    let parts = seal(header, &transactions, &payload.withdrawals, &output);
    let mut header = parts.header;
    let mut changes = state.edits().unwrap_or_default();
    changes.then(std::mem::take(&mut output.changes));
    let staged = ctx.ledger.store().stage(state.snapshot(), &changes, ctx.workers.pool())?;
    header.state_root = staged.state_root();
    let executed = candidates.iter().zip(&output.outcomes).filter(|(_, outcome)| outcome.receipt().is_some());
    let blobs_bundle = BlobsBundle::of(executed.filter_map(|(one, _)| one.sidecar.as_deref()));
    Ok(Built {
        block_value: block_value(&candidates, &output, header.base_fee_per_gas.unwrap_or_default()),
        blobs_bundle,
        execution_requests: output.requests.take().map(|requests| requests.take()).unwrap_or_default(),
        should_override_builder: false,
        execution_payload: ExecutionPayload {
            block_hash: header.hash_slow(),
            parent_hash: header.parent_hash,
            fee_recipient: header.beneficiary,
            state_root: header.state_root,
            receipts_root: header.receipts_root,
            logs_bloom: header.logs_bloom,
            prev_randao: header.mix_hash,
            block_number: header.number,
            gas_limit: header.gas_limit,
            gas_used: header.gas_used,
            timestamp: header.timestamp,
            extra_data: header.extra_data,
            base_fee_per_gas: header.base_fee_per_gas.unwrap_or_default(),
            transactions: parts.body.transactions.iter().map(|tx| tx.encoded_2718().into()).collect(),
            withdrawals: parts.body.withdrawals.map(|list| list.into_inner()),
            blob_gas_used: header.blob_gas_used,
            excess_blob_gas: header.excess_blob_gas,
        },
    })
}

/// What the fee recipient gets.
fn block_value(candidates: &[Candidate], output: &BlockOutput, base_fee: u64) -> U256 {
    let paid = candidates.iter().zip(&output.outcomes).filter_map(|(one, outcome)| {
        let tip = one.ordered.envelope.effective_tip_per_gas(base_fee)?;
        Some(U256::from(tip) * U256::from(outcome.receipt()?.gas_used))
    });
    paid.fold(U256::ZERO, U256::saturating_add)
}

/// The words for a transaction that is not valid where it stands.
fn refused(candidates: &[Candidate], error: ExecutionError) -> RpcError {
    let ExecutionError::InvalidTransaction { index, reason } = &error else {
        return RpcError::internal(error);
    };
    let address = candidates.get(index.0 as usize).map_or(Address::ZERO, |one| one.ordered.sender);
    let SkipReason::Invalid(invalid) = reason else { return RpcError::invalid_input(reason.to_string()) };
    let refusal = match invalid {
        InvalidTransaction::NonceTooHigh { tx, state } => {
            Refusal::NonceTooHigh { address, tx: *tx, state: *state }
        }
        InvalidTransaction::NonceTooLow { tx, state } => {
            Refusal::NonceTooLow { address, tx: *tx, state: *state }
        }
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
            Refusal::Funds { address, have: **balance, want: **fee }
        }
        InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            Refusal::IntrinsicGas { have: *gas_limit, want: *initial_gas }
        }
        InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            Refusal::FloorGas { have: *gas_limit, want: *gas_floor }
        }
        other => return RpcError::invalid_input(format!("transaction {index}: {other}")),
    };
    RpcError::invalid_input(refusal.to_string())
}

impl BlobsBundle {
    fn of<'a>(sidecars: impl Iterator<Item = &'a BlobTransactionSidecarVariant>) -> Self {
        let mut bundle = Self::default();
        for sidecar in sidecars {
            bundle.blobs.extend(sidecar.blobs().iter().map(|blob| Bytes::copy_from_slice(blob.as_slice())));
            let commitments = sidecar.commitments().iter();
            bundle.commitments.extend(commitments.map(|one| Bytes::copy_from_slice(one.as_slice())));
            let proofs: &[_] = match sidecar {
                BlobTransactionSidecarVariant::Eip4844(sidecar) => &sidecar.proofs,
                BlobTransactionSidecarVariant::Eip7594(sidecar) => &sidecar.cell_proofs,
            };
            bundle.proofs.extend(proofs.iter().map(|one| Bytes::copy_from_slice(one.as_slice())));
        }
        bundle
    }
}

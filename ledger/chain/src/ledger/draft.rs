//! The header of the next block, as far as it is known before execution.

use super::LedgerConfig;
use crate::{
    forks::{ChainSpec, ForkPoint},
    header::{DAO_EXTRA_DATA, DAO_EXTRA_RANGE, MAX_GAS_LIMIT, MIN_GAS_LIMIT, Parent},
    next_difficulty,
    payload::Payload,
};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header, constants::MAXIMUM_EXTRA_DATA_SIZE};
use alloy_eips::eip1559::{
    BaseFeeParams, DEFAULT_ELASTICITY_MULTIPLIER, GAS_LIMIT_BOUND_DIVISOR, INITIAL_BASE_FEE,
};
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::{B256, Bytes};
use alloy_trie::EMPTY_ROOT_HASH;

/// The base fee after `parent` by EIP-1559.
pub fn next_base_fee(parent: &Header) -> u64 {
    parent.next_block_base_fee(BaseFeeParams::ethereum()).unwrap_or(INITIAL_BASE_FEE)
}

/// The gas limit nearest to `wanted` that may follow `parent`'s.
fn next_gas_limit(parent: &Header, london: bool, wanted: u64) -> u64 {
    let mut limit = parent.gas_limit;
    if london && parent.base_fee_per_gas.is_none() {
        limit = limit.saturating_mul(DEFAULT_ELASTICITY_MULTIPLIER);
    }
    let step = (limit / GAS_LIMIT_BOUND_DIVISOR).saturating_sub(1);
    let least = limit.saturating_sub(step).max(MIN_GAS_LIMIT);
    wanted.clamp(least, limit.saturating_add(step).clamp(least, MAX_GAS_LIMIT))
}

/// The header of the block after `parent`: everything but roots, bloom, gas used and blob gas used.
pub fn draft_header(
    spec: &ChainSpec,
    config: &LedgerConfig,
    parent: Parent<'_>,
    payload: &Payload,
) -> Header {
    let before = parent.header;
    let point = ForkPoint {
        number: payload.height,
        timestamp: payload.timestamp,
        parent_total_difficulty: parent.total_difficulty,
    };
    let active = |fork| spec.is_active(fork, point);
    let gas_limit = payload
        .gas_limit
        .unwrap_or_else(|| next_gas_limit(before, active(EthereumHardfork::London), config.gas_limit));
    let base_fee =
        active(EthereumHardfork::London).then(|| payload.base_fee.unwrap_or_else(|| next_base_fee(before)));
    let excess_blob_gas = spec.blob_params_at(point).map(|params| {
        params.next_block_excess_blob_gas_osaka(
            before.excess_blob_gas.unwrap_or_default(),
            before.blob_gas_used.unwrap_or_default(),
            before.base_fee_per_gas.unwrap_or_default(),
        )
    });
    Header {
        parent_hash: parent.hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: payload.beneficiary,
        state_root: B256::ZERO,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        difficulty: next_difficulty(spec.fork_at(point), before, payload.timestamp),
        number: payload.height,
        gas_limit,
        timestamp: payload.timestamp,
        extra_data: extra_data(spec, config, payload),
        mix_hash: payload.prev_randao,
        base_fee_per_gas: base_fee,
        withdrawals_root: active(EthereumHardfork::Shanghai).then_some(EMPTY_ROOT_HASH),
        blob_gas_used: active(EthereumHardfork::Cancun).then_some(0),
        excess_blob_gas,
        parent_beacon_block_root: active(EthereumHardfork::Cancun).then_some(payload.digest),
        ..Header::default()
    }
}

fn extra_data(spec: &ChainSpec, config: &LedgerConfig, payload: &Payload) -> Bytes {
    match spec.dao_fork_block().and_then(|first| payload.height.checked_sub(first)) {
        Some(since) if since < DAO_EXTRA_RANGE => Bytes::from_static(DAO_EXTRA_DATA),
        _ => {
            let text = if payload.extra_data.is_empty() { &config.extra_data } else { &payload.extra_data };
            text.slice(..text.len().min(MAXIMUM_EXTRA_DATA_SIZE))
        }
    }
}

//! The header of the next block, as far as it is known before execution.

use super::LedgerConfig;
use crate::{
    forks::{ChainSpec, ForkPoint},
    header::{Parent, gas_limits, next_base_fee, next_excess_blob_gas, required_extra_data},
    next_difficulty,
    payload::Payload,
};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header, constants::MAXIMUM_EXTRA_DATA_SIZE};
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::{B256, Bytes};
use alloy_trie::EMPTY_ROOT_HASH;

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
    let gas_limit = payload.gas_limit.unwrap_or_else(|| {
        let (least, greatest) = gas_limits(spec.fork_at(point), before);
        config.gas_limit.min(greatest).max(least)
    });
    let base_fee =
        active(EthereumHardfork::London).then(|| payload.base_fee.unwrap_or_else(|| next_base_fee(before)));
    let excess_blob_gas = spec.blob_params_at(point).map(|params| next_excess_blob_gas(&params, before));
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
    required_extra_data(spec, payload.height).unwrap_or_else(|| {
        let text = if payload.extra_data.is_empty() { &config.extra_data } else { &payload.extra_data };
        text.slice(..text.len().min(MAXIMUM_EXTRA_DATA_SIZE))
    })
}

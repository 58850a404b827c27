//! What transactions cost.

use crate::{next::next_fees, schemas};
use alloy_consensus::{ReceiptEnvelope, Transaction as _};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{B256, U256};
use alloy_rpc_types_eth::FeeHistory;
use mundi_rpc_context::{Args, Cost, Ctx, Methods, RpcError, Schema, optional, required};
use mundi_state::BlockRecord;
use std::sync::Mutex;

/// The tip suggested when no block of late says what is paid: a gwei.
const DEFAULT_TIP: u128 = 1_000_000_000;
/// The highest tip that is ever suggested: 500 gwei.
const MAX_TIP: u128 = 500_000_000_000;
/// Tips below this are not taken for prices, in wei.
const IGNORED_TIP: u128 = 2;
/// How many blocks are looked at, how many transactions of each, and which of the tips found is suggested, in percent.
const SAMPLED_BLOCKS: u64 = 20;
const SAMPLED_TRANSACTIONS: usize = 3;
const SUGGESTED_PERCENTILE: usize = 60;
/// Most percentiles of one `eth_feeHistory`.
const MAX_PERCENTILES: usize = 100;

pub(super) fn add(methods: &mut Methods) {
    let tip = std::sync::Arc::new(TipOracle::default());
    let oracle = tip.clone();
    methods.add(
        Cost::Read,
        "eth_gasPrice",
        "A gas price with which a transaction gets into the next blocks: base fee and suggested tip.",
        &[],
        Schema::Quantity,
        move |ctx, _| {
            let base_fee = next_fees(ctx).base_fee.unwrap_or_default();
            Ok(U256::from(oracle.tip(ctx)?) + U256::from(base_fee))
        },
    );
    methods.add(
        Cost::Read,
        "eth_maxPriorityFeePerGas",
        "A tip with which a transaction gets into the next blocks.",
        &[],
        Schema::Quantity,
        move |ctx, _| tip.tip(ctx).map(U256::from),
    );
    methods.add(
        Cost::Light,
        "eth_baseFee",
        "Base fee of the next block; null before London.",
        &[],
        schemas::MAYBE_QUANTITY,
        |ctx, _| Ok(next_fees(ctx).base_fee.map(U256::from)),
    );
    methods.add(
        Cost::Light,
        "eth_blobBaseFee",
        "Price of blob gas in the next block; null before Cancun.",
        &[],
        schemas::MAYBE_QUANTITY,
        |ctx, _| Ok(next_fees(ctx).blob_base_fee.map(U256::from)),
    );
    methods.add(
        Cost::Read,
        "eth_feeHistory",
        "Base fees, use of gas and tips of a range of blocks.",
        &[
            required("blockCount", Schema::OneOf(&[Schema::Quantity, Schema::Number])),
            required("newestBlock", Schema::BlockTag),
            optional("rewardPercentiles", Schema::Array(&Schema::Number)),
        ],
        schemas::FEE_HISTORY,
        fee_history,
    );
}

/// The tip last suggested, and for which head.
#[derive(Debug, Default)]
struct TipOracle(Mutex<Option<(B256, u128)>>);

impl TipOracle {
    fn tip(&self, ctx: &Ctx) -> Result<u128, RpcError> {
        let head = ctx.ledger.head().block.hash;
        let last = *self.0.lock().expect("no holder panics");
        if let Some((of, tip)) = last
            && of == head
        {
            return Ok(tip);
        }
        let tip = suggested_tip(ctx)?;
        *self.0.lock().expect("no holder panics") = Some((head, tip));
        Ok(tip)
    }
}

/// A percentile of the lowest tips that were taken of late. Blocks without prices say nothing.
pub(crate) fn suggested_tip(ctx: &Ctx) -> Result<u128, RpcError> {
    let newest = ctx.ledger.head().block.header.number;
    let mut tips = Vec::new();
    for height in newest.saturating_sub(SAMPLED_BLOCKS - 1)..=newest {
        let Some(block) = ctx.ledger.block(height)? else { continue };
        let base_fee = block.header.base_fee_per_gas.unwrap_or_default();
        let transactions = block.body.transactions.iter().zip(&block.senders);
        let mut paid: Vec<u128> = transactions
            .filter(|(_, sender)| **sender != block.header.beneficiary)
            .filter_map(|(tx, _)| tx.effective_tip_per_gas(base_fee))
            .filter(|tip| *tip >= IGNORED_TIP)
            .collect();
        paid.sort_unstable();
        tips.extend(paid.into_iter().take(SAMPLED_TRANSACTIONS));
    }
    tips.sort_unstable();
    let at = tips.len().saturating_sub(1) * SUGGESTED_PERCENTILE / 100;
    Ok(tips.get(at).copied().unwrap_or(DEFAULT_TIP).min(MAX_TIP))
}

fn fee_history(ctx: &Ctx, mut args: Args<'_>) -> Result<FeeHistory, RpcError> {
    let blocks = args.next::<Count>()?.0;
    let newest: BlockNumberOrTag = args.next()?;
    let percentiles: Option<Vec<f64>> = args.optional()?;
    if let Some(percentiles) = &percentiles {
        check_percentiles(percentiles)?;
    }
    let newest = ctx.height(newest)?;
    let head = ctx.ledger.head().block.header.number;
    if newest > head {
        let message = format!("request beyond head block: requested {newest}, head {head}");
        return Err(RpcError::invalid_input(message));
    }
    let first = ctx.ledger.store().oldest_block()?;
    let kept = (newest + 1).saturating_sub(first);
    let blocks = blocks.min(ctx.limits.fee_history_blocks).min(kept);
    if blocks == 0 {
        return Ok(FeeHistory::default());
    }
    let oldest = newest + 1 - blocks;
    let mut history = FeeHistory { oldest_block: oldest, ..FeeHistory::default() };
    let mut rewards = percentiles.as_ref().map(|_| Vec::new());
    for height in oldest..=newest {
        let block = ctx.ledger.block(height)?.ok_or_else(|| missing(height))?;
        let (base_fee, blob_fee) = fees_of(ctx, &block);
        history.base_fee_per_gas.push(base_fee);
        history.base_fee_per_blob_gas.push(blob_fee);
        history.gas_used_ratio.push(ratio(block.header.gas_used, block.header.gas_limit));
        let blob_limit = ctx.ledger.spec().blob_params_at(ctx.ledger.point(&block));
        let blob_limit = blob_limit.map_or(0, |params| params.max_blob_gas_per_block());
        history.blob_gas_used_ratio.push(ratio(block.header.blob_gas_used.unwrap_or_default(), blob_limit));
        if let (Some(rewards), Some(percentiles)) = (&mut rewards, &percentiles) {
            rewards.push(tips(&block, percentiles));
        }
    }
    let (base_fee, blob_fee) = match ctx.ledger.block(newest + 1)? {
        Some(next) => fees_of(ctx, &next),
        None => {
            let next = next_fees(ctx);
            (next.base_fee.unwrap_or_default().into(), next.blob_base_fee.unwrap_or_default())
        }
    };
    history.base_fee_per_gas.push(base_fee);
    history.base_fee_per_blob_gas.push(blob_fee);
    history.reward = rewards;
    Ok(history)
}

fn missing(height: u64) -> RpcError {
    RpcError::invalid_input(format!("header not found: no block {height}; it was taken back meanwhile"))
}

/// Hexadecimal or a number.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(transparent)]
struct Count(#[serde(deserialize_with = "count")] u64);

fn count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(u64),
        Text(String),
    }
    match <Form as serde::Deserialize>::deserialize(deserializer)? {
        Form::Number(number) => Ok(number),
        Form::Text(text) => {
            let parsed = match text.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16),
                None => text.parse(),
            };
            parsed.map_err(serde::de::Error::custom)
        }
    }
}

fn check_percentiles(percentiles: &[f64]) -> Result<(), RpcError> {
    if percentiles.len() > MAX_PERCENTILES {
        let message = format!("over the query limit {MAX_PERCENTILES} of percentiles: {}", percentiles.len());
        return Err(RpcError::invalid_input(message));
    }
    let invalid = |what: String| Err(RpcError::invalid_input(format!("invalid reward percentile: {what}")));
    for (index, percentile) in percentiles.iter().enumerate() {
        if !(0.0..=100.0).contains(percentile) {
            return invalid(percentile.to_string());
        }
        if index > 0 && percentiles[index - 1] >= *percentile {
            return invalid(format!("#{}:{} >= #{index}:{percentile}", index - 1, percentiles[index - 1]));
        }
    }
    Ok(())
}

/// Base fee and price of blob gas; zero before they existed.
fn fees_of(ctx: &Ctx, block: &BlockRecord) -> (u128, u128) {
    let params = ctx.ledger.spec().blob_params_at(ctx.ledger.point(block));
    let blob_fee =
        params.zip(block.header.excess_blob_gas).map(|(params, excess)| params.calc_blob_fee(excess));
    (block.header.base_fee_per_gas.unwrap_or_default().into(), blob_fee.unwrap_or_default())
}

fn ratio(used: u64, limit: u64) -> f64 {
    if limit == 0 { 0.0 } else { used as f64 / limit as f64 }
}

/// The tips at some percentiles of the block's gas.
fn tips(block: &BlockRecord, percentiles: &[f64]) -> Vec<u128> {
    let base_fee = block.header.base_fee_per_gas.unwrap_or_default();
    let mut before = 0;
    let receipts = block.receipts.iter().map(|receipt| {
        let used = ReceiptEnvelope::cumulative_gas_used(receipt) - before;
        before += used;
        used
    });
    let tips =
        block.body.transactions.iter().map(|tx| tx.effective_tip_per_gas(base_fee).unwrap_or_default());
    let mut paid: Vec<(u128, u64)> = tips.zip(receipts).collect();
    paid.sort_by_key(|(tip, _)| *tip);
    let mut paid = paid.into_iter();
    let Some((mut tip, mut sum)) = paid.next() else { return vec![0; percentiles.len()] };
    let at = |percentile: &f64| {
        let threshold = (block.header.gas_used as f64 * percentile / 100.0) as u64;
        while sum < threshold
            && let Some((next_tip, gas)) = paid.next()
        {
            (tip, sum) = (next_tip, sum + gas);
        }
        tip
    };
    percentiles.iter().map(at).collect()
}

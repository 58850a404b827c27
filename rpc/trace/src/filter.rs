//! `trace_filter`: traces of many blocks, chosen by address.

use crate::{
    answer::{self, Json, List},
    parity, reward,
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::Address;
use alloy_rpc_types_trace::{
    filter::{TraceFilter, TraceFilterMode},
    parity::LocalizedTransactionTrace,
};
use mundi_rpc_context::{Args, Ctx, RpcError};
use serde::Deserialize;
use std::cell::RefCell;

/// What is asked for. Unlike the library's type it takes tags for blocks, and `null` for lists.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    from_block: Option<BlockNumberOrTag>,
    #[serde(default)]
    to_block: Option<BlockNumberOrTag>,
    #[serde(default)]
    from_address: Option<Vec<Address>>,
    #[serde(default)]
    to_address: Option<Vec<Address>>,
    #[serde(default)]
    mode: Option<TraceFilterMode>,
    #[serde(default)]
    after: Option<u64>,
    #[serde(default)]
    count: Option<u64>,
}

/// Most addresses in one filter.
const MOST_ADDRESSES: usize = 1000;

/// `trace_filter`.
pub(crate) fn filter(ctx: &Ctx, mut args: Args<'_>) -> Result<Json, RpcError> {
    let wanted: Wanted = args.next()?;
    let from = ctx.height(wanted.from_block.unwrap_or(BlockNumberOrTag::Earliest))?;
    let head = ctx.height(BlockNumberOrTag::Latest)?;
    let to = ctx.height(wanted.to_block.unwrap_or_default())?.min(head);
    if from > to {
        return Err(RpcError::invalid_params(format!(
            "invalid block range: fromBlock {from} is after toBlock {to}; the newest block is {head}"
        )));
    }
    let (blocks, most) = (to - from + 1, ctx.limits.trace_blocks);
    if blocks > most {
        return Err(RpcError::limit(format!(
            "the filter spans {blocks} blocks, at most {most} are traced; narrow fromBlock and toBlock"
        )));
    }
    let filter = TraceFilter {
        from_address: wanted.from_address.unwrap_or_default(),
        to_address: wanted.to_address.unwrap_or_default(),
        mode: wanted.mode.unwrap_or_default(),
        ..TraceFilter::default()
    };
    let addresses = filter.from_address.len() + filter.to_address.len();
    if addresses > MOST_ADDRESSES {
        return Err(RpcError::limit(format!(
            "the filter names {addresses} addresses, at most {MOST_ADDRESSES} are looked for"
        )));
    }
    let matcher = filter.matcher();
    let list = RefCell::new(List::new(answer::allowance(ctx, None)));
    let (mut skip, mut left) = (wanted.after.unwrap_or_default(), wanted.count.unwrap_or(u64::MAX));
    let mut take = |traces: Vec<LocalizedTransactionTrace>| {
        for trace in traces.iter().filter(|trace| matcher.matches(&trace.trace)) {
            if skip > 0 {
                skip -= 1;
            } else if left > 0 {
                left -= 1;
                list.borrow_mut().push(trace)?;
            }
        }
        Ok(left > 0)
    };
    for height in from..=to {
        let Some(block) = ctx.ledger.block(height)? else { break };
        let more =
            parity::each_transaction(ctx, &block, || list.borrow().allowance(), |_, traces| take(traces))?
                && take(reward::traces(ctx, &block))?;
        if !more {
            break;
        }
    }
    list.into_inner().finish()
}

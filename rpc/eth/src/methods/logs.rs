//! `eth_getLogs`.

use crate::{form::found_log, query::LogQuery, schemas};
use alloy_rpc_types_eth::Log;
use mundi_rpc_context::{Cost, Ctx, Methods, RpcError, Schema, required};
use mundi_state::{LogFilter, LogLimits};

pub(super) fn add(methods: &mut Methods) {
    methods.add(
        Cost::Read,
        "eth_getLogs",
        "The logs that match a filter, oldest first.",
        &[required("filter", Schema::Any)],
        Schema::Array(&schemas::LOG),
        |ctx, mut args| {
            let query: LogQuery = args.next()?;
            find(ctx, &query.resolve(ctx)?)
        },
    );
}

/// The logs that match.
pub(super) fn find(ctx: &Ctx, filter: &LogFilter) -> Result<Vec<Log>, RpcError> {
    let limits = LogLimits { logs: ctx.limits.logs, ..LogLimits::default() };
    let found = ctx.ledger.logs(filter, limits)?;
    let (mut logs, mut last) = (Vec::with_capacity(found.len()), None);
    for log in found {
        let timestamp = match last {
            Some((height, timestamp)) if height == log.height => timestamp,
            _ => {
                let header = ctx.ledger.store().header(log.height)?;
                let timestamp = header.map_or(0, |header| header.header.timestamp);
                last = Some((log.height, timestamp));
                timestamp
            }
        };
        logs.push(found_log(log, timestamp));
    }
    Ok(logs)
}

//! The chain's clock.

use crate::{
    declare::Declare,
    number::{NUMBER, Number},
};
use mundi_rpc_context::{RpcError, Schema, required};

/// The latest time that a chain can be given, in seconds since 1970: some hundred million years from now. What is later does
/// not fit into the arithmetic of some clients.
pub(crate) const MAX_TIME: u64 = 1 << 52;

pub(super) fn declare(declare: &mut Declare<'_>) {
    declare.add(
        &["evm_increaseTime", "anvil_increaseTime"],
        "Lets time jump ahead by some seconds; gives all seconds that the clock has been moved by.",
        &[required("seconds", NUMBER)],
        Schema::Number,
        |bench, mut args| {
            let seconds = args.next::<Number>()?.at_most(MAX_TIME, "seconds")?;
            let (now, mut offset) = (bench.solo.now(), None);
            if now.saturating_add(seconds) <= MAX_TIME {
                bench.solo.decide(|next| {
                    next.offset = next.offset.saturating_add_unsigned(seconds);
                    offset = Some(next.offset);
                });
            }
            offset.ok_or_else(|| too_late(now.saturating_add(seconds)))
        },
    );
    declare.add(
        &["evm_setNextBlockTimestamp", "anvil_setNextBlockTimestamp"],
        "Sets the time of the next block, in seconds since 1970; time goes on from there.",
        &[required("timestamp", NUMBER)],
        Schema::Null,
        |bench, mut args| {
            let timestamp = args.next::<Number>()?.at_most(MAX_TIME, "timestamp")?;
            bench.solo.pause(|| {
                bench.check_timestamp(timestamp)?;
                bench.solo.decide(|next| next.timestamp = Some(timestamp));
                Ok(())
            })
        },
    );
    declare.add(
        &["evm_setTime", "anvil_setTime"],
        "Sets the clock, in seconds since 1970; gives by how many seconds it was moved ahead.",
        &[required("timestamp", NUMBER)],
        Schema::Number,
        |bench, mut args| {
            let timestamp = args.next::<Number>()?.at_most(MAX_TIME, "timestamp")?;
            let before = bench.solo.now();
            let offset = timestamp.cast_signed() - i64::try_from(bench.solo.clock()).unwrap_or(i64::MAX);
            bench.solo.decide(|next| (next.offset, next.timestamp) = (offset, None));
            Ok(timestamp.saturating_sub(before))
        },
    );
    declare.add(
        &["anvil_setBlockTimestampInterval", "evm_setBlockTimestampInterval"],
        "From here on each block is this many seconds after the one before, whatever the clock says.",
        &[required("seconds", NUMBER)],
        Schema::Null,
        |bench, mut args| {
            let seconds = args.next::<Number>()?.at_most(MAX_TIME, "seconds")?;
            bench.solo.decide(|next| next.interval = Some(seconds));
            Ok(())
        },
    );
    declare.add(
        &["anvil_removeBlockTimestampInterval", "evm_removeBlockTimestampInterval"],
        "Blocks have the time of the clock again; gives whether they had not.",
        &[],
        Schema::Bool,
        |bench, _| {
            let mut removed = None;
            bench.solo.decide(|next| removed = next.interval.take());
            Ok(removed.is_some())
        },
    );
}

pub(crate) fn too_late(timestamp: u64) -> RpcError {
    RpcError::invalid_params(format!("time: expected at most {MAX_TIME}, got {timestamp}"))
}

impl crate::Workbench {
    /// Whether the next block may have this time.
    pub(crate) fn check_timestamp(&self, timestamp: u64) -> Result<(), RpcError> {
        let before = self.ctx.ledger.head().block.header.timestamp;
        let least = self.ctx.ledger.spec().earliest_after(before);
        if timestamp < least {
            return Err(RpcError::invalid_params(format!(
                "timestamp: expected at least {least}, because the block before has {before}, got {timestamp}"
            )));
        }
        Ok(())
    }
}

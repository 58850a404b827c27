//! A line in the log for each block.

use mundi_chain::{Head, LedgerObserver, Sealed};
use mundi_state::BlockRecord;
use std::{sync::Arc, time::Duration};

/// Writes a line for each block, with where its time went.
pub(crate) struct Narrator;

impl LedgerObserver for Narrator {
    fn sealed(&self, sealed: &Sealed, _head: &Head) {
        let Sealed { block, timings, report, .. } = sealed;
        let header = &block.header;
        // Together they are all that the committed transactions cost, as far as it was traced.
        let speed_up = report.trace.as_ref().map(|trace| {
            trace.total_work().as_secs_f64() / report.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
        });
        tracing::info!(
            target: "block",
            height = header.number,
            hash = %block.hash,
            transactions = block.body.transactions.len(),
            skipped = sealed.skipped.len(),
            gas = header.gas_used,
            execute_ms = milliseconds(timings.execute),
            root_ms = milliseconds(timings.root),
            write_ms = milliseconds(timings.write),
            total_ms = milliseconds(timings.total),
            mode = report.mode.name(),
            threads = report.threads,
            speed_up,
        );
        for (hash, reason) in &sealed.skipped {
            tracing::debug!(target: "block", height = header.number, %hash, %reason, "left out");
        }
    }

    fn reset(&self, removed: &[Arc<BlockRecord>], head: &Head) {
        if let Some(last) = removed.last() {
            tracing::info!(
                target: "chain",
                removed = removed.len(),
                from = last.header.number,
                height = head.block.header.number,
                "blocks taken back",
            );
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}

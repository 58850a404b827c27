//! What came out.

use crate::{ImportFigures, ReadFigures, RootFigures, Size};
use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
use mundi_state::Stats;
use std::{fmt, time::Duration};

/// All figures of a run.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Report {
    /// The world that was measured on.
    pub world: Size,
    /// Roots and commits.
    pub roots: RootFigures,
    /// Point reads.
    pub reads: ReadFigures,
    /// Bytes on disk.
    pub size: SizeFigures,
    /// Imports.
    pub import: Option<ImportFigures>,
}

/// Bytes on disk, beside what they cannot be less than.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct SizeFigures {
    /// Bytes per account, key included.
    pub account: f64,
    /// A hash and the record.
    pub account_minimum: f64,
    /// Bytes per slot, key included.
    pub slot: f64,
    /// A hash and the value.
    pub slot_minimum: f64,
    /// Bytes of trie nodes per account and slot.
    pub trie: f64,
}

impl SizeFigures {
    pub(crate) fn of(stats: &Stats) -> Self {
        let leaves = (stats.accounts.entries + stats.slots.entries).max(1) as f64;
        let nodes: u64 =
            stats.tables.iter().filter(|table| table.name == "nodes").map(|table| table.bytes).sum();
        Self {
            account: stats.accounts.per_entry().unwrap_or(0.0),
            account_minimum: stats.accounts.minimum().unwrap_or(0.0),
            slot: stats.slots.per_entry().unwrap_or(0.0),
            slot_minimum: stats.slots.minimum().unwrap_or(0.0),
            trie: nodes as f64 / leaves,
        }
    }
}

fn ratio(slow: Duration, fast: Duration) -> String {
    if fast.is_zero() { "–".into() } else { format!("{:.2}×", slow.as_secs_f64() / fast.as_secs_f64()) }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn nanoseconds(time: Duration) -> String {
    format!("{} ns", time.as_nanos())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_preset(UTF8_HORIZONTAL_ONLY);
        table.set_header(["what", "figure", "beside"]);
        let mut row = |what: String, figure: String, beside: String| {
            table.add_row([what, figure, beside]);
        };
        let roots = &self.roots;
        let (one, all) = roots.commit();
        let threads = roots.threads;
        row(
            format!("root of {} accounts, 1 thread", roots.updates),
            milliseconds(roots.stage_one),
            format!("{} of Keccak's floor", ratio(roots.stage_one, roots.keccak_floor)),
        );
        row(
            format!("root, {threads} threads"),
            milliseconds(roots.stage_all),
            format!("{} faster", ratio(roots.stage_one, roots.stage_all)),
        );
        row("root, nodes not in the cache".into(), milliseconds(roots.first), format!("{threads} threads"));
        row("root by alloy's hash builder".into(), milliseconds(roots.hash_builder), {
            format!("{} of ours on 1 thread", ratio(roots.hash_builder, roots.stage_one))
        });
        row(
            "commit (root, publish, fsync), 1 thread".into(),
            milliseconds(one),
            format!("{} of Keccak's floor", ratio(one, roots.keccak_floor)),
        );
        row(format!("commit, {threads} threads"), milliseconds(all), format!("{} faster", ratio(one, all)));
        row("flush of the block".into(), milliseconds(roots.flush), String::new());
        row(
            "Keccak's floor".into(),
            milliseconds(roots.keccak_floor),
            format!("{} nodes, {:.1} MB", roots.nodes, roots.hashed_bytes as f64 / 1e6),
        );
        let reads = &self.reads;
        row("read, cached".into(), nanoseconds(reads.hit), String::new());
        row(
            "read, not cached".into(),
            nanoseconds(reads.miss),
            format!("{} of the engine's own", ratio(reads.miss, reads.engine)),
        );
        row("read by the engine alone".into(), nanoseconds(reads.engine), String::new());
        let size = &self.size;
        row(
            "bytes per account".into(),
            format!("{:.0}", size.account),
            format!("{:.0} at least", size.account_minimum),
        );
        row(
            "bytes per slot".into(),
            format!("{:.0}", size.slot),
            format!("{:.0} at least", size.slot_minimum),
        );
        row("bytes of trie per account or slot".into(), format!("{:.0}", size.trie), String::new());
        if let Some(import) = &self.import {
            let seconds = import.pipelined.as_secs_f64();
            row(
                format!("import of {} blocks, {} transactions", import.blocks, import.transactions),
                milliseconds(import.pipelined),
                format!("{:.0} Mgas/s", import.gas as f64 / seconds / 1e6),
            );
            for (stage, time) in &import.alone {
                row(format!("{stage} alone"), milliseconds(*time), String::new());
            }
            row(
                "pipeline against its slowest stage".into(),
                ratio(import.slowest().1, import.pipelined),
                format!("{} alone", import.slowest().0),
            );
            row(
                "pipeline against stage after stage".into(),
                ratio(import.sequential(), import.pipelined),
                format!("{} threads", import.threads),
            );
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let Size { accounts, slots } = self.world;
        write!(f, "{accounts} accounts, {slots} slots\n{table}")
    }
}

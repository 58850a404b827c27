//! The report as a table for people.

use super::{BenchReport, Comparison, Measurement};
use comfy_table::{Cell, CellAlignment, Table, TableComponent, presets};
use std::fmt;

const COLUMNS: [&str; 11] =
    ["workload", "mode", "txs", "Mgas", "seq ms", "ms", "speed-up", "of best", "spread", "ideal", "again"];
const RESOURCES: [&str; 11] = [
    "workload",
    "mode",
    "µs/tx seq",
    "µs/tx",
    "tx/s",
    "CPU ms seq",
    "CPU ms",
    "Minstr seq",
    "Minstr",
    "MiB seq",
    "MiB",
];
/// Columns that hold text.
const TEXT: [usize; 2] = [0, 1];
const MODE: usize = 1;
const INSTRUCTIONS: [usize; 2] = [7, 8];

impl fmt::Display for BenchReport {
    /// One table per section, then the totals and what the columns mean.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.optimised {
            writeln!(f, "This is not an optimised build: its figures mean nothing.\n")?;
        }
        let latency = self.cold.first().and_then(|first| first.cold_reads).map_or(0, |(latency, _)| latency);
        let cold = format!("Generated blocks, every first read of a key takes {latency} µs or more");
        let sections = [
            ("Generated blocks, state in memory", &self.generated),
            (&cold, &self.cold),
            ("Given blocks, state in memory", &self.given),
        ];
        for (title, measurements) in sections {
            if !measurements.is_empty() {
                let mode = only_mode(measurements).map(|mode| format!(", mode {mode}")).unwrap_or_default();
                writeln!(f, "{title} ({} threads on {} cores{mode})", self.threads, self.cores)?;
                writeln!(f, "{}\n", speed(measurements))?;
            }
        }
        if !self.generated.is_empty() {
            writeln!(f, "Resources\n{}\n", resources(&self.generated))?;
        }
        if let Some(cores) = self.disturbance() {
            writeln!(
                f,
                "Other programs kept up to {cores:.1} of the {} cores busy meanwhile: measure again on an idle machine.\n",
                self.cores
            )?;
        }
        for total in &self.totals {
            writeln!(
                f,
                "{} given blocks, {} transactions, {:.0} Mgas, mode {}: {:.1} ms sequential, {:.1} ms, {:.2}×{}; \
                 worst {:.2}× (block {}); slower than sequential: {}",
                total.blocks,
                total.transactions,
                total.gas as f64 / 1e6,
                total.mode,
                total.sequential_milliseconds,
                total.milliseconds,
                total.ratio,
                total.ideal.map(|ideal| format!(" (ideal {ideal:.2}×)")).unwrap_or_default(),
                total.worst_ratio,
                total.worst,
                total.slower,
            )?;
        }
        f.write_str(
            "seq ms, ms: sequential execution and the engine, medians of the rounds\n\
             speed-up: the one over the other; of best: least over least; spread: within single rounds\n\
             ideal: a perfect scheduler on as many threads, from measured costs and true dependencies; plain\n       \
             transfers need no virtual machine here, and can exceed it\n\
             again: executions thrown away\n\
             Every run had the receipts, gas and state changes of sequential execution.",
        )
    }
}

/// A table without the columns that say nothing: the mode if it is the same everywhere, instructions if none were
/// counted.
fn table(header: &[&str], rows: &[Vec<String>], hidden: &[usize]) -> Table {
    let shown = |cells: Vec<&str>| {
        let cell = |(index, cell): (usize, &str)| {
            let align = if TEXT.contains(&index) { CellAlignment::Left } else { CellAlignment::Right };
            (!hidden.contains(&index)).then(|| Cell::new(cell).set_alignment(align))
        };
        cells.into_iter().enumerate().filter_map(cell).collect::<Vec<_>>()
    };
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─')
        .set_header(shown(header.to_vec()));
    for row in rows {
        table.add_row(shown(row.iter().map(String::as_str).collect()));
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 1));
    });
    table
}

fn mode_of(comparison: &Comparison) -> String {
    if comparison.used == comparison.mode {
        comparison.mode.to_string()
    } else {
        format!("{} → {}", comparison.mode, comparison.used)
    }
}

/// The mode of all measurements, if it is one.
fn only_mode(measurements: &[Measurement]) -> Option<String> {
    let mut modes = measurements.iter().flat_map(|measurement| &measurement.modes).map(mode_of);
    let first = modes.next()?;
    modes.all(|mode| mode == first).then_some(first)
}

fn speed(measurements: &[Measurement]) -> Table {
    let mut rows = Vec::new();
    for measurement in measurements {
        for other in &measurement.modes {
            rows.push(vec![
                measurement.name.clone(),
                mode_of(other),
                measurement.transactions.to_string(),
                format!("{:.1}", measurement.gas as f64 / 1e6),
                format!("{:.2}", measurement.sequential.milliseconds.median),
                format!("{:.2}", other.timing.milliseconds.median),
                format!("{:.2}×", other.ratio),
                format!("{:.2}×", other.ratio_of_best),
                format!("{:.2}–{:.2}", other.paired.min, other.paired.max),
                measurement.ideal.map_or_else(String::new, |ideal| format!("{ideal:.2}×")),
                format!("{:.0}", other.re_executions),
            ]);
        }
    }
    let hidden: &[usize] = if only_mode(measurements).is_some() { &[MODE] } else { &[] };
    table(&COLUMNS, &rows, hidden)
}

fn resources(measurements: &[Measurement]) -> Table {
    let time = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.1}"));
    let memory = |bytes: Option<u64>| bytes.map_or_else(|| "–".into(), |bytes| (bytes >> 20).to_string());
    let mut rows = Vec::new();
    for measurement in measurements {
        let sequential = &measurement.sequential;
        for other in &measurement.modes {
            rows.push(vec![
                measurement.name.clone(),
                mode_of(other),
                format!("{:.2}", sequential.microseconds_per_transaction),
                format!("{:.2}", other.timing.microseconds_per_transaction),
                format!("{:.0}", other.timing.transactions_per_second),
                time(sequential.cpu_milliseconds),
                time(other.timing.cpu_milliseconds),
                time(sequential.mega_instructions),
                time(other.timing.mega_instructions),
                memory(sequential.peak_memory),
                memory(other.timing.peak_memory),
            ]);
        }
    }
    let mut hidden = Vec::new();
    if only_mode(measurements).is_some() {
        hidden.push(MODE);
    }
    if measurements.iter().all(|measurement| measurement.sequential.mega_instructions.is_none()) {
        hidden.extend(INSTRUCTIONS);
    }
    table(&RESOURCES, &rows, &hidden)
}

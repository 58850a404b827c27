//! The report as a table for people.

use super::{BenchReport, Measurement};
use comfy_table::{Cell, CellAlignment, Table, TableComponent, presets};
use std::fmt;

const COLUMNS: [&str; 12] = [
    "workload", "txs", "Mgas", "seq ms", "mode", "ms", "speed-up", "of best", "spread", "ideal", "Mgas/s",
    "again",
];
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
                writeln!(f, "{title} ({} threads on {} cores)", self.threads, self.cores)?;
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
            "ms: median of the rounds. speed-up: sequential median over this one; of best: least over least. spread: least to greatest ratio \
             within a round.\nideal: a perfect scheduler on as many threads, from the measured costs and dependencies. \
             again: executions thrown away.\nEvery run had the receipts, gas and state changes of sequential execution.",
        )
    }
}

fn table(header: &[&str], text: &[usize]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─')
        .set_header(cells(header.iter().copied(), text));
    table
}

fn cells<'a>(cells: impl IntoIterator<Item = &'a str>, text: &[usize]) -> Vec<Cell> {
    let align = |index| if text.contains(&index) { CellAlignment::Left } else { CellAlignment::Right };
    cells.into_iter().enumerate().map(|(index, cell)| Cell::new(cell).set_alignment(align(index))).collect()
}

fn speed(measurements: &[Measurement]) -> Table {
    let text = [0, 4];
    let mut table = table(&COLUMNS, &text);
    for measurement in measurements {
        for other in &measurement.modes {
            let mode = if other.used == other.mode {
                other.mode.to_string()
            } else {
                format!("{} → {}", other.mode, other.used)
            };
            let row = [
                measurement.name.clone(),
                measurement.transactions.to_string(),
                format!("{:.1}", measurement.gas as f64 / 1e6),
                format!("{:.2}", measurement.sequential.milliseconds.median),
                mode,
                format!("{:.2}", other.timing.milliseconds.median),
                format!("{:.2}×", other.ratio),
                format!("{:.2}×", other.ratio_of_best),
                format!("{:.2}–{:.2}", other.paired.min, other.paired.max),
                measurement.ideal.map_or_else(String::new, |ideal| format!("{ideal:.2}×")),
                format!("{:.0}", other.timing.megagas_per_second),
                format!("{:.0}", other.re_executions),
            ];
            table.add_row(cells(row.iter().map(String::as_str), &text));
        }
    }
    table
}

fn resources(measurements: &[Measurement]) -> Table {
    let text = [0, 1];
    let mut table = table(&RESOURCES, &text);
    let time = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.1}"));
    let memory = |bytes: Option<u64>| bytes.map_or_else(|| "–".into(), |bytes| (bytes >> 20).to_string());
    for measurement in measurements {
        let sequential = &measurement.sequential;
        for other in &measurement.modes {
            let row = [
                measurement.name.clone(),
                other.mode.to_string(),
                format!("{:.2}", sequential.microseconds_per_transaction),
                format!("{:.2}", other.timing.microseconds_per_transaction),
                format!("{:.0}", other.timing.transactions_per_second),
                time(sequential.cpu_milliseconds),
                time(other.timing.cpu_milliseconds),
                time(sequential.mega_instructions),
                time(other.timing.mega_instructions),
                memory(sequential.peak_memory),
                memory(other.timing.peak_memory),
            ];
            table.add_row(cells(row.iter().map(String::as_str), &text));
        }
    }
    table
}

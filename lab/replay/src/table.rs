//! The table for people.

use crate::record::{BlockRecord, ReplayRecord};
use comfy_table::{
    Cell, CellAlignment, Color, ContentArrangement, Table, TableComponent, presets::UTF8_HORIZONTAL_ONLY,
};

/// Blocks below this ratio stand out: parallel execution cost them time.
const SLOWER: f64 = 0.97;

impl ReplayRecord {
    /// The record as a table with totals, the worst block and all differences below it. `color` is for terminals.
    pub fn to_table(&self, color: bool) -> String {
        let mut table = Table::new();
        table.load_preset(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled);
        for line in [
            TableComponent::HorizontalLines,
            TableComponent::MiddleIntersections,
            TableComponent::LeftBorderIntersections,
            TableComponent::RightBorderIntersections,
        ] {
            table.remove_style(line);
        }
        if color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let ideal = format!("ideal on {}", self.threads);
        table.set_header([
            "block",
            "fork",
            "txs",
            "Mgas",
            "sequential",
            "parallel",
            "speed-up",
            &ideal,
            "re-executed",
            "result",
        ]);
        for block in &self.blocks {
            table.add_row(row(block));
        }
        if self.blocks.len() > 1 {
            let totals = &self.totals;
            table.add_row([
                Cell::new("total"),
                Cell::new(format!("{} blocks", totals.blocks)),
                Cell::new(totals.transactions),
                Cell::new(mega(totals.gas)),
                Cell::new(milliseconds(totals.sequential_ns)),
                Cell::new(milliseconds(totals.parallel_ns)),
                Cell::new(times(totals.speed_up)),
                Cell::new(times(totals.ideal_speed_up)),
                Cell::new(totals.re_executions),
                match totals.mismatches {
                    0 => Cell::new("all equal").fg(Color::Green),
                    wrong => Cell::new(format!("{wrong} DIFFER")).fg(Color::Red),
                },
            ]);
        }
        for column in 2..=8 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = format!("{table}\n");
        self.summary(&mut text);
        text
    }

    fn summary(&self, text: &mut String) {
        use std::fmt::Write as _;
        let plural = if self.runs == 1 { "run" } else { "runs" };
        let _ = writeln!(
            text,
            "{} mode, {} threads, medians of {} {plural}; ideal: a perfect scheduler of the true dependencies",
            self.mode, self.threads, self.runs
        );
        if let Some(worst) = self.totals.worst.as_ref().filter(|_| self.blocks.len() > 1) {
            let _ = writeln!(text, "worst block: {} at {}", worst.number, times(worst.speed_up));
        }
        for block in self.blocks.iter().filter(|block| !block.is_right()) {
            let _ = writeln!(text, "\nblock {} ({}) differs:", block.number, block.file.display());
            for difference in &block.differences {
                let _ = writeln!(text, "  {difference}");
            }
        }
    }
}

fn row(block: &BlockRecord) -> Vec<Cell> {
    let speed_up = Cell::new(times(block.speed_up));
    vec![
        Cell::new(block.number),
        Cell::new(&block.fork),
        Cell::new(block.transactions),
        Cell::new(mega(block.gas)),
        Cell::new(milliseconds(block.sequential_ns)),
        Cell::new(milliseconds(block.parallel_ns)),
        if block.speed_up < SLOWER { speed_up.fg(Color::Yellow) } else { speed_up },
        Cell::new(times(block.ideal_speed_up)),
        Cell::new(block.re_executions),
        if block.is_right() {
            Cell::new("equal").fg(Color::Green)
        } else {
            Cell::new("DIFFERS").fg(Color::Red)
        },
    ]
}

fn mega(gas: u64) -> String {
    format!("{:.2}", gas as f64 / 1e6)
}

fn milliseconds(nanoseconds: u64) -> String {
    format!("{:.3} ms", nanoseconds as f64 / 1e6)
}

fn times(ratio: f64) -> String {
    format!("{ratio:.2}×")
}

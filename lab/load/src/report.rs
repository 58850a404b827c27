//! What is reported of several rounds.

use crate::{Outcome, Round};
use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
use std::fmt;

/// Latency of committed transactions, in milliseconds.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Latency {
    /// Half are faster.
    pub median: f64,
    /// 95 of 100 are faster.
    pub p95: f64,
    /// 99 of 100 are faster.
    pub p99: f64,
}

/// Medians over the rounds of one node.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Summary {
    /// Transactions taken per second.
    pub accepted: f64,
    /// Transactions in blocks per second.
    pub committed: f64,
    /// From request to block.
    pub latency: Latency,
    /// Transactions in a block.
    pub block: f64,
    /// Cores that the node kept busy, if it runs here.
    pub cores: Option<f64>,
    /// Microseconds of processor time for a committed transaction, if the node runs here.
    pub cpu_per_transaction: Option<f64>,
    /// Most memory of the node, in MiB, if it runs here.
    pub memory: Option<f64>,
    /// Cores that the generator kept busy.
    pub generator_cores: f64,
    /// Committed transactions as a part of what signature recovery alone would allow on the cores that the generator leaves.
    pub of_ceiling: f64,
}

/// A node with its rounds.
#[derive(Clone, Debug, serde::Serialize)]
pub struct NodeReport {
    /// What it is called.
    pub name: String,
    /// All rounds.
    pub rounds: Vec<Outcome>,
    /// Their medians.
    pub summary: Summary,
}

/// A whole measurement.
#[derive(Clone, Debug, serde::Serialize)]
pub struct LoadReport {
    /// What was sent.
    pub workload: String,
    /// Cores of the machine.
    pub cores: usize,
    /// Senders that one core recovers in a second, measured in the same run.
    pub recovered_per_core: f64,
    /// The nodes, the one that was started here first.
    pub nodes: Vec<NodeReport>,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn percentile(sorted: &[f64], part: f64) -> f64 {
    let at = ((sorted.len() as f64 - 1.0) * part).round();
    sorted.get(at.max(0.0) as usize).copied().unwrap_or_default()
}

impl Outcome {
    /// Transactions taken per second.
    pub fn accepted_rate(&self) -> f64 {
        self.accepted as f64 / self.sending.as_secs_f64().max(1e-9)
    }

    /// Transactions in blocks per second.
    pub fn committed_rate(&self) -> f64 {
        self.committed as f64 / self.committing.as_secs_f64().max(1e-9)
    }
}

impl NodeReport {
    /// Medians of these rounds on a machine with so many cores.
    pub fn new(name: String, rounds: Vec<Outcome>, cores: usize, recovered_per_core: f64) -> Self {
        let of = |value: &dyn Fn(&Outcome) -> f64| median(rounds.iter().map(value).collect());
        let local = |value: &dyn Fn(&Outcome) -> Option<f64>| {
            let values: Vec<f64> = rounds.iter().filter_map(value).collect();
            (!values.is_empty()).then(|| median(values))
        };
        let latency = |part| of(&|round| 1e3 * percentile(&round.latencies, part));
        let ceiling = |round: &Outcome| {
            let busy = round.generator_cpu / round.committing.as_secs_f64().max(1e-9);
            (cores as f64 - busy).max(0.1) * recovered_per_core
        };
        let summary = Summary {
            accepted: of(&Outcome::accepted_rate),
            committed: of(&Outcome::committed_rate),
            latency: Latency { median: latency(0.5), p95: latency(0.95), p99: latency(0.99) },
            block: of(&|round| round.committed as f64 / round.blocks.max(1) as f64),
            cores: local(&|round| Some(round.node?.cpu / round.committing.as_secs_f64().max(1e-9))),
            cpu_per_transaction: local(&|round| Some(1e6 * round.node?.cpu / round.committed.max(1) as f64)),
            memory: local(&|round| Some(round.node?.memory as f64 / f64::from(1 << 20))),
            generator_cores: of(&|round| round.generator_cpu / round.committing.as_secs_f64().max(1e-9)),
            of_ceiling: of(&|round| round.committed_rate() / ceiling(round)),
        };
        Self { name, rounds, summary }
    }
}

impl LoadReport {
    /// A report without nodes yet.
    pub fn new(round: &Round, cores: usize, recovered_per_core: f64) -> Self {
        let Round { workload, transport, transactions, batch, connections, senders, .. } = round;
        let workload = format!(
            "{transactions} × {workload}, batches of {batch} over {connections} {transport} connections, {senders} senders"
        );
        Self { workload, cores, recovered_per_core, nodes: Vec::new() }
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.workload)?;
        writeln!(
            f,
            "{} cores, one recovers {:.0} senders a second; medians of {} rounds\n",
            self.cores,
            self.recovered_per_core,
            self.nodes.first().map_or(0, |node| node.rounds.len())
        )?;
        let mut table = Table::new();
        table.load_preset(UTF8_HORIZONTAL_ONLY);
        table.set_header([
            "node",
            "accepted/s",
            "committed/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "tx/block",
            "cores",
            "µs/tx",
            "MiB",
            "generator",
            "of ceiling",
        ]);
        let or_dash =
            |value: Option<f64>, digits: usize| value.map_or("-".into(), |value| format!("{value:.digits$}"));
        for NodeReport { name, summary, .. } in &self.nodes {
            table.add_row([
                name.clone(),
                format!("{:.0}", summary.accepted),
                format!("{:.0}", summary.committed),
                format!("{:.1}", summary.latency.median),
                format!("{:.1}", summary.latency.p95),
                format!("{:.1}", summary.latency.p99),
                format!("{:.0}", summary.block),
                or_dash(summary.cores, 2),
                or_dash(summary.cpu_per_transaction, 1),
                or_dash(summary.memory, 0),
                format!("{:.2}", summary.generator_cores),
                format!("{:.0} %", 100.0 * summary.of_ceiling),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(f, "{table}")?;
        if let [own, other, ..] = &self.nodes[..] {
            let ratio = own.summary.committed / other.summary.committed.max(1e-9);
            writeln!(f, "committed, {} over {}: {ratio:.2}×", own.name, other.name)?;
        }
        for (node, round) in
            self.nodes.iter().flat_map(|node| node.rounds.iter().map(move |round| (node, round)))
        {
            if let Some(refusal) = &round.refusal {
                writeln!(
                    f,
                    "{} refused {} of {}: {refusal}",
                    node.name,
                    round.sent - round.accepted,
                    round.sent
                )?;
            }
        }
        Ok(())
    }
}

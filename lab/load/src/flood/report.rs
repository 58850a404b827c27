//! What a flood did.

use super::{FloodBench, Heavy};
use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
use std::{collections::BTreeMap, fmt, num::NonZeroUsize, time::Duration};

/// Where a block's time goes, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Stages {
    /// In the engine.
    pub execute: f64,
    /// Receipts, bloom and state root.
    pub root: f64,
    /// Writing.
    pub write: f64,
    /// From the payload's submission until the block was written, by the node's own clock.
    pub total: f64,
    /// From sending the command until it was answered, by the client's.
    pub command: f64,
}

/// One figure of several.
type Figure = fn(&Stages) -> f64;

impl Stages {
    /// Names and figures.
    const ALL: [(&str, Figure); 5] = [
        ("execute", |stages| stages.execute),
        ("root", |stages| stages.root),
        ("write", |stages| stages.write),
        ("in the node", |stages| stages.total),
        ("command", |stages| stages.command),
    ];
}

/// What is in the middle of several figures, and how far they are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Spread {
    /// A quarter is smaller.
    pub low: f64,
    /// Half are smaller.
    pub median: f64,
    /// A quarter is larger.
    pub high: f64,
}

impl Spread {
    fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let place = (values.len().saturating_sub(1)) as f64 * part;
            let (below, above) = (values.get(place.floor() as usize), values.get(place.ceil() as usize));
            below.zip(above).map_or(0.0, |(below, above)| below + (above - below) * place.fract())
        };
        Self { low: at(0.25), median: at(0.5), high: at(0.75) }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, median, high } = self;
        write!(f, "{median:.2} ({low:.2}–{high:.2})")
    }
}

/// A stage, quiet and flooded.
#[derive(Clone, Debug, serde::Serialize)]
pub struct RatioReport {
    /// Which.
    pub stage: &'static str,
    /// Milliseconds of a block in quiet rounds.
    pub quiet: Spread,
    /// Milliseconds of a block in flooded rounds.
    pub flooded: Spread,
    /// Flooded over quiet, of neighbouring rounds.
    pub ratio: Spread,
}

/// Processor time of rounds, in seconds.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Machine {
    /// How long they took.
    pub seconds: f64,
    /// The node.
    pub node: f64,
    /// The generator.
    pub generator: f64,
    /// Everything else on the machine.
    pub others: f64,
}

impl Machine {
    fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.node += other.node;
        self.generator += other.generator;
        self.others += other.others;
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = |cpu: f64| cpu / self.seconds.max(1e-9);
        let (node, generator, others) = (cores(self.node), cores(self.generator), cores(self.others));
        write!(f, "node {node:.2}, generator {generator:.2}, everything else {others:.2}")
    }
}

/// What became of the requests of one kind.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct KindTally {
    /// Connections that send it.
    pub connections: usize,
    /// Answered, with a result or with an error of the execution.
    pub answered: u64,
    /// Refused as too much (−32005).
    pub refused: u64,
    /// Failed otherwise.
    pub failed: u64,
    /// The first failure.
    pub failure: Option<String>,
    /// Bytes of the answers.
    pub bytes: u64,
}

/// What became of a flood.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct FloodTally {
    /// How long it ran, in seconds.
    pub seconds: f64,
    /// By kind.
    pub kinds: BTreeMap<Heavy, KindTally>,
    /// Connections that had no answer for very long after the end.
    pub given_up: usize,
}

impl FloodTally {
    pub(super) fn new(ran: Duration) -> Self {
        Self { seconds: ran.as_secs_f64(), ..Self::default() }
    }

    pub(super) fn add(&mut self, kind: Heavy, tally: KindTally) {
        let sum = self.kinds.entry(kind).or_default();
        sum.connections += tally.connections;
        sum.answered += tally.answered;
        sum.refused += tally.refused;
        sum.failed += tally.failed;
        sum.bytes += tally.bytes;
        sum.failure = sum.failure.take().or(tally.failure);
    }

    /// With a later one of the same connections.
    fn then(&mut self, later: Self) {
        let first = self.kinds.is_empty();
        self.seconds += later.seconds;
        self.given_up += later.given_up;
        for (kind, tally) in later.kinds {
            let connections = if first { tally.connections } else { 0 };
            self.add(kind, KindTally { connections, ..tally });
        }
    }
}

/// A whole measurement.
#[derive(Clone, Debug, serde::Serialize)]
pub struct FloodReport {
    /// Transactions of a block.
    pub transactions: usize,
    /// Blocks of a round.
    pub blocks: usize,
    /// Cores of the machine.
    pub cores: usize,
    /// By how much the threads that flood stand back, as `nice` counts.
    pub courtesy: u8,
    /// Each quiet round's block, on average.
    pub quiet: Vec<Stages>,
    /// Each flooded round's block, on average.
    pub flooded: Vec<Stages>,
    /// Flooded over quiet, by stage.
    pub stages: Vec<RatioReport>,
    /// Who used the processors while blocks were made quietly.
    pub quiet_machine: Machine,
    /// Who used the processors during the flood.
    pub flooded_machine: Machine,
    /// What became of the flood.
    pub flood: FloodTally,
}

impl FloodReport {
    pub(super) fn new(bench: &FloodBench) -> Self {
        Self {
            transactions: bench.transactions,
            blocks: bench.blocks,
            cores: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            courtesy: bench.courtesy,
            quiet: Vec::new(),
            flooded: Vec::new(),
            stages: Vec::new(),
            quiet_machine: Machine::default(),
            flooded_machine: Machine::default(),
            flood: FloodTally::default(),
        }
    }

    pub(super) fn quiet(&mut self, stages: Stages, machine: Machine) {
        self.quiet.push(stages);
        self.quiet_machine.add(&machine);
    }

    pub(super) fn flooded(&mut self, stages: Stages, machine: Machine, tally: FloodTally) {
        self.flooded.push(stages);
        self.flooded_machine.add(&machine);
        self.flood.then(tally);
    }

    pub(super) fn summarise(&mut self) {
        let stage = |(stage, of): (&'static str, Figure)| RatioReport {
            stage,
            quiet: Spread::of(self.quiet.iter().map(of)),
            flooded: Spread::of(self.flooded.iter().map(of)),
            ratio: Spread::of(
                self.flooded
                    .iter()
                    .zip(&self.quiet)
                    .map(|(flooded, quiet)| of(flooded) / of(quiet).max(1e-6)),
            ),
        };
        self.stages = Stages::ALL.map(stage).into();
    }

    /// How much longer a block takes in the node during the flood.
    pub fn ratio(&self) -> f64 {
        let total = self.stages.iter().find(|stage| stage.stage == "in the node");
        total.map_or(0.0, |stage| stage.ratio.median)
    }
}

impl fmt::Display for FloodReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transactions, blocks, cores, courtesy, .. } = self;
        let rounds = self.flooded.len();
        writeln!(
            f,
            "{rounds} rounds quiet and {rounds} flooded, by turns, of {blocks} blocks of {transactions} transfers"
        )?;
        writeln!(f, "{cores} cores; threads that flood stand back by nice {courtesy}\n")?;
        let right = |table: &mut Table| {
            table
                .column_iter_mut()
                .skip(1)
                .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        };
        let mut table = Table::new();
        table.load_preset(UTF8_HORIZONTAL_ONLY);
        table.set_header(["a block, ms: median (quartiles)", "quiet", "flooded", "ratio"]);
        for RatioReport { stage, quiet, flooded, ratio } in &self.stages {
            table.add_row([(*stage).to_owned(), quiet.to_string(), flooded.to_string(), ratio.to_string()]);
        }
        right(&mut table);
        writeln!(f, "{table}\n")?;
        let seconds = self.flood.seconds.max(1e-9);
        let mut table = Table::new();
        table.load_preset(UTF8_HORIZONTAL_ONLY);
        table.set_header(["flood", "connections", "answered/s", "refused/s", "failed/s", "MiB/s"]);
        for (kind, tally) in &self.flood.kinds {
            let rate = |count: u64| format!("{:.1}", count as f64 / seconds);
            table.add_row([
                kind.method().to_owned(),
                tally.connections.to_string(),
                rate(tally.answered),
                rate(tally.refused),
                rate(tally.failed),
                format!("{:.1}", tally.bytes as f64 / seconds / f64::from(1 << 20)),
            ]);
        }
        right(&mut table);
        writeln!(f, "{table}\n")?;
        writeln!(f, "cores busy, quiet:   {}", self.quiet_machine)?;
        writeln!(f, "cores busy, flooded: {}", self.flooded_machine)?;
        for (kind, tally) in &self.flood.kinds {
            if let Some(failure) = &tally.failure {
                writeln!(f, "{} failed {} times, first with: {failure}", kind.method(), tally.failed)?;
            }
        }
        if self.flood.given_up > 0 {
            writeln!(f, "{} connections were not answered for very long", self.flood.given_up)?;
        }
        write!(f, "\na block takes {:.2} times as long in the node during the flood", self.ratio())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_quartiles() {
        assert_eq!(Spread::of([4.0, 1.0, 3.0, 2.0, 5.0]), Spread { low: 2.0, median: 3.0, high: 4.0 });
        assert_eq!(Spread::of([1.0, 2.0]).median, 1.5);
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn ratios_are_of_neighbouring_rounds() {
        let bench = FloodBench {
            transactions: 1,
            blocks: 1,
            rounds: 3,
            connections: 1,
            kinds: vec![Heavy::Call],
            courtesy: 19,
            seed: 0,
            mnemonic: String::new(),
        };
        let mut report = FloodReport::new(&bench);
        // The machine becomes slower by the round; the flood costs a tenth.
        for total in [1.0, 10.0, 100.0] {
            report.quiet(Stages { total, ..Stages::default() }, Machine::default());
            let stages = Stages { total: 1.1 * total, ..Stages::default() };
            report.flooded(stages, Machine::default(), FloodTally::default());
        }
        report.summarise();
        assert!((report.ratio() - 1.1).abs() < 1e-9);
        assert!(report.to_string().contains("1.10 times"));
    }

    #[test]
    fn tallies_of_rounds_add_up_and_connections_do_not() {
        let tally = || {
            let mut tally = FloodTally::new(Duration::from_secs(1));
            for _ in 0..2 {
                let one = KindTally { connections: 1, answered: 5, ..KindTally::default() };
                tally.add(Heavy::Logs, one);
            }
            tally
        };
        let mut sum = FloodTally::default();
        sum.then(tally());
        sum.then(tally());
        let logs = &sum.kinds[&Heavy::Logs];
        assert_eq!((logs.connections, logs.answered, sum.seconds), (2, 20, 2.0));
    }
}

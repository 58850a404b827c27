//! The figures of replayed blocks, as the table, the JSON and the page show them.
//!
//! The JSON is stable: fields are added, never renamed or removed within a `version`. Times are in nanoseconds and
//! end in `_ns`; ratios of times are plain numbers.

use crate::{
    check,
    compare::Difference,
    prepare::ReplayBlock,
    replay::{ReplayOptions, ratio},
};
use mundi_execution::{Location, Mode, Report, Trace, TxIndex};
use serde::Serialize;
use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

/// Version of the JSON format.
pub const RECORD_VERSION: u32 = 1;

/// All replayed blocks.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayRecord {
    /// Version of this format.
    pub version: u32,
    /// Mode that was asked for.
    pub mode: Mode,
    /// Threads of the execution under test.
    pub threads: usize,
    /// Timed executions of each kind.
    pub runs: usize,
    /// Per block.
    pub blocks: Vec<BlockRecord>,
    /// Over all blocks.
    pub totals: Totals,
    /// Files that could not be replayed.
    pub unusable: Vec<UnusableFile>,
}

/// A file that could not be replayed.
#[derive(Clone, Debug, Serialize)]
pub struct UnusableFile {
    /// Which.
    pub file: PathBuf,
    /// Why.
    pub error: String,
}

/// How the replay of one block went.
#[derive(Clone, Debug, Serialize)]
pub struct BlockRecord {
    /// Block number.
    pub number: u64,
    /// The file.
    pub file: PathBuf,
    /// The fork in force.
    pub fork: String,
    /// Number of transactions.
    pub transactions: usize,
    /// Gas used, by the header.
    pub gas: u64,
    /// Mode that was used.
    pub mode: Mode,
    /// Threads that were used.
    pub threads: usize,
    /// Median time of sequential execution.
    pub sequential_ns: u64,
    /// Median time of the execution under test.
    pub parallel_ns: u64,
    /// The first over the second.
    pub speed_up: f64,
    /// Speed-up of a perfect scheduler on as many threads: see
    /// [`Trace::ideal_speed_up`](mundi_execution::Trace::ideal_speed_up).
    pub ideal_speed_up: f64,
    /// Time of all transactions one after another, without the block's own steps.
    pub work_ns: u64,
    /// Time the perfect scheduler takes for them.
    pub ideal_ns: u64,
    /// The longest chain of dependent transactions.
    pub critical_path: CriticalPathRecord,
    /// Executions of transactions in the virtual machine, in the run with the fewest re-executions.
    pub executions: u64,
    /// Of these, executions whose result was thrown away.
    pub re_executions: u64,
    /// Transactions that needed no virtual machine.
    pub plain_transfers: u64,
    /// Transactions whose speculative result was committed.
    pub speculated: u64,
    /// Header fields that were checked.
    pub checked: Vec<&'static str>,
    /// What came out differently; empty if all is well.
    pub differences: Vec<Difference>,
    /// Whether a run was counted yet.
    #[serde(skip)]
    counted: bool,
}

/// The longest chain of dependent transactions in a block.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CriticalPathRecord {
    /// Time along it.
    pub length_ns: u64,
    /// Its transactions, first to last.
    pub transactions: Vec<TxIndex>,
    /// The place through which most of its steps depend on each other.
    pub main_location: Option<Location>,
}

impl CriticalPathRecord {
    fn new(graph: &Trace) -> Self {
        let path = graph.critical_path();
        let mut counts: Vec<(Location, usize)> = Vec::new();
        for location in path.steps.iter().filter_map(|(_, location)| *location) {
            match counts.iter_mut().find(|(counted, _)| *counted == location) {
                Some((_, count)) => *count += 1,
                None => counts.push((location, 1)),
            }
        }
        Self {
            length_ns: nanoseconds(path.length),
            transactions: path.steps.iter().map(|(tx, _)| *tx).collect(),
            // The first of the most frequent, whatever the order of the others.
            main_location: counts.iter().rev().max_by_key(|(_, count)| *count).map(|(location, _)| *location),
        }
    }
}

impl BlockRecord {
    pub(crate) fn new(block: &ReplayBlock, options: &ReplayOptions) -> Self {
        Self {
            number: block.number(),
            file: block.path.clone(),
            fork: block.fork.to_string(),
            transactions: block.transactions.len(),
            gas: block.header.gas_used,
            mode: options.mode,
            threads: options.threads.get(),
            sequential_ns: 0,
            parallel_ns: 0,
            speed_up: 1.0,
            ideal_speed_up: 1.0,
            work_ns: 0,
            ideal_ns: 0,
            critical_path: CriticalPathRecord::default(),
            executions: 0,
            re_executions: 0,
            plain_transfers: 0,
            speculated: 0,
            checked: check::checked_fields(block),
            differences: Vec::new(),
            counted: false,
        }
    }

    /// Whether the block came out as it should.
    pub fn is_right(&self) -> bool {
        self.differences.is_empty()
    }

    /// Keeps the counts of the run with the fewest re-executions.
    pub(crate) fn count(&mut self, report: &Report) {
        self.mode = report.mode;
        self.threads = report.threads;
        if !self.counted || report.re_executions < self.re_executions {
            self.counted = true;
            self.executions = report.executions;
            self.re_executions = report.re_executions;
            self.plain_transfers = report.plain_transfers;
            self.speculated = report.speculated;
        }
    }

    /// Adds what the dependency graph shows.
    pub(crate) fn explain(&mut self, graph: &Trace, threads: NonZeroUsize) {
        self.ideal_speed_up = graph.ideal_speed_up(threads.get());
        self.ideal_ns = nanoseconds(graph.ideal_time(threads.get()));
        self.work_ns = nanoseconds(graph.total_work());
        self.critical_path = CriticalPathRecord::new(graph);
    }
}

/// Sums over all blocks.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Totals {
    /// Number of blocks.
    pub blocks: usize,
    /// Blocks that came out differently.
    pub mismatches: usize,
    /// Number of transactions.
    pub transactions: usize,
    /// Gas used.
    pub gas: u64,
    /// Sum of the medians.
    pub sequential_ns: u64,
    /// Sum of the medians.
    pub parallel_ns: u64,
    /// The first over the second.
    pub speed_up: f64,
    /// Work of all blocks over their ideal times.
    pub ideal_speed_up: f64,
    /// Sum over the blocks.
    pub re_executions: u64,
    /// The block with the lowest speed-up.
    pub worst: Option<WorstBlock>,
}

/// The block with the lowest speed-up.
#[derive(Clone, Debug, Serialize)]
pub struct WorstBlock {
    /// Which.
    pub number: u64,
    /// Its speed-up.
    pub speed_up: f64,
}

impl ReplayRecord {
    /// Sums up.
    pub fn new(options: &ReplayOptions, blocks: Vec<BlockRecord>, unusable: Vec<UnusableFile>) -> Self {
        let sum = |value: fn(&BlockRecord) -> u64| blocks.iter().map(value).fold(0, u64::saturating_add);
        let (sequential_ns, parallel_ns) = (sum(|b| b.sequential_ns), sum(|b| b.parallel_ns));
        let totals = Totals {
            blocks: blocks.len(),
            mismatches: blocks.iter().filter(|block| !block.is_right()).count(),
            transactions: blocks.iter().map(|block| block.transactions).sum(),
            gas: sum(|b| b.gas),
            sequential_ns,
            parallel_ns,
            speed_up: ratio(sequential_ns, parallel_ns),
            ideal_speed_up: ratio(sum(|b| b.work_ns), sum(|b| b.ideal_ns)),
            re_executions: sum(|b| b.re_executions),
            worst: blocks
                .iter()
                .filter(|block| block.parallel_ns > 0)
                .min_by(|a, b| a.speed_up.total_cmp(&b.speed_up))
                .map(|block| WorstBlock { number: block.number, speed_up: block.speed_up }),
        };
        Self {
            version: RECORD_VERSION,
            mode: options.mode,
            threads: options.threads.get(),
            runs: options.runs.get(),
            blocks,
            totals,
            unusable,
        }
    }

    /// The record as JSON.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("plain numbers and text always serialise");
        json.push('\n');
        json
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

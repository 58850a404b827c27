//! All measurements of a run.

use super::Measurement;
use mundi_execution::Mode;
use serde::Serialize;

/// Version of the JSON form of [`BenchReport`].
const FORMAT: u32 = 1;

/// All measurements of a run.
#[derive(Clone, Debug, Serialize)]
pub struct BenchReport {
    /// Version of this form.
    pub format: u32,
    /// Threads asked for.
    pub threads: usize,
    /// Cores that the process may use.
    pub cores: usize,
    /// Whether this is an optimised build; figures of any other mean nothing.
    pub optimised: bool,
    /// Seed of the generated blocks.
    pub seed: u64,
    /// Generated blocks, state in memory.
    pub generated: Vec<Measurement>,
    /// Smaller generated blocks, every first read slow.
    pub cold: Vec<Measurement>,
    /// Blocks that the caller gave.
    pub given: Vec<Measurement>,
    /// Sums over the given blocks, for each mode; empty without such blocks.
    pub totals: Vec<Total>,
}

/// One mode over all given blocks.
#[derive(Clone, Debug, Serialize)]
pub struct Total {
    /// The mode that was asked for.
    pub mode: Mode,
    /// Blocks.
    pub blocks: usize,
    /// Transactions in all blocks.
    pub transactions: usize,
    /// Gas of all blocks.
    pub gas: u64,
    /// Sum of the sequential medians.
    pub sequential_milliseconds: f64,
    /// Sum of this mode's medians.
    pub milliseconds: f64,
    /// The former over the latter.
    pub ratio: f64,
    /// The same for a perfect scheduler, if every block has an ideal.
    pub ideal: Option<f64>,
    /// The block with the lowest ratio, by the median of paired ratios.
    pub worst: String,
    /// Its ratio.
    pub worst_ratio: f64,
    /// Blocks with a ratio below one.
    pub slower: usize,
}

impl BenchReport {
    pub(super) fn new(threads: usize, seed: u64) -> Self {
        Self {
            format: FORMAT,
            threads,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            optimised: !cfg!(debug_assertions),
            seed,
            generated: Vec::new(),
            cold: Vec::new(),
            given: Vec::new(),
            totals: Vec::new(),
        }
    }

    /// The most that other programs ran beside a measurement, in cores, if it was too much to be ignored.
    pub(super) fn disturbance(&self) -> Option<f64> {
        const NOTICEABLE: f64 = 0.05;
        let measurements = self.generated.iter().chain(&self.cold).chain(&self.given);
        let loads = measurements.filter_map(|measurement| measurement.other_load);
        loads.max_by(f64::total_cmp).filter(|load| *load > NOTICEABLE)
    }

    pub(super) fn total(&mut self) {
        let modes = self.given.first().map_or(0, |first| first.modes.len());
        self.totals = (0..modes).filter_map(|mode| Total::of(&self.given, mode)).collect();
    }
}

impl Total {
    fn of(blocks: &[Measurement], mode: usize) -> Option<Self> {
        let sequential = |block: &Measurement| block.sequential.milliseconds.median;
        let sequential_milliseconds: f64 = blocks.iter().map(sequential).sum();
        let milliseconds: f64 = blocks.iter().map(|block| block.modes[mode].timing.milliseconds.median).sum();
        let ideal: Option<f64> = blocks.iter().map(|block| Some(sequential(block) / block.ideal?)).sum();
        let paired = |block: &Measurement| block.modes[mode].paired.median;
        let worst = blocks.iter().min_by(|a, b| paired(a).total_cmp(&paired(b)))?;
        Some(Self {
            mode: worst.modes[mode].mode,
            blocks: blocks.len(),
            transactions: blocks.iter().map(|block| block.transactions).sum(),
            gas: blocks.iter().map(|block| block.gas).sum(),
            sequential_milliseconds,
            milliseconds,
            ratio: sequential_milliseconds / milliseconds.max(1e-9),
            ideal: ideal.map(|ideal| sequential_milliseconds / ideal.max(1e-9)),
            worst: worst.name.clone(),
            worst_ratio: paired(worst),
            slower: blocks.iter().filter(|block| paired(block) < 1.0).count(),
        })
    }
}

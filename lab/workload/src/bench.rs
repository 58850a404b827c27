//! Measures execution modes against sequential execution.
//!
//! # What a measurement is
//!
//! One workload is executed sequentially and in each of the modes under test, in one process, on one state in memory,
//! with one allocator. A first round warms caches up, measures memory and is not timed. Then come [`Settings::runs`]
//! rounds (more for short blocks, see [`Settings::least_time`]); a round runs everything once, and the order is reversed
//! from round to round, so that drift of the machine falls on all alike. The clock covers exactly the call of
//! [`mundi_execution::execute`]: its output is examined and dropped after the clock has stopped.
//!
//! Ratios above one mean faster than sequential. `ratio` divides medians; `paired` is the median over rounds of the ratio
//! within the round, which drift touches least.
//!
//! # Invariants
//!
//! Every single run, timed or not, must have the gas, blob gas, requests, receipts and state changes of the first sequential
//! run. A measurement exists only if all did; otherwise [`measure`] returns [`BenchError::Differs`] and says where.
//!
//! # Limits
//!
//! CPU time is that of the whole process, so nothing else may run in it. Peak memory is the process's, state and previous
//! workloads' free lists included, and known on Linux only. Instructions are those of the threads that exist when
//! [`measure`] is called, and are counted where Linux and the machine allow it.

mod cold;
mod instructions;
mod measurement;
mod plan;
mod report;
mod resources;
mod table;
mod verdict;

pub use measurement::{Comparison, Measurement, Spread, Timing};
pub use plan::{Plan, Progress};
pub use report::{BenchReport, Total};

use crate::catalogue::Workload;
use cold::ColdState;
use instructions::Instructions;
use mundi_execution::{BlockOutput, Mode, NoSink, Options, StateSnapshot, execute};
use rayon::ThreadPool;
use resources::{CpuClock, OtherPrograms, PeakMemory};
use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};
use verdict::Verdict;

/// Rounds beyond which [`Settings::least_time`] asks for no more.
const MOST_ROUNDS: usize = 500;
/// Traced runs. The ideal is the median over them, because one interruption by the machine makes one transaction look dear.
const TRACES: usize = 3;

/// How to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Threads of each mode but the sequential one, the calling thread included. The pool handed to [`measure`] should
    /// have one less.
    pub threads: NonZeroUsize,
    /// Timed rounds, at least.
    pub runs: NonZeroUsize,
    /// Short blocks are repeated until sequential execution has been timed for this long in sum, or 500 times.
    pub least_time: Duration,
    /// Modes to compare with sequential execution.
    pub modes: Vec<Mode>,
}

impl Settings {
    /// Eleven rounds of the automatic mode, and a fifth of a second at least.
    pub fn new(threads: NonZeroUsize) -> Self {
        Self {
            threads,
            runs: NonZeroUsize::new(11).expect("eleven is not zero"),
            least_time: Duration::from_millis(200),
            modes: vec![Mode::Auto],
        }
    }
}

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The engine gave up.
    #[error("{workload} in mode {mode}: {source}")]
    Execution {
        /// On what.
        workload: String,
        /// In which mode.
        mode: Mode,
        /// Why.
        source: mundi_execution::ExecutionError,
    },
    /// A run gave something else than the first sequential run.
    #[error("{workload} in mode {mode} differs from sequential execution: {difference}")]
    Differs {
        /// On what.
        workload: String,
        /// In which mode.
        mode: Mode,
        /// Where, with both values.
        difference: String,
    },
}

/// What one run showed.
#[derive(Clone, Debug)]
struct Sample {
    elapsed: Duration,
    cpu: Option<Duration>,
    instructions: Option<u64>,
    report: mundi_execution::Report,
}

/// Everything that is kept over the runs of one workload.
struct Bench<'a> {
    workload: &'a Workload,
    pool: &'a ThreadPool,
    cold_read: Option<Duration>,
    instructions: Option<Instructions>,
}

impl Bench<'_> {
    /// Runs once under the clock. The second value is the number of distinct reads, when reads are made slow.
    fn run(&mut self, options: &Options) -> Result<(Sample, BlockOutput, Option<u64>), BenchError> {
        let state: &dyn StateSnapshot = &self.workload.state;
        let cold = self.cold_read.map(|latency| ColdState::new(state, latency));
        let state = cold.as_ref().map_or(state, |cold| cold as &dyn StateSnapshot);
        let counting = self.instructions.as_mut().is_some_and(|counter| counter.start().is_ok());
        let cpu = CpuClock::start();
        let start = Instant::now();
        let result = execute(&self.workload.block, state, self.pool, options, &mut NoSink);
        let elapsed = start.elapsed();
        let cpu = cpu.elapsed();
        let counter = self.instructions.as_mut().filter(|_| counting);
        let instructions = counter.and_then(|counter| counter.stop().ok());
        let mut output = result.map_err(|source| BenchError::Execution {
            workload: self.workload.name.clone(),
            mode: options.mode,
            source,
        })?;
        let report = std::mem::take(&mut output.report);
        Ok((Sample { elapsed, cpu, instructions, report }, output, cold.map(|cold| cold.reads())))
    }

    /// Runs once and compares with `verdict`.
    fn checked(&mut self, options: &Options, verdict: &Verdict) -> Result<Sample, BenchError> {
        let (sample, output, _) = self.run(options)?;
        verdict.compare(output).map_err(|difference| BenchError::Differs {
            workload: self.workload.name.clone(),
            mode: options.mode,
            difference,
        })?;
        Ok(sample)
    }
}

/// Measures `workload`. With `cold_read`, the first read of every account, slot, code and block hash in a run sleeps for
/// that long, as a read from a disk would; later reads of it are free.
pub fn measure(
    workload: &Workload,
    settings: &Settings,
    cold_read: Option<Duration>,
    pool: &ThreadPool,
) -> Result<Measurement, BenchError> {
    let mut bench = Bench { workload, pool, cold_read, instructions: Instructions::of_all_threads() };
    let memory = PeakMemory::reset();
    let collect = settings.modes.contains(&Mode::AccessList);
    let (first, mut output, cold_reads) = bench.run(&Options::sequential())?;
    let sequential_memory = memory.read();
    let gas = output.gas_used;
    if collect {
        let options = Options { collect_access_list: true, ..Options::sequential() };
        output.access_list = bench.run(&options)?.1.access_list;
    }
    let access_list = output.access_list.take().map(Arc::new);
    let verdict = Verdict::new(output);

    let mut contestants = vec![Contestant::new(Options::sequential(), sequential_memory)];
    for &mode in settings.modes.iter().filter(|mode| **mode != Mode::Sequential) {
        let access_list = if mode == Mode::AccessList { access_list.clone() } else { None };
        let options = Options { access_list, ..Options::new(settings.threads).with_mode(mode) };
        let memory = PeakMemory::reset();
        bench.checked(&options, &verdict)?;
        contestants.push(Contestant::new(options, memory.read()));
    }
    let repeats = settings.least_time.as_secs_f64() / first.elapsed.as_secs_f64().max(1e-9);
    let rounds = settings.runs.get().max((repeats.ceil() as usize).min(MOST_ROUNDS));
    let others = OtherPrograms::start();
    for round in 0..rounds {
        let count = contestants.len();
        for place in 0..count {
            let contestant = &mut contestants[if round % 2 == 0 { place } else { count - 1 - place }];
            contestant.samples.push(bench.checked(&contestant.options, &verdict)?);
        }
    }

    let other_load = others.cores();

    let traced = Options { trace: true, ..Options::new(NonZeroUsize::MIN) };
    let mut warm = Bench { cold_read: None, ..bench };
    let mut traces = Vec::new();
    for _ in 0..TRACES {
        traces.extend(warm.run(&traced)?.0.report.trace);
    }
    let measured = Measured { gas, cold_reads: cold_read.zip(cold_reads), other_load };
    Ok(Measurement::new(workload, settings, measured, &contestants, &traces))
}

/// What holds for all modes alike.
struct Measured {
    gas: u64,
    cold_reads: Option<(Duration, u64)>,
    other_load: Option<f64>,
}

/// A mode under test, and what it showed.
struct Contestant {
    options: Options,
    peak_memory: Option<u64>,
    samples: Vec<Sample>,
}

impl Contestant {
    const fn new(options: Options, peak_memory: Option<u64>) -> Self {
        Self { options, peak_memory, samples: Vec::new() }
    }
}

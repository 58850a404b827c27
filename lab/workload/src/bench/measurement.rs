//! The figures of one workload.

use super::{Contestant, Measured, Sample, Settings};
use crate::catalogue::Workload;
use mundi_execution::{Mode, Trace};
use serde::Serialize;
use std::time::Duration;

/// How one workload went.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    /// The workload's name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Transactions in the block.
    pub transactions: usize,
    /// Gas they used.
    pub gas: u64,
    /// Timed rounds.
    pub rounds: usize,
    /// Cores that other programs kept busy during the timed rounds, where it can be known: more than a few
    /// hundredths spoil the figures.
    pub other_load: Option<f64>,
    /// Microseconds that the first read of a key was asked to sleep, and how many keys there are.
    pub cold_reads: Option<(u64, u64)>,
    /// Speed-up of a perfect scheduler on the threads used, from traced runs on one thread (median).
    pub ideal: Option<f64>,
    /// Transactions on the longest chain of dependencies, by time.
    pub critical_path: Option<usize>,
    /// Dependencies between transactions.
    pub dependencies: Option<usize>,
    /// Sequential execution.
    pub sequential: Timing,
    /// The modes under test.
    pub modes: Vec<Comparison>,
}

/// Times of one mode.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Timing {
    /// Milliseconds on the clock.
    pub milliseconds: Spread,
    /// Milliseconds of CPU time of all threads, median.
    pub cpu_milliseconds: Option<f64>,
    /// Million instructions of all threads, median, where they can be counted.
    pub mega_instructions: Option<f64>,
    /// Million gas per second, from the median.
    pub megagas_per_second: f64,
    /// Transactions per second, from the median.
    pub transactions_per_second: f64,
    /// Microseconds per transaction, from the median.
    pub microseconds_per_transaction: f64,
    /// Most resident memory of the process during a run, in bytes.
    pub peak_memory: Option<u64>,
}

/// A mode against sequential execution.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The mode that was asked for.
    pub mode: Mode,
    /// The mode that [`Mode::Auto`] chose in the last round.
    pub used: Mode,
    /// Threads that were used in the last round.
    pub threads: usize,
    /// Its times.
    pub timing: Timing,
    /// Sequential median over this mode's median: above one is faster.
    pub ratio: f64,
    /// Sequential minimum over this mode's minimum: what the ratio is when nothing else disturbs either.
    pub ratio_of_best: f64,
    /// Ratios within a round.
    pub paired: Spread,
    /// Executions whose result was thrown away, median.
    pub re_executions: f64,
    /// Transactions committed from a speculative result, median.
    pub speculated: f64,
    /// Transactions that needed no virtual machine, median.
    pub plain_transfers: f64,
}

/// The middle and the ends of several values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Least.
    pub min: f64,
    /// Middle one, or the mean of the two in the middle.
    pub median: f64,
    /// Greatest.
    pub max: f64,
}

impl Spread {
    /// Of no values at all it is zero.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (values.first(), values.last()) else {
            return Self { min: 0.0, median: 0.0, max: 0.0 };
        };
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Self { min, median, max }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

impl Timing {
    fn new(contestant: &Contestant, transactions: usize, gas: u64) -> Self {
        let samples = &contestant.samples;
        let spread = Spread::of(samples.iter().map(|sample| milliseconds(sample.elapsed)));
        let median = |figure: fn(&Sample) -> Option<f64>| {
            let values: Option<Vec<f64>> = samples.iter().map(figure).collect();
            values.map(|values| Spread::of(values).median)
        };
        let seconds = (spread.median / 1e3).max(1e-12);
        Self {
            milliseconds: spread,
            cpu_milliseconds: median(|sample| sample.cpu.map(milliseconds)),
            mega_instructions: median(|sample| sample.instructions.map(|count| count as f64 / 1e6)),
            megagas_per_second: gas as f64 / 1e6 / seconds,
            transactions_per_second: transactions as f64 / seconds,
            microseconds_per_transaction: seconds * 1e6 / transactions.max(1) as f64,
            peak_memory: contestant.peak_memory,
        }
    }
}

impl Measurement {
    /// The first contestant is sequential execution.
    pub(super) fn new(
        workload: &Workload,
        settings: &Settings,
        measured: Measured,
        contestants: &[Contestant],
        traces: &[Trace],
    ) -> Self {
        let Measured { gas, cold_reads, other_load } = measured;
        let transactions = workload.block.transactions.len();
        let [oracle, others @ ..] = contestants else {
            unreachable!("sequential execution always takes part");
        };
        let sequential = Timing::new(oracle, transactions, gas);
        let trace = traces.first();
        let ideals = traces.iter().map(|trace| trace.ideal_speed_up(settings.threads.get()));
        let modes = others.iter().map(|other| Comparison::new(oracle, other, sequential, transactions, gas));
        Self {
            name: workload.name.clone(),
            description: workload.description.clone(),
            transactions,
            gas,
            rounds: oracle.samples.len(),
            other_load,
            cold_reads: cold_reads.map(|(latency, reads)| (latency.as_micros() as u64, reads)),
            ideal: trace.map(|_| Spread::of(ideals).median),
            critical_path: trace.map(|trace| trace.critical_path().steps.len()),
            dependencies: trace.map(|trace| trace.dependencies.len()),
            sequential,
            modes: modes.collect(),
        }
    }
}

impl Comparison {
    fn new(
        oracle: &Contestant,
        other: &Contestant,
        sequential: Timing,
        transactions: usize,
        gas: u64,
    ) -> Self {
        let timing = Timing::new(other, transactions, gas);
        let median = |figure: fn(&Sample) -> u64| {
            Spread::of(other.samples.iter().map(|sample| figure(sample) as f64)).median
        };
        let pairs = oracle.samples.iter().zip(&other.samples);
        let last = other.samples.last().map(|sample| &sample.report);
        Self {
            mode: other.options.mode,
            used: last.map_or(other.options.mode, |report| report.mode),
            threads: last.map_or(other.options.threads.get(), |report| report.threads),
            timing,
            ratio: sequential.milliseconds.median / timing.milliseconds.median.max(1e-9),
            ratio_of_best: sequential.milliseconds.min / timing.milliseconds.min.max(1e-9),
            paired: Spread::of(pairs.map(|(oracle, other)| {
                oracle.elapsed.as_secs_f64() / other.elapsed.as_secs_f64().max(1e-12)
            })),
            re_executions: median(|sample| sample.report.re_executions),
            speculated: median(|sample| sample.report.speculated),
            plain_transfers: median(|sample| sample.report.plain_transfers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_value_or_the_mean_of_two() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).median, 2.5);
    }
}

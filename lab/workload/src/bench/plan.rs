//! What to measure.

use super::{BenchError, BenchReport, Measurement, Settings, measure};
use crate::catalogue::{GIGAGAS, QUICK_GAS, Workload, matching};
use rayon::ThreadPool;
use std::{num::NonZeroUsize, time::Duration};

/// The whole benchmark.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How to measure.
    pub settings: Settings,
    /// Gas of the generated blocks.
    pub gas: u64,
    /// Seed of the generated blocks.
    pub seed: u64,
    /// Which generated workloads: as in [`matching`].
    pub only: String,
    /// Repeats the generated workloads in a small size with first reads that sleep this long.
    pub cold_read: Option<Duration>,
    /// Gas of the blocks for that.
    pub cold_gas: u64,
    /// Timed rounds for that.
    pub cold_runs: NonZeroUsize,
    /// Blocks from elsewhere.
    pub given: Vec<Workload>,
}

/// What [`Plan::run`] has come to.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// Starts to build and measure a workload.
    Started {
        /// Its name.
        name: &'a str,
        /// Workloads before it.
        done: usize,
        /// Workloads in all.
        of: usize,
    },
    /// Has measured one.
    Measured(&'a Measurement),
}

impl Plan {
    /// Blocks of one gigagas, eleven rounds, and 10-megagas blocks with reads of 100 µs.
    pub fn full(threads: NonZeroUsize) -> Self {
        Self {
            settings: Settings::new(threads),
            gas: GIGAGAS,
            seed: 1,
            only: String::new(),
            cold_read: Some(Duration::from_micros(100)),
            cold_gas: 10_000_000,
            cold_runs: NonZeroUsize::new(5).expect("five is not zero"),
            given: Vec::new(),
        }
    }

    /// A tenth of that, in well under a minute.
    pub fn quick(threads: NonZeroUsize) -> Self {
        let mut plan = Self::full(threads);
        plan.gas = QUICK_GAS;
        plan.cold_gas = 2_000_000;
        plan.cold_runs = NonZeroUsize::new(3).expect("three is not zero");
        plan.settings.runs = NonZeroUsize::new(5).expect("five is not zero");
        plan.settings.least_time = Duration::from_millis(50);
        plan
    }

    /// Measures everything, one workload after another. `pool` lends the helping threads.
    pub fn run(
        &self,
        pool: &ThreadPool,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<BenchReport, BenchError> {
        let recipes = matching(&self.only).count();
        let of = recipes * (1 + usize::from(self.cold_read.is_some())) + self.given.len();
        let mut done = 0;
        let mut one = |name: &str, build: &dyn Fn() -> Result<Measurement, BenchError>| {
            progress(Progress::Started { name, done, of });
            let measurement = build()?;
            progress(Progress::Measured(&measurement));
            done += 1;
            Ok(measurement)
        };
        let mut report = BenchReport::new(self.settings.threads.get(), self.seed);
        for recipe in matching(&self.only) {
            let run = || measure(&recipe.build(self.gas, self.seed), &self.settings, None, pool);
            report.generated.push(one(recipe.name, &run)?);
        }
        if self.cold_read.is_some() {
            let settings =
                Settings { runs: self.cold_runs, least_time: Duration::ZERO, ..self.settings.clone() };
            for recipe in matching(&self.only) {
                let run =
                    || measure(&recipe.build(self.cold_gas, self.seed), &settings, self.cold_read, pool);
                report.cold.push(one(recipe.name, &run)?);
            }
        }
        for workload in &self.given {
            let run = || measure(workload, &self.settings, None, pool);
            report.given.push(one(&workload.name, &run)?);
        }
        report.total();
        Ok(report)
    }
}

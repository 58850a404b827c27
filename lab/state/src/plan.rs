//! What is measured, and how often.

use crate::{
    BenchError, Report, SizeFigures, pipeline, reads, roots,
    world::{self, Size},
};
use mundi_state::{Config, History, Store};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{num::NonZeroUsize, path::Path, time::Duration};

/// What is measured, and how often.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The world.
    pub size: Size,
    /// Accounts changed per round.
    pub updates: usize,
    /// Rounds of each.
    pub rounds: usize,
    /// Reads of each kind.
    pub reads: usize,
    /// Blocks of the generated chain; 0 leaves the imports out.
    pub blocks: u64,
    /// Rounds of imports.
    pub import_rounds: usize,
    /// Threads of the parallel runs.
    pub threads: NonZeroUsize,
    /// Bytes for caches.
    pub cache_bytes: u64,
}

/// How far a measurement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub doing: &'static str,
    /// How much of it is done.
    pub done: u64,
    /// How much there is to do.
    pub of: u64,
}

/// The threads of a measurement.
pub(crate) struct Pools {
    pub(crate) one: ThreadPool,
    pub(crate) all: ThreadPool,
    pub(crate) engine: ThreadPool,
}

impl Plan {
    /// 200 000 accounts and as many slots: less than a minute.
    pub const fn quick(threads: NonZeroUsize) -> Self {
        Self {
            size: Size { accounts: 200_000, slots: 200_000 },
            updates: 5_000,
            rounds: 4,
            reads: 40_000,
            blocks: 60,
            import_rounds: 1,
            threads,
            cache_bytes: 256 << 20,
        }
    }

    /// 10 million accounts and 20 million slots.
    pub const fn full(threads: NonZeroUsize) -> Self {
        Self {
            size: Size { accounts: 10_000_000, slots: 20_000_000 },
            updates: 20_000,
            rounds: 10,
            reads: 200_000,
            blocks: 300,
            import_rounds: 3,
            threads,
            cache_bytes: 2 << 30,
        }
    }

    /// Measures, with stores in `directory`. A world of the planned size that is there already is used again.
    pub fn run(&self, directory: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Report, BenchError> {
        let threads = self.threads.get();
        let pool = |threads: usize| {
            ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .map_err(|error| std::io::Error::other(error.to_string()))
        };
        // The engine's caller is one of its threads; a pool has at least one.
        let pools = Pools { one: pool(1)?, all: pool(threads)?, engine: pool((threads - 1).max(1))? };
        let config = Config {
            cache_bytes: self.cache_bytes,
            history: History::Last(0),
            proofs: History::Last(0),
            ..Config::default()
        };
        let world = directory.join("world");
        let of = self.size.accounts;
        let mut building = |done| progress(Progress { doing: "building the world", done, of });
        world::build(&world, self.size, &config, &pools.all, &mut building)?;

        // Opened again, so that caches are empty.
        let store = Store::open(&world, &config, &pools.all)?;
        progress(Progress { doing: "reads", done: 0, of: 1 });
        let reads = reads::measure(&store, self.size, self.reads)?;
        let of = 2 * self.rounds as u64;
        let mut rounds = |done| progress(Progress { doing: "roots and commits", done: done as u64 + 1, of });
        let roots = roots::measure(&store, self.size, self.updates, self.rounds, &pools, &mut rounds)?;
        let size = SizeFigures::of(&store.stats(false)?);
        drop(store);

        let import = if self.blocks > 0 {
            let of = self.blocks + self.import_rounds as u64;
            let mut importing = |done| progress(Progress { doing: "imports", done, of });
            Some(pipeline::measure(directory, self.blocks, self.import_rounds, &pools, &mut importing)?)
        } else {
            None
        };
        Ok(Report { world: self.size, roots, reads, size, import })
    }
}

pub(crate) fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

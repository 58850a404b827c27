//! Imports, pipelined and not.

use crate::{BenchError, plan::Pools};
use mundi_chain::{Busy, Genesis, Import, ImportOptions, ImportPools};
use mundi_state::{Config, Store};
use mundi_synthetic::Generator;
use std::{
    num::NonZeroUsize,
    path::Path,
    time::{Duration, Instant},
};

/// How an import spends its time.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ImportFigures {
    /// Blocks.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Gas used by them.
    pub gas: u64,
    /// The whole import as a pipeline.
    pub pipelined: Duration,
    /// Each stage alone: one block at a time.
    pub alone: Vec<(&'static str, Duration)>,
    /// All threads.
    pub threads: usize,
}

impl ImportFigures {
    /// The slowest stage alone.
    pub fn slowest(&self) -> (&'static str, Duration) {
        self.alone.iter().copied().max_by_key(|(_, time)| *time).unwrap_or_default()
    }

    /// All stages, one after the other.
    pub fn sequential(&self) -> Duration {
        self.alone.iter().map(|(_, time)| *time).sum()
    }
}

pub(crate) fn measure(
    directory: &Path,
    blocks: u64,
    rounds: usize,
    pools: &Pools,
    progress: &mut dyn FnMut(u64),
) -> Result<ImportFigures, BenchError> {
    let config = mundi_synthetic::Config { transactions: 200, ..mundi_synthetic::Config::new(blocks) };
    let mut generator = Generator::new(&config, &pools.all)?;
    let mut chain = Vec::new();
    let mut ends = Vec::new();
    while let Some(block) = generator.next_block(&pools.all)? {
        alloy_rlp::Encodable::encode(&block, &mut chain);
        ends.push(chain.len());
        progress(ends.len() as u64);
    }
    let genesis = Genesis::from_json(&generator.genesis_json())?;
    let totals = generator.totals();
    drop(generator);

    let threads = pools.all.current_num_threads();
    let options = ImportOptions {
        threads: NonZeroUsize::new(threads).expect("a pool has a thread"),
        ..ImportOptions::default()
    };
    let store = |name: &str| {
        let directory = directory.join(name);
        std::fs::remove_dir_all(&directory).ok();
        Store::create(&directory, &Config::default(), &genesis.record(), &genesis.alloc, &pools.all)
    };
    let import = |store: &Store, bytes: &[u8]| {
        let import = Import {
            store,
            spec: &genesis.spec,
            options: &options,
            pools: ImportPools { engine: &pools.engine, background: &pools.all },
            cancelled: &|| false,
            progress: &|_| {},
        };
        import.run(bytes)
    };
    let mut pipelined = Vec::new();
    let mut alone: Vec<Vec<Duration>> = vec![Vec::new(); 5];
    let mut names = [""; 5];
    for round in 0..rounds {
        let whole = store("pipelined")?;
        let started = Instant::now();
        import(&whole, &chain)?;
        pipelined.push(started.elapsed());
        drop(whole);
        let single = store("alone")?;
        let mut busy = [Duration::ZERO; 5];
        let mut start = 0;
        for end in &ends {
            let one: Busy = import(&single, &chain[start..*end])?.progress.busy;
            for ((sum, name), (stage, time)) in busy.iter_mut().zip(&mut names).zip(one.stages()) {
                *sum += time;
                *name = stage;
            }
            start = *end;
        }
        for (times, time) in alone.iter_mut().zip(busy) {
            times.push(time);
        }
        progress(blocks + 1 + round as u64);
    }
    for name in ["pipelined", "alone"] {
        std::fs::remove_dir_all(directory.join(name)).ok();
    }
    let alone = alone.iter_mut().zip(names).map(|(times, name)| (name, crate::plan::median(times))).collect();
    Ok(ImportFigures {
        blocks,
        transactions: totals.transactions,
        gas: totals.gas,
        pipelined: crate::plan::median(&mut pipelined),
        alone,
        threads,
    })
}

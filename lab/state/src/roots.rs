//! Roots and commits.

use crate::{
    BenchError,
    plan::{Pools, median},
    world::{self, Size},
};
use alloy_primitives::keccak256;
use mundi_execution::StateChanges;
use mundi_state::Store;
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Times of a root and a commit, medians over rounds.
#[derive(Clone, Debug, serde::Serialize)]
pub struct RootFigures {
    /// Accounts changed per round.
    pub updates: usize,
    /// Rounds.
    pub rounds: usize,
    /// Threads of the parallel runs.
    pub threads: usize,
    /// Trie nodes changed.
    pub nodes: usize,
    /// Bytes of trie nodes hashed.
    pub hashed_bytes: u64,
    /// The first run of a round, on all threads: nodes come from the tables.
    pub first: Duration,
    /// Staging on one thread, nodes in the cache.
    pub stage_one: Duration,
    /// Staging on all threads.
    pub stage_all: Duration,
    /// Publishing and persisting after that, with one thread.
    pub write_one: Duration,
    /// The same with all threads.
    pub write_all: Duration,
    /// Moving the block into the tables.
    pub flush: Duration,
    /// The same root by alloy's hash builder, on one thread.
    pub hash_builder: Duration,
    /// The permutations that the root needs, one after the other by `alloy_primitives::keccak256`.
    pub keccak_floor: Duration,
}

impl RootFigures {
    /// A commit on one thread and on all.
    pub fn commit(&self) -> (Duration, Duration) {
        (self.stage_one + self.write_one, self.stage_all + self.write_all)
    }
}

/// One permutation by alloy's Keccak, on full branches.
fn permutation() -> Duration {
    const HASHES: u32 = 20_000;
    const BLOCKS: u32 = 4;
    let branch = [7u8; 532];
    let started = Instant::now();
    for _ in 0..HASHES {
        black_box(keccak256(black_box(&branch)));
    }
    started.elapsed() / (HASHES * BLOCKS)
}

pub(crate) fn measure(
    store: &Store,
    size: Size,
    updates: usize,
    rounds: usize,
    pools: &Pools,
    progress: &mut dyn FnMut(usize),
) -> Result<RootFigures, BenchError> {
    let mut first = Vec::new();
    let (mut stage_one, mut stage_all) = (Vec::new(), Vec::new());
    let (mut write_one, mut write_all) = (Vec::new(), Vec::new());
    let (mut flush, mut builder, mut floor) = (Vec::new(), Vec::new(), Vec::new());
    let mut figures = (0, 0);
    for round in 0..2 * rounds {
        let number = store.tip().height + 1;
        let picks = world::picks(size, updates, number);
        let accounts = picks.into_iter().map(|index| world::update(index, number)).collect();
        let changes = StateChanges { accounts, code: Vec::new() };
        let parent = store.latest();
        let timed = |pool| {
            let started = Instant::now();
            Ok::<_, BenchError>((store.stage(&parent, &changes, pool)?, started.elapsed()))
        };
        let (staged, took) = timed(&pools.all)?;
        first.push(took);
        let expected = staged.state_root();
        let check = |way, got| match got == expected {
            true => Ok(()),
            false => Err(BenchError::Differs { round: round as u64, way, expected, got }),
        };
        for turn in 0..2 {
            let one = (turn + round) % 2 == 0;
            let (pool, times, way) = match one {
                true => (&pools.one, &mut stage_one, "staging on one thread"),
                false => (&pools.all, &mut stage_all, "staging on all threads"),
            };
            let (again, took) = timed(pool)?;
            times.push(took);
            check(way, again.state_root())?;
        }
        let started = Instant::now();
        let by_builder = parent.root_by_hash_builder(&changes)?;
        builder.push(started.elapsed());
        check("alloy's hash builder", by_builder)?;

        let hashed = staged.hashed();
        floor.push(permutation() * (hashed.blocks as u32 + updates as u32));
        figures = (staged.changed_nodes(), hashed.bytes);
        let block = world::block(store, expected);
        let (pool, times) = match round % 2 {
            0 => (&pools.one, &mut write_one),
            _ => (&pools.all, &mut write_all),
        };
        let started = Instant::now();
        store.publish(block, staged, pool)?;
        store.persist()?;
        times.push(started.elapsed());
        let started = Instant::now();
        store.flush()?;
        flush.push(started.elapsed());
        progress(round);
    }
    Ok(RootFigures {
        updates,
        rounds: 2 * rounds,
        threads: pools.all.current_num_threads(),
        nodes: figures.0,
        hashed_bytes: figures.1,
        first: median(&mut first),
        stage_one: median(&mut stage_one),
        stage_all: median(&mut stage_all),
        write_one: median(&mut write_one),
        write_all: median(&mut write_all),
        flush: median(&mut flush),
        hash_builder: median(&mut builder),
        keccak_floor: median(&mut floor),
    })
}

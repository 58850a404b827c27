//! Point reads.

use crate::{
    BenchError,
    plan::median,
    world::{self, Size},
};
use alloy_primitives::{Address, keccak256};
use mundi_execution::StateSnapshot;
use mundi_state::Store;
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// Times of one read of an account.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ReadFigures {
    /// Accounts read in each way.
    pub reads: usize,
    /// A read that the cache holds.
    pub hit: Duration,
    /// A read that it does not hold.
    pub miss: Duration,
    /// A read of the key-value engine alone.
    pub engine: Duration,
}

/// Reads timed together.
const GROUP: usize = 500;
/// Accounts read again and again.
const WARM: usize = 4_000;

/// Measures on a store that was just opened, so that its caches are empty.
pub(crate) fn measure(store: &Store, size: Size, reads: usize) -> Result<ReadFigures, BenchError> {
    let picks = world::picks(size, (2 * reads).min(size.accounts as usize / 2), 0xeead);
    let addresses: Vec<Address> = picks.into_iter().map(world::address).collect();
    let hashes: Vec<_> = addresses.iter().map(keccak256).collect();
    for hash in &hashes {
        black_box(store.engine_read(hash)?);
    }
    let snapshot = store.latest();
    let half = addresses.len() / 2;
    let (mut misses, mut engine) = (Vec::new(), Vec::new());
    for (addresses, hashes) in addresses[..half].chunks_exact(GROUP).zip(hashes[half..].chunks_exact(GROUP)) {
        let started = Instant::now();
        for address in addresses {
            black_box(snapshot.account(address)?);
        }
        misses.push(started.elapsed() / GROUP as u32);
        let started = Instant::now();
        for hash in hashes {
            black_box(store.engine_read(hash)?);
        }
        engine.push(started.elapsed() / GROUP as u32);
    }
    let mut hits = Vec::new();
    let warm = &addresses[..WARM.min(half)];
    for round in 0..20 {
        let started = Instant::now();
        for address in warm {
            black_box(snapshot.account(address)?);
        }
        if round > 1 {
            hits.push(started.elapsed() / warm.len() as u32);
        }
    }
    Ok(ReadFigures {
        reads: half,
        hit: median(&mut hits),
        miss: median(&mut misses),
        engine: median(&mut engine),
    })
}

//! Nothing is lost, and nothing wrong is read: kills, damaged files, full disks, and directories that are no stores.
//!
//! Everything follows from a seed, which failures print; `FAULTS_SEED` repeats one.

mod chain;
mod damage;
mod directory;
mod disk;
mod kill;
mod random;
mod simulated;
#[path = "../model/world.rs"]
mod world;

use mundi_state::{Config, History};
use rayon::ThreadPool;
use std::{path::Path, sync::LazyLock};

static POOL: LazyLock<ThreadPool> =
    LazyLock::new(|| rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads start"));

/// Flushes and prunes all the time.
fn config() -> Config {
    Config {
        cache_bytes: 200_000,
        history: History::Last(9),
        proofs: History::Last(6),
        max_layers: 3,
        layer_bytes: 4 << 20,
        ..Config::default()
    }
}

/// A folder in memory where there is such a place: a kill leaves what is written either way.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
        .expect("a temporary folder")
}

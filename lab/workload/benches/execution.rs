//! `cargo bench -p mundi-workload [-- FILTER] [--quick]`: the benchmark of `mundi bench execution` with its defaults.

use mundi_workload::bench::{Plan, Progress};
use std::{num::NonZeroUsize, time::Duration};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag| arguments.iter().any(|argument| argument == flag);
    let threads = std::thread::available_parallelism()?;
    let mut plan = if has("--quick") { Plan::quick(threads) } else { Plan::full(threads) };
    if !has("--bench") {
        // `cargo test --benches` only wants to see that the benchmark runs.
        plan.gas = 1_000_000;
        plan.settings.runs = NonZeroUsize::MIN;
        plan.settings.least_time = Duration::ZERO;
        plan.cold_read = None;
    }
    plan.only = arguments.into_iter().find(|argument| !argument.starts_with("--")).unwrap_or_default();
    let helpers = NonZeroUsize::new(threads.get() - 1).unwrap_or(NonZeroUsize::MIN);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(helpers.get()).build()?;
    let report = plan.run(&pool, &mut |progress| {
        if let Progress::Started { name, done, of } = progress {
            eprintln!("{:>3}/{of} {name}", done + 1);
        }
    })?;
    println!("{report}");
    Ok(())
}

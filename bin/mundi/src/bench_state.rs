//! `mundi bench state`.

use crate::{Verdict, cli::BenchStateArgs, console};
use mundi_state_bench::{BenchError, Plan};

pub(crate) fn run(args: &BenchStateArgs) -> eyre::Result<Verdict> {
    let threads = console::threads(args.threads);
    let mut plan = if args.quick { Plan::quick(threads) } else { Plan::full(threads) };
    plan.size.accounts = args.accounts.unwrap_or(plan.size.accounts);
    plan.size.slots = args.slots.unwrap_or(plan.size.slots);
    plan.updates = args.updates.map_or(plan.updates, usize::from);
    plan.rounds = args.rounds.map_or(plan.rounds, usize::from);
    plan.blocks = args.blocks.unwrap_or(plan.blocks);
    plan.cache_bytes = args.cache.unwrap_or(plan.cache_bytes);
    let half = plan.size.accounts / 2;
    if plan.updates as u64 > half {
        eyre::bail!(
            "{} accounts cannot change in a world of {}: {half} at most",
            plan.updates,
            plan.size.accounts
        );
    }

    let temporary;
    let directory = match &args.dir {
        Some(directory) => directory.as_path(),
        None => {
            temporary = tempfile::tempdir()?;
            temporary.path()
        }
    };
    let bar = console::bar("");
    let result = plan.run(directory, &mut |progress| {
        bar.set_length(progress.of);
        bar.set_position(progress.done);
        bar.set_message(progress.doing);
    });
    bar.finish_and_clear();
    let report = match result {
        Ok(report) => report,
        Err(error @ BenchError::Differs { .. }) => {
            console::warn(&format!("error: {error}"));
            return Ok(Verdict::Wrong);
        }
        Err(error) => return Err(error.into()),
    };
    console::print_as(args.output, &report)?;
    Ok(Verdict::Right)
}

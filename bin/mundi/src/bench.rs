//! `mundi bench execution`.

use crate::{Verdict, cli::BenchExecutionArgs, console};
use mundi_chain::ChainSpec;
use mundi_replay::{BlockFile, block_files};
use mundi_workload::{
    Workload,
    bench::{BenchError, Plan, Progress},
};
use std::time::Duration;

/// `--only` with this runs no generated workload: none has it in its name.
const NONE: &str = "none";

pub(crate) fn run(args: &BenchExecutionArgs) -> eyre::Result<Verdict> {
    let threads = console::threads(args.threads);
    let pool = console::pool(threads.get() - 1)?;
    let mut plan = if args.quick { Plan::quick(threads) } else { Plan::full(threads) };
    plan.settings.modes.clone_from(&args.mode);
    plan.settings.runs = args.runs.unwrap_or(plan.settings.runs);
    plan.seed = args.seed;
    plan.only.clone_from(&args.only);
    plan.cold_read = (!args.no_cold).then(|| Duration::from_micros(args.cold_read_us));
    plan.given = given(args, &pool)?;
    if args.only == NONE && plan.given.is_empty() {
        eyre::bail!(
            "nothing to measure: --only {NONE} leaves the blocks of --blocks PATH, and there are none"
        );
    }
    if args.only != NONE && mundi_workload::matching(&args.only).next().is_none() {
        let names: Vec<_> = mundi_workload::CATALOGUE.iter().map(|recipe| recipe.name).collect();
        eyre::bail!("no workload has '{}' in its name; their names are {}", args.only, names.join(", "));
    }

    let bar = console::bar("workloads");
    let result = plan.run(&pool, &mut |progress| {
        if let Progress::Started { name, done, of } = progress {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
            bar.set_message(name.to_owned());
        }
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

/// The user's own blocks.
fn given(args: &BenchExecutionArgs, pool: &rayon::ThreadPool) -> eyre::Result<Vec<Workload>> {
    let chain = ChainSpec::mainnet();
    let files = block_files(&args.blocks)?;
    files
        .iter()
        .map(|path| {
            let block = BlockFile::read(path)?.prepare(&chain, pool)?;
            Ok(Workload::given(format!("block/{}", block.number()), block.block, block.state))
        })
        .collect()
}

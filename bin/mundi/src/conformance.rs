//! `mundi statetest` and `mundi blocktest`.

use crate::{Verdict, cli::ConformanceArgs, console};
use mundi_conformance::{Config, Failure, Workers, run};

/// Failures that are shown one by one; the JSON lists more.
const SHOWN_FAILURES: usize = 50;

pub(crate) fn state_tests(args: &ConformanceArgs) -> eyre::Result<Verdict> {
    conformance(args, Config::state_tests())
}

pub(crate) fn block_tests(args: &ConformanceArgs) -> eyre::Result<Verdict> {
    conformance(args, Config::block_tests())
}

fn conformance(args: &ConformanceArgs, config: Config) -> eyre::Result<Verdict> {
    let config = Config { threads: args.threads, filter: args.filter.clone(), ..config };
    let files = console::pool(console::threads(None).get())?;
    let engine = console::pool(args.threads.get() - 1)?;
    let bar = console::spinner();
    let summary = run(&args.paths, &config, Workers { files: &files, engine: &engine }, &|progress| {
        bar.set_message(format!(
            "{} files, {} vectors, {} failures",
            progress.files, progress.vectors, progress.failures
        ));
    });
    bar.finish_and_clear();
    if args.json {
        let mut json = serde_json::to_vec_pretty(&summary)?;
        json.push(b'\n');
        console::print(&json)?;
    } else {
        console::print(format!("{}\n", summary.to_table()).as_bytes())?;
        for failure in summary.failures.iter().take(SHOWN_FAILURES) {
            let Failure { file, vector, reason, .. } = failure;
            console::warn(&format!("{file}{}{vector}: {reason}", if vector.is_empty() { "" } else { "::" }));
        }
        if summary.failures.len() > SHOWN_FAILURES {
            console::warn(&format!(
                "and {} more: --json lists them",
                summary.failures.len() - SHOWN_FAILURES
            ));
        }
        if summary.total.vectors == 0 {
            console::warn("error: no vectors were run: name test files, folders or .tar.gz archives of them");
        }
    }
    Ok(if summary.total.failed > 0 {
        Verdict::Wrong
    } else if summary.unusable() {
        Verdict::Unusable
    } else {
        Verdict::Right
    })
}

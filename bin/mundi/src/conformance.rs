//! `mundi statetest` and `mundi blocktest`.

use crate::{
    Verdict,
    cli::{BlockTestArgs, ConformanceArgs},
    console,
};
use mundi_conformance::{Config, Failure, Kind, SLOW, Summary, Workers, run};
use std::{env, fmt::Write as _, path::PathBuf};

/// Failures that are shown one by one; the JSON lists more.
const SHOWN_FAILURES: usize = 50;

pub(crate) fn state_tests(args: &ConformanceArgs) -> eyre::Result<Verdict> {
    conformance(args, Config::state_tests())
}

pub(crate) fn block_tests(args: &BlockTestArgs) -> eyre::Result<Verdict> {
    let store = args.store.as_ref().map(|asked| asked.clone().unwrap_or_else(folder_for_stores));
    if let Some(folder) = &store {
        eyre::ensure!(folder.is_dir(), "there is no folder {} for the stores", folder.display());
    }
    conformance(&args.conformance, Config { store, ..Config::block_tests() })
}

/// Files in memory where the system has such a place: the tests wait for the disk otherwise.
fn folder_for_stores() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { env::temp_dir() }
}

fn conformance(args: &ConformanceArgs, config: Config) -> eyre::Result<Verdict> {
    let skip = if args.skip_slow { SLOW.map(String::from).to_vec() } else { Vec::new() };
    let config = Config { threads: args.threads, filter: args.filter.clone(), skip, ..config };
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
        if summary.total.vectors > 0 {
            console::print(table(&summary).as_bytes())?;
        }
        for failure in summary.failures.iter().take(SHOWN_FAILURES) {
            let Failure { file, vector, reason, .. } = failure;
            console::warn(&match vector.as_str() {
                "" => format!("error: {file}: {reason}"),
                vector => format!("{file}::{vector}: {reason}"),
            });
        }
        if summary.failures.len() > SHOWN_FAILURES {
            console::warn(&format!(
                "and {} more: --json lists them",
                summary.failures.len() - SHOWN_FAILURES
            ));
        }
    }
    if summary.total.vectors == 0 && summary.failures.is_empty() {
        console::warn(&format!("error: {}", why_nothing(args, &config, &summary)));
    }
    Ok(if summary.total.failed > 0 {
        Verdict::Wrong
    } else if summary.unusable() {
        Verdict::Unusable
    } else {
        Verdict::Right
    })
}

/// The table, and below it why vectors were skipped.
fn table(summary: &Summary) -> String {
    let mut text = format!("{}\n", summary.to_table());
    for (reason, count, first) in summary.skip_reasons() {
        let _ = writeln!(text, "{count} skipped, as {}::{}: {reason}", first.file, first.vector);
    }
    text
}

fn why_nothing(args: &ConformanceArgs, config: &Config, summary: &Summary) -> String {
    let other = if config.kinds.contains(&Kind::State) { "blocktest" } else { "statetest" };
    match (summary.other_kinds, &args.filter) {
        (0, None) => {
            "there are no tests here: name test files, folders or .tar.gz archives of them".to_owned()
        }
        (0, Some(filter)) => format!("no vector here has '{filter}' in its name"),
        (files, _) => format!("the tests here ({files} files) are of another kind: try `mundi {other}`"),
    }
}

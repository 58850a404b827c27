//! `mundi replay`.

use crate::{
    Verdict,
    cli::{Output, ReplayArgs},
    console,
};
use eyre::WrapErr as _;
use mundi_chain::ChainSpec;
use mundi_execution::{Mode, Schedule};
use mundi_replay::{
    BlockFile, InputError, PageBlock, ReplayError, ReplayOptions, ReplayRecord, Replayed, UnusableFile,
    block_files, render_page, replay,
};
use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Most bytes of a schedule file.
const MAX_SCHEDULE_BYTES: u64 = 256 << 20;

pub(crate) fn run(args: &ReplayArgs) -> eyre::Result<Verdict> {
    let files = block_files(&args.paths).map_err(|error| match number_of_missing(&error) {
        Some(number) => eyre::eyre!(
            "there is no file {number}; `mundi replay fetch --rpc URL {number}` makes one of that block, from a node"
        ),
        None => error.into(),
    })?;
    args.report.iter().chain(&args.record).try_for_each(|path| console::check_target(path))?;
    if args.record.is_some() && args.engine.mode == Mode::Sequential {
        eyre::bail!("--record needs a parallel mode: sequential execution has no schedule");
    }
    if (args.record.is_some() || args.schedule.is_some()) && files.len() != 1 {
        eyre::bail!(
            "--record and --schedule are for one block, but these paths name {}: give one file",
            files.len()
        );
    }
    let threads = console::threads(args.engine.threads);
    let options = ReplayOptions {
        mode: args.engine.mode,
        runs: args.runs,
        trace: args.report.is_some(),
        record: args.record.is_some(),
        schedule: args.schedule.as_deref().map(read_schedule).transpose()?.map(Arc::new),
        ..ReplayOptions::new(threads)
    };
    // One thread is the caller's own; at least one helper recovers senders.
    let pool = console::pool(threads.get() - 1)?;
    let chain = ChainSpec::mainnet();

    let bar = console::progress(files.len(), "blocks");
    let (mut records, mut pages, mut unusable) = (Vec::new(), Vec::new(), Vec::new());
    for path in files {
        bar.set_message(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        match one(&path, &chain, &pool, &options) {
            Ok((replayed, page)) => {
                if let Some(file) = &args.record {
                    let schedule = replayed.schedule.as_ref();
                    let schedule = schedule
                        .ok_or_else(|| eyre::eyre!("{} mode has no schedule to record", args.engine.mode))?;
                    console::write_file(file, &serde_json::to_vec_pretty(schedule)?)?;
                }
                records.push(replayed.record);
                pages.extend(page);
            }
            Err(ReplayError::Options(error)) => eyre::bail!("{}: {error}", path.display()),
            Err(error) => {
                bar.suspend(|| console::warn(&format!("error: {error}")));
                unusable.push(UnusableFile { file: path, error: error.to_string() });
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();

    let record = ReplayRecord::new(&options, records, unusable);
    if let Some(file) = &args.report {
        console::write_file(file, render_page(&record, &pages).as_bytes())?;
    }
    match args.output {
        Output::Json => console::print(record.to_json().as_bytes())?,
        Output::Table if record.blocks.is_empty() => {}
        Output::Table => console::print(record.to_table(console::wants_color()).as_bytes())?,
    }
    Ok(match (record.totals.mismatches, record.unusable.is_empty()) {
        (0, true) => Verdict::Right,
        (0, false) => Verdict::Unusable,
        _ => Verdict::Wrong,
    })
}

/// The missing path, if it is the number of a block.
fn number_of_missing(error: &InputError) -> Option<u64> {
    match error {
        InputError::Io { path, source } if source.kind() == ErrorKind::NotFound => {
            path.to_str()?.parse().ok()
        }
        _ => None,
    }
}

fn one(
    path: &Path,
    chain: &ChainSpec,
    pool: &rayon::ThreadPool,
    options: &ReplayOptions,
) -> Result<(Replayed, Option<PageBlock>), ReplayError> {
    let block = BlockFile::read(path)?.prepare(chain, pool)?;
    let replayed = replay(&block, pool, options)?;
    let page = options.trace.then(|| PageBlock::new(&block, &replayed));
    Ok((replayed, page))
}

fn read_schedule(path: &Path) -> eyre::Result<Schedule> {
    let name = || PathBuf::from(path).display().to_string();
    let mut json = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_SCHEDULE_BYTES + 1).read_to_end(&mut json))
        .wrap_err_with(|| format!("cannot read the schedule {}", name()))?;
    if json.len() as u64 > MAX_SCHEDULE_BYTES {
        eyre::bail!("{}: more than {MAX_SCHEDULE_BYTES} bytes; no schedule is that large", name());
    }
    serde_json::from_slice(&json)
        .wrap_err_with(|| format!("{} is not a schedule as --record writes it", name()))
}

//! `mundi state`.

mod files;
mod get;
mod report;

pub(crate) use report::{stats, verify};

use crate::{
    Verdict,
    cli::{DataDirArgs, StateArgs, StateCommand},
    console, datadir, import,
};
use eyre::WrapErr as _;
use indicatif::ProgressBar;
use mundi_network::dashboard::grouped;
use mundi_node::DataDir;
use mundi_state::{Config, History, StateProgress, Store, StoreError, Watch};
use rayon::ThreadPool;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

pub(crate) fn run(args: &StateArgs) -> eyre::Result<Verdict> {
    match &args.command {
        StateCommand::Get(args) => get::run(args),
        StateCommand::Stats(args) => stats(args),
        StateCommand::Verify(args) => verify(args),
        StateCommand::Export(args) => files::export(args),
        StateCommand::Import(args) => files::import(args),
    }
}

/// Settings under which nothing that is kept is given up.
fn config() -> Config {
    Config { cache_bytes: 64 << 20, history: History::Full, proofs: History::Full, ..Config::default() }
}

pub(crate) fn open(place: &DataDirArgs, pool: &ThreadPool) -> eyre::Result<(DataDir, Store)> {
    let folder = datadir::folder(place.datadir.as_deref())?;
    let store = Store::open(folder.path(), &config(), pool);
    let store = store.wrap_err_with(|| format!("cannot open {}", folder.path().display()))?;
    Ok((folder, store))
}

/// Shows work over a whole state, until it is done or Ctrl-C ends it.
fn watched<T>(
    bar: &ProgressBar,
    work: impl FnOnce(Watch<'_>) -> Result<T, StoreError>,
) -> eyre::Result<Option<T>> {
    let stop: Arc<AtomicBool> = import::stop_on_signals()?;
    let done = work(Watch {
        progress: &|progress| show(bar, progress),
        cancelled: &|| stop.load(Ordering::Relaxed),
    });
    bar.finish_and_clear();
    match done {
        Err(StoreError::Cancelled) => Ok(None),
        done => Ok(Some(done?)),
    }
}

/// A bar for work that goes through the accounts in the order of their keys.
fn share_bar() -> ProgressBar {
    let bar = console::bar("%");
    bar.set_length(100);
    bar
}

fn show(bar: &ProgressBar, progress: &StateProgress) {
    if bar.is_hidden() {
        return;
    }
    if bar.length() == Some(100) {
        bar.set_position((progress.share * 100.0) as u64);
    }
    bar.set_message(format!("{} accounts, {} slots", grouped(progress.accounts), grouped(progress.slots)));
}

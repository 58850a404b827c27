//! `mundi import`.

use crate::{Verdict, cli::ImportArgs, console, datadir};
use comfy_table::{Cell, CellAlignment, Table, presets};
use eyre::WrapErr as _;
use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;
use mundi_chain::{Import, ImportOptions, ImportPools, ImportSummary, Progress};
use mundi_node::Chain;
use mundi_state::Config;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Cursor, Read},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What a gzip file begins with. No block does.
const GZIP: [u8; 2] = [0x1f, 0x8b];

pub(crate) fn run(args: &ImportArgs) -> eyre::Result<Verdict> {
    let stop = stop_on_signals()?;
    let bytes = length(&args.files)?;
    let folder = datadir::folder(args.datadir.as_deref())?;
    let threads = console::threads(args.threads);
    let engine = console::pool(threads.get() - 1)?;
    let background = console::pool(threads.get())?;
    let config =
        Config { cache_bytes: args.cache, history: args.history, proofs: args.proofs, ..Config::default() };
    let Chain { store, genesis } =
        datadir::open_or_create(&folder, args.genesis.as_deref(), &config, &background)?;

    let options = ImportOptions { mode: args.mode, threads, ..ImportOptions::default() };
    let bar = bytes.map_or_else(console::spinner, console::bytes_bar);
    let mut total = Progress { height: store.tip().height, ..Progress::default() };
    let mut end = Ok(false);
    for file in &args.files {
        let latest = Mutex::new(Progress::default());
        let import = Import {
            store: &store,
            spec: &genesis.spec,
            options: &options,
            pools: ImportPools { engine: &engine, background: &background },
            cancelled: &|| stop.load(Ordering::Relaxed),
            progress: &|progress| {
                show(&bar, &total.followed_by(progress), stop.load(Ordering::Relaxed));
                *latest.lock().expect("no holder panics") = *progress;
            },
        };
        let result = open(file, &bar).and_then(|source| Ok(import.run(source)?));
        total = total.followed_by(&latest.into_inner().expect("no holder panics"));
        match result {
            Ok(ImportSummary { cancelled: false, .. }) => {}
            Ok(_) => {
                end = Ok(true);
                break;
            }
            Err(error) => {
                end = Err(error.wrap_err(name(file)));
                break;
            }
        }
    }
    bar.finish_and_clear();
    console::print(report(&total, &store.tip(), folder.path()).as_bytes())?;
    match end {
        Ok(false) => Ok(Verdict::Right),
        Ok(true) => {
            console::warn("stopped; the same command goes on from here");
            Ok(Verdict::Stopped)
        }
        Err(error) => {
            let verdict =
                error.downcast_ref::<mundi_chain::ImportError>().is_some_and(|error| error.is_verdict());
            console::error(&error);
            Ok(if verdict { Verdict::Wrong } else { Verdict::Unusable })
        }
    }
}

/// Set by the first Ctrl-C; the second ends the process.
pub(crate) fn stop_on_signals() -> eyre::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order the first signal finds the flag not set.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))
            .and_then(|_| flag::register(signal, Arc::clone(&stop)))
            .wrap_err("cannot listen for Ctrl-C")?;
    }
    Ok(stop)
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

pub(crate) fn name(file: &Path) -> String {
    if is_stdin(file) { "standard input".to_owned() } else { file.display().to_string() }
}

/// Bytes of all files together, unless standard input is among them. Long work should not end with a spelling mistake.
pub(crate) fn length(files: &[impl AsRef<Path>]) -> eyre::Result<Option<u64>> {
    let mut bytes = Some(0_u64);
    for file in files.iter().map(AsRef::as_ref) {
        if is_stdin(file) {
            bytes = None;
            continue;
        }
        let metadata = fs::metadata(file).wrap_err_with(|| format!("cannot read {}", file.display()))?;
        eyre::ensure!(!metadata.is_dir(), "{} is a folder: name files of blocks", file.display());
        bytes = bytes.map(|bytes| bytes.saturating_add(metadata.len()));
    }
    Ok(bytes)
}

/// Opens a file of blocks, unpacking it if need be. What is read of it moves the bar.
pub(crate) fn open(file: &Path, bar: &ProgressBar) -> eyre::Result<Box<dyn Read + Send>> {
    let source: Box<dyn Read + Send> = if is_stdin(file) {
        Box::new(io::stdin())
    } else {
        Box::new(bar.wrap_read(File::open(file).wrap_err("cannot open it")?))
    };
    let mut head = Vec::new();
    let mut source = source;
    source.by_ref().take(GZIP.len() as u64).read_to_end(&mut head).wrap_err("cannot read it")?;
    let packed = head == GZIP;
    let source = Cursor::new(head).chain(source);
    Ok(if packed { Box::new(MultiGzDecoder::new(source)) } else { Box::new(source) })
}

fn show(bar: &ProgressBar, progress: &Progress, stopping: bool) {
    if bar.is_hidden() {
        return;
    }
    let mut message = format!(
        "block {}, {:.0} blocks/s, {:.0} Mgas/s, busy in %:",
        progress.height,
        progress.blocks_per_second(),
        progress.gas_per_second() / 1e6
    );
    for (stage, busy) in progress.busy.stages() {
        let _ = write!(message, " {stage} {:.0}", share(busy, progress.elapsed));
    }
    if stopping {
        message.insert_str(0, "stopping; ");
    }
    bar.set_message(message);
}

/// In percent.
fn share(busy: Duration, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { 100.0 * busy.as_secs_f64() / elapsed.as_secs_f64() }
}

/// What was done, and what took how long.
fn report(progress: &Progress, tip: &mundi_state::Tip, folder: &Path) -> String {
    let mut text = format!(
        "{} blocks imported, {} known before; {} transactions, {:.1} Mgas in {:.2} s: {:.0} blocks/s, {:.1} Mgas/s\n",
        progress.blocks,
        progress.skipped,
        progress.transactions,
        progress.gas as f64 / 1e6,
        progress.elapsed.as_secs_f64(),
        progress.blocks_per_second(),
        progress.gas_per_second() / 1e6
    );
    let _ = writeln!(text, "tip {} {} in {}", tip.height, tip.hash, folder.display());
    if progress.blocks == 0 {
        return text;
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["stage", "busy s", "of the time"]);
    for (stage, busy) in progress.busy.stages() {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let seconds = right(format!("{:.2}", busy.as_secs_f64()));
        table.add_row([Cell::new(stage), seconds, right(format!("{:.0} %", share(busy, progress.elapsed)))]);
    }
    let _ = writeln!(text, "\n{table}");
    text
}

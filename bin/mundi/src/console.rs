//! Writing to people and pipes.

use crate::cli::Output;
use eyre::WrapErr as _;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{self, IsTerminal as _, Write as _},
    num::NonZeroUsize,
    path::Path,
    time::Duration,
};

/// How often a bar is drawn anew while nothing happens.
const TICK: Duration = Duration::from_millis(120);

/// Writes results to standard output. A reader that has seen enough and closed the pipe is no error.
pub(crate) fn print(bytes: &[u8]) -> eyre::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.wrap_err("cannot write to standard output"),
    }
}

/// Prints figures as a table, or as JSON.
pub(crate) fn print_as<R: serde::Serialize + std::fmt::Display>(
    output: Output,
    report: &R,
) -> eyre::Result<()> {
    match output {
        Output::Json => {
            let mut json = serde_json::to_vec_pretty(report)?;
            json.push(b'\n');
            print(&json)
        }
        Output::Table => print(format!("{report}\n").as_bytes()),
    }
}

/// Says on standard error what went wrong, with all causes that the message does not mention already.
pub(crate) fn error(error: &eyre::Report) {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    warn(&format!("error: {line}"));
}

/// Writes a line to standard error. If nobody reads it there is nobody left to tell.
pub(crate) fn warn(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Whether results are read on a terminal that wants colours.
pub(crate) fn wants_color() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A progress bar on standard error, if that is a terminal and there is more than one step.
pub(crate) fn progress(steps: usize, what: &str) -> ProgressBar {
    if steps < 2 {
        return ProgressBar::hidden();
    }
    let bar = bar(what);
    bar.set_length(steps as u64);
    bar
}

/// A progress bar on standard error, if that is a terminal, whose length is set later.
pub(crate) fn bar(what: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{bar:32.cyan/dim} {pos}/{len} {prefix}  {elapsed}, {eta} left  {wide_msg}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
    .progress_chars("━╸─");
    let bar = ProgressBar::new(0).with_style(style).with_prefix(what.to_owned());
    bar.enable_steady_tick(TICK);
    bar
}

/// A progress bar on standard error, if that is a terminal, for so many bytes, with a line below for more.
pub(crate) fn bytes_bar(bytes: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{bar:32.cyan/dim} {bytes}/{total_bytes}  {elapsed}, {eta} left\n{wide_msg}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
    .progress_chars("━╸─");
    let bar = ProgressBar::new(bytes).with_style(style);
    bar.enable_steady_tick(TICK);
    bar
}

/// A spinner on standard error, if that is a terminal, for work of unknown length.
pub(crate) fn spinner() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner:.cyan} {elapsed}  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.enable_steady_tick(TICK);
    bar
}

/// Whether a file can be written there, as far as can be told without touching it: long work should not end with
/// a spelling mistake.
pub(crate) fn check_target(path: &Path) -> eyre::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        eyre::bail!("cannot write {}: it is a folder; name a file in it", path.display());
    }
    if !folder.is_dir() {
        eyre::bail!("cannot write {}: there is no folder {}", path.display(), folder.display());
    }
    Ok(())
}

/// Writes a file of ours, replacing an older one.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> eyre::Result<()> {
    std::fs::write(path, bytes).wrap_err_with(|| format!("cannot write {}", path.display()))
}

/// All cores, unless told otherwise.
pub(crate) fn threads(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// A pool of this many threads, at least one.
pub(crate) fn pool(threads: usize) -> eyre::Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .build()
        .wrap_err_with(|| format!("cannot start {threads} threads"))
}

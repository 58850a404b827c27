//! Writing to people and pipes.

use eyre::WrapErr as _;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{self, IsTerminal as _, Write as _},
    num::NonZeroUsize,
    path::Path,
};

/// Writes results to standard output. A reader that has seen enough and closed the pipe is no error.
pub(crate) fn print(bytes: &[u8]) -> eyre::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.wrap_err("cannot write to standard output"),
    }
}

/// Says on standard error what went wrong, with all causes.
pub(crate) fn error(error: &eyre::Report) {
    warn(&format!("error: {error:#}"));
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
    if steps < 2 || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{bar:32.cyan/dim} {pos}/{len} {prefix} {msg}  {elapsed}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸─");
    ProgressBar::new(steps as u64).with_style(style).with_prefix(what.to_owned())
}

/// A spinner on standard error, if that is a terminal, for work of unknown length.
pub(crate) fn spinner() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
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
    const MOST: usize = 1024;
    if threads > MOST {
        eyre::bail!("{threads} threads are too many: {MOST} at most");
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .build()
        .wrap_err_with(|| format!("cannot start {threads} threads"))
}

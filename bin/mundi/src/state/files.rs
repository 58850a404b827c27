//! `mundi state export` and `mundi state import`.

use super::{config, open, share_bar, watched};
use crate::{
    Verdict,
    cli::{ExportArgs, StateImportArgs},
    console, datadir, import,
};
use eyre::WrapErr as _;
use mundi_network::dashboard::grouped;
use mundi_state::{Config, Expected, StateFileReport, Store};
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, IsTerminal as _, Write},
    path::{Path, PathBuf},
    time::Instant,
};

pub(super) fn export(args: &ExportArgs) -> eyre::Result<Verdict> {
    let mut target = Target::new(&args.file)?;
    let pool = console::pool(console::threads(None).get())?;
    let (_, store) = open(&args.place, &pool)?;
    let started = Instant::now();
    let bar = share_bar();
    let done = watched(&bar, |watch| store.export(&mut target, watch));
    let Some(report) = done.wrap_err_with(|| format!("cannot write {}", target.name()))? else {
        console::warn("stopped; nothing is written");
        return Ok(Verdict::Stopped);
    };
    let name = target.name();
    let to_stdout = target.finish()?;
    let text = told(&report, &name, started);
    if to_stdout {
        console::warn(text.trim_end());
    } else {
        console::print(text.as_bytes())?;
    }
    Ok(Verdict::Right)
}

pub(super) fn import(args: &StateImportArgs) -> eyre::Result<Verdict> {
    let bytes = import::length(&[&args.file])?;
    let datadir = datadir::folder(args.place.datadir.as_deref())?;
    let genesis =
        args.genesis.as_deref().map(mundi_node::read_genesis).transpose()?.map(|genesis| genesis.hash);
    let pool = console::pool(console::threads(args.threads).get())?;
    let config = Config { cache_bytes: args.cache, ..config() };
    let started = Instant::now();
    let bar = bytes.map_or_else(console::spinner, console::bytes_bar);
    let source = import::open(&args.file, &bar)?;
    let expected = Expected { genesis, block: args.block };
    let done = watched(&bar, |watch| Store::import(datadir.path(), &config, source, expected, &pool, watch));
    let name = import::name(&args.file);
    let Some((store, report)) = done.wrap_err_with(|| name.clone())? else {
        console::warn("stopped; nothing is imported");
        return Ok(Verdict::Stopped);
    };
    drop(store);
    if args.genesis.is_some() {
        // Keeps the genesis file beside the store.
        datadir.open_or_create(args.genesis.as_deref(), &config, &pool)?;
    }
    console::print(told(&report, &datadir.path().display().to_string(), started).as_bytes())?;
    if args.genesis.is_none() {
        console::warn("`mundi import --genesis GENESIS.json MORE.rlp` goes on from here");
    }
    Ok(Verdict::Right)
}

fn told(report: &StateFileReport, name: &str, started: Instant) -> String {
    let StateFileReport { genesis, block, state_root, accounts, slots, codes, bytes } = report;
    let seconds = started.elapsed().as_secs_f64();
    format!(
        "block {} {}\nstate root {state_root}\ngenesis {genesis}\n\
         {} accounts, {} slots, {} codes; {:.1} MB in {seconds:.2} s: {:.0} accounts and slots/s\n{name}\n",
        block.height,
        block.hash,
        grouped(*accounts),
        grouped(*slots),
        grouped(*codes),
        *bytes as f64 / 1e6,
        (accounts + slots) as f64 / seconds.max(1e-9),
    )
}

/// A file that gets its name when it is complete, or something else that can be written.
enum Target {
    Stdout(io::Stdout),
    /// A pipe or device.
    Other(PathBuf, File),
    File {
        path: PathBuf,
        part: PathBuf,
        file: Option<File>,
    },
}

impl Target {
    fn new(path: &Path) -> eyre::Result<Self> {
        if path.as_os_str() == "-" {
            let stdout = io::stdout();
            if stdout.is_terminal() {
                eyre::bail!("a state is nothing to read: name a file, or send standard output into one");
            }
            return Ok(Self::Stdout(stdout));
        }
        console::check_target(path)?;
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            let file = File::options().write(true).open(path);
            let file = file.wrap_err_with(|| format!("cannot write {}", path.display()))?;
            return Ok(Self::Other(path.to_path_buf(), file));
        }
        let mut part = OsString::from(path);
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).wrap_err_with(|| format!("cannot write {}", part.display()))?;
        Ok(Self::File { path: path.to_path_buf(), part, file: Some(file) })
    }

    fn name(&self) -> String {
        match self {
            Self::Stdout(_) => "standard output".to_owned(),
            Self::Other(path, _) | Self::File { path, .. } => path.display().to_string(),
        }
    }

    /// Gives the file its name. Returns whether it was standard output.
    fn finish(mut self) -> eyre::Result<bool> {
        match &mut self {
            Self::Stdout(_) => Ok(true),
            Self::Other(..) => Ok(false),
            Self::File { path, part, file } => {
                let named = file.take().map_or(Ok(()), |file| file.sync_all());
                let named = named.and_then(|()| fs::rename(&*part, &*path));
                named.wrap_err_with(|| format!("cannot write {}", path.display()))?;
                Ok(false)
            }
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::Other(_, file) | Self::File { file: Some(file), .. } => file.write(bytes),
            Self::File { file: None, .. } => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::Other(_, file) | Self::File { file: Some(file), .. } => file.flush(),
            Self::File { file: None, .. } => Ok(()),
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Self::File { part, file: Some(_), .. } = self {
            let _ = fs::remove_file(part);
        }
    }
}

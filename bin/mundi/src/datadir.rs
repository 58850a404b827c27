//! Where a chain is kept unless told otherwise.

use crate::console;
use eyre::WrapErr as _;
use mundi_node::{Chain, DataDir};
use mundi_state::Config;
use rayon::ThreadPool;
use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// The folder that was asked for, or the one where programs of this user keep their data.
pub(crate) fn folder(asked: Option<&Path>) -> eyre::Result<DataDir> {
    let variable = |name: &str| env::var_os(name).map(PathBuf::from);
    let folder = asked
        .map(Path::to_path_buf)
        .or_else(|| variable("MUNDI_DATADIR"))
        // A relative path there is to be ignored, says the XDG Base Directory Specification.
        .or_else(|| {
            variable("XDG_DATA_HOME").filter(|path| path.is_absolute()).map(|data| data.join("mundi"))
        })
        .or_else(|| {
            variable("HOME").filter(|path| path != OsStr::new("")).map(|home| home.join(".local/share/mundi"))
        });
    folder
        .map(DataDir::new)
        .ok_or_else(|| eyre::eyre!("there is no home folder for the chain: name one with --datadir"))
}

/// Opens the chain in a folder, or begins it.
pub(crate) fn open_or_create(
    folder: &DataDir,
    genesis: Option<&Path>,
    config: &Config,
    pool: &ThreadPool,
) -> eyre::Result<Chain> {
    let chain = folder.open_or_create(genesis, config, pool)?;
    for key in &chain.genesis.ignored {
        console::warn(&format!("warning: genesis: config.{key} means nothing here and is passed over"));
    }
    Ok(chain)
}

/// Reads a small file of ours, such as one with settings.
pub(crate) fn read_text(path: &Path, most: u64) -> eyre::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(most + 1).read_to_string(&mut text));
    read.wrap_err_with(|| format!("cannot read {}", path.display()))?;
    eyre::ensure!(text.len() as u64 <= most, "{} is larger than {most} bytes", path.display());
    Ok(text)
}

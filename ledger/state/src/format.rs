//! What a store's directory looks like.
//!
//! `VERSION` names the format in plain text; `tables/` belongs to the key-value engine.

use crate::{
    error::StoreError,
    kv::{Batch, Table, View},
};
use alloy_primitives::B256;
use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

/// The format that this program writes, and the newest it reads.
const FORMAT: u32 = 1;

/// The first words of the version file.
const NAME: &str = "mundi-state";

const GENESIS: &[u8] = b"genesis";

const BLOCKS_FROM: &[u8] = b"blocks-from";

/// Bytes of the version file at most.
const MAX_VERSION_FILE: u64 = 64;

fn version_file(directory: &Path) -> PathBuf {
    directory.join("VERSION")
}

/// The key-value engine's directory.
pub(crate) fn tables(directory: &Path) -> PathBuf {
    directory.join("tables")
}

/// Whether there is a store.
pub(crate) fn exists(directory: &Path) -> bool {
    version_file(directory).exists()
}

/// Makes the directory and its version file, or checks the one that is there.
pub(crate) fn create(directory: &Path) -> Result<(), StoreError> {
    let io = |error| StoreError::Io { place: "VERSION", error };
    fs::create_dir_all(directory).map_err(io)?;
    if exists(directory) {
        return check(directory);
    }
    let new = directory.join("VERSION.new");
    let mut file = File::create(&new).map_err(io)?;
    writeln!(file, "{NAME} {FORMAT}").and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&new, version_file(directory)).map_err(io)?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(io)
}

/// Refuses a directory that this program cannot read.
pub(crate) fn check(directory: &Path) -> Result<(), StoreError> {
    let file = match File::open(version_file(directory)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::Missing(directory.to_path_buf()));
        }
        file => file.map_err(|error| StoreError::Io { place: "VERSION", error })?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_VERSION_FILE)
        .read_to_end(&mut bytes)
        .map_err(|error| StoreError::Io { place: "VERSION", error })?;
    let text = String::from_utf8_lossy(&bytes);
    let found = text.trim().strip_prefix(NAME).and_then(|number| number.trim().parse().ok());
    match found {
        Some(FORMAT) => Ok(()),
        Some(found) => Err(StoreError::Format { found, known: FORMAT }),
        None => Err(StoreError::Damaged(format!(
            "{} reads {:?}, not `{NAME} {FORMAT}`",
            version_file(directory).display(),
            text.trim()
        ))),
    }
}

pub(crate) fn put_genesis(batch: &mut Batch<'_>, hash: B256) {
    batch.put(Table::Meta, GENESIS, hash.as_slice());
}

pub(crate) fn genesis(view: &View) -> Result<B256, StoreError> {
    let hash = view.get(Table::Meta, GENESIS)?;
    let hash = hash.and_then(|hash| B256::try_from(&*hash).ok());
    hash.ok_or_else(|| StoreError::Damaged("the store has no genesis".into()))
}

/// Notes the oldest block that is there as a whole, if that is not the first of the chain.
pub(crate) fn put_blocks_from(batch: &mut Batch<'_>, height: u64) {
    batch.put(Table::Meta, BLOCKS_FROM, &height.to_be_bytes());
}

/// The oldest block that is there as a whole.
pub(crate) fn blocks_from(view: &View) -> Result<u64, StoreError> {
    let Some(height) = view.get(Table::Meta, BLOCKS_FROM)? else { return Ok(0) };
    let height = <[u8; 8]>::try_from(&*height);
    height.map(u64::from_be_bytes).map_err(|_| StoreError::Damaged("the oldest block is malformed".into()))
}

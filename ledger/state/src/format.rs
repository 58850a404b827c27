//! What a store's directory looks like.
//!
//! `VERSION` names the format in plain text; `LOCK` is locked by the process that has the store open; `tables/` belongs
//! to the key-value engine. A store is made in `tables.new/`, which gets its name when everything is in it. `IMPORTING` is there
//! while a state file is being imported into `tables.new/`, and after that was interrupted.

use crate::{
    error::StoreError,
    kv::{Batch, Table, View},
};
use alloy_primitives::B256;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// The format that this program writes, and the newest it reads.
const FORMAT: u32 = 1;

/// The first words of the version file.
const NAME: &str = "mundi-state";

const GENESIS: &[u8] = b"genesis";

const BLOCKS_FROM: &[u8] = b"blocks-from";

/// Bytes of the version file at most.
const MAX_VERSION_FILE: u64 = 64;

/// How often, and after how long, a lock is tried again. One that was just given back may be held for a moment by a
/// child process that was being started, until it has become another program.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

fn version_file(directory: &Path) -> PathBuf {
    directory.join("VERSION")
}

/// The key-value engine's directory.
pub(crate) fn tables(directory: &Path) -> PathBuf {
    directory.join("tables")
}

/// Where a store is made.
pub(crate) fn new_tables(directory: &Path) -> PathBuf {
    directory.join("tables.new")
}

/// There while a state file is being imported.
fn import_mark(directory: &Path) -> PathBuf {
    directory.join("IMPORTING")
}

/// Whether there is a store, of this format or another.
pub(crate) fn exists(directory: &Path) -> bool {
    tables(directory).exists()
}

/// Locks the directory against other processes, until the file is dropped.
pub(crate) fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join("LOCK");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|error| file_error(&path, error))?;
    let mut tries = LOCK_TRIES;
    loop {
        tries -= 1;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if tries > 0 => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked),
            Err(TryLockError::Error(error)) => return Err(file_error(&path, error)),
        }
    }
}

/// Makes the directory ready for a new store, and locks it.
pub(crate) fn prepare(directory: &Path) -> Result<File, StoreError> {
    fs::create_dir_all(directory).map_err(|error| file_error(directory, error))?;
    let lock = lock(directory)?;
    if version_file(directory).exists() {
        check_version(directory)?;
    }
    if exists(directory) {
        return Err(StoreError::Exists(directory.to_path_buf()));
    }
    // What an earlier attempt left.
    let (new, mark) = (new_tables(directory), import_mark(directory));
    for (path, removed) in [(&new, fs::remove_dir_all(&new)), (&mark, fs::remove_file(&mark))] {
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(file_error(path, error)),
            _ => {}
        }
    }
    Ok(lock)
}

/// Makes the new tables the store's.
pub(crate) fn finish(directory: &Path) -> Result<(), StoreError> {
    let path = directory.join("VERSION.new");
    let finish = || -> io::Result<()> {
        let mut file = File::create(&path)?;
        writeln!(file, "{NAME} {FORMAT}")?;
        file.sync_all()?;
        fs::rename(&path, version_file(directory))?;
        fs::rename(new_tables(directory), tables(directory))?;
        File::open(directory)?.sync_all()
    };
    finish().map_err(|error| file_error(directory, error))
}

/// Refuses a directory that holds no store, or one that this program cannot read.
pub(crate) fn check(directory: &Path) -> Result<(), StoreError> {
    let path = version_file(directory);
    match fs::metadata(&path) {
        Ok(_) => check_version(directory)?,
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(file_error(&path, error)),
        Err(_) if exists(directory) => {
            return Err(StoreError::DamagedFile { path, problem: "the file is missing".into() });
        }
        Err(_) => {}
    }
    match exists(directory) {
        true => Ok(()),
        false if import_mark(directory).exists() => Err(StoreError::Unfinished(directory.to_path_buf())),
        false => Err(StoreError::Missing(directory.to_path_buf())),
    }
}

/// Says that a state file is being imported, which is not done until [`end_import`].
pub(crate) fn begin_import(directory: &Path) -> Result<(), StoreError> {
    let path = import_mark(directory);
    let text = "a state is being imported; if no program does so, run `mundi state import` again\n";
    let written = fs::write(&path, text).and_then(|()| File::open(directory)?.sync_all());
    written.map_err(|error| file_error(&path, error))
}

/// Says that no state file is being imported.
pub(crate) fn end_import(directory: &Path) -> Result<(), StoreError> {
    let path = import_mark(directory);
    fs::remove_file(&path).map_err(|error| file_error(&path, error))
}

fn file_error(path: &Path, error: io::Error) -> StoreError {
    StoreError::File { path: path.to_path_buf(), error }
}

fn check_version(directory: &Path) -> Result<(), StoreError> {
    let path = version_file(directory);
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_VERSION_FILE).read_to_end(&mut bytes));
    read.map_err(|error| file_error(&path, error))?;
    let text = String::from_utf8_lossy(&bytes);
    let found = text.trim().strip_prefix(NAME).and_then(|number| number.trim().parse().ok());
    match found {
        Some(FORMAT) => Ok(()),
        Some(found) if found > FORMAT => Err(StoreError::Format { found, known: FORMAT }),
        _ => {
            let problem = format!("it reads {:?} instead of `{NAME} {FORMAT}`", text.trim());
            Err(StoreError::DamagedFile { path, problem })
        }
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

//! Checks of the engine's files that the engine does not make itself.
//!
//! A folder `keyspaces/N` names its manifest in the file `current`: the manifest's number (8 bytes, little endian), the
//! XXH3-128 of the file `v<number>` (16 bytes) and the kind of that checksum (0). The engine writes the checksum and
//! never compares it, so that a flipped bit in a manifest gives a table another age, or loses it. A keyspace without
//! `current` it takes for half-made and deletes; without `keyspaces/0/current`, all of them. In a store that was
//! created wholly none of this is so.

use super::{TABLES, Table};
use crate::error::StoreError;
use std::{
    fs::{self, File},
    io::{Cursor, Read},
    path::{Path, PathBuf},
};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// What the engine's own version file holds.
const VERSION: &[u8] = b"FJL\x03";

/// A file that a manifest names.
pub(crate) struct TableFile {
    pub(crate) path: PathBuf,
    /// XXH3-128 of the whole file.
    checksum: u128,
}

/// Checks that the folder of each keyspace is there, with the manifest that it names, and all files that this names.
/// Costs a few small reads for each keyspace. Returns those files.
pub(crate) fn check(directory: &Path) -> Result<Vec<TableFile>, StoreError> {
    let version = directory.join("version");
    if fs::read(&version).map_err(|error| file_error(&version, error))? != VERSION {
        return Err(damaged(version, "it is not as the engine writes it"));
    }
    is_there(&directory.join("lock"))?;
    let root = directory.join("keyspaces");
    for entry in fs::read_dir(&root).map_err(|error| file_error(&root, error))? {
        let entry = entry.map_err(|error| file_error(&root, error))?;
        let name = entry.file_name();
        let known = name.to_str().and_then(|name| name.parse().ok()).is_some_and(|id: usize| id <= TABLES);
        if !known && entry.path().is_dir() {
            return Err(damaged(entry.path(), "no folder of the store"));
        }
    }
    let mut files = Vec::new();
    for id in 0..=TABLES {
        let folder = root.join(id.to_string());
        let manifest = manifest(&folder)?;
        for (table, checksum) in tables_of(&manifest.1).ok_or_else(|| damaged(manifest.0, "malformed"))? {
            let path = folder.join("tables").join(table.to_string());
            is_there(&path)?;
            files.push(TableFile { path, checksum });
        }
    }
    Ok(files)
}

/// Reads a file wholly and compares its checksum.
pub(crate) fn check_table(file: &TableFile, buffer: &mut [u8]) -> Result<(), StoreError> {
    let mut hasher = Xxh3::new();
    let mut read = || -> std::io::Result<()> {
        let mut open = File::open(&file.path)?;
        loop {
            match open.read(buffer)? {
                0 => return Ok(()),
                len => hasher.update(&buffer[..len]),
            }
        }
    };
    read().map_err(|error| file_error(&file.path, error))?;
    match hasher.digest128() == file.checksum {
        true => Ok(()),
        false => Err(damaged(file.path.clone(), "its checksum is another")),
    }
}

/// Which table a path belongs to, for messages.
fn table_of(path: &Path) -> Option<&'static str> {
    let mut names = path.iter().map(|name| name.to_str().unwrap_or_default());
    names.by_ref().rfind(|name| *name == "keyspaces")?;
    let id: usize = path.iter().nth(names.count() + 1)?.to_str()?.parse().ok()?;
    Table::ALL.get(id.checked_sub(1)?).map(|table| table.name())
}

fn manifest(folder: &Path) -> Result<(PathBuf, Vec<u8>), StoreError> {
    let current = folder.join("current");
    let bytes = fs::read(&current).map_err(|error| file_error(&current, error))?;
    let Some((fields, [0])) = bytes.split_first_chunk::<24>() else {
        return Err(damaged(current, "malformed"));
    };
    let (number, checksum) = fields.split_at(8);
    let number = u64::from_le_bytes(number.try_into().expect("8 bytes"));
    let path = folder.join(format!("v{number}"));
    let bytes = fs::read(&path).map_err(|error| file_error(&path, error))?;
    if xxh3_128(&bytes).to_le_bytes() != checksum {
        return Err(damaged(path, "its checksum is not the one in `current`"));
    }
    Ok((path, bytes))
}

/// Numbers and checksums of the tables that a manifest names: levels, their runs, their tables.
fn tables_of(manifest: &[u8]) -> Option<Vec<(u64, u128)>> {
    let reader = sfa::Reader::from_reader(&mut Cursor::new(manifest)).ok()?;
    let section = reader.toc().section(b"tables")?;
    let start = usize::try_from(section.pos()).ok()?;
    let end = start.checked_add(usize::try_from(section.len()).ok()?)?;
    let mut bytes = crate::account::Reader(manifest.get(start..end)?);
    let mut tables = Vec::new();
    for _level in 0..bytes.byte()? {
        for _run in 0..bytes.byte()? {
            for _table in 0..u32::from_le_bytes(bytes.take(4)?.try_into().ok()?) {
                let id = u64::from_le_bytes(bytes.take(8)?.try_into().ok()?);
                let _kind_of_checksum = bytes.byte()?;
                let checksum = u128::from_le_bytes(bytes.take(16)?.try_into().ok()?);
                let _offset_of_sequence_numbers = bytes.take(8)?;
                tables.push((id, checksum));
            }
        }
    }
    Some(tables)
}

fn is_there(path: &Path) -> Result<(), StoreError> {
    fs::metadata(path).map(drop).map_err(|error| file_error(path, error))
}

pub(crate) fn file_error(path: &Path, error: std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::NotFound => damaged(path.to_path_buf(), "the file is missing"),
        _ => StoreError::File { path: path.to_path_buf(), error },
    }
}

pub(crate) fn damaged(path: PathBuf, problem: &str) -> StoreError {
    let problem = match table_of(&path) {
        Some(table) => format!("{problem} (table {table})"),
        None => problem.to_owned(),
    };
    StoreError::DamagedFile { path, problem }
}

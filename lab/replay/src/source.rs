//! Finding block files and reading them with bounds.

use crate::error::InputError;
use flate2::read::MultiGzDecoder;
use std::{
    fs::{self, File},
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
};

/// Most bytes of a block file on disk.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// Most bytes of a block file once decompressed. Decompression stops there, so a small file that unpacks to
/// terabytes costs this much and no more.
pub const MAX_JSON_BYTES: u64 = 512 << 20;
/// Most block files in one replay.
pub const MAX_FILES: usize = 1 << 20;
/// How deep folders are searched.
const MAX_DEPTH: usize = 16;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The block files that `paths` name, each folder's in ascending order of block number.
///
/// A file is taken whatever its name; a folder gives its `*.json` and `*.json.gz`, those of its subfolders too
/// (links to folders are not followed).
///
/// # Errors
///
/// A path that cannot be read, a folder without block files, or more than [`MAX_FILES`].
pub fn block_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, InputError> {
    let mut files = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|source| InputError::io(path, source))?;
        if metadata.is_dir() {
            let from = files.len();
            walk(path, 0, &mut files)?;
            if files.len() == from {
                return Err(InputError::NoBlocks { path: path.clone() });
            }
            files[from..].sort_by_cached_key(|file| (number_in_name(file), file.clone()));
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), InputError> {
    for entry in fs::read_dir(folder).map_err(|source| InputError::io(folder, source))? {
        let entry = entry.map_err(|source| InputError::io(folder, source))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|source| InputError::io(&path, source))?;
        if kind.is_dir() {
            if depth < MAX_DEPTH {
                walk(&path, depth + 1, files)?;
            }
        } else if is_block_file(&path) {
            if files.len() == MAX_FILES {
                return Err(InputError::TooManyFiles { path, limit: MAX_FILES });
            }
            files.push(path);
        }
    }
    Ok(())
}

fn is_block_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    !name.starts_with('.') && (name.ends_with(".json") || name.ends_with(".json.gz"))
}

/// The block number a file is named after; files named otherwise come last.
fn number_in_name(path: &Path) -> u64 {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split('.').next().and_then(|stem| stem.parse().ok()).unwrap_or(u64::MAX)
}

/// Reads a whole file, unpacking it if it starts as gzip does.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, InputError> {
    let failed = |source| InputError::io(path, source);
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if size > MAX_FILE_BYTES {
        return Err(InputError::TooLarge { path: path.to_owned(), limit: MAX_FILE_BYTES, what: "on disk" });
    }
    let mut magic = Vec::new();
    file.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut magic).map_err(failed)?;
    let compressed = magic == GZIP_MAGIC;
    // The size on disk may lie (a pipe, a growing file): the reader is bounded as well.
    let file = Cursor::new(magic).chain(file).take(MAX_FILE_BYTES);
    if compressed {
        bounded(MultiGzDecoder::new(file), path, MAX_JSON_BYTES).map_err(|error| match error {
            InputError::Io { path, source } => InputError::Io {
                path,
                source: io::Error::new(
                    source.kind(),
                    format!("starts as gzip does, but is damaged or cut: {source}"),
                ),
            },
            error => error,
        })
    } else {
        bounded(file, path, MAX_JSON_BYTES)
    }
}

fn bounded(reader: impl Read, path: &Path, limit: u64) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes).map_err(|source| InputError::io(path, source))?;
    if bytes.len() as u64 > limit {
        return Err(InputError::TooLarge { path: path.to_owned(), limit, what: "once decompressed" });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_without_end_is_stopped_at_the_limit() {
        let error = bounded(std::io::repeat(b' '), Path::new("bomb.gz"), 1 << 16).unwrap_err();
        assert!(matches!(error, InputError::TooLarge { limit: 65536, .. }), "{error}");
    }

    #[test]
    fn files_are_ordered_by_the_number_in_their_name() {
        let mut names = ["10.json", "9.json.gz", "block.json", "100.json"].map(PathBuf::from);
        names.sort_by_key(|path| number_in_name(path));
        assert_eq!(names, ["9.json.gz", "10.json", "100.json", "block.json"].map(PathBuf::from));
    }
}

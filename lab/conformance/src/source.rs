//! Finds test files: in files, folders and archives.
//!
//! Whatever is found is handed on in batches of bounded size, so that memory does not grow with the archive. Links and
//! names that begin with a dot are passed over.

use flate2::read::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

/// Bounds on what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Greatest size of one test file, unpacked, in bytes.
    pub file_bytes: u64,
    /// Greatest size of what one archive unpacks to, in bytes.
    pub archive_bytes: u64,
    /// Most entries of one archive, and most files below one folder.
    pub entries: usize,
    /// Greatest depth of folders.
    pub depth: usize,
    /// Bytes that are in memory at a time before a batch is run; a single file may exceed it.
    pub batch_bytes: usize,
}

impl Default for Limits {
    /// 256 MiB in a file, 16 GiB and a million entries in an archive, 64 folders deep, 64 MiB in a batch.
    fn default() -> Self {
        Self {
            file_bytes: 256 << 20,
            archive_bytes: 16 << 30,
            entries: 1_000_000,
            depth: 64,
            batch_bytes: 64 << 20,
        }
    }
}

/// The content of a test file.
#[derive(Clone, Debug)]
pub(crate) struct TestFile {
    /// Path as given, and within the archive.
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
}

/// A place that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct SourceError {
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl SourceError {
    fn new(name: &Path, reason: impl ToString) -> Self {
        Self { name: name.display().to_string(), reason: reason.to_string() }
    }

    fn io(name: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::new(name, "no such file or folder"),
            _ => Self::new(name, error),
        }
    }
}

/// Reads everything under `paths` and hands it to `run`, batch by batch, in a fixed order. Places that cannot be read
/// are returned; the others are run all the same.
pub(crate) fn read_all(
    paths: &[PathBuf],
    limits: Limits,
    run: &mut dyn FnMut(Vec<TestFile>),
) -> Vec<SourceError> {
    let mut reader = Reader { limits, batch: Vec::new(), bytes: 0, run, errors: Vec::new() };
    for path in paths {
        let mut files = Vec::new();
        match collect(path, limits, 0, &mut files) {
            Ok(()) => files.iter().for_each(|file| reader.file(file)),
            Err(error) => reader.errors.push(error),
        }
    }
    reader.flush();
    reader.errors
}

/// Lists the files under `path`, sorted.
fn collect(path: &Path, limits: Limits, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), SourceError> {
    let error = |error: io::Error| SourceError::io(path, &error);
    // A path that was named may be a link; what lies below a folder may not.
    let metadata =
        if depth == 0 { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) }.map_err(error)?;
    if metadata.is_file() {
        if depth == 0 || is_json(path) || is_archive(path) {
            files.push(path.to_owned());
        }
        if files.len() > limits.entries {
            return Err(SourceError::new(path, format!("more than {} files", limits.entries)));
        }
    } else if metadata.is_dir() {
        if depth == limits.depth {
            return Err(SourceError::new(path, format!("folders deeper than {}", limits.depth)));
        }
        let mut entries = std::fs::read_dir(path)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>())
            .map_err(error)?;
        entries.retain(|entry| !is_hidden(entry));
        entries.sort();
        for entry in entries {
            collect(&entry, limits, depth + 1, files)?;
        }
    }
    Ok(())
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

fn is_archive(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    [".tar.gz", ".tgz", ".tar"].iter().any(|suffix| name.ends_with(suffix))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

struct Reader<'a> {
    limits: Limits,
    batch: Vec<TestFile>,
    bytes: usize,
    run: &'a mut dyn FnMut(Vec<TestFile>),
    errors: Vec<SourceError>,
}

impl Reader<'_> {
    fn flush(&mut self) {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            (self.run)(batch);
        }
    }

    fn push(&mut self, file: TestFile) {
        self.bytes += file.content.len();
        self.batch.push(file);
        if self.bytes >= self.limits.batch_bytes {
            self.flush();
        }
    }

    fn file(&mut self, path: &Path) {
        let result = File::open(path).and_then(|file| {
            let file = BufReader::new(file);
            if !is_archive(path) {
                let content = self.read_bounded(file)?;
                self.push(TestFile { name: path.display().to_string(), content });
                Ok(())
            } else if path.extension().is_some_and(|extension| extension == "tar") {
                self.archive(path, file)
            } else {
                self.archive(path, MultiGzDecoder::new(file))
            }
        });
        if let Err(error) = result {
            self.errors.push(SourceError::new(path, error));
        }
    }

    fn archive(&mut self, path: &Path, content: impl Read) -> io::Result<()> {
        let mut archive = tar::Archive::new(content.take(self.limits.archive_bytes));
        for (count, entry) in archive.entries()?.enumerate() {
            if count == self.limits.entries {
                return Err(io::Error::other(format!("more than {count} entries")));
            }
            let entry = entry?;
            let inner = entry.path()?.into_owned();
            let hidden = inner.iter().any(|part| part.to_string_lossy().starts_with('.') && part != ".");
            if !entry.header().entry_type().is_file() || !is_json(&inner) || hidden {
                continue;
            }
            let name = path.join(&inner);
            match self.read_bounded(entry) {
                Ok(content) => self.push(TestFile { name: name.display().to_string(), content }),
                Err(error) => self.errors.push(SourceError::new(&name, error)),
            }
        }
        Ok(())
    }

    fn read_bounded(&self, content: impl Read) -> io::Result<Vec<u8>> {
        let limit = self.limits.file_bytes;
        let mut bytes = Vec::new();
        content.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::other(format!("larger than {limit} bytes")));
        }
        Ok(bytes)
    }
}

//! Folders of secrets and votes, which one process has at a time.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Why a folder cannot be had.
#[derive(Debug)]
pub(crate) enum FolderError {
    /// Another process has it.
    Taken,
    /// It cannot be made or opened.
    Io(PathBuf, io::Error),
}

/// Makes the folder, for this user only, and keeps other processes out of it until the file returned is dropped.
pub(crate) fn take(folder: &Path) -> Result<File, FolderError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        |error| FolderError::Io(path, error)
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    let file =
        options.write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(FolderError::Taken),
        Err(TryLockError::Error(error)) => Err(FolderError::Io(path, error)),
    }
}

//! Folders of secrets, votes and payloads: which one process has at a time, and who can read them.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
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

/// How what is kept in storage looks. Another number cannot be read.
const FORMAT: &str = "2";

/// Notes down how what is kept in an existing folder looks, or refuses what looks otherwise.
pub(crate) fn check_format(folder: &Path) -> io::Result<()> {
    let path = folder.join("format");
    let found = match fs::read_to_string(&path) {
        Ok(found) => found.trim().chars().take(20).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Files are there from the beginning; storage is in folders of its own.
            let mut entries = fs::read_dir(folder)?;
            if !entries.any(|entry| entry.is_ok_and(|entry| entry.path().is_dir())) {
                File::create(&path)
                    .and_then(|mut file| file.write_all(FORMAT.as_bytes()).and(file.sync_all()))?;
                return File::open(folder)?.sync_all();
            }
            "1".to_owned()
        }
        Err(error) => return Err(error),
    };
    if found == FORMAT {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "it has the format {found}, and this program reads {FORMAT} only: move it away, and the node fetches it again from others"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_another_format_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        check_format(folder.path()).unwrap();
        fs::create_dir(folder.path().join("storage")).unwrap();
        check_format(folder.path()).unwrap();
        fs::write(folder.path().join("format"), "3\n").unwrap();
        assert!(check_format(folder.path()).unwrap_err().to_string().contains("the format 3"));
        fs::remove_file(folder.path().join("format")).unwrap();
        assert!(check_format(folder.path()).unwrap_err().to_string().contains("the format 1"));
    }
}

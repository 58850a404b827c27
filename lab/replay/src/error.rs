//! What can be wrong with input that others wrote.

use std::{
    io,
    path::{Path, PathBuf},
};

/// A block file that cannot be used. Says which file, which field and why.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file or folder could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder without any block file.
    #[error("{}: no block files here (expected *.json or *.json.gz)", path.display())]
    NoBlocks {
        /// Which.
        path: PathBuf,
    },
    /// More block files than [`MAX_FILES`](crate::MAX_FILES).
    #[error("{}: more than {limit} block files; name fewer", path.display())]
    TooManyFiles {
        /// Where the limit was passed.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// The file is larger than a block file can be.
    #[error("{}: more than {limit} bytes {what}; no block is that large", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
        /// `"on disk"` or `"once decompressed"`.
        what: &'static str,
    },
    /// A field does not hold what it should.
    #[error("{}: {source}", path.display())]
    Field {
        /// In which file.
        path: PathBuf,
        /// Which field, and why.
        source: FieldError,
    },
}

impl InputError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        // The commonest mistake, in plain words.
        let source = match source.kind() {
            kind @ io::ErrorKind::NotFound => io::Error::new(kind, "no such file or folder"),
            _ => source,
        };
        Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn field(path: &Path, source: FieldError) -> Self {
        Self::Field { path: path.to_owned(), source }
    }
}

/// A field of a block file that does not hold what it should.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// Path of the field, as in `block.transactions[3].from`.
    pub field: String,
    /// What is wrong with it, with the offending value.
    pub message: String,
}

impl FieldError {
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    /// Two values that should be the same.
    pub(crate) fn differs(
        field: impl Into<String>,
        says: impl std::fmt::Display,
        is: impl std::fmt::Display,
    ) -> Self {
        Self::new(field, format!("says {says}, but the contents give {is}"))
    }
}

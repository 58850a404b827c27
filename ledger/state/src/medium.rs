//! Where a store is kept: in a directory, or on a simulated disk.

use crate::{
    error::StoreError,
    format,
    kv::{Kv, KvOptions, Session, SimulatedDisk},
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where a store is to be made or opened. Functions that ask for one take a path or a [`SimulatedDisk`] as they are.
#[derive(Clone, Copy, Debug)]
pub enum Medium<'a> {
    /// A directory of its own.
    Directory(&'a Path),
    /// A disk that exists in memory.
    Simulated(&'a SimulatedDisk),
}

impl<'a> From<&'a Path> for Medium<'a> {
    fn from(directory: &'a Path) -> Self {
        Self::Directory(directory)
    }
}

impl<'a> From<&'a PathBuf> for Medium<'a> {
    fn from(directory: &'a PathBuf) -> Self {
        Self::Directory(directory)
    }
}

impl<'a> From<&'a SimulatedDisk> for Medium<'a> {
    fn from(disk: &'a SimulatedDisk) -> Self {
        Self::Simulated(disk)
    }
}

impl Medium<'_> {
    /// Whether there is a store.
    pub(crate) fn holds_a_store(self) -> bool {
        match self {
            Self::Directory(directory) => format::exists(directory),
            Self::Simulated(disk) => disk.exists(),
        }
    }

    /// Gets ready for a new store, and keeps everybody else out.
    pub(crate) fn prepare(self) -> Result<Site, StoreError> {
        Ok(match self {
            Self::Directory(directory) => {
                Site::Directory { lock: format::prepare(directory)?, path: directory.to_path_buf() }
            }
            Self::Simulated(disk) => Site::Simulated(disk.prepare()?),
        })
    }

    /// Gets ready to open the store that is there, and keeps everybody else out.
    pub(crate) fn enter(self) -> Result<Site, StoreError> {
        Ok(match self {
            Self::Directory(directory) => {
                format::check(directory)?;
                Site::Directory { lock: format::lock(directory)?, path: directory.to_path_buf() }
            }
            Self::Simulated(disk) => Site::Simulated(disk.enter()?),
        })
    }
}

/// A place that is this store's, until this is dropped.
pub(crate) enum Site {
    Directory {
        path: PathBuf,
        #[expect(dead_code, reason = "it is held, not looked at")]
        lock: File,
    },
    Simulated(Arc<Session>),
}

impl Site {
    /// Tables for a store in the making.
    pub(crate) fn create(&self, options: KvOptions) -> Result<Kv, StoreError> {
        match self {
            Self::Directory { path, .. } => Kv::create(&format::new_tables(path), options),
            Self::Simulated(disk) => Kv::create_simulated(disk),
        }
    }

    /// Makes the store in the making the one that is opened here. Its tables have to be closed: the engine knows its files
    /// by name.
    pub(crate) fn finish(&self) -> Result<(), StoreError> {
        match self {
            Self::Directory { path, .. } => format::finish(path),
            Self::Simulated(disk) => disk.finish(),
        }
    }

    /// The tables of the store that is here.
    pub(crate) fn open(&self, options: KvOptions) -> Result<Kv, StoreError> {
        match self {
            Self::Directory { path, .. } => Kv::open(&format::tables(path), options),
            Self::Simulated(disk) => Kv::open_simulated(disk),
        }
    }

    /// Throws the store in the making away, as far as that is possible.
    pub(crate) fn discard(&self) {
        match self {
            Self::Directory { path, .. } => drop(fs::remove_dir_all(format::new_tables(path))),
            Self::Simulated(disk) => disk.discard(),
        }
    }

    /// Says that a state file is being imported, which is not done until [`end_import`](Self::end_import).
    pub(crate) fn begin_import(&self) -> Result<(), StoreError> {
        match self {
            Self::Directory { path, .. } => format::begin_import(path),
            Self::Simulated(disk) => disk.set_importing(true),
        }
    }

    /// Says that no state file is being imported.
    pub(crate) fn end_import(&self) -> Result<(), StoreError> {
        match self {
            Self::Directory { path, .. } => format::end_import(path),
            Self::Simulated(disk) => disk.set_importing(false),
        }
    }
}

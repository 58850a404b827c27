//! Giving whole states to those who begin.
//!
//! A snapshot is a state file, as `mundi state export` writes it, of a block that a certificate proves. It is made when somebody asks
//! and the one at hand is old, on a thread of its own, from a view of the store that stands still; blocks go on meanwhile. The file
//! of a block is the same on every node.

use crate::{
    archive::Archive,
    bft::Progress,
    finality::{FinalizedHeader, finalized_header},
};
use alloy_primitives::Bytes;
use futures::executor::block_on;
use mundi_chain::Ledger;
use mundi_state::StateExport;
use serde::{Deserialize, Serialize};
use std::{
    fmt, fs,
    fs::File,
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

/// Bytes of all chunks but the last one.
pub const CHUNK_BYTES: u64 = StateExport::MAX_CHUNK as u64;

/// Snapshots that are kept: the newest, and the one before it, which somebody may be fetching.
const KEPT: usize = 2;

/// A state that can be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offer {
    /// Of which block, and that it is final.
    pub finalized_header: FinalizedHeader,
    /// Length of the file.
    #[serde(with = "alloy_serde::quantity")]
    pub bytes: u64,
}

/// The snapshots of a node.
pub struct Snapshots {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    directory: PathBuf,
    every: u64,
    ledger: Arc<Ledger>,
    archive: Arc<dyn Archive>,
    progress: Progress,
    kept: Mutex<Vec<Kept>>,
    ended: AtomicBool,
}

struct Kept {
    height: u64,
    offer: Offer,
    file: Arc<File>,
}

impl Snapshots {
    /// Keeps snapshots in a directory, which is emptied, and makes a new one when the newest is `every` heights old.
    pub fn new(
        directory: PathBuf,
        every: u64,
        ledger: Arc<Ledger>,
        archive: Arc<dyn Archive>,
        progress: Progress,
    ) -> io::Result<Self> {
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&directory)?,
        }
        let (kept, ended) = (Mutex::default(), AtomicBool::new(false));
        let shared = Shared { directory, every, ledger, archive, progress, kept, ended };
        Ok(Self { shared: Arc::new(shared), thread: Mutex::new(None) })
    }

    /// The newest snapshot. If it is old, or there is none yet, one is made meanwhile.
    pub fn offer(&self) -> Option<Offer> {
        let newest = self.shared.lock().last().map(|kept| (kept.height, kept.offer.clone()));
        let height = self.shared.progress.anchored();
        let due =
            newest.as_ref().is_none_or(|(newest, _)| height >= newest.saturating_add(self.shared.every));
        let mut thread = self.thread.lock().expect("no holder panics");
        if due && height > 0 && thread.as_ref().is_none_or(JoinHandle::is_finished) {
            let shared = Arc::clone(&self.shared);
            let work = move || {
                if let Err(error) = shared.make(height) {
                    tracing::warn!(target: "follow", height, error, "no snapshot could be made");
                }
            };
            *thread = thread::Builder::new().name("snapshot".into()).spawn(work).ok();
        }
        newest.map(|(_, offer)| offer)
    }

    /// A chunk of the snapshot of a height; `None` if there is no such snapshot, or it ends before.
    pub fn chunk(&self, height: u64, index: u64) -> io::Result<Option<Bytes>> {
        let kept = self
            .shared
            .lock()
            .iter()
            .find(|kept| kept.height == height)
            .map(|kept| (Arc::clone(&kept.file), kept.offer.bytes));
        let Some((file, bytes)) = kept else { return Ok(None) };
        let Some(at) = index.checked_mul(CHUNK_BYTES).filter(|at| *at < bytes) else { return Ok(None) };
        let mut chunk = vec![0; (bytes - at).min(CHUNK_BYTES) as usize];
        file.read_exact_at(&mut chunk, at)?;
        Ok(Some(chunk.into()))
    }

    /// Waits for what is being made.
    pub fn settle(&self) {
        let thread = self.thread.lock().expect("no holder panics").take();
        if let Some(thread) = thread {
            // It says itself what went wrong.
            let _ = thread.join();
        }
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        self.shared.ended.store(true, Relaxed);
        self.settle();
    }
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots").field("directory", &self.shared.directory).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().expect("no holder panics")
    }

    fn make(&self, height: u64) -> Result<(), String> {
        let finalized_header = block_on(finalized_header(&*self.archive, &self.ledger, height))
            .map_err(|error| error.to_string())?;
        let path = self.path(height);
        let (file, bytes) = self.export(height, &path).inspect_err(|_| {
            // A part of a state is of no use, and takes the room that the chain needs.
            let _ = fs::remove_file(&path);
        })?;
        let offer = Offer { finalized_header, bytes };
        let mut kept = self.lock();
        kept.push(Kept { height, offer, file: Arc::new(file) });
        if kept.len() > KEPT {
            let old = kept.remove(0);
            // Whoever reads it now reads on.
            let _ = fs::remove_file(self.path(old.height));
        }
        Ok(())
    }

    fn path(&self, height: u64) -> PathBuf {
        self.directory.join(format!("{height}.state"))
    }

    /// Writes the state of a height into a file; gives it, and its length.
    fn export(&self, height: u64, path: &Path) -> Result<(File, u64), String> {
        let told = |error: io::Error| format!("{}: {error}", path.display());
        let mut export = self.ledger.store().export_at(height).map_err(|error| error.to_string())?;
        let mut file =
            File::options().read(true).write(true).create(true).truncate(true).open(path).map_err(told)?;
        let mut bytes = 0;
        while let Some(chunk) = export.next_chunk().map_err(|error| error.to_string())? {
            if self.ended.load(Relaxed) {
                return Err("the node ends".into());
            }
            file.write_all(&chunk).map_err(told)?;
            bytes += chunk.len() as u64;
        }
        Ok((file, bytes))
    }
}

//! The transactions of the pool on disk, so that they survive a restart.
//!
//! ## Format
//! ```text
//! file   = "mundi mempool 1\n" record*
//! record = length of the transaction (4, big-endian)
//!          origin (1: 0 local, 1 remote, 2 peer)
//!          checksum (8: the first of the Keccak-256 of origin and transaction)
//!          the transaction in its network form
//! ```
//!
//! ## What it promises
//! * What was accepted is in the file when the call that took it returns; a killed process loses nothing, a machine that loses
//!   power what the operating system had not written. Nothing waits for the disk.
//! * A damaged or torn record ends the reading; it and what follows are cut off. What was read before it is kept.
//! * The file never grows beyond its bound. When it gets there, it is replaced, by one atomic step, with what is in the
//!   pool. If that alone is too large, what does not fit is not journaled.
//!
//! A transaction is written once and never struck out: what became of it is found out when it is submitted again.

use crate::{config::Origin, pool::Mempool, transaction::PooledTransaction};
use alloy_primitives::{Bytes, Keccak256};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

const MAGIC: &[u8] = b"mundi mempool 1\n";
const RECORD_HEAD: usize = 4 + 1 + 8;

/// Transactions that are submitted at a time while a journal is read.
const BATCH: usize = 1024;
/// Bytes of them.
const BATCH_BYTES: usize = 16 << 20;

/// A journal that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("mempool journal {path}: {action}: {source}; move the file away to start with an empty pool")]
pub struct JournalError {
    path: PathBuf,
    action: &'static str,
    source: io::Error,
}

/// What reading a journal brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Transactions that the pool took.
    pub accepted: usize,
    /// Transactions that the pool did not take, because they are part of the chain by now, mostly.
    pub refused: usize,
    /// Bytes of damaged records that were cut off.
    pub cut: u64,
}

/// An append-only file of accepted transactions.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
    max_bytes: u64,
    /// Bytes written, or not written for lack of room, since the file was last replaced.
    since_rotation: u64,
    buffer: Vec<u8>,
    overflowed: bool,
}

impl Journal {
    /// Opens a journal, or makes an empty one. `max_bytes` bounds the file.
    ///
    /// # Errors
    /// If the file cannot be opened, or is no journal.
    pub fn open(path: impl Into<PathBuf>, max_bytes: u64) -> Result<Self, JournalError> {
        let path = path.into();
        let failed = |action, source| JournalError { path: path.clone(), action, source };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| failed("cannot be opened", error))?;
        let length = file.metadata().map_err(|error| failed("cannot be read", error))?.len();
        let mut start = Vec::new();
        (&mut file)
            .take(MAGIC.len() as u64)
            .read_to_end(&mut start)
            .map_err(|error| failed("cannot be read", error))?;
        let length = if start == MAGIC {
            length
        } else if MAGIC.starts_with(&start) {
            // New, or torn while it was made.
            begin(&mut file).map_err(|error| failed("cannot be written", error))?
        } else {
            let error = io::Error::new(io::ErrorKind::InvalidData, "it does not begin as a journal does");
            return Err(failed("is not a journal", error));
        };
        Ok(Self { path, file, length, max_bytes, since_rotation: 0, buffer: Vec::new(), overflowed: false })
    }

    /// Bytes in the file.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Submits what is in the file to a pool, in the order in which it was written, and cuts damage off. The pool should have no
    /// journal attached yet: it would write everything once more.
    ///
    /// # Errors
    /// If the file cannot be read or cut. What was read before stays in the pool.
    pub fn load_into(&mut self, mempool: &Mempool, pool: &rayon::ThreadPool) -> Result<Loaded, JournalError> {
        let longest = mempool.config.max_tx_bytes.max(mempool.config.max_blob_tx_bytes);
        let mut loaded = Loaded::default();
        let good = self.read(longest, |origin, batch| {
            for result in mempool.submit_batch(&batch, origin, pool) {
                match result {
                    Ok(_) => loaded.accepted += 1,
                    Err(error) => {
                        tracing::debug!(%error, "a journaled transaction is not taken again");
                        loaded.refused += 1;
                    }
                }
            }
        });
        let good = good.map_err(|error| self.failed("cannot be read", error))?;
        loaded.cut = self.length - good;
        if loaded.cut > 0 {
            tracing::warn!(path = %self.path.display(), bytes = loaded.cut, "the damaged end of the mempool journal is cut off");
            self.file.set_len(good).map_err(|error| self.failed("cannot be cut", error))?;
            self.length = good;
        }
        Ok(loaded)
    }

    /// Reads records in batches of one origin, and returns where the good ones end.
    fn read(&mut self, longest: usize, mut submit: impl FnMut(Origin, Vec<Bytes>)) -> io::Result<u64> {
        self.file.seek(SeekFrom::Start(MAGIC.len() as u64))?;
        let mut reader = BufReader::with_capacity(1 << 20, &self.file);
        let mut good = MAGIC.len() as u64;
        let mut batch: Vec<Bytes> = Vec::new();
        let (mut batch_bytes, mut batch_origin) = (0, Origin::Local);
        while let Some((origin, bytes)) = read_record(&mut reader, longest)? {
            good += (RECORD_HEAD + bytes.len()) as u64;
            if origin != batch_origin || batch.len() >= BATCH || batch_bytes >= BATCH_BYTES {
                submit(batch_origin, std::mem::take(&mut batch));
                (batch_bytes, batch_origin) = (0, origin);
            }
            batch_bytes += bytes.len();
            batch.push(bytes);
        }
        submit(batch_origin, batch);
        Ok(good)
    }

    /// Writes transactions at the end. Returns whether the file should be replaced.
    fn append<'a>(
        &mut self,
        transactions: impl IntoIterator<Item = &'a PooledTransaction>,
    ) -> io::Result<bool> {
        self.buffer.clear();
        let mut skipped = 0;
        for tx in transactions.into_iter().filter(|tx| tx.signed) {
            let before = self.buffer.len();
            write_record(&mut self.buffer, tx);
            if self.length + self.buffer.len() as u64 > self.max_bytes {
                skipped += (self.buffer.len() - before) as u64;
                self.buffer.truncate(before);
            }
        }
        self.since_rotation += self.buffer.len() as u64 + skipped;
        if !self.buffer.is_empty() {
            self.file.seek(SeekFrom::Start(self.length))?;
            if let Err(error) = self.file.write_all(&self.buffer) {
                // Half a record would hide all later ones.
                self.file.set_len(self.length)?;
                return Err(error);
            }
            self.length += self.buffer.len() as u64;
        }
        if skipped > 0 && !std::mem::replace(&mut self.overflowed, true) {
            tracing::warn!(path = %self.path.display(), max_bytes = self.max_bytes, "the mempool journal is full: some transactions will not survive a restart");
        }
        // An eighth of the bound pays for reading and writing the whole pool.
        Ok(self.length + skipped > self.max_bytes / 2 && self.since_rotation > self.max_bytes / 8)
    }

    /// Replaces the file with one that holds these transactions, as far as they fit.
    fn replace(&mut self, transactions: &[Arc<PooledTransaction>]) -> io::Result<()> {
        let temporary = self.path.with_extension("new");
        let mut file =
            OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&temporary)?;
        let mut length = begin(&mut file)?;
        let mut record = Vec::new();
        let mut writer = BufWriter::with_capacity(1 << 20, &mut file);
        let mut left_out = 0_usize;
        for tx in transactions.iter().filter(|tx| tx.signed) {
            record.clear();
            write_record(&mut record, tx);
            if length + record.len() as u64 > self.max_bytes {
                left_out += 1;
                continue;
            }
            writer.write_all(&record)?;
            length += record.len() as u64;
        }
        writer.flush()?;
        drop(writer);
        file.sync_all()?;
        std::fs::rename(&temporary, &self.path)?;
        if let Some(directory) = self.path.parent().filter(|path| *path != Path::new("")) {
            File::open(directory)?.sync_all()?;
        }
        (self.file, self.length, self.since_rotation) = (file, length, 0);
        self.overflowed = left_out > 0;
        Ok(())
    }

    fn failed(&self, action: &'static str, source: io::Error) -> JournalError {
        JournalError { path: self.path.clone(), action, source }
    }
}

impl Mempool {
    /// Writes what is taken from now on to a journal, which is replaced at once with what is in the pool.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn attach_journal(&self, mut journal: Journal) -> Result<(), JournalError> {
        let mut attached = self.journal.lock().expect("no holder panics");
        journal.replace(&self.in_order()).map_err(|error| journal.failed("cannot be replaced", error))?;
        *attached = Some(journal);
        Ok(())
    }

    /// Waits until the journal is on disk. For an orderly end.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn sync_journal(&self) -> Result<(), JournalError> {
        match &*self.journal.lock().expect("no holder panics") {
            Some(journal) => {
                journal.file.sync_data().map_err(|error| journal.failed("cannot be written", error))
            }
            None => Ok(()),
        }
    }

    /// Replaces the journal with what is in the pool now. It happens by itself when the file gets large.
    ///
    /// # Errors
    /// If it cannot be written; the old file is still there.
    pub fn rotate_journal(&self) -> Result<(), JournalError> {
        match &mut *self.journal.lock().expect("no holder panics") {
            Some(journal) => {
                journal.replace(&self.in_order()).map_err(|error| journal.failed("cannot be replaced", error))
            }
            None => Ok(()),
        }
    }

    /// Journals what was taken. A journal that fails is given up: the pool goes on without.
    pub(crate) fn write_journal<'a>(&self, transactions: impl IntoIterator<Item = &'a PooledTransaction>) {
        let mut attached = self.journal.lock().expect("no holder panics");
        let Some(journal) = &mut *attached else { return };
        let written = journal
            .append(transactions)
            .and_then(|large| if large { journal.replace(&self.in_order()) } else { Ok(()) });
        if let Err(error) = written {
            tracing::error!(path = %journal.path.display(), %error, "the mempool journal cannot be written and is given up: transactions will not survive a restart");
            *attached = None;
        }
    }

    /// All transactions in the order in which they came.
    fn in_order(&self) -> Vec<Arc<PooledTransaction>> {
        let content = self.content().into_values();
        let mut all: Vec<_> =
            content.flat_map(|sender| sender.pending.into_iter().chain(sender.queued)).collect();
        all.sort_by_key(|tx| tx.received);
        all
    }
}

fn begin(file: &mut File) -> io::Result<u64> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(MAGIC)?;
    Ok(MAGIC.len() as u64)
}

const fn origin_byte(origin: Origin) -> u8 {
    match origin {
        Origin::Local => 0,
        Origin::Remote => 1,
        Origin::Peer => 2,
    }
}

fn checksum(origin: u8, bytes: &[u8]) -> [u8; 8] {
    let mut hasher = Keccak256::new();
    hasher.update([origin]);
    hasher.update(bytes);
    let hash = hasher.finalize();
    std::array::from_fn(|at| hash[at])
}

fn write_record(out: &mut Vec<u8>, tx: &PooledTransaction) {
    let (origin, bytes) = (origin_byte(tx.origin), tx.network_encoded());
    let length = u32::try_from(bytes.len()).expect("the pool's bound on one transaction is far below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.push(origin);
    out.extend_from_slice(&checksum(origin, &bytes));
    out.extend_from_slice(&bytes);
}

/// The next record; `None` at the end and at damage.
fn read_record(reader: &mut impl Read, longest: usize) -> io::Result<Option<(Origin, Bytes)>> {
    let mut head = [0; RECORD_HEAD];
    if !read_whole(reader, &mut head)? {
        return Ok(None);
    }
    let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let origin = match head[4] {
        0 => Origin::Local,
        1 => Origin::Remote,
        2 => Origin::Peer,
        _ => return Ok(None),
    };
    if length == 0 || length > longest {
        return Ok(None);
    }
    let mut bytes = vec![0; length];
    if !read_whole(reader, &mut bytes)? || checksum(head[4], &bytes) != head[5..] {
        return Ok(None);
    }
    Ok(Some((origin, bytes.into())))
}

/// Fills a buffer; `false` if the file ends before.
fn read_whole(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

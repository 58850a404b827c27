//! The newest acknowledged batch, beside the engine's own files.
//!
//! The engine takes the end of its log for the end of what was written, and so takes damage in the log for a shorter
//! log. The file `head` says how long it has to be: it is renewed after each batch that is safe on disk, and never
//! before. So it may be behind the log, after a kill or a power failure, and is never ahead of it.
//!
//! ## Format
//! Two slots, each in a disk sector of its own and renewed in turn, in place and without a sync of their own. A slot
//! is a magic number, the store's number, the batch's number, the block's height and the XXH3 of these, as 8 bytes
//! big-endian each. While one slot is written the other one holds: sectors are written wholly or not at all.

use crate::error::StoreError;
use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};
use xxhash_rust::xxh3::xxh3_64;

const NAME: &str = "head";
const MAGIC: u64 = u64::from_be_bytes(*b"mundi-hd");
const SECTOR: usize = 512;
const SLOT: usize = 40;

/// What was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    /// The store's own number, drawn when it was created.
    pub(crate) store: u64,
    /// The newest batch on disk.
    pub(crate) batch: u64,
    /// The newest block on disk.
    pub(crate) height: u64,
}

/// The open file.
pub(crate) struct Head {
    file: File,
    path: PathBuf,
}

impl Head {
    /// The file of an engine's directory.
    pub(crate) fn path(directory: &Path) -> PathBuf {
        directory.join(NAME)
    }

    /// Writes a new file, in place of any that is there, which stays whole until then.
    pub(crate) fn create(directory: &Path, first: Acknowledged) -> Result<Self, StoreError> {
        let path = Self::path(directory);
        let new = path.with_extension("new");
        let mut bytes = [0; 2 * SECTOR];
        for slot in bytes.chunks_exact_mut(SECTOR) {
            slot[..SLOT].copy_from_slice(&encode(first));
        }
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(directory)?.sync_all()?;
            Ok(file)
        };
        let file = write().map_err(|error| StoreError::File { path: path.clone(), error })?;
        Ok(Self { file, path })
    }

    /// Reads the file.
    pub(crate) fn open(directory: &Path) -> Result<(Self, Acknowledged), StoreError> {
        let path = Self::path(directory);
        let mut bytes = Vec::new();
        let mut read = || {
            let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
            Read::by_ref(&mut file).take(2 * SECTOR as u64).read_to_end(&mut bytes)?;
            Ok(file)
        };
        let file = read().map_err(|error| StoreError::File { path: path.clone(), error })?;
        let slots = bytes.chunks(SECTOR).filter_map(decode);
        let Some(newest) = slots.max_by_key(|slot| slot.batch) else {
            let problem = "neither of its two records is whole".into();
            return Err(StoreError::DamagedFile { path, problem });
        };
        Ok((Self { file, path }, newest))
    }

    /// Notes a batch that is on disk.
    pub(crate) fn set(&mut self, newest: Acknowledged) -> Result<(), StoreError> {
        let at = newest.batch % 2 * SECTOR as u64;
        let written = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.write_all(&encode(newest)));
        written.map_err(|error| StoreError::File { path: self.path.clone(), error })
    }
}

fn encode(slot: Acknowledged) -> [u8; SLOT] {
    let mut bytes = [0; SLOT];
    let fields = [MAGIC, slot.store, slot.batch, slot.height].map(u64::to_be_bytes);
    bytes[..32].copy_from_slice(fields.as_flattened());
    let checksum = xxh3_64(&bytes[..32]);
    bytes[32..].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Acknowledged> {
    let (fields, _) = bytes.get(..SLOT)?.as_chunks::<8>();
    let [magic, store, batch, height, checksum] = fields else { return None };
    let sound = u64::from_be_bytes(*magic) == MAGIC && u64::from_be_bytes(*checksum) == xxh3_64(&bytes[..32]);
    let [store, batch, height] = [store, batch, height].map(|field| u64::from_be_bytes(*field));
    sound.then_some(Acknowledged { store, batch, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_leaves_one_of_the_last_two() {
        let directory = tempfile::tempdir().unwrap();
        let at = |batch| Acknowledged { store: 7, batch, height: batch / 2 };
        let mut head = Head::create(directory.path(), at(1)).unwrap();
        (2..=9).for_each(|batch| head.set(at(batch)).unwrap());
        let path = Head::path(directory.path());
        let bytes = std::fs::read(&path).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &flipped).unwrap();
            let newest = Head::open(directory.path()).unwrap().1;
            assert!(newest == at(9) || newest == at(8), "bit {bit}: {newest:?}");
        }
        for len in 0..bytes.len() {
            std::fs::write(&path, &bytes[..len]).unwrap();
            match Head::open(directory.path()) {
                Ok((_, newest)) => assert!(newest == at(9) || newest == at(8), "cut at {len}"),
                Err(error) => assert!(error.to_string().contains("head"), "{error}"),
            }
        }
    }
}

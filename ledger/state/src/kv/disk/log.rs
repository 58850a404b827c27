//! Reads the engine's write-ahead log before the engine does.
//!
//! The engine takes the first entry that does not parse for the end of what was written, cuts the log off there and
//! goes on with what is left: a flipped bit would lose batches, and with them every trace of the loss. And a batch of
//! which a power failure left the end without the middle keeps it from opening. So the log is read here first. What a
//! kill or a power failure left behind is cut off; anything else is an error, and nothing is touched.
//!
//! ## Format (fjall 3.1)
//! Files `N.jnl` with ascending N, of which only the last is written to; one after the other they hold batches, and
//! then zeros that were allocated ahead. A batch is
//!
//! ```text
//! 1, number of items (4), sequence number (8)
//! 2, type, compression, keyspace (8), length of key (2), of value (4), of value in the file (4), key, value
//! …
//! 3, XXH3-64 of the items (8), "FJL", 3
//! ```
//!
//! all numbers little endian. The last item of each is its [`Mark`].
//!
//! ## What is damage
//! A batch is safe on disk before the next one is begun. So only the last batch can be torn, and only if nobody was
//! told that it is there: its number is the one after the last whole one, above the one in [`head`](super::head), and
//! no mark of a later one follows. The store's number in a mark, which nobody outside knows, tells marks from values
//! that look like some.

use super::{
    files::{damaged, file_error},
    head::Acknowledged,
    mark::{FOOT, Mark},
};
use crate::error::StoreError;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};
use xxhash_rust::xxh3::Xxh3;

/// Sequence numbers that the engine may use for itself between two batches, at most.
const OWN_NUMBERS: u64 = 1 << 20;

/// Bytes read at once.
const BUFFER: usize = 1 << 18;

/// A whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) mark: Mark,
    /// Its sequence number in the engine.
    pub(crate) sequence: u64,
}

/// What is in the log.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) first: Option<Found>,
    pub(crate) last: Option<Found>,
    /// Where the log ends before its files do, other than in zeros.
    stop: Option<Stop>,
}

#[derive(Debug)]
struct Stop {
    journal: PathBuf,
    /// Bytes of whole batches.
    at: u64,
    problem: &'static str,
    /// Nothing but one torn batch is cut off.
    torn: bool,
    /// Journals after it.
    later: Vec<PathBuf>,
}

/// Reads the log, cuts off a torn batch, and fails for anything else that is wrong with it.
pub(crate) fn check(directory: &Path, head: Acknowledged) -> Result<Contents, StoreError> {
    let contents = read(directory, head)?;
    match &contents.stop {
        Some(stop) if stop.torn => cut(&stop.journal, stop.at)?,
        Some(stop) => return Err(lost(stop, &contents, head)),
        None => {}
    }
    if let Some(last) = &contents.last
        && last.mark.batch < head.batch
    {
        let journal = journals(directory)?.pop().unwrap_or_else(|| directory.to_path_buf());
        let stop = Stop { journal, at: 0, problem: "it ends too early", torn: false, later: Vec::new() };
        return Err(lost(&stop, &contents, head));
    }
    Ok(contents)
}

/// Ends the log before its first damage, and moves what follows aside. Returns the last batch that is left.
pub(crate) fn give_up(directory: &Path, head: Acknowledged) -> Result<Option<Found>, StoreError> {
    let contents = read(directory, head)?;
    if let Some(stop) = &contents.stop {
        for journal in &stop.later {
            let aside = journal.with_extension("lost");
            fs::rename(journal, aside).map_err(|error| file_error(journal, error))?;
        }
        let aside = stop.journal.with_extension("lost");
        fs::copy(&stop.journal, aside).map_err(|error| file_error(&stop.journal, error))?;
        cut(&stop.journal, stop.at)?;
    }
    Ok(contents.last)
}

fn lost(stop: &Stop, contents: &Contents, head: Acknowledged) -> StoreError {
    StoreError::Lost {
        path: stop.journal.clone(),
        problem: stop.problem,
        found: contents.last.map(|last| last.mark.height),
        acknowledged: head.height,
    }
}

fn cut(journal: &Path, at: u64) -> Result<(), StoreError> {
    let cut = || {
        let file = OpenOptions::new().write(true).open(journal)?;
        file.set_len(at)?;
        file.sync_all()
    };
    cut().map_err(|error| file_error(journal, error))
}

/// The log's files, the oldest first.
fn journals(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| file_error(directory, error))? {
        let path = entry.map_err(|error| file_error(directory, error))?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jnl")) {
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
            let number = number.ok_or_else(|| damaged(path.clone(), "no name of a journal"))?;
            journals.push((number, path));
        }
    }
    journals.sort_unstable();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

fn read(directory: &Path, head: Acknowledged) -> Result<Contents, StoreError> {
    let journals = journals(directory)?;
    let mut contents = Contents::default();
    for (index, journal) in journals.iter().enumerate() {
        let later = &journals[index + 1..];
        let stop = read_journal(journal, head, &mut contents).map_err(|error| file_error(journal, error))?;
        if let Some((at, problem, whole_after)) = stop {
            let torn = later.is_empty() && !whole_after;
            contents.stop = Some(Stop { journal: journal.clone(), at, problem, torn, later: later.to_vec() });
            break;
        }
    }
    Ok(contents)
}

/// Reads batches up to the first that is not whole; says where that is, what is wrong with it, and whether it or one
/// after it was acknowledged.
fn read_journal(
    journal: &Path,
    head: Acknowledged,
    contents: &mut Contents,
) -> io::Result<Option<(u64, &'static str, bool)>> {
    let file = File::open(journal)?;
    let len = file.metadata()?.len();
    let mut scanner = Scanner { reader: BufReader::with_capacity(BUFFER, file), left: len, item: Vec::new() };
    loop {
        let at = len - scanner.left;
        let problem = match scanner.batch()? {
            Ok(found) => match follows(&found, contents.last.as_ref(), head) {
                Ok(()) => {
                    contents.first.get_or_insert(found);
                    contents.last = Some(found);
                    continue;
                }
                Err(problem) => return Ok(Some((at, problem, true))),
            },
            Err(problem) => problem,
        };
        let mut file = scanner.reader.into_inner();
        file.seek(SeekFrom::Start(at))?;
        let tail = Tail::read(file, head.store)?;
        if tail.is_zero {
            return Ok(None);
        }
        let torn = match contents.last {
            Some(last) => tail.marks.iter().all(|batch| *batch == last.mark.batch + 1 && *batch > head.batch),
            None => tail.marks.iter().all(|batch| *batch > head.batch),
        };
        return Ok(Some((at, problem, !torn)));
    }
}

/// Whether a batch is the next one.
fn follows(found: &Found, last: Option<&Found>, head: Acknowledged) -> Result<(), &'static str> {
    let Found { mark, sequence } = found;
    if mark.store != head.store {
        return Err("it is of another store");
    }
    if last.is_some_and(|last| mark.batch != last.mark.batch + 1) {
        return Err("batches are missing before it");
    }
    let bounds = mark.from..mark.from.saturating_add(OWN_NUMBERS);
    if !bounds.contains(sequence) || last.is_some_and(|last| mark.from <= last.sequence) {
        return Err("the sequence number of a batch is damaged");
    }
    Ok(())
}

/// Reads entries.
struct Scanner {
    reader: BufReader<File>,
    left: u64,
    item: Vec<u8>,
}

impl Scanner {
    /// The next batch, or why there is none.
    fn batch(&mut self) -> io::Result<Result<Found, &'static str>> {
        let Some([1, start @ ..]) = self.take::<13>()? else {
            return Ok(Err("no batch begins where one should"));
        };
        let (items, sequence) = start.split_first_chunk::<4>().expect("12 bytes");
        let items = u32::from_le_bytes(*items);
        let sequence = u64::from_le_bytes(sequence.try_into().expect("8 bytes"));
        let mut hasher = Xxh3::new();
        let mut mark = None;
        for _ in 0..items {
            let Some([2, head @ ..]) = self.take::<21>()? else {
                return Ok(Err("a batch has too few items"));
            };
            let key = u64::from(u16::from_le_bytes([head[10], head[11]]));
            let value = u64::from(u32::from_le_bytes([head[16], head[17], head[18], head[19]]));
            if key + value > self.left {
                return Ok(Err("an item ends after the file"));
            }
            self.item.resize((key + value) as usize, 0);
            self.reader.read_exact(&mut self.item)?;
            self.left -= key + value;
            hasher.update(&[2]);
            hasher.update(&head);
            hasher.update(&self.item);
            mark = self.item.strip_prefix(&FOOT).and_then(Mark::from_bytes);
        }
        let Some([3, end @ ..]) = self.take::<13>()? else { return Ok(Err("a batch does not end")) };
        if end[8..] != *b"FJL\x03" {
            return Ok(Err("a batch does not end"));
        }
        if hasher.digest().to_le_bytes() != end[..8] {
            return Ok(Err("the checksum of a batch is another"));
        }
        Ok(mark.map(|mark| Found { mark, sequence }).ok_or("a batch has no number"))
    }

    /// The next bytes, if there are so many.
    fn take<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        if self.left < N as u64 {
            return Ok(None);
        }
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        self.left -= N as u64;
        Ok(Some(bytes))
    }
}

/// What follows the last whole batch.
struct Tail {
    is_zero: bool,
    /// Numbers of batches whose marks are there.
    marks: Vec<u64>,
}

impl Tail {
    fn read(mut file: File, store: u64) -> io::Result<Self> {
        let needle = [&FOOT[..], &store.to_be_bytes()].concat();
        let zeros = vec![0; BUFFER];
        let mut tail = Self { is_zero: true, marks: Vec::new() };
        let mut window = Vec::with_capacity(2 * BUFFER);
        loop {
            let old = window.len();
            let read = file.by_ref().take(BUFFER as u64).read_to_end(&mut window)?;
            if read == 0 {
                return Ok(tail);
            }
            if window[old..] == zeros[..read] && window[..old].iter().all(|byte| *byte == 0) {
                window.clear();
                continue;
            }
            tail.is_zero = false;
            // A mark may lie across two reads; none is found twice.
            let starts = (window.len() + 1).saturating_sub(needle.len() + 8);
            for at in 0..starts {
                if window[at..].starts_with(&needle) {
                    let batch = &window[at + needle.len()..][..8];
                    tail.marks.push(u64::from_be_bytes(batch.try_into().expect("8 bytes")));
                }
            }
            window.drain(..starts);
        }
    }
}

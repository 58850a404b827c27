//! The log index: which blocks have a log of an address, or with a topic at a position.
//!
//! An entry of [`Table::Logs`] is a term (8 bytes) ‖ height (8 bytes, big-endian) with an empty value; a block has
//! one for each of its distinct terms. A term is the first 8 bytes of keccak(kind ‖ address or topic), where kind is
//! one byte: 0 for an address, 1 to 4 for a topic at that position. Different terms may thus share entries, by
//! chance or by somebody's work, so that the index names **candidates**: every block with a matching log, and
//! possibly some without.
//!
//! [`Candidates`] merges the lists of terms in ascending order of heights: any term of a group, one of each group.
//! It holds at most [`STRETCH`] heights of each list, and skips what no other list has by a search in the table.

use crate::{
    error::StoreError,
    keccak::keccak256_many,
    kv::{Batch, Table, View},
};
use alloy_primitives::{Address, B256, Log, keccak256, map::HashSet};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    ops::RangeInclusive,
};

/// Heights of a list that are read at once.
pub(crate) const STRETCH: usize = 64;

/// What the index is keyed by: an address, or a topic at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Term([u8; 8]);

/// What a term is hashed from: its kind, and the address or the topic.
struct Input {
    bytes: [u8; 33],
    len: usize,
}

impl Input {
    const ADDRESS: u8 = 0;

    fn address(address: &[u8; 20]) -> Self {
        Self::new(Self::ADDRESS, address)
    }

    fn topic(position: u8, topic: &[u8; 32]) -> Self {
        Self::new(position + 1, topic)
    }

    fn new(kind: u8, bytes: &[u8]) -> Self {
        let mut input = [0; 33];
        input[0] = kind;
        input[1..=bytes.len()].copy_from_slice(bytes);
        Self { bytes: input, len: bytes.len() + 1 }
    }
}

impl AsRef<[u8]> for Input {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Term {
    /// Logs of an address.
    pub(crate) fn address(address: &[u8; 20]) -> Self {
        Self::of(&keccak256(Input::address(address)))
    }

    /// Logs with a topic at a position, from 0 to 3.
    pub(crate) fn topic(position: u8, topic: &[u8; 32]) -> Self {
        Self::of(&keccak256(Input::topic(position, topic)))
    }

    const fn of(hash: &B256) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = hash.0;
        Self([a, b, c, d, e, f, g, h])
    }

    fn key(self, height: u64) -> [u8; 16] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.0);
        key[8..].copy_from_slice(&height.to_be_bytes());
        key
    }
}

/// Adds a block with these logs.
pub(crate) fn put<'a>(batch: &mut Batch<'_>, height: u64, logs: impl Iterator<Item = &'a Log>) {
    for term in terms(logs) {
        batch.put(Table::Logs, &term.key(height), &[]);
    }
}

/// Removes a block with these logs.
pub(crate) fn delete<'a>(batch: &mut Batch<'_>, height: u64, logs: impl Iterator<Item = &'a Log>) {
    for term in terms(logs) {
        batch.delete(Table::Logs, &term.key(height));
    }
}

/// The distinct terms of these logs, in ascending order.
fn terms<'a>(logs: impl Iterator<Item = &'a Log>) -> Vec<Term> {
    // Hashed once each: a few addresses and topics make up most logs of a block.
    let mut addresses = HashSet::<&Address>::default();
    let mut topics = HashSet::<(u8, &B256)>::default();
    for log in logs {
        addresses.insert(&log.address);
        topics.extend((0u8..).zip(log.topics()));
    }
    let addresses = addresses.into_iter().map(|address| Input::address(address));
    let topics = topics.into_iter().map(|(position, topic)| Input::topic(position, topic));
    let inputs: Vec<Input> = addresses.chain(topics).collect();
    let mut hashes = vec![B256::ZERO; inputs.len()];
    keccak256_many(&inputs, &mut hashes);
    let mut terms: Vec<_> = hashes.iter().map(Term::of).collect();
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// Counts the reads of a query, and stops it.
#[derive(Debug)]
pub(crate) struct Reads {
    limit: usize,
    done: usize,
}

impl Reads {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, done: 0 }
    }

    /// Called before each read of the database, for blocks from `height` on.
    pub(crate) const fn count(&mut self, height: u64) -> Result<(), StoreError> {
        if self.done == self.limit {
            return Err(StoreError::LogLimit { what: "reads of the store", limit: self.limit, height });
        }
        self.done += 1;
        Ok(())
    }
}

/// The heights that have a term of each group, in ascending order.
pub(crate) struct Candidates<'a> {
    source: Source<'a>,
    groups: Vec<Union>,
    /// Where the search goes on; nothing after the last height.
    from: Option<u64>,
}

/// Where lists are read from.
struct Source<'a> {
    view: &'a View,
    /// The last height wanted.
    to: u64,
}

impl<'a> Candidates<'a> {
    /// Candidates for at least one group; none of the groups is empty.
    pub(crate) fn new(view: &'a View, groups: Vec<Vec<Term>>, heights: &RangeInclusive<u64>) -> Self {
        assert!(!groups.is_empty(), "without a group every block is a candidate, which no list names");
        let source = Source { view, to: *heights.end() };
        let from = (!heights.is_empty()).then_some(*heights.start());
        Self { source, groups: groups.into_iter().map(Union::new).collect(), from }
    }

    /// The next candidate.
    pub(crate) fn next(&mut self, reads: &mut Reads) -> Result<Option<u64>, StoreError> {
        let Some(mut height) = self.from.take() else { return Ok(None) };
        // Each group in turn moves to the first height not below that of the one before, until all have the same.
        let mut agreed = 0;
        for group in (0..self.groups.len()).cycle() {
            let Some(found) = self.groups[group].seek(height, &self.source, reads)? else { break };
            agreed = if found == height { agreed + 1 } else { 1 };
            height = found;
            if agreed == self.groups.len() {
                self.from = height.checked_add(1);
                return Ok(Some(height));
            }
        }
        Ok(None)
    }
}

/// The heights that have a term of a group.
struct Union {
    lists: Vec<List>,
    /// The height that each list is at, with its index: none for a list not read yet. Lists that ended are missing.
    heads: BinaryHeap<Reverse<(Option<u64>, usize)>>,
}

impl Union {
    fn new(mut terms: Vec<Term>) -> Self {
        terms.sort_unstable();
        terms.dedup();
        let lists: Vec<_> = terms.into_iter().map(List::new).collect();
        let heads = (0..lists.len()).map(|index| Reverse((None, index))).collect();
        Self { lists, heads }
    }

    /// The first height not below `from`, which does not descend from call to call.
    fn seek(&mut self, from: u64, source: &Source<'_>, reads: &mut Reads) -> Result<Option<u64>, StoreError> {
        while let Some(&Reverse((height, index))) = self.heads.peek() {
            if height.is_some_and(|height| height >= from) {
                return Ok(height);
            }
            self.heads.pop();
            if let Some(height) = self.lists[index].seek(from, source, reads)? {
                self.heads.push(Reverse((Some(height), index)));
            }
        }
        Ok(None)
    }
}

/// The heights that have a term.
struct List {
    term: Term,
    /// Ascending.
    stretch: VecDeque<u64>,
    /// Whether the stretch is the last.
    ended: bool,
}

impl List {
    const fn new(term: Term) -> Self {
        Self { term, stretch: VecDeque::new(), ended: false }
    }

    /// The first height not below `from`.
    fn seek(&mut self, from: u64, source: &Source<'_>, reads: &mut Reads) -> Result<Option<u64>, StoreError> {
        let passed = self.stretch.partition_point(|height| *height < from);
        self.stretch.drain(..passed);
        if self.stretch.is_empty() && !self.ended {
            reads.count(from)?;
            self.refill(from, source)?;
        }
        Ok(self.stretch.front().copied())
    }

    fn refill(&mut self, from: u64, source: &Source<'_>) -> Result<(), StoreError> {
        for entry in source.view.scan(Table::Logs, &self.term.0, &self.term.key(from)) {
            let (key, _) = entry?;
            let height = key.get(8..).and_then(|height| height.try_into().ok()).map(u64::from_be_bytes);
            let Some(height) = height else {
                let term = u64::from_be_bytes(self.term.0);
                let problem = format!("logs, term {term:#018x}: a key of {} bytes instead of 16", key.len());
                return Err(StoreError::Damaged(problem));
            };
            if height > source.to {
                break;
            }
            self.stretch.push_back(height);
            if self.stretch.len() == STRETCH {
                return Ok(());
            }
        }
        self.ended = true;
        Ok(())
    }
}

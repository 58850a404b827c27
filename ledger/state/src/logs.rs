//! Queries for logs, with the meaning of `eth_getLogs`
//! ([execution-apis](https://github.com/ethereum/execution-apis)).
//!
//! A query with an address or a topic asks the [log index](crate::log_index) for candidate blocks and reads their
//! receipts; any other query reads the headers and the receipts of the blocks whose bloom is not empty. Either way
//! a log is returned only if it matches as it stands in its receipt, and every matching log is.
//!
//! ## Limits
//! [`LogLimits`] bounds the result and the work of a query; one that passes a limit is an error
//! ([`StoreError::LogLimit`]), never a part of the result. Besides the result, a query holds the receipts of one
//! block, and 64 heights for each address and topic.

use crate::{
    blocks,
    error::StoreError,
    kv::{Table, View},
    log_index::{Candidates, Reads, Term},
};
use alloy_primitives::{Address, B256, Log};
use std::ops::RangeInclusive;

/// Which logs to look for.
///
/// ```
/// use alloy_primitives::{address, b256};
/// use mundi_state::LogFilter;
///
/// // Transfers of one token in a thousand blocks
/// let mut filter = LogFilter::new(21_000_000..=21_000_999);
/// filter.addresses = vec![address!("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48")];
/// filter.topics[0] = vec![b256!("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")];
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter {
    /// The blocks to look in; those that are not there have no logs.
    pub heights: RangeInclusive<u64>,
    /// The log is by one of these; if there are none, by anyone.
    pub addresses: Vec<Address>,
    /// For each position, the log has one of these topics there; if there are none, any or no topic.
    pub topics: [Vec<B256>; 4],
}

impl LogFilter {
    /// All logs of these blocks.
    pub const fn new(heights: RangeInclusive<u64>) -> Self {
        Self { heights, addresses: Vec::new(), topics: [const { Vec::new() }; 4] }
    }

    /// Whether a log matches, in whichever block it is.
    pub fn matches(&self, log: &Log) -> bool {
        let topic_matches = |(position, wanted): (usize, &Vec<B256>)| {
            wanted.is_empty() || log.topics().get(position).is_some_and(|topic| wanted.contains(topic))
        };
        (self.addresses.is_empty() || self.addresses.contains(&log.address))
            && self.topics.iter().enumerate().all(topic_matches)
    }

    /// Terms of the index, of which a block with a matching log has one of each group.
    fn groups(&self) -> Vec<Vec<Term>> {
        let addresses = self.addresses.iter().map(|address| Term::address(address)).collect();
        let topics = (0u8..).zip(&self.topics).map(|(position, wanted)| {
            wanted.iter().map(|topic| Term::topic(position, topic)).collect::<Vec<_>>()
        });
        let groups = std::iter::once(addresses).chain(topics);
        groups.filter(|group| !group.is_empty()).collect()
    }
}

/// How much a query may find and do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Logs found.
    pub logs: usize,
    /// Bytes of data in the logs found.
    pub bytes: usize,
    /// Reads of the database: one for each header looked at in a query without addresses and topics, one for each
    /// block whose receipts are read, and one for each stretch of 64 heights read from the index.
    pub reads: usize,
    /// Addresses and topics in the filter.
    pub terms: usize,
}

impl Default for LogLimits {
    /// 20 000 logs, 64 MiB, 100 000 reads, 1000 addresses and topics.
    fn default() -> Self {
        Self { logs: 20_000, bytes: 64 << 20, reads: 100_000, terms: 1000 }
    }
}

/// A log with its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLog {
    /// Height of the block.
    pub height: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Index of the transaction in the block.
    pub transaction_index: u32,
    /// Hash of the transaction.
    pub transaction_hash: B256,
    /// Index of the log among those of the block.
    pub log_index: u32,
    /// The log.
    pub log: Log,
}

/// The logs that match, in the order of the chain.
///
/// # Errors
/// [`StoreError::LogLimit`] when a limit is passed; [`StoreError::Damaged`] when what a query reads is.
pub(crate) fn logs(view: &View, filter: &LogFilter, limits: LogLimits) -> Result<Vec<FoundLog>, StoreError> {
    let terms = filter.addresses.len() + filter.topics.iter().map(Vec::len).sum::<usize>();
    check(terms, limits.terms, "addresses and topics", *filter.heights.start())?;
    let reads = Reads::new(limits.reads);
    let mut search = Search { view, filter, limits, reads, bytes: 0, found: Vec::new() };
    match filter.groups() {
        groups if groups.is_empty() => search.scan()?,
        groups => search.candidates(groups)?,
    }
    Ok(search.found)
}

fn check(count: usize, limit: usize, what: &'static str, height: u64) -> Result<(), StoreError> {
    if count > limit { Err(StoreError::LogLimit { what, limit, height }) } else { Ok(()) }
}

struct Search<'a> {
    view: &'a View,
    filter: &'a LogFilter,
    limits: LogLimits,
    reads: Reads,
    /// Of data in the logs found.
    bytes: usize,
    found: Vec<FoundLog>,
}

impl Search<'_> {
    /// Looks in the blocks that the index names.
    fn candidates(&mut self, groups: Vec<Vec<Term>>) -> Result<(), StoreError> {
        let mut candidates = Candidates::new(self.view, groups, &self.filter.heights);
        while let Some(height) = candidates.next(&mut self.reads)? {
            self.examine(height)?;
        }
        Ok(())
    }

    /// Looks in all blocks that have a log.
    fn scan(&mut self) -> Result<(), StoreError> {
        let first = self.filter.heights.start().to_be_bytes();
        for entry in self.view.scan(Table::Headers, &[], &first) {
            let (key, value) = entry?;
            let height = (*key).try_into().map(u64::from_be_bytes).map_err(|_| {
                StoreError::Damaged(format!("headers: a key of {} bytes instead of 8", key.len()))
            })?;
            if height > *self.filter.heights.end() {
                break;
            }
            self.reads.count(height)?;
            if !blocks::decode_header(height, &value)?.header.logs_bloom.is_zero() {
                self.examine(height)?;
            }
        }
        Ok(())
    }

    /// Adds the matching logs of a block.
    fn examine(&mut self, height: u64) -> Result<(), StoreError> {
        self.reads.count(height)?;
        let receipts = blocks::stored_receipts(self.view, height)?;
        let receipts = receipts.ok_or_else(|| blocks::absent(Table::Receipts, height))?;
        let logs = (0u32..).zip(receipts).flat_map(|(transaction_index, stored)| {
            stored.receipt.logs.into_iter().map(move |log| (transaction_index, log))
        });
        let matching = (0u32..).zip(logs).filter(|(_, (_, log))| self.filter.matches(log));
        let mut block = None;
        for (log_index, (transaction_index, log)) in matching {
            self.bytes += log.data.data.len();
            check(self.found.len() + 1, self.limits.logs, "logs", height)?;
            check(self.bytes, self.limits.bytes, "bytes of logs", height)?;
            let (block_hash, transactions) = match &block {
                Some(block) => block,
                None => block.insert(self.hashes(height)?),
            };
            let transaction_hash = *transactions.get(transaction_index as usize).ok_or_else(|| {
                blocks::damaged(Table::Receipts, height, "more receipts than there are transactions")
            })?;
            let block_hash = *block_hash;
            self.found.push(FoundLog {
                height,
                block_hash,
                transaction_index,
                transaction_hash,
                log_index,
                log,
            });
        }
        Ok(())
    }

    /// The hash of a block and those of its transactions.
    fn hashes(&self, height: u64) -> Result<(B256, Vec<B256>), StoreError> {
        let hash = blocks::block_hash(self.view, height)?;
        let hash = hash.ok_or_else(|| blocks::absent(Table::Headers, height))?;
        Ok((hash, blocks::transaction_hashes(self.view, height)?))
    }
}

#[cfg(test)]
#[path = "logs_tests.rs"]
mod tests;

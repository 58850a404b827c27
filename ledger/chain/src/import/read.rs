//! The first stage: blocks out of a stream of bytes, one at a time, without those that the store has.

use super::{
    error::{ImportError, InvalidBlock},
    progress::Tally,
};
use crate::body::{DecodeError, decode_block};
use alloy_consensus::{Block, Header, TxEnvelope};
use alloy_primitives::{B256, Sealed, keccak256};
use alloy_rlp::Decodable as _;
use mundi_state::Store;
use std::{
    collections::VecDeque,
    io::{BufReader, Read},
};

/// Bytes read from the source at once.
const BUFFER_BYTES: usize = 256 << 10;
/// How many of the newest hashes are remembered: more than there can be blocks between this stage and the disk.
pub(super) const REMEMBERED: usize = 4_096;
/// Bytes kept for the next block after a large one.
const KEPT_BYTES: usize = 1 << 20;

/// A decoded block.
#[derive(Debug)]
pub(super) struct ReadBlock {
    pub(super) block: Sealed<Block<TxEnvelope>>,
    /// Its size in the source.
    pub(super) bytes: u64,
}

/// Reads blocks that follow the store's tip.
pub(super) struct BlockReader<'a, R> {
    source: BufReader<R>,
    buffer: Vec<u8>,
    offset: u64,
    max_bytes: u64,
    store: &'a Store,
    tally: &'a Tally,
    /// Height of the newest block read, or in the store.
    newest: u64,
    /// Hashes of the newest blocks that were read, up to `newest`.
    recent: VecDeque<B256>,
    /// Height of the block before the place in the source.
    after: u64,
}

impl<'a, R: Read> BlockReader<'a, R> {
    pub(super) fn new(store: &'a Store, tally: &'a Tally, source: R, max_bytes: u64) -> Self {
        Self {
            source: BufReader::with_capacity(BUFFER_BYTES, source),
            buffer: Vec::new(),
            offset: 0,
            max_bytes,
            store,
            tally,
            newest: store.tip().height,
            recent: VecDeque::new(),
            after: 0,
        }
    }

    /// What the source has next.
    pub(super) fn next(&mut self) -> Result<Next, ImportError> {
        let start = self.offset;
        if !self.fill()? {
            return Ok(Next::End);
        }
        let bytes = self.buffer.len() as u64;
        let not_a_block =
            |after, reason: DecodeError| ImportError::NotABlock { offset: start, after, reason };
        let (hash, number) = peek(&self.buffer).map_err(|error| not_a_block(self.after, error.into()))?;
        if number <= self.newest {
            self.compare(number, hash)?;
            self.after = number;
            self.tally.skip(bytes);
            return Ok(Next::Known);
        }
        if number != self.newest + 1 {
            let reason = InvalidBlock::Gap { expected: self.newest + 1, got: number };
            return Err(ImportError::invalid(number, hash, reason));
        }
        let block = decode_block(&self.buffer).map_err(|reason| not_a_block(self.after, reason))?;
        self.newest = number;
        self.after = number;
        self.recent.push_back(hash);
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
        Ok(Next::New(Box::new(ReadBlock { block, bytes })))
    }

    /// Checks that a block at a height that is taken is the one there.
    fn compare(&self, number: u64, got: B256) -> Result<(), ImportError> {
        let age = usize::try_from(self.newest - number).unwrap_or(usize::MAX);
        let recent = self.recent.len().checked_sub(1).and_then(|last| last.checked_sub(age));
        let expected = match recent {
            Some(at) => Some(self.recent[at]),
            None => self.store.header(number)?.map(|stored| stored.hash),
        };
        match expected {
            Some(expected) if expected != got => {
                Err(ImportError::invalid(number, got, InvalidBlock::Other { expected, got }))
            }
            _ => Ok(()),
        }
    }

    /// Reads the bytes of the next block into the buffer; `false` at the end of the source.
    fn fill(&mut self) -> Result<bool, ImportError> {
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BYTES);
        let start = self.offset;
        if !self.read_up_to(start, 1)? {
            return Ok(false);
        }
        let prefix = self.buffer[0];
        let length_bytes = u64::from(prefix.saturating_sub(0xf7));
        if prefix < 0xc0 {
            let reason = DecodeError::Rlp(alloy_rlp::Error::UnexpectedString);
            return Err(ImportError::NotABlock { offset: start, after: self.after, reason });
        }
        self.require(start, 1 + length_bytes)?;
        let payload = match length_bytes {
            0 => u64::from(prefix - 0xc0),
            _ => self.buffer[1..].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        let bytes = payload.saturating_add(1 + length_bytes);
        if bytes > self.max_bytes {
            return Err(ImportError::TooLarge {
                offset: start,
                after: self.after,
                bytes,
                limit: self.max_bytes,
            });
        }
        self.require(start, bytes)?;
        Ok(true)
    }

    /// Reads until the block has `bytes`; its end before that is an error.
    fn require(&mut self, start: u64, bytes: u64) -> Result<(), ImportError> {
        if self.read_up_to(start, bytes)? {
            return Ok(());
        }
        let got = self.buffer.len() as u64;
        Err(ImportError::Truncated { offset: start, after: self.after, expected: bytes, got })
    }

    /// Reads until the block has `bytes`, or the source ends: `false`.
    fn read_up_to(&mut self, start: u64, bytes: u64) -> Result<bool, ImportError> {
        let missing = bytes - self.buffer.len() as u64;
        // Memory grows with what is there, whatever the length says.
        let result = self.source.by_ref().take(missing).read_to_end(&mut self.buffer);
        self.offset = start + self.buffer.len() as u64;
        match result {
            Ok(read) => Ok(read as u64 == missing),
            Err(error) => Err(ImportError::Read { offset: self.offset, after: self.after, error }),
        }
    }
}

/// What the source has next.
#[derive(Debug)]
pub(super) enum Next {
    /// A block to import.
    New(Box<ReadBlock>),
    /// A block that is there already.
    Known,
    /// Nothing.
    End,
}

/// Hash and height of an encoded block, without decoding its body.
fn peek(bytes: &[u8]) -> Result<(B256, u64), alloy_rlp::Error> {
    let mut payload = bytes;
    let list = alloy_rlp::Header::decode(&mut payload)?;
    if !list.list {
        return Err(alloy_rlp::Error::UnexpectedString);
    }
    let mut rest = payload;
    let header = Header::decode(&mut rest)?;
    Ok((keccak256(&payload[..payload.len() - rest.len()]), header.number))
}

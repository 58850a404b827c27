//! A stream of bytes in checksummed frames of bounded size.
//!
//! ```text
//! file  = magic (12 bytes) version (4) frame … frame end
//! frame = length (4, from 1 to 2²⁰) bytes checksum (16)
//! end   = zero (4) checksum (16)
//! ```
//!
//! Numbers are big-endian. A checksum is the XXH3 of 128 bits over the checksum before it (for the first frame: over
//! magic and version), the length and the bytes: frames that were changed, lost, doubled or exchanged do not fit.
//! Checksums find damage, not forgery.

use crate::error::StoreError;
use std::io::{self, ErrorKind, Read, Write};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// What a file begins with.
const MAGIC: [u8; 12] = *b"mundi state\n";

/// The version written, and the newest that is read.
const VERSION: u32 = 1;

/// Bytes of a frame's content, at most.
const MAX_FRAME: usize = 1 << 20;

const CHECKSUM: usize = 16;

fn first_checksum(start: &[u8]) -> u128 {
    xxh3_128(start)
}

fn checksum(before: u128, bytes: &[u8]) -> u128 {
    let mut hasher = Xxh3::new();
    hasher.update(&before.to_be_bytes());
    hasher.update(&(bytes.len() as u32).to_be_bytes());
    hasher.update(bytes);
    hasher.digest128()
}

/// Writes frames.
pub(super) struct FrameWriter<W> {
    out: W,
    frame: Vec<u8>,
    checksum: u128,
    written: u64,
}

fn write_error(error: io::Error) -> StoreError {
    StoreError::Io { place: "the state file", error }
}

impl<W: Write> FrameWriter<W> {
    pub(super) fn new(out: W) -> Result<Self, StoreError> {
        let mut start = MAGIC.to_vec();
        start.extend_from_slice(&VERSION.to_be_bytes());
        let checksum = first_checksum(&start);
        let mut writer = Self { out, frame: Vec::with_capacity(MAX_FRAME), checksum, written: 0 };
        writer.raw(&start)?;
        Ok(writer)
    }

    fn raw(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes).map_err(write_error)
    }

    pub(super) fn put(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            let room = (MAX_FRAME - self.frame.len()).min(bytes.len());
            let (head, rest) = bytes.split_at(room);
            self.frame.extend_from_slice(head);
            bytes = rest;
            if self.frame.len() == MAX_FRAME {
                self.end_frame()?;
            }
        }
        Ok(())
    }

    fn end_frame(&mut self) -> Result<(), StoreError> {
        let frame = std::mem::take(&mut self.frame);
        self.checksum = checksum(self.checksum, &frame);
        self.raw(&(frame.len() as u32).to_be_bytes())?;
        self.raw(&frame)?;
        self.raw(&self.checksum.to_be_bytes())?;
        self.frame = frame;
        self.frame.clear();
        Ok(())
    }

    /// What it is written to.
    pub(super) const fn target(&mut self) -> &mut W {
        &mut self.out
    }

    /// Ends the file; returns its length and what it was written to.
    pub(super) fn finish(mut self) -> Result<(u64, W), StoreError> {
        if !self.frame.is_empty() {
            self.end_frame()?;
        }
        self.end_frame()?;
        self.out.flush().map_err(write_error)?;
        Ok((self.written, self.out))
    }
}

/// Reads frames, and trusts nothing: what it allocates does not depend on what it reads.
pub(super) struct FrameReader<R> {
    input: R,
    frame: Vec<u8>,
    /// Bytes of the frame that are read.
    at: usize,
    checksum: u128,
    /// Where in the file the frame begins.
    frame_at: u64,
    /// Where in the file the input is.
    offset: u64,
    ended: bool,
}

impl<R: Read> FrameReader<R> {
    pub(super) fn new(input: R) -> Result<Self, StoreError> {
        let mut reader = Self {
            input,
            frame: Vec::with_capacity(MAX_FRAME),
            at: 0,
            checksum: 0,
            frame_at: 0,
            offset: 0,
            ended: false,
        };
        let mut start = [0; MAGIC.len() + 4];
        let known = reader.read_up_to(&mut start)?;
        if known < start.len() || start[..MAGIC.len()] != MAGIC {
            let problem = "it does not begin as state files do; `mundi state export` makes one";
            return Err(StoreError::StateFile { offset: 0, problem: problem.into() });
        }
        let version = start[MAGIC.len()..].iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        if version != VERSION {
            let problem = format!("it has version {version}, this program reads version {VERSION}");
            let advice = if version > VERSION { "; use a newer program" } else { "" };
            let offset = MAGIC.len() as u64;
            return Err(StoreError::StateFile { offset, problem: format!("{problem}{advice}") });
        }
        reader.checksum = first_checksum(&start);
        Ok(reader)
    }

    /// The error for what is being read.
    pub(super) fn wrong(&self, problem: impl Into<String>) -> StoreError {
        // Before the content of a frame comes its length.
        let offset = if self.frame.is_empty() { self.offset } else { self.frame_at + 4 + self.at as u64 };
        StoreError::StateFile { offset, problem: problem.into() }
    }

    /// Bytes read of the file.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    fn read_up_to(&mut self, bytes: &mut [u8]) -> Result<usize, StoreError> {
        let mut known = 0;
        while known < bytes.len() {
            match self.input.read(&mut bytes[known..]) {
                Ok(0) => break,
                Ok(more) => known += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::Io { place: "the state file", error }),
            }
        }
        self.offset += known as u64;
        Ok(known)
    }

    fn raw(&mut self, bytes: &mut [u8]) -> Result<(), StoreError> {
        let known = self.read_up_to(bytes)?;
        if known < bytes.len() {
            let problem = "the file is cut off here".into();
            return Err(StoreError::StateFile { offset: self.offset, problem });
        }
        Ok(())
    }

    fn next_frame(&mut self) -> Result<(), StoreError> {
        let start = self.offset;
        let wrong = |problem: String| StoreError::StateFile { offset: start, problem };
        let mut length = [0; 4];
        self.raw(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > MAX_FRAME {
            return Err(wrong(format!("a frame of {length} bytes; there is none of more than {MAX_FRAME}")));
        }
        let mut frame = std::mem::take(&mut self.frame);
        frame.resize(length, 0);
        let read = self.raw(&mut frame);
        self.frame = frame;
        read?;
        let mut found = [0; CHECKSUM];
        self.raw(&mut found)?;
        self.checksum = checksum(self.checksum, &self.frame);
        if self.checksum.to_be_bytes() != found {
            return Err(wrong("the checksum is not that of the frame: the file is damaged".into()));
        }
        (self.frame_at, self.at, self.ended) = (start, 0, length == 0);
        Ok(())
    }

    /// Fills `bytes`.
    pub(super) fn take(&mut self, mut bytes: &mut [u8]) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            if self.at == self.frame.len() {
                if self.ended {
                    return Err(self.wrong("the content ends in the middle"));
                }
                self.next_frame()?;
                continue;
            }
            let known = (self.frame.len() - self.at).min(bytes.len());
            let (head, rest) = bytes.split_at_mut(known);
            head.copy_from_slice(&self.frame[self.at..self.at + known]);
            self.at += known;
            bytes = rest;
        }
        Ok(())
    }

    /// Appends this many bytes, which are allocated as they come.
    pub(super) fn take_into(&mut self, mut length: usize, out: &mut Vec<u8>) -> Result<(), StoreError> {
        while length > 0 {
            let part = length.min(MAX_FRAME);
            let start = out.len();
            out.resize(start + part, 0);
            self.take(&mut out[start..])?;
            length -= part;
        }
        Ok(())
    }

    /// Makes sure that nothing follows.
    pub(super) fn finish(mut self) -> Result<u64, StoreError> {
        if self.at < self.frame.len() {
            return Err(self.wrong("there is more after the end of the state"));
        }
        if !self.ended {
            self.next_frame()?;
        }
        if !self.ended {
            return Err(self.wrong("there is more after the end of the state"));
        }
        match self.read_up_to(&mut [0])? {
            0 => Ok(self.offset),
            _ => Err(StoreError::StateFile {
                offset: self.offset - 1,
                problem: "there is more after the end of the file".into(),
            }),
        }
    }
}

//! A state file that arrives in pieces.

use super::MAX_CHUNK;
use std::io::{self, ErrorKind, Read};

/// Chunks of a state file, as [`StateExport`](crate::StateExport) makes them, in the form that
/// [`Store::import`](crate::Store::import) reads.
///
/// The chunks come from whoever is asked for them, one at a time: the iterator may wait, and ends the import with an error of its
/// own. An iterator that ends too early is a file that is cut off. What comes is bounded before it is looked at: a chunk by
/// [`StateExport::MAX_CHUNK`](crate::StateExport::MAX_CHUNK), all of them by the number of bytes that the caller has room for.
#[derive(Debug)]
pub struct StateChunks<I> {
    chunks: I,
    chunk: Vec<u8>,
    at: usize,
    left: u64,
    limit: u64,
}

impl<I: Iterator<Item = io::Result<Vec<u8>>>> StateChunks<I> {
    /// Reads from `chunks`, and not more than `limit` bytes.
    pub const fn new(chunks: I, limit: u64) -> Self {
        Self { chunks, chunk: Vec::new(), at: 0, left: limit, limit }
    }
}

impl<I: Iterator<Item = io::Result<Vec<u8>>>> Read for StateChunks<I> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.chunk.len() {
            let Some(chunk) = self.chunks.next().transpose()? else { return Ok(0) };
            let length = chunk.len();
            let wrong = |problem| Err(io::Error::new(ErrorKind::InvalidData, problem));
            if length > MAX_CHUNK {
                return wrong(format!("a chunk of {length} bytes; there is none of more than {MAX_CHUNK}"));
            }
            let Some(left) = self.left.checked_sub(length as u64) else {
                return wrong(format!("it is longer than the {} bytes that it may have", self.limit));
            };
            (self.chunk, self.at, self.left) = (chunk, 0, left);
        }
        let length = out.len().min(self.chunk.len() - self.at);
        out[..length].copy_from_slice(&self.chunk[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: Vec<io::Result<Vec<u8>>>, limit: u64) -> Result<Vec<u8>, String> {
        let mut all = Vec::new();
        let read = StateChunks::new(chunks.into_iter(), limit).read_to_end(&mut all);
        read.map(|_| all).map_err(|error| error.to_string())
    }

    #[test]
    fn chunks_are_read_one_after_the_other_within_their_bounds() {
        let chunks = || vec![Ok(vec![1, 2]), Ok(vec![]), Ok(vec![3]), Ok(vec![4; MAX_CHUNK])];
        let all = [&[1, 2, 3][..], &[4; MAX_CHUNK]].concat();
        assert_eq!(read(chunks(), all.len() as u64), Ok(all.clone()));
        let refused = read(chunks(), all.len() as u64 - 1).unwrap_err();
        assert_eq!(refused, "it is longer than the 1048578 bytes that it may have");
        let refused = read(vec![Ok(vec![0; MAX_CHUNK + 1])], u64::MAX).unwrap_err();
        assert_eq!(refused, "a chunk of 1048577 bytes; there is none of more than 1048576");
        let refused = read(vec![Ok(vec![1]), Err(io::Error::other("nobody answers"))], 10).unwrap_err();
        assert_eq!(refused, "nobody answers");
        assert_eq!(read(vec![], 0), Ok(vec![]));
    }
}

//! Which storage belongs to an account, or to what waits for its deletion: one bit each.

use crate::{error::StoreError, trie::TrieId};
use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// More storage than there will ever be; a store that says it has more is damaged.
const MAX_STORAGES: u64 = 1 << 36;

/// Bits that are allocated together.
const CHUNK: u64 = 1 << 16;

pub(super) struct Claims {
    chunks: Box<[OnceLock<Box<[AtomicU64]>>]>,
}

impl Claims {
    /// For all storage below `next`, the next free id.
    pub(super) fn new(next: TrieId) -> Result<Self, StoreError> {
        if next > MAX_STORAGES {
            return Err(StoreError::Damaged(format!("{next} storages are on record")));
        }
        Ok(Self { chunks: (0..next.div_ceil(CHUNK)).map(|_| OnceLock::new()).collect() })
    }

    /// Whether it could be claimed: it was given out, and nobody has it so far.
    pub(super) fn claim(&self, storage: TrieId) -> bool {
        let Some(chunk) = self.chunks.get((storage / CHUNK) as usize) else { return false };
        let words = chunk.get_or_init(|| (0..CHUNK / 64).map(|_| AtomicU64::new(0)).collect());
        let bit = 1 << (storage % 64);
        words[(storage % CHUNK / 64) as usize].fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    pub(super) fn is_claimed(&self, storage: TrieId) -> bool {
        let words = self.chunks.get((storage / CHUNK) as usize).and_then(OnceLock::get);
        let word = words.map(|words| words[(storage % CHUNK / 64) as usize].load(Ordering::Relaxed));
        word.is_some_and(|word| word >> (storage % 64) & 1 == 1)
    }
}

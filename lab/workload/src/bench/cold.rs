//! A state whose first reads are slow.

use alloy_primitives::{
    Address, B256, U256,
    map::{DefaultHashBuilder, HashSet},
};
use mundi_execution::{Account, StateError, StateSnapshot};
use revm::bytecode::Bytecode;
use std::{
    hash::{BuildHasher, Hash},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Locks that are independent of each other.
const SHARDS: usize = 64;

/// Sleeps at the first read of every key, as a disk behind a cache would. Two threads that miss the same key at once
/// both wait. Fresh for every run: what was read before is cached for the rest of the run only.
pub(crate) struct ColdState<'a> {
    inner: &'a dyn StateSnapshot,
    latency: Duration,
    cached: [Mutex<HashSet<Key>>; SHARDS],
    /// Picks the shard; one for all, because each default hasher has a key of its own.
    hasher: DefaultHashBuilder,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Account(Address),
    Slot(Address, U256),
    Code(B256),
    BlockHash(u64),
}

impl<'a> ColdState<'a> {
    pub(crate) fn new(inner: &'a dyn StateSnapshot, latency: Duration) -> Self {
        Self {
            inner,
            latency,
            cached: std::array::from_fn(|_| Mutex::default()),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Keys read so far.
    pub(crate) fn reads(&self) -> u64 {
        let lengths =
            self.cached.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len());
        lengths.sum::<usize>() as u64
    }

    fn wait_for(&self, key: Key) {
        let hash = self.hasher.hash_one(key);
        let shard = &self.cached[(hash >> 32) as usize % SHARDS];
        let known = |key| shard.lock().unwrap_or_else(PoisonError::into_inner).contains(key);
        if !known(&key) {
            std::thread::sleep(self.latency);
            shard.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        }
    }
}

impl StateSnapshot for ColdState<'_> {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        self.wait_for(Key::Account(*address));
        self.inner.account(address)
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        self.wait_for(Key::Slot(*address, *slot));
        self.inner.storage(address, slot)
    }

    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError> {
        self.wait_for(Key::Code(*code_hash));
        self.inner.code(code_hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        self.wait_for(Key::BlockHash(number));
        self.inner.block_hash(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mundi_execution::MemoryState;

    #[test]
    fn each_key_counts_once_and_reads_are_those_of_the_state_below() {
        let mut inner = MemoryState::new();
        let address = Address::repeat_byte(1);
        inner.insert_account(address, 3, U256::from(4), None);
        inner.insert_storage(address, U256::ONE, U256::from(5));
        let cold = ColdState::new(&inner, Duration::from_nanos(1));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        assert_eq!(cold.account(&address).unwrap().unwrap().nonce, 3);
                        assert_eq!(cold.storage(&address, &U256::ONE).unwrap(), U256::from(5));
                        assert!(cold.storage(&address, &U256::ZERO).unwrap().is_zero());
                    }
                });
            }
        });
        assert_eq!(cold.reads(), 3);
    }
}

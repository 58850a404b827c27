//! A world of any size, made up from a number.

use alloy_consensus::{BlockBody, Header};
use alloy_primitives::{Address, B256, U256, keccak256};
use mundi_execution::{Account, AccountChange, StateChanges};
use mundi_state::{BlockRecord, Config, Store, StoreError};
use rayon::{ThreadPool, prelude::*};
use std::path::Path;

/// Accounts that one block of the construction adds.
const BLOCK: u64 = 50_000;

/// How large a world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Size {
    /// Accounts.
    pub accounts: u64,
    /// Slots, spread over the accounts that have storage.
    pub slots: u64,
}

/// One account in so many has storage.
const WITH_STORAGE: u64 = 100;

impl Size {
    fn slots_of(self, index: u64) -> u64 {
        if index.is_multiple_of(WITH_STORAGE) { self.slots * WITH_STORAGE / self.accounts.max(1) } else { 0 }
    }
}

/// The address of the account with this index.
pub(crate) fn address(index: u64) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

fn balance(index: u64, round: u64) -> U256 {
    let word = keccak256([index.to_be_bytes(), round.to_be_bytes()].as_flattened());
    // About what balances on mainnet take: seven to nine bytes.
    U256::from(u64::from_be_bytes(word[..8].try_into().expect("eight bytes")) >> 1 | 1)
}

/// An update of an account's nonce and balance.
pub(crate) fn update(index: u64, round: u64) -> AccountChange {
    let account = Account { nonce: round + 1, balance: balance(index, round), ..Account::default() };
    AccountChange {
        address: address(index),
        account: Some(account),
        storage_wiped: false,
        storage: Vec::new(),
    }
}

/// Random accounts without storage, each once.
pub(crate) fn picks(size: Size, count: usize, seed: u64) -> Vec<u64> {
    let mut picks = std::collections::BTreeSet::new();
    let mut random = seed;
    while picks.len() < count {
        random = splitmix(&mut random.clone());
        let index = random % size.accounts;
        if size.slots_of(index) == 0 {
            picks.insert(index);
        }
    }
    // In an order that has nothing to do with the keys.
    let mut picks: Vec<_> = picks.into_iter().collect();
    picks.sort_by_key(|index| splitmix(&mut (index ^ seed)));
    picks
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// The next block after the store's newest, without transactions, with this state root.
pub(crate) fn block(store: &Store, state_root: B256) -> BlockRecord {
    let tip = store.tip();
    record(tip.height + 1, tip.hash, state_root)
}

fn record(number: u64, parent_hash: B256, state_root: B256) -> BlockRecord {
    let header = Header { number, parent_hash, state_root, ..Header::default() };
    BlockRecord {
        hash: header.hash_slow(),
        header,
        total_difficulty: U256::ZERO,
        body: BlockBody::default(),
        senders: Vec::new(),
        receipts: Vec::new(),
    }
}

/// Builds a store with a world of this size, or opens the one that is there. `progress` hears how many accounts there
/// are so far.
pub(crate) fn build(
    directory: &Path,
    size: Size,
    config: &Config,
    pool: &ThreadPool,
    progress: &mut dyn FnMut(u64),
) -> Result<Store, StoreError> {
    let store = if Store::exists(directory) {
        Store::open(directory, config, pool)?
    } else {
        let genesis = record(0, B256::ZERO, alloy_consensus::EMPTY_ROOT_HASH);
        Store::create(directory, config, &genesis, &StateChanges::default(), pool)?
    };
    let mut built = store.tip().height * BLOCK;
    while built < size.accounts {
        let end = (built + BLOCK).min(size.accounts);
        let accounts =
            pool.install(|| (built..end).into_par_iter().map(|index| account(size, index)).collect());
        let changes = StateChanges { accounts, code: Vec::new() };
        let staged = store.stage(&store.latest(), &changes, pool)?;
        store.publish(block(&store, staged.state_root()), staged, pool)?;
        store.persist()?;
        store.flush()?;
        built = end;
        progress(built);
    }
    Ok(store)
}

fn account(size: Size, index: u64) -> AccountChange {
    let slots = size.slots_of(index);
    let storage = (0..slots).map(|slot| (U256::from(slot), balance(index, slot))).collect();
    AccountChange { storage, ..update(index, 0) }
}

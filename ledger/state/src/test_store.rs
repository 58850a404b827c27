//! A store with a state of some size, for tests of what reads whole states.

use crate::{BlockRecord, Config, History, Store};
use alloy_consensus::{BlockBody, Header};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use mundi_execution::{Account, AccountChange, StateChanges};
use rayon::ThreadPool;
use revm::bytecode::Bytecode;
use std::{path::Path, sync::LazyLock};

pub(crate) static POOL: LazyLock<ThreadPool> =
    LazyLock::new(|| rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads start"));

/// A folder in memory where there is such a place: nothing here is about the disk.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
        .expect("a temporary folder")
}

pub(crate) fn config() -> Config {
    Config {
        cache_bytes: 8 << 20,
        history: History::Last(4),
        proofs: History::Last(4),
        max_layers: 2,
        layer_bytes: 16 << 20,
        ..Config::default()
    }
}

pub(crate) fn address(index: u64) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

/// An account with these many slots, and code if `code` is not empty.
pub(crate) fn account(index: u64, slots: u64, code: &[u8]) -> (AccountChange, Option<(B256, Bytecode)>) {
    let code =
        (!code.is_empty()).then(|| (keccak256(code), Bytecode::new_legacy(Bytes::copy_from_slice(code))));
    let account = Account {
        nonce: index,
        balance: U256::from(index).pow(U256::from(index % 5)),
        code_hash: code.as_ref().map_or(KECCAK256_EMPTY, |(hash, _)| *hash),
    };
    let storage = (0..slots).map(|slot| (U256::from(slot), U256::from(index + 1) << (slot % 250)));
    let change = AccountChange {
        address: address(index),
        account: Some(account),
        storage_wiped: false,
        storage: storage.collect(),
    };
    (change, code)
}

pub(crate) fn changes(
    accounts: impl IntoIterator<Item = (AccountChange, Option<(B256, Bytecode)>)>,
) -> StateChanges {
    let mut changes = StateChanges::default();
    for (account, code) in accounts {
        changes.accounts.push(account);
        changes.code.extend(code);
    }
    changes.accounts.sort_by_key(|change| change.address);
    changes.code.sort_by_key(|(hash, _)| *hash);
    changes.code.dedup_by_key(|(hash, _)| *hash);
    changes
}

/// An empty block.
pub(crate) fn block(parent: Option<&BlockRecord>, state_root: B256) -> BlockRecord {
    let number = parent.map_or(0, |parent| parent.header.number + 1);
    let header = Header {
        number,
        parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
        state_root,
        difficulty: U256::from(7),
        ommers_hash: alloy_consensus::EMPTY_OMMER_ROOT_HASH,
        ..Header::default()
    };
    BlockRecord {
        hash: header.hash_slow(),
        header,
        total_difficulty: U256::from(7 * (number + 1)),
        body: BlockBody::default(),
        senders: Vec::new(),
        receipts: Vec::new(),
    }
}

/// A root that a new store has to have for these changes.
fn first_root(directory: &Path, changes: &StateChanges) -> B256 {
    let scratch = directory.with_extension("scratch");
    match Store::create(&scratch, &config(), &block(None, B256::ZERO), changes, &POOL) {
        Err(crate::StoreError::Mismatch { got, .. }) => {
            let _ = std::fs::remove_dir_all(&scratch);
            got.parse().expect("a hash")
        }
        other => panic!("no state has root zero: {other:?}"),
    }
}

/// Commits an empty block with changes on top of the store's tip.
pub(crate) fn commit(store: &Store, parent: &BlockRecord, changes: &StateChanges) -> BlockRecord {
    let root = store.stage(&store.latest(), changes, &POOL).expect("staged").state_root();
    let block = block(Some(parent), root);
    assert_eq!(store.commit(block.clone(), changes, &POOL).expect("committed"), root);
    block
}

/// A store of a few hundred accounts and some thousand slots after 20 blocks: one account has 5000 slots, storage was
/// wiped, accounts came and went; the newest blocks are not flushed.
pub(crate) fn store(directory: &Path) -> (Store, BlockRecord) {
    let code = |index: u64| [0x60, (index % 7) as u8, 0x00].repeat(1 + (index % 7) as usize * 100);
    let first = changes((0..300).map(|index| match index {
        7 => account(index, 5000, &code(index)),
        _ if index % 3 == 0 => account(index, index % 11, &code(index)),
        _ => account(index, 0, &[]),
    }));
    let genesis = block(None, first_root(directory, &first));
    let store = Store::create(directory, &config(), &genesis, &first, &POOL).expect("a new store");
    let mut tip = genesis;
    for height in 1..=20u64 {
        let mut list =
            vec![account(1000 + height, height, &[height as u8]), account(height, height + 40, &[])];
        let (mut gone, _) = account(30 + 3 * height, 0, &[]);
        gone.account = None;
        gone.storage_wiped = true;
        let (mut again, code) = account(120 + 3 * height, 3, &code(height));
        again.storage_wiped = true;
        list.extend([(gone, None), (again, code)]);
        tip = commit(&store, &tip, &changes(list));
    }
    (store, tip)
}

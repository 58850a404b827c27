use crate::{
    BlockRecord, Expected, Snapshot, Store, StoreError, Watch,
    blocks::tests::block_with_logs,
    test_store::{POOL, account, address, changes, commit, config, scratch, store},
};
use alloy_consensus::{
    Header, ReceiptEnvelope, SignableTransaction, Transaction, TxEnvelope, TxLegacy, TxType, proofs,
    transaction::SignerRecoverable,
};
use alloy_primitives::{B256, Log, Signature, U256};
use mundi_execution::StateSnapshot;
use proptest::prelude::*;
use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

fn export(store: &Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    let report = store.export(&mut bytes, Watch::NOBODY).unwrap();
    assert_eq!(report.bytes, bytes.len() as u64);
    assert_eq!((report.block, report.state_root), (store.tip(), store.latest().state_root()));
    bytes
}

fn import(directory: &Path, bytes: &[u8]) -> Result<Store, StoreError> {
    Store::import(directory, &config(), bytes, Expected::default(), &POOL, Watch::NOBODY)
        .map(|(store, _)| store)
}

/// What an import of these bytes says is wrong.
fn refused(bytes: &[u8]) -> String {
    let folder = scratch();
    let directory = folder.path().join("store");
    match import(&directory, bytes) {
        Err(error @ StoreError::StateFile { .. }) => {
            assert!(matches!(Store::open(&directory, &config(), &POOL), Err(StoreError::Missing(_))));
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

/// The file of a store of some size.
static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = scratch();
    export(&store(&folder.path().join("store")).0)
});

fn same(one: &Snapshot, other: &Snapshot) {
    for index in (0..300).chain(1000..1030) {
        let address = address(index);
        let account = StateSnapshot::account(one, &address).unwrap();
        assert_eq!(account, StateSnapshot::account(other, &address).unwrap());
        for slot in (0..60).chain([4999, 5000]).map(U256::from) {
            assert_eq!(one.storage(&address, &slot).unwrap(), other.storage(&address, &slot).unwrap());
        }
        if let Some(account) =
            account.filter(|account| account.code_hash != alloy_primitives::KECCAK256_EMPTY)
        {
            assert_eq!(one.code(&account.code_hash).unwrap(), other.code(&account.code_hash).unwrap());
        }
        let proof = other.proof(address, &[B256::ZERO, B256::from(U256::from(9))]).unwrap();
        proof.verify(one.state_root()).unwrap();
        assert_eq!(proof, one.proof(address, &[B256::ZERO, B256::from(U256::from(9))]).unwrap());
    }
}

#[test]
fn a_state_comes_back_as_it_was() {
    let folder = scratch();
    let (old, tip) = store(&folder.path().join("old"));
    let file = export(&old);
    assert_eq!(file, *FILE, "the same state gives the same file");
    let new = import(&folder.path().join("new"), &file).unwrap();
    assert_eq!(export(&new), file);
    assert_eq!((new.tip(), new.genesis()), (old.tip(), old.genesis()));
    assert_eq!(new.verify(10, &POOL, Watch::NOBODY).unwrap().inconsistencies, []);
    same(&old.latest(), &new.latest());
    for height in 0..=20 {
        assert_eq!(new.header(height).unwrap(), old.header(height).unwrap());
        assert_eq!(new.body(height).unwrap(), old.body(height).unwrap().filter(|_| height > 12));
        assert_eq!(new.receipts(height).unwrap(), old.receipts(height).unwrap().filter(|_| height > 12));
        assert!(matches!(new.snapshot(height), Err(StoreError::NotKept { oldest: 20, .. })) == (height < 20));
    }
    assert_eq!((new.oldest(), new.oldest_block().unwrap(), old.oldest_block().unwrap()), ((20, 20), 13, 0));

    // Both go on from there, in the same way; what happens to storage shows that its ids are right.
    let (mut one, mut other) = (tip.clone(), tip.clone());
    for height in 21..=40u64 {
        let mut list =
            vec![account(7, height, &[]), account(2000 + height, 2, &[1]), account(height * 3, 20, &[])];
        list.push(account(1001 + height % 20, 0, &[]));
        list.iter_mut().skip(2).for_each(|(change, _)| change.storage_wiped = height % 2 == 0);
        let list = changes(list);
        one = commit(&old, &one, &list);
        other = commit(&new, &other, &list);
        assert_eq!(one, other);
        same(&old.latest(), &new.latest());
    }
    new.flush().unwrap();
    assert_eq!(new.verify(10, &POOL, Watch::NOBODY).unwrap().inconsistencies, []);
    assert!(new.rewind(19).is_err());
    let ahead = export(&old);
    assert_eq!(export(&new), ahead);
    drop(new);
    let new = Store::open(&folder.path().join("new"), &config(), &POOL).unwrap();
    assert_eq!(export(&new), ahead);
}

#[test]
fn small_and_empty_states_come_back() {
    for accounts in [0, 1, 2, 17] {
        let folder = scratch();
        let genesis = crate::test_store::block(None, alloy_trie::EMPTY_ROOT_HASH);
        let old = folder.path().join("old");
        let old = Store::create(&old, &config(), &genesis, &changes([]), &POOL).unwrap();
        assert_eq!(import(&folder.path().join("0"), &export(&old)).unwrap().tip().height, 0);
        commit(&old, &genesis, &changes((0..accounts).map(|index| account(index, index % 3, &[]))));
        let file = export(&old);
        let new = import(&folder.path().join("new"), &file).unwrap();
        assert_eq!(export(&new), file);
        assert_eq!(new.verify(10, &POOL, Watch::NOBODY).unwrap().inconsistencies, []);
    }
}

/// More leaves than one batch takes, in one storage and in many, and more blocks than go along.
#[test]
fn batches_join_without_a_seam() {
    let folder = scratch();
    let genesis = crate::test_store::block(None, alloy_trie::EMPTY_ROOT_HASH);
    let old = Store::create(&folder.path().join("old"), &config(), &genesis, &changes([]), &POOL).unwrap();
    let mut tip = genesis;
    for height in 0..300u64 {
        tip = commit(&old, &tip, &changes([account(9_000_000 + height, 0, &[])]));
    }
    let large =
        |index: u64| if index == 5 { account(5, 200_000, &[]) } else { account(index, index % 4, &[]) };
    commit(&old, &tip, &changes((0..60_000).map(large)));
    let file = export(&old);
    let new = import(&folder.path().join("new"), &file).unwrap();
    assert_eq!(export(&new), file);
    assert_eq!(new.header(301 - 255).unwrap(), old.header(301 - 255).unwrap());
    assert_eq!(new.header(301 - 256).unwrap(), None);
    let report = new.verify(10, &POOL, Watch::NOBODY).unwrap();
    assert_eq!(report.inconsistencies, []);
    assert_eq!((report.accounts, report.storages), (60_300, 45_000));
}

/// A block with transactions of all kinds, ommers and withdrawals, whose header commits to them.
fn full_block(parent: &BlockRecord, root: B256, salt: u8) -> BlockRecord {
    let log = Log::new_unchecked(address(1), vec![B256::repeat_byte(1)], vec![1; 40].into());
    let mut block =
        block_with_logs(parent.header.number + 1, salt, vec![vec![], vec![log.clone(); 3], vec![log]]);
    let sign = |tx: TxEnvelope| {
        let tx = TxLegacy { nonce: tx.nonce(), to: address(2).into(), ..TxLegacy::default() };
        TxEnvelope::from(tx.into_signed(Signature::test_signature()))
    };
    for tx in &mut block.body.transactions {
        *tx = sign(tx.clone());
    }
    for receipt in &mut block.receipts {
        *receipt = ReceiptEnvelope::from_typed(TxType::Legacy, receipt.as_receipt().unwrap().clone());
    }
    let withdrawals = block.body.withdrawals.as_ref();
    block.header = Header {
        number: parent.header.number + 1,
        parent_hash: parent.hash,
        state_root: root,
        transactions_root: proofs::calculate_transaction_root(&block.body.transactions),
        ommers_hash: block.body.calculate_ommers_root(),
        withdrawals_root: withdrawals.map(|list| proofs::calculate_withdrawals_root(list)),
        receipts_root: proofs::calculate_receipt_root(&block.receipts),
        ..block.header
    };
    block.hash = block.header.hash_slow();
    let sender = |tx: &TxEnvelope| tx.recover_signer_unchecked().unwrap();
    block.senders = block.body.transactions.iter().map(sender).collect();
    block
}

#[test]
fn blocks_come_back_with_their_senders() {
    let folder = scratch();
    let (old, tip) = store(&folder.path().join("old"));
    let root = tip.header.state_root;
    let mut parent = tip;
    for salt in 0..3 {
        let block = full_block(&parent, root, salt);
        old.commit(block.clone(), &changes([]), &POOL).unwrap();
        parent = block;
    }
    let file = export(&old);
    let new = import(&folder.path().join("new"), &file).unwrap();
    for height in 16..=23 {
        assert_eq!(new.body(height).unwrap(), old.body(height).unwrap());
        assert_eq!(new.receipts(height).unwrap(), old.receipts(height).unwrap());
    }
    assert!(!new.body(23).unwrap().unwrap().senders.is_empty());
    assert_eq!(export(&new), file);
}

/// A file that an earlier program wrote is read, and written again to the same bytes. If this fails, the format has changed
/// and needs another version.
#[test]
fn the_format_is_what_it_was() {
    let folder = scratch();
    let genesis = crate::test_store::block(None, alloy_trie::EMPTY_ROOT_HASH);
    let old = Store::create(&folder.path().join("old"), &config(), &genesis, &changes([]), &POOL).unwrap();
    let list = changes([
        account(1, 3, &[0x60, 1]),
        account(2, 0, &[]),
        account(3, 1, &[0x60, 1]),
        account(4, 0, &[]),
    ]);
    let mut tip = commit(&old, &genesis, &list);
    for salt in 0..2 {
        let block = full_block(&tip, tip.header.state_root, salt);
        old.commit(block.clone(), &changes([]), &POOL).unwrap();
        tip = block;
    }
    for _ in 0..8 {
        tip = commit(&old, &tip, &changes([]));
    }
    let golden = include_bytes!("golden-1.bin");
    assert!(export(&old) == golden);
    let new = import(&folder.path().join("new"), golden).unwrap();
    assert_eq!(new.tip(), old.tip());
    same(&old.latest(), &new.latest());
    assert!(export(&new) == golden);
}

#[test]
fn other_files_are_named() {
    let file = &*FILE;
    assert!(refused(b"").contains("does not begin as state files do"));
    assert!(refused(b"\x1f\x8b\x08\x00 gzip and more of it").contains("does not begin as state files do"));
    let mut newer = file.clone();
    newer[15] = 9;
    assert!(refused(&newer).contains("it has version 9, this program reads version 1; use a newer program"));
    let more = [&file[..], b"x"].concat();
    assert!(refused(&more).contains("more after the end of the file"));
    let end = &file[..file.len() - 1];
    assert!(refused(end).contains("cut off"));
    let mut long = file.clone();
    long[16..20].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(refused(&long).contains("a frame of 4294967295 bytes"));
}

/// Where the frames of a file are, the end not among them.
fn frames(file: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut frames = Vec::new();
    let mut at = 16;
    loop {
        let length = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        if length == 0 {
            return frames;
        }
        frames.push(at..at + 20 + length);
        at += 20 + length;
    }
}

/// A file whose checksums fit this content, cut into frames of the given size.
fn framed(content: &[u8], size: usize) -> Vec<u8> {
    let mut file = FILE[..16].to_vec();
    let mut before = xxhash_rust::xxh3::xxh3_128(&file);
    for frame in content.chunks(size).chain([&[][..]]) {
        let length = (frame.len() as u32).to_be_bytes();
        before = xxhash_rust::xxh3::xxh3_128(&[&before.to_be_bytes(), &length[..], frame].concat());
        file.extend_from_slice(&length);
        file.extend_from_slice(frame);
        file.extend_from_slice(&before.to_be_bytes());
    }
    file
}

fn content() -> Vec<u8> {
    let content = frames(&FILE).into_iter().flat_map(|frame| FILE[frame.start + 4..frame.end - 16].to_vec());
    content.collect()
}

#[test]
fn frames_of_any_size_are_read() {
    let content = content();
    assert_eq!(framed(&content, 1 << 20), *FILE);
    let folder = scratch();
    for size in [1 << 20, 4096, 7] {
        let new = import(&folder.path().join(size.to_string()), &framed(&content, size)).unwrap();
        assert_eq!(export(&new), *FILE);
    }
}

#[test]
fn frames_that_are_exchanged_or_lost_are_found() {
    let file = framed(&content(), 50_000);
    let frames = frames(&file);
    assert!(frames.len() > 4);
    let frame = |at: usize| &file[frames[at].clone()];
    let last = frames.last().unwrap().end;
    let put = |parts: &[&[u8]]| [parts, &[&file[last..]]].concat().concat();
    let rest = &file[frames[3].start..last];
    for wrong in [
        put(&[&file[..16], frame(1), frame(0), frame(2), rest]),
        put(&[&file[..16], frame(0), frame(2), rest]),
        put(&[&file[..16], frame(0), frame(1), frame(1), frame(2), rest]),
        put(&[&file[..16], frame(0), frame(1)]),
    ] {
        assert!(refused(&wrong).contains("the checksum is not that of the frame"));
    }
}

#[test]
fn a_file_of_another_root_is_refused() {
    // A balance that is another one, under checksums that fit.
    let content = content();
    let root = crate::test_store::address(0);
    let key = alloy_primitives::keccak256(root);
    let at = content.windows(32).position(|bytes| bytes == key.as_slice()).unwrap();
    let mut other = content.clone();
    other[at + 33] += 1;
    assert!(refused(&framed(&other, 1 << 20)).contains("the accounts have root"));
    // The end says another root.
    let mut other = content.clone();
    *other.last_mut().unwrap() ^= 1;
    assert!(refused(&framed(&other, 1 << 20)).contains("the accounts have root"));
    // And another number of accounts.
    let mut other = content;
    let end = other.len() - 32;
    other[end - 1] ^= 1;
    assert!(refused(&framed(&other, 1 << 20)).contains("it should have"));
}

#[test]
fn a_file_of_another_chain_or_block_is_refused() {
    let folder = scratch();
    let (zero, sound) = (Some(B256::ZERO), import(&folder.path().join("0"), &FILE).unwrap());
    let (genesis, block) = (Some(sound.genesis()), Some(sound.tip().hash));
    let directory = folder.path().join("store");
    let try_with = |expected| Store::import(&directory, &config(), &FILE[..], expected, &POOL, Watch::NOBODY);
    for (expected, problem) in [
        (Expected { genesis: zero, block }, "it is of the chain of genesis 0x"),
        (Expected { genesis, block: zero }, "it is of block 0x"),
    ] {
        let error = try_with(expected).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
    try_with(Expected { genesis, block }).unwrap();
}

#[test]
fn an_import_that_was_killed_is_begun_anew() {
    let folder = scratch();
    let directory = folder.path().join("store");
    // As a kill leaves it.
    std::fs::create_dir_all(directory.join("tables.new")).unwrap();
    std::fs::write(directory.join("tables.new/0.jnl"), b"torn").unwrap();
    crate::format::begin_import(&directory).unwrap();
    let refused = Store::open(&directory, &config(), &POOL).unwrap_err();
    assert!(matches!(refused, StoreError::Unfinished(_)), "{refused}");
    assert!(refused.to_string().contains("run the same `mundi state import` again"));
    // A chain can also begin there.
    let genesis = crate::test_store::block(None, alloy_trie::EMPTY_ROOT_HASH);
    drop(Store::create(&directory, &config(), &genesis, &changes([]), &POOL).unwrap());
    assert_eq!(files(&directory), ["LOCK", "VERSION", "tables"]);
    std::fs::remove_dir_all(&directory).unwrap();
    std::fs::create_dir_all(directory.join("tables.new")).unwrap();
    crate::format::begin_import(&directory).unwrap();

    let store = import(&directory, &FILE).unwrap();
    assert!(matches!(import(&directory, &FILE), Err(StoreError::Locked)));
    drop(store);
    assert!(matches!(import(&directory, &FILE), Err(StoreError::Exists(_))));
    assert_eq!(export(&Store::open(&directory, &config(), &POOL).unwrap()), *FILE);
    assert_eq!(files(&directory), ["LOCK", "VERSION", "tables"]);
}

fn files(directory: &Path) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut names: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| name(entry.unwrap().path())).collect();
    names.sort();
    names
}

#[test]
fn both_ways_end_when_told() {
    let told = Watch { cancelled: &|| true, ..Watch::NOBODY };
    let folder = scratch();
    let directory = folder.path().join("new");
    let ended = Store::import(&directory, &config(), &FILE[..], Expected::default(), &POOL, told);
    assert!(matches!(ended, Err(StoreError::Cancelled)));
    assert_eq!(files(&directory), ["LOCK"]);
    let store = import(&directory, &FILE).unwrap();
    assert!(matches!(store.export(std::io::sink(), told), Err(StoreError::Cancelled)));
}

#[test]
fn a_damaged_state_is_not_exported() {
    let folder = scratch();
    let store = import(&folder.path().join("store"), &FILE).unwrap();
    let mut batch = store.kv.batch();
    batch.delete(crate::kv::Table::Accounts, alloy_primitives::keccak256(address(3)).as_slice());
    batch.commit().unwrap();
    store.rewind(20).unwrap();
    drop(store);
    let store = Store::open(&folder.path().join("store"), &config(), &POOL).unwrap();
    let error = store.export(std::io::sink(), Watch::NOBODY).unwrap_err();
    assert!(error.to_string().contains("`mundi state verify` says more"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn files_that_are_cut_are_refused(at in any::<prop::sample::Index>()) {
        let end = at.index(FILE.len());
        let told = refused(&FILE[..end]);
        prop_assert!(told.contains("cut off") || end < 16, "{}", told);
    }

    #[test]
    fn files_with_another_bit_are_refused(at in any::<prop::sample::Index>(), bit in 0u32..8) {
        let mut file = FILE.clone();
        file[at.index(FILE.len())] ^= 1u8 << bit;
        refused(&file);
    }

    /// The same under checksums that fit: whoever forges a file gets no further than the root.
    #[test]
    fn content_with_other_bytes_is_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0u8..=255), 1..4),
        early in any::<bool>(),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut content = content();
        let before = content.clone();
        let end = if early { 6000.min(content.len()) } else { content.len() };
        for (at, byte) in changes {
            content[at.index(end)] = byte;
        }
        if let Some(cut) = cut {
            content.truncate(cut.index(before.len()));
        }
        // What nothing proves: total difficulties.
        let folder = scratch();
        match import(&folder.path().join("store"), &framed(&content, 1 << 20)) {
            Err(StoreError::StateFile { .. }) => {}
            Err(error) => panic!("{error}"),
            Ok(store) => {
                let difficulties = |store: &Store| {
                    (0..=20).map(|h| store.header(h).unwrap().unwrap().total_difficulty).collect::<Vec<_>>()
                };
                let sound = import(&folder.path().join("sound"), &FILE).unwrap();
                prop_assert!(content == before || difficulties(&store) != difficulties(&sound) || store.genesis() != sound.genesis());
            }
        }
    }
}

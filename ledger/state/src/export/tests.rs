use super::*;
use crate::{
    BlockRecord, Config, Expected, History, LogFilter, LogLimits, SimulatedDisk, StateChunks,
    test_store::{POOL, account, block, changes, commit, config, scratch},
};
use alloy_trie::EMPTY_ROOT_HASH;
use mundi_execution::{StateChanges, StateSnapshot};
use proptest::prelude::*;
use std::{io, path::Path, sync::mpsc};

fn chunks(mut export: StateExport) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    while let Some(chunk) = export.next_chunk().unwrap() {
        assert!(!chunk.is_empty() && chunk.len() <= StateExport::MAX_CHUNK);
        assert!(export.progress().share <= 1.0);
        chunks.push(chunk);
    }
    assert_eq!(export.next_chunk().unwrap(), None);
    let report = export.report().expect("it is done");
    assert_eq!(report.bytes, chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>());
    assert_eq!(report.block, export.block());
    chunks
}

fn exported(store: &Store, height: u64) -> Vec<u8> {
    chunks(store.export_at(height).unwrap()).concat()
}

/// What a block with this number changes: accounts and storages that come, go, and come again.
fn deeds(height: u64) -> StateChanges {
    let code = [0x60, height as u8];
    let (mut gone, _) = account(5 + height % 6, 0, &[]);
    (gone.account, gone.storage_wiped) = (None, true);
    let (mut again, _) = account(20 + height % 4, 3 + height % 9, &[]);
    again.storage_wiped = height.is_multiple_of(2);
    let (mut slots, _) = account(3, 12, &[]);
    slots.storage.iter_mut().for_each(|(slot, value)| *value = alloy_primitives::U256::from(height) * *slot);
    changes([
        (gone, None),
        (again, None),
        (slots, None),
        account(11 + height % 6, height % 3, &code),
        account(1000 + height, 1, &[]),
    ])
}

fn grow(store: &Store, mut tip: BlockRecord, blocks: u64) -> BlockRecord {
    for height in tip.header.number + 1..=tip.header.number + blocks {
        tip = commit(store, &tip, &deeds(height));
    }
    tip
}

/// More than one chunk, on a disk.
fn large(disk: &SimulatedDisk) -> (Store, BlockRecord) {
    let genesis = block(None, EMPTY_ROOT_HASH);
    let store = Store::create(disk, &config(), &genesis, &changes([]), &POOL).unwrap();
    let tip = commit(&store, &genesis, &changes([account(70, 30_000, &[0; 9000]), account(80, 15_000, &[])]));
    let tip = grow(&store, tip, 20);
    (store, tip)
}

#[test]
fn every_kept_block_is_exported_as_when_it_was_the_newest() {
    for history in [History::Last(9), History::Full] {
        let config = Config { history, proofs: History::Last(2), ..config() };
        let genesis = block(None, EMPTY_ROOT_HASH);
        let store = Store::in_memory(&config, &genesis, &changes([]), &POOL).unwrap();
        let (mut tip, mut files) = (genesis, vec![exported(&store, 0)]);
        let held = |files: &[Vec<u8>]| {
            let newest = store.tip().height;
            let oldest = store.oldest().0;
            for height in oldest..=newest {
                assert!(exported(&store, height) == files[height as usize], "{height} of {newest}");
            }
            for height in oldest.checked_sub(1).into_iter().chain([newest + 1]) {
                let refused = store.export_at(height).err().unwrap().to_string();
                assert_eq!(refused, format!("no state for block {height}: kept are {oldest} to {newest}"));
            }
        };
        for height in 1..=40 {
            tip = grow(&store, tip, 1);
            files.push(exported(&store, height));
            if height % 7 == 0 {
                held(&files);
                store.flush().unwrap();
                held(&files);
            }
        }
        held(&files);
        store.rewind(39).unwrap();
        held(&files[..40]);
    }
}

#[test]
fn a_running_store_is_exported_without_waiting() {
    let disk = SimulatedDisk::new(1);
    let (store, tip) = large(&disk);
    let at = tip.header.number;
    let mut file = Vec::new();
    store.export(&mut file, Watch::NOBODY).unwrap();
    assert!(file.len() > 1 << 20);
    let mut export = store.export_at(at).unwrap();
    let first = export.next_chunk().unwrap().unwrap();
    assert!(export.report().is_none());

    let (mut wiped, _) = account(70, 3, &[]);
    wiped.storage_wiped = true;
    let next = commit(&store, &tip, &changes([(wiped, None)]));
    grow(&store, next, 30);
    store.flush().unwrap();
    assert!(matches!(store.export_at(at), Err(StoreError::NotKept { .. })), "nobody else has it");
    let mut sent = first;
    while let Some(chunk) = export.next_chunk().unwrap() {
        sent.extend(chunk);
    }
    assert!(sent == file);
}

#[test]
fn an_export_may_be_moved_to_another_thread() {
    fn sent<T: Send>(_: &T) {}
    let genesis = block(None, EMPTY_ROOT_HASH);
    let store = Store::in_memory(&config(), &genesis, &changes([]), &POOL).unwrap();
    sent(&store.export_at(0).unwrap());
}

#[test]
fn a_damaged_state_ends_in_an_error() {
    let disk = SimulatedDisk::new(2);
    let (store, tip) = large(&disk);
    store.flush().unwrap();
    let mut batch = store.kv.batch();
    let key = alloy_primitives::keccak256(crate::test_store::address(1010));
    batch.delete(crate::kv::Table::Accounts, key.as_slice());
    batch.commit().unwrap();
    drop(store);
    let store = Store::open(&disk, &config(), &POOL).unwrap();
    let mut export = store.export_at(tip.header.number).unwrap();
    let error = loop {
        match export.next_chunk() {
            Ok(chunk) => assert!(chunk.is_some(), "it does not end well"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("the flat values have root"), "{error}");
    assert!(export.next_chunk().is_err() && export.report().is_none());
}

fn import(
    disk: &SimulatedDisk,
    chunks: impl Iterator<Item = io::Result<Vec<u8>>> + Send,
    limit: u64,
    block: B256,
) -> Result<Store, StoreError> {
    let expected = Expected { block: Some(block), ..Expected::default() };
    let input = StateChunks::new(chunks, limit);
    Store::import(disk, &config(), input, expected, &POOL, Watch::NOBODY).map(|(store, _)| store)
}

#[test]
fn a_fresh_node_begins_with_what_a_running_one_sends() {
    let (old_disk, new_disk) = (SimulatedDisk::new(1), SimulatedDisk::new(2));
    let (old, tip) = large(&old_disk);
    let mut export = old.export_at(tip.header.number).unwrap();
    let (sender, receiver) = mpsc::sync_channel(1);
    let new = std::thread::scope(|scope| {
        let old = &old;
        let from = &tip;
        scope.spawn(move || {
            let mut newest = from.clone();
            while let Some(chunk) = export.next_chunk().unwrap() {
                sender.send(Ok(chunk)).unwrap();
                newest = grow(old, newest, 1);
            }
        });
        import(&new_disk, receiver.into_iter(), 10 << 20, tip.hash)
    });
    let new = new.unwrap();
    assert_eq!((new.tip().hash, new.genesis()), (tip.hash, old.genesis()));
    assert_eq!(new.verify(10, &POOL, Watch::NOBODY).unwrap().inconsistencies, []);
    let mut newest = tip;
    while newest.header.number < old.tip().height {
        newest = grow(&new, newest, 1);
    }
    assert_eq!(new.tip(), old.tip());
}

/// What is before the first block is said not to be kept, whatever is asked.
#[test]
fn a_store_that_began_with_a_state_knows_where_it_begins() {
    let disk = SimulatedDisk::new(3);
    let (old, tip) = large(&SimulatedDisk::new(1));
    let at = tip.header.number;
    let file = chunks(old.export_at(at).unwrap());
    let new = import(&disk, file.into_iter().map(Ok), 10 << 20, tip.hash).unwrap();
    assert_eq!((new.tip().height, new.oldest(), new.oldest_block().unwrap()), (at, (at, at), at - 7));
    for height in [0, at - 8, at - 1] {
        let refused = format!("no state for block {height}: kept are {at} to {at}");
        assert_eq!(new.snapshot(height).unwrap_err().to_string(), refused);
        assert_eq!(new.export_at(height).err().unwrap().to_string(), refused);
        assert!(matches!(new.rewind(height), Err(StoreError::NotKept { oldest, .. }) if oldest == at));
    }
    let refused = new.logs(&LogFilter::new(at - 8..=at), LogLimits::default()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "block 13 has no transactions and receipts here: the store begins after it and has them from block 14 on"
    );
    assert!(new.body(at - 8).unwrap().is_none() && new.body(at - 7).unwrap().is_some());
    // BLOCKHASH knows all that it may be asked for.
    let state = new.latest();
    assert!(
        (0..=at).all(|height| state.block_hash(height).unwrap() == old.latest().block_hash(height).unwrap())
    );

    let (mut one, mut other) = (tip.clone(), tip);
    for _ in 0..6 {
        (one, other) = (grow(&old, one, 1), grow(&new, other, 1));
        assert_eq!(one, other);
    }
    new.snapshot(at).unwrap();
    new.rewind(at + 2).unwrap();
    drop(new);
    let new = Store::open(&disk, &config(), &POOL).unwrap();
    assert_eq!(new.tip().height, at + 2);
    assert!(matches!(new.snapshot(at - 1), Err(StoreError::NotKept { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() })]

    /// Chunks that are cut, changed, lost, doubled, exchanged, too large or too many: an error that says so, and nothing
    /// is left.
    #[test]
    fn what_does_not_arrive_as_it_was_sent_is_refused(
        what in 0u8..7,
        at in any::<prop::sample::Index>(),
        byte in any::<prop::sample::Index>(),
        bit in 0u32..8,
    ) {
        let (disk, sound, hash) = (SimulatedDisk::new(3), &SENT.0, SENT.1);
        let mut chunks: Vec<io::Result<Vec<u8>>> = sound.iter().cloned().map(Ok).collect();
        let size: u64 = sound.iter().map(|chunk| chunk.len() as u64).sum();
        let (mut limit, at) = (size, at.index(chunks.len()));
        let chunk = chunks[at].as_mut().unwrap();
        let within = byte.index(chunk.len());
        let expected = match what {
            0 => { chunk.truncate(within); chunks.truncate(at + 1); "cut off" }
            1 => { chunk[within] ^= 1 << bit; "" }
            2 => { drop(chunks.remove(at)); "" }
            3 => { chunk.resize(StateExport::MAX_CHUNK + 1, 0); "a chunk of 1048577 bytes" }
            4 => { limit = byte.index(size as usize) as u64; "it is longer than the" }
            5 => { chunks[at] = Err(io::Error::other("the peer does not answer")); "the peer does not answer" }
            _ => { chunks.push(Ok(vec![0])); limit += 1; "there is more after the end of the file" }
        };
        let refused = import(&disk, chunks.into_iter(), limit, hash).unwrap_err().to_string();
        // The first bytes are told otherwise.
        prop_assert!(refused.contains(expected) || at == 0 && within < 16, "{}", refused);
        prop_assert!(!Store::exists(&disk) && disk.bytes() == 0);
        prop_assert!(matches!(Store::open(&disk, &config(), &POOL), Err(StoreError::Missing(_))));
    }
}

static SENT: std::sync::LazyLock<(Vec<Vec<u8>>, B256)> = std::sync::LazyLock::new(|| {
    let (store, tip) = large(&SimulatedDisk::new(1));
    (chunks(store.export_at(tip.header.number).unwrap()), tip.hash)
});

#[test]
fn the_state_of_another_block_is_refused() {
    let folder = scratch();
    let directory: &Path = &folder.path().join("store");
    let expected = Expected { block: Some(B256::repeat_byte(1)), ..Expected::default() };
    let input = StateChunks::new(SENT.0.iter().cloned().map(Ok), u64::MAX);
    let refused = Store::import(directory, &config(), input, expected, &POOL, Watch::NOBODY).unwrap_err();
    assert!(refused.to_string().contains("it is of block 0x"), "{refused}");
    assert!(!Store::exists(directory));
}

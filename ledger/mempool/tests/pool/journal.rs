//! Restarts.

use crate::world::*;
use alloy_eips::{
    eip4844::builder::{SidecarBuilder, SimpleCoder},
    eip7594::BlobTransactionSidecarVariant,
};
use alloy_primitives::{B256, U256};
use mundi_mempool::{Config, Journal, Loaded, Origin};
use std::{fs, path::Path};

const BOUND: u64 = 1 << 20;

fn attach(world: &World, path: &Path, bound: u64) -> Loaded {
    let mut journal = Journal::open(path, bound).unwrap();
    let loaded = journal.load_into(&world.pool, &threads(2)).unwrap();
    world.pool.attach_journal(journal).unwrap();
    loaded
}

fn submit(world: &World, from: u64, nonce: u64) -> B256 {
    world.submit(&signed(from, transfer(nonce, 100, 1))).unwrap()
}

#[test]
fn what_was_taken_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mempool");
    let blobs: BlobTransactionSidecarVariant =
        SidecarBuilder::<SimpleCoder>::from_slice(b"blob").build_7594().unwrap().into();
    let hashes = {
        let world = World::new();
        assert_eq!(attach(&world, &path, 4 * BOUND), Loaded::default());
        let blob_tx = signed(1, carrying(with_blobs(0, 10, &blobs), blobs.clone()));
        let local = raw(&signed(2, transfer(0, 100, 1)));
        let mut hashes = vec![submit(&world, 0, 0), submit(&world, 0, 1), submit(&world, 0, 7)];
        hashes.push(world.submit(&blob_tx).unwrap());
        hashes.push(world.pool.submit_raw(&local, Origin::Local).unwrap());
        let handed_on = raw(&signed(4, transfer(0, 100, 1)));
        hashes.push(world.pool.submit_raw(&handed_on, Origin::Peer).unwrap());
        let more: Vec<_> = (0..20).map(|nonce| raw(&signed(3, transfer(nonce, 100, 1)))).collect();
        let results = world.pool.submit_batch(&more, Origin::Remote, &threads(2));
        hashes.extend(results.into_iter().map(Result::unwrap));
        world.pool.sync_journal().unwrap();
        hashes
    };
    let mut world = World::new();
    // One has been included meanwhile.
    world.block(&[(address(0), 1, ETHER)]);
    let loaded = attach(&world, &path, 4 * BOUND);
    assert_eq!(loaded, Loaded { accepted: hashes.len() - 1, refused: 1, cut: 0 });
    assert!(!world.pool.contains(&hashes[0]));
    assert!(hashes[1..].iter().all(|hash| world.pool.contains(hash)));
    assert_eq!(world.pool.get(&hashes[4]).unwrap().origin(), Origin::Local);
    assert_eq!(world.pool.get(&hashes[5]).unwrap().origin(), Origin::Peer);
    assert_eq!(*world.pool.sidecar(&hashes[3]).unwrap(), blobs);

    // Attached again the file holds what the pool holds, and no more.
    let third = World::new();
    assert_eq!(attach(&third, &path, 4 * BOUND).accepted, hashes.len() - 1);
}

#[test]
fn a_damaged_end_is_cut_off_wherever_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mempool");
    let world = World::new();
    attach(&world, &path, BOUND);
    let lengths: Vec<u64> = (0..4)
        .map(|nonce| {
            submit(&world, 0, nonce);
            fs::metadata(&path).unwrap().len()
        })
        .collect();
    let whole = fs::read(&path).unwrap();
    let records_before = |length: u64| lengths.iter().filter(|end| **end <= length).count();
    for length in (0..whole.len()).step_by(7) {
        fs::write(&path, &whole[..length]).unwrap();
        let world = World::new();
        let mut journal = Journal::open(&path, BOUND).unwrap();
        let loaded = journal.load_into(&world.pool, &threads(1)).unwrap();
        assert_eq!(loaded.accepted, records_before(length as u64), "{length}");
        assert!(fs::metadata(&path).unwrap().len() <= (length as u64).max(16));
    }
    for at in (16..whole.len()).step_by(5) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        let world = World::new();
        let mut journal = Journal::open(&path, BOUND).unwrap();
        let loaded = journal.load_into(&world.pool, &threads(1)).unwrap();
        assert_eq!(loaded.accepted, records_before(at as u64), "{at}");
        assert!(loaded.cut > 0);
        let mut again = Journal::open(&path, BOUND).unwrap();
        assert_eq!(again.load_into(&World::new().pool, &threads(1)).unwrap().cut, 0);
    }
}

#[test]
fn a_file_that_is_no_journal_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mempool");
    fs::write(&path, b"a diary, not a journal").unwrap();
    let error = Journal::open(&path, BOUND).unwrap_err().to_string();
    assert!(error.contains("is not a journal") && error.contains("move the file away"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"a diary, not a journal");
}

#[test]
fn the_file_stays_below_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mempool");
    let mut world = World::new();
    attach(&world, &path, 4_000);
    let mut last = B256::ZERO;
    for nonce in 0..200 {
        last = submit(&world, 0, nonce);
        assert!(fs::metadata(&path).unwrap().len() <= 4_000);
        if nonce % 5 == 4 {
            world.block(&[(address(0), nonce, ETHER)]);
        }
    }
    // What is in the pool fits, so nothing of it is missing.
    let again = World::new();
    let mut journal = Journal::open(&path, 4_000).unwrap();
    journal.load_into(&again.pool, &threads(1)).unwrap();
    assert!(again.pool.contains(&last));

    // More than fits is taken by the pool, and not by the journal.
    let full = World::new();
    fs::remove_file(&path).unwrap();
    attach(&full, &path, 1_000);
    (0..50).for_each(|nonce| _ = submit(&full, 0, nonce));
    assert_eq!(full.pool.status().pending, 50);
    let rest = World::new();
    let kept = Journal::open(&path, 1_000).unwrap().load_into(&rest.pool, &threads(1)).unwrap();
    assert!((3..10).contains(&kept.accepted), "{kept:?}");
}

#[test]
fn impersonated_senders_are_not_journaled() {
    use alloy_consensus::SignableTransaction;
    use alloy_primitives::Signature;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mempool");
    let world = World::with(Config::default());
    attach(&world, &path, BOUND);
    let tx = transfer(0, 0, 0).into_signed(Signature::new(U256::from(1), U256::from(1), false));
    world.pool.submit_unsigned(tx.into(), address(0)).unwrap();
    world.pool.rotate_journal().unwrap();
    assert_eq!(attach(&World::new(), &path, BOUND), Loaded::default());
}

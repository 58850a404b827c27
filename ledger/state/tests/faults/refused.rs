//! Directories that cannot be opened, and disks that are full.

use crate::{
    POOL,
    chain::{self, Link, Size},
    config,
    random::{Random, seed},
    scratch,
};
use mundi_state::{Store, StoreError};
use std::{fs, path::Path, process::Command};

fn create(directory: &Path) -> Result<Store, StoreError> {
    let (genesis, alloc, _) = chain::genesis();
    Store::create(directory, &config(), &genesis, &alloc, &POOL)
}

fn open(directory: &Path) -> Result<Store, StoreError> {
    Store::open(directory, &config(), &POOL)
}

#[test]
fn a_directory_is_for_one_store_at_a_time() {
    let scratch = scratch();
    let directory = scratch.path().join("store");
    let store = create(&directory).unwrap();
    assert!(matches!(open(&directory), Err(StoreError::Locked)));
    assert!(matches!(create(&directory), Err(StoreError::Locked | StoreError::Exists(_))));
    drop(store);
    open(&directory).unwrap();
    assert!(matches!(create(&directory), Err(StoreError::Exists(_))));
}

#[test]
fn a_newer_format_is_refused_by_its_number() {
    let scratch = scratch();
    let directory = scratch.path().join("store");
    drop(create(&directory).unwrap());
    fs::write(directory.join("VERSION"), "mundi-state 9\n").unwrap();
    let error = open(&directory).unwrap_err();
    assert!(matches!(error, StoreError::Format { found: 9, .. }), "{error}");
    assert!(error.to_string().contains("newer program"), "{error}");
    for text in ["", "mundi-state", "mundi-state x\n", "something else 1\n", "mundi-state 1 1\n"] {
        fs::write(directory.join("VERSION"), text).unwrap();
        assert!(matches!(open(&directory), Err(StoreError::DamagedFile { .. })), "{text:?}");
    }
}

#[test]
fn what_is_no_store_is_said_to_be_none() {
    let scratch = scratch();
    assert!(matches!(open(&scratch.path().join("absent")), Err(StoreError::Missing(_))));
    let empty = scratch.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(matches!(open(&empty), Err(StoreError::Missing(_))));
    let file = scratch.path().join("file");
    fs::write(&file, "text").unwrap();
    assert!(open(&file).is_err());
    assert!(create(&file).is_err());
}

/// A small disk in memory, unmounted at the end.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(folder: &'a Path, options: &str) -> Option<Self> {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder).output();
        mount.is_ok_and(|done| done.status.success()).then_some(Self(folder))
    }

    fn resize(&self, size: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,{size}")]).arg(self.0).status();
        assert!(done.is_ok_and(|status| status.success()), "the disk grows");
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_loses_no_block_and_work_goes_on_when_there_is_space() {
    let scratch = tempfile::tempdir().unwrap();
    // The engine allocates its log 64 MiB at a time, but takes only what it writes.
    let Some(disk) = Disk::mount(scratch.path(), "size=24m") else {
        println!("skipped: mounting a small disk takes more rights than this user has");
        return;
    };
    let mut random = Random(seed(0x4d55_4e44_4940));
    let directory = scratch.path().join("store");
    let store = create(&directory).unwrap();
    let (_, _, genesis) = chain::genesis();
    let mut links: Vec<Link> = vec![genesis];
    let commit = |store: &Store, links: &mut Vec<Link>, random: &mut Random| -> Result<(), StoreError> {
        let salt = random.next() | 1;
        let newest = links.last().expect("the genesis");
        let changes = chain::changes_of(newest.state(), salt, Size::Heavy);
        let staged = store.stage(&store.latest(), &changes, &POOL)?;
        let block = chain::block(Some(&chain::stub(store.tip())), staged.state_root(), salt);
        let next = newest.next(salt, Size::Heavy);
        store.publish(block, staged, &POOL)?;
        store.persist()?;
        links.push(next);
        if store.needs_flush() { store.flush_aged() } else { Ok(()) }
    };
    let mut failed = None;
    for _ in 0..2000 {
        if let Err(error) = commit(&store, &mut links, &mut random) {
            failed = Some(error);
            break;
        }
    }
    let error = failed.expect("24 MiB are full at some time");
    println!("block {}: {error}", links.len());
    assert_eq!(store.persisted().height, links.len() as u64 - 1, "{error}");
    assert!(commit(&store, &mut links, &mut random).is_err(), "no more is written until it is opened again");
    drop(store);

    disk.resize("size=256m");
    let store = open(&directory).unwrap();
    let persisted = store.persisted().height as usize;
    assert!(persisted + 1 >= links.len(), "block {} was acknowledged, {persisted} is there", links.len() - 1);
    // A block whose write failed at the very end may be there or not.
    store.rewind(links.len() as u64 - 1).unwrap();
    for _ in 0..5 {
        commit(&store, &mut links, &mut random).unwrap();
    }
    chain::compare(&store, &links, true, &mut random).unwrap();
}

//! A full disk: an error, no acknowledged block lost, and work goes on when there is space again.

use crate::{
    POOL,
    chain::{self, Size},
    config,
    random::{Random, seed},
    scratch,
};
use mundi_state::Store;
use std::{path::Path, process::Command};

/// A small disk in memory, gone when this is dropped.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(at: &'a Path, bytes: u64) -> Option<Self> {
        let options = format!("size={bytes}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(at).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }

    fn resize(&self, bytes: u64) {
        let options = format!("remount,size={bytes}");
        let output = Command::new("mount").args(["-o", &options]).arg(self.0).output().expect("mount");
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        // A panic may have left files open.
        let _ = Command::new("umount").arg("--lazy").arg(self.0).output();
    }
}

/// Sizes at which the log, a table's file and a second log meet the full disk.
const SIZES: [u64; 4] = [6 << 20, 30 << 20, 72 << 20, 110 << 20];

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let seed = seed(0x4d55_4e44_4940);
    let mut random = Random(seed);
    for bytes in SIZES {
        let context = format!("FAULTS_SEED={seed}, disk of {bytes} bytes");
        let scratch = scratch();
        let Some(disk) = Disk::mount(scratch.path(), bytes) else {
            println!("SKIPPED: mounting a small disk is not permitted here");
            return;
        };
        let directory = scratch.path().join("store");
        let (genesis, alloc, link) = chain::genesis();
        let mut chain = vec![link];
        let store = Store::create(&directory, &config(), &genesis, &alloc, &POOL).expect("created");
        let error = loop {
            let salt = 3 * (random.next() >> 3) + random.below(2);
            let persisted = store.persisted().height;
            if let Err(error) = chain::grow(&store, &mut chain, salt, Size::Heavy) {
                // What failed was the flush after the block was acknowledged, or the block.
                assert!(store.persisted().height >= persisted, "{context}");
                break error;
            }
            assert!(chain.len() < 3000, "{context}: the disk does not get full");
        };
        println!("disk of {} MiB: full at block {}: {error}", bytes >> 20, chain.len());
        let acked = store.persisted().height;
        assert!(acked as usize + 1 >= chain.len(), "{context}");
        assert!(store.persist().and_then(|()| store.flush()).is_err(), "{context}: it does not write on");
        // What is there is readable.
        let snapshot = store.snapshot(acked).expect("readable");
        assert_eq!(snapshot.state_root(), crate::world::root(chain[acked as usize].state()), "{context}");
        drop((store, snapshot));

        // Without space it opens, or says why not; it loses nothing.
        match Store::open(&directory, &config(), &POOL) {
            Ok(store) => assert!(store.tip().height >= acked, "{context}"),
            Err(error) => println!("disk of {} MiB: still full: {error}", bytes >> 20),
        }
        disk.resize(2 * bytes + (80 << 20));
        let store =
            Store::open(&directory, &config(), &POOL).unwrap_or_else(|error| panic!("{context}: {error}"));
        let height = store.tip().height;
        assert!(height >= acked, "{context}: block {acked} was acknowledged, the store is at {height}");
        // A block whose writing failed may be there wholly; it is not in the chain here.
        store.rewind(acked).expect("rewound");
        chain.truncate(acked as usize + 1);
        for link in chain.iter_mut().rev().skip(40) {
            link.forget();
        }
        chain::compare(&store, &chain, false, &mut random)
            .unwrap_or_else(|error| panic!("{context}: {error}"));
        for _ in 0..5 {
            chain::grow(&store, &mut chain, random.next() >> 1, Size::Heavy).expect("it goes on");
        }
        chain::compare(&store, &chain, false, &mut random)
            .unwrap_or_else(|error| panic!("{context}: {error}"));
    }
}

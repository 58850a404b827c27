//! A simulated disk: what it does to a store is what a real one may do, is counted, and follows from its seed.

use crate::{
    POOL,
    chain::{self, Link, Size},
    config,
    random::{Random, seed},
};
use mundi_state::{
    DiskFault, Expected, FaultCounts, FaultRates, SimulatedDisk, StateFileReport, Store, StoreError, Tip,
    Unsynced, Watch,
};

/// Blocks whose states are kept here: more than a store ever keeps with the settings of these tests.
const STATES: usize = 64;

fn create(disk: &SimulatedDisk) -> (Store, Vec<Link>) {
    let (genesis, alloc, link) = chain::genesis();
    let store = Store::create(disk, &config(), &genesis, &alloc, &POOL).expect("created");
    (store, vec![link])
}

fn open(disk: &SimulatedDisk) -> Store {
    Store::open(disk, &config(), &POOL).expect("opened")
}

fn grow(store: &Store, chain: &mut Vec<Link>, blocks: u64) {
    for salt in 0..blocks {
        chain::grow(store, chain, 1 + salt + 100 * chain.len() as u64, Size::Mixed).expect("written");
    }
}

/// A block that does not get to the disk.
fn fail(store: &Store, chain: &mut Vec<Link>) -> StoreError {
    let salt = 1 + 3 * chain.len() as u64;
    let error = chain::grow(store, chain, salt, Size::Mixed).expect_err("a fault");
    let tip = chain.last().expect("the genesis").next(salt, Size::Mixed);
    chain.push(tip);
    error
}

fn compare(store: &Store, chain: &[Link]) {
    chain::compare(store, chain, true, &mut Random(7)).expect("nothing wrong");
}

/// A store with some blocks, whose next one failed as told.
fn failed(fault: DiskFault) -> (SimulatedDisk, Store, Vec<Link>) {
    let disk = SimulatedDisk::new(1);
    let (store, mut chain) = create(&disk);
    grow(&store, &mut chain, 12);
    disk.fail(fault, 0);
    let error = fail(&store, &mut chain);
    assert_eq!(error.to_string(), "write: Input/output error (os error 5)");
    let refused = store.persist().expect_err("it does not write on").to_string();
    assert!(refused.contains("an earlier write failed; close the store"), "{refused}");
    assert_eq!((store.persisted().height, store.tip().height, disk.faults().refused), (12, 13, 1));
    assert_eq!(store.snapshot(12).expect("readable").height(), 12);
    (disk, store, chain)
}

#[test]
fn a_write_that_failed_leaves_nothing() {
    let (disk, store, mut chain) = failed(DiskFault::Write);
    drop(store);
    let store = open(&disk);
    chain.pop();
    compare(&store, &chain);
    grow(&store, &mut chain, 3);
    compare(&store, &chain);
    let expected = FaultCounts { failed_writes: 1, refused: 1, torn: 1, ..FaultCounts::default() };
    assert_eq!(disk.faults(), expected);
}

#[test]
fn what_was_not_synced_is_there_wholly_or_not_at_all() {
    let counts = FaultCounts { failed_syncs: 1, refused: 1, ..FaultCounts::default() };
    let crashed = FaultCounts { crashes: 1, ..counts };
    for (unsynced, height, expected) in [
        (None, 13, FaultCounts { kept: 1, ..counts }),
        (Some(Unsynced::Kept), 13, FaultCounts { kept: 1, ..crashed }),
        (Some(Unsynced::Torn), 12, FaultCounts { torn: 1, ..crashed }),
        (Some(Unsynced::Lost), 12, FaultCounts { lost: 1, ..crashed }),
    ] {
        let (disk, store, mut chain) = failed(DiskFault::Sync);
        if let Some(unsynced) = unsynced {
            disk.crash(unsynced);
        }
        drop(store);
        let store = open(&disk);
        chain.truncate(height + 1);
        compare(&store, &chain);
        assert_eq!(disk.faults(), expected, "{unsynced:?}");
        grow(&store, &mut chain, 3);
        disk.crash(Unsynced::Lost);
        compare(&open(&disk), &chain);
    }
}

#[test]
fn a_full_disk_takes_no_more_until_there_is_room() {
    let disk = SimulatedDisk::new(2);
    let (store, mut chain) = create(&disk);
    grow(&store, &mut chain, 20);
    let bytes = disk.bytes();
    disk.set_capacity(Some(bytes + 100));
    let error = fail(&store, &mut chain);
    assert_eq!(error.to_string(), "write: No space left on device (os error 28)");
    drop(store);
    chain.pop();
    let store = open(&disk);
    compare(&store, &chain);
    assert_eq!(disk.bytes(), bytes);
    fail(&store, &mut chain);
    assert_eq!((disk.faults().full_disk, disk.faults().torn), (2, 1));
    disk.set_capacity(None);
    drop(store);
    chain.pop();
    let store = open(&disk);
    grow(&store, &mut chain, 5);
    compare(&store, &chain);
    assert_eq!(disk.faults().torn, 2);
}

#[test]
fn a_crash_shuts_out_who_had_it_open() {
    let disk = SimulatedDisk::new(3);
    assert!(!Store::exists(&disk));
    assert!(matches!(Store::open(&disk, &config(), &POOL), Err(StoreError::Missing(_))));
    let (old, mut chain) = create(&disk);
    grow(&old, &mut chain, 9);
    let (genesis, alloc, _) = chain::genesis();
    assert!(matches!(Store::open(&disk, &config(), &POOL), Err(StoreError::Locked)));
    let again = || Store::create(&disk, &config(), &genesis, &alloc, &POOL);
    assert!(matches!(again(), Err(StoreError::Locked)));

    // A block that is only in memory is gone, whoever else is not.
    let mut other = chain.clone();
    chain::publish(&old, chain.last().expect("the genesis"), 5, Size::Mixed).expect("published");
    disk.crash(Unsynced::Kept);
    let new = open(&disk);
    compare(&new, &chain);
    let refused = old.persist().expect_err("it writes nothing").to_string();
    assert!(refused.contains("the machine has crashed since the store was opened"), "{refused}");
    assert_eq!(old.latest().height(), 10, "it reads what it had");
    grow(&new, &mut other, 4);
    drop(old);
    assert!(matches!(Store::open(&disk, &config(), &POOL), Err(StoreError::Locked)), "it is the new one's");
    drop(new);
    assert!(matches!(again(), Err(StoreError::Exists(_))));
    compare(&open(&disk), &other);
    assert_eq!(disk.faults(), FaultCounts { crashes: 1, ..FaultCounts::default() });
}

#[test]
fn a_store_that_was_not_finished_is_not_there() {
    let (genesis, alloc, _) = chain::genesis();
    for fault in [DiskFault::Write, DiskFault::Sync] {
        let disk = SimulatedDisk::new(4);
        disk.fail(fault, 0);
        let refused = Store::create(&disk, &config(), &genesis, &alloc, &POOL);
        assert!(matches!(refused, Err(StoreError::Io { .. })));
        assert!(!Store::exists(&disk) && disk.bytes() == 0);
        let (store, mut chain) = create(&disk);
        grow(&store, &mut chain, 3);
        compare(&store, &chain);
    }
}

#[test]
fn a_state_is_imported_onto_a_disk_wholly_or_not_at_all() {
    let source = SimulatedDisk::new(5);
    let (store, mut chain) = create(&source);
    grow(&store, &mut chain, 20);
    let mut file = Vec::new();
    store.export(&mut file, Watch::NOBODY).expect("exported");
    let import = |disk: &SimulatedDisk| -> Result<(Store, StateFileReport), StoreError> {
        Store::import(disk, &config(), &*file, Expected::default(), &POOL, Watch::NOBODY)
    };
    let disk = SimulatedDisk::new(6);
    let writes = {
        let counted = SimulatedDisk::new(7);
        drop(import(&counted).expect("imported"));
        counted.writes()
    };
    for skip in 0..writes {
        disk.fail(DiskFault::Write, skip);
        assert!(matches!(import(&disk), Err(StoreError::Io { .. })), "write {skip}");
        assert!(matches!(Store::open(&disk, &config(), &POOL), Err(StoreError::Missing(_))));
    }
    // Power fails in the middle.
    let fails = |_: &_| disk.crash(Unsynced::Kept);
    let watch = Watch { progress: &fails, ..Watch::NOBODY };
    let ended = Store::import(&disk, &config(), &*file, Expected::default(), &POOL, watch);
    assert!(ended.expect_err("the machine has crashed").to_string().contains("the machine has crashed"));
    let refused = Store::open(&disk, &config(), &POOL).expect_err("a part of a state").to_string();
    assert!(refused.contains("its import was not finished"), "{refused}");
    let (imported, _) = import(&disk).expect("imported");
    assert_eq!(imported.tip(), store.tip());
    chain::compare(&imported, &chain, true, &mut Random(1)).expect("nothing wrong");
    drop(imported);
    disk.crash(Unsynced::Lost);
    assert_eq!(open(&disk).tip(), store.tip());
}

/// Where a run was each time it was opened, and what happened to its disk.
type Trace = (Vec<Tip>, FaultCounts, u64, u64);

/// A chain and what was said of it.
struct Run {
    disk: SimulatedDisk,
    random: Random,
    chain: Vec<Link>,
    /// What the chain was before blocks were to be dropped, while that has not been acknowledged.
    undropped: Option<Vec<Link>>,
    tips: Vec<Tip>,
}

impl Run {
    /// Something that a node does. Errors if the disk failed.
    fn step(&mut self, store: &Store) -> Result<(), StoreError> {
        let salt = 1 + (self.random.next() >> 1);
        match self.random.below(12) {
            0..3 => {
                let tip = self.chain.last().expect("the genesis");
                chain::publish(store, tip, salt, Size::Mixed)?;
                self.chain.push(tip.next(salt, Size::Mixed));
                if let Some(old) = self.chain.len().checked_sub(STATES) {
                    self.chain[old].forget();
                }
                Ok(())
            }
            3..8 => store.persist(),
            8 => store.flush(),
            9 => store.flush_aged(),
            10 => {
                let height = (self.chain.len() as u64 - 1).saturating_sub(self.random.below(4));
                self.undropped = Some(self.chain.clone());
                self.chain.truncate(height as usize + 1);
                match store.rewind(height) {
                    Ok(()) => self.undropped = None,
                    Err(StoreError::NotKept { .. }) => self.chain = self.undropped.take().expect("as before"),
                    Err(error) => return Err(error),
                }
                Ok(())
            }
            _ => {
                let fault = if self.random.one_in(2) { DiskFault::Write } else { DiskFault::Sync };
                match self.random.below(6) {
                    0 => self.disk.fail(fault, self.random.below(8)),
                    1 => self.disk.set_capacity(Some(self.disk.bytes() + self.random.below(40_000))),
                    _ => self.disk.set_capacity(None),
                }
                Ok(())
            }
        }
    }

    /// Opens the store again, after a crash or not, and finds what may be there and nothing less than what was told.
    fn reopen(&mut self, store: Store, failed: bool, context: &str) -> Store {
        let told = store.persisted().height;
        let before = self.disk.faults();
        let crash = self.random.one_in(2).then(|| Unsynced::drawn(self.random.next()));
        if let Some(unsynced) = crash {
            self.disk.crash(unsynced);
        }
        drop(store);
        let store = open(&self.disk);
        let height = store.tip().height;
        let kept = self.disk.faults().kept - before.kept;
        let context = format!("{context}, {crash:?}, told {told}, at {height}, kept {kept}");
        let dropping = self.chain.len() as u64 - 1;
        match self.undropped.take() {
            Some(_) if kept == 1 => assert_eq!(height, told.min(dropping), "{context}"),
            Some(chain) => {
                assert_eq!(height, told, "{context}");
                self.chain = chain;
            }
            None if kept == 1 => assert!((told..=dropping).contains(&height), "{context}"),
            None => assert_eq!(height, told, "{context}"),
        }
        assert!(failed || kept == 0, "{context}");
        self.chain.truncate(height as usize + 1);
        chain::compare(&store, &self.chain, false, &mut self.random)
            .unwrap_or_else(|error| panic!("{context}: {error}"));
        self.tips.push(store.tip());
        store
    }
}

fn run(seed: u64, steps: usize) -> Trace {
    let disk = SimulatedDisk::new(seed);
    let (mut store, chain) = create(&disk);
    disk.set_rates(FaultRates { write: 10_000, sync: 20_000 });
    let mut run = Run { disk, random: Random(seed), chain, undropped: None, tips: Vec::new() };
    for step in 0..steps {
        let context = format!("FAULTS_SEED={seed}, step {step}");
        let failed = match run.step(&store) {
            Ok(()) => false,
            Err(StoreError::Io { .. }) => true,
            Err(error) => panic!("{context}: {error}"),
        };
        if failed || run.random.one_in(40) {
            if failed {
                // Until it is opened again there is room, and it refuses nevertheless.
                run.disk.set_capacity(None);
            }
            store = run.reopen(store, failed, &context);
        }
    }
    let store = run.reopen(store, true, &format!("FAULTS_SEED={seed}, end"));
    compare(&store, &run.chain);
    (run.tips, run.disk.faults(), run.disk.writes(), run.disk.bytes())
}

#[test]
fn nothing_that_was_told_is_ever_lost_and_runs_repeat() {
    let first = seed(1);
    let mut all = FaultCounts::default();
    for seed in first..first + 6 {
        let trace = run(seed, 400);
        assert_eq!(trace, run(seed, 400), "FAULTS_SEED={seed} does not repeat");
        let faults = trace.1;
        all.failed_writes += faults.failed_writes;
        all.full_disk += faults.full_disk;
        all.failed_syncs += faults.failed_syncs;
        all.crashes += faults.crashes;
        all.torn += faults.torn;
        all.lost += faults.lost;
        all.kept += faults.kept;
    }
    println!("{all:?}");
    let FaultCounts { failed_writes, full_disk, failed_syncs, crashes, torn, lost, kept, .. } = all;
    let fired = [failed_writes, full_disk, failed_syncs, crashes, torn, lost, kept];
    assert!(fired.iter().all(|count| *count > 0), "{all:?}");
}

//! Many threads: whatever a snapshot says while blocks are staged, published, written, flushed, pruned and dropped is
//! what the model says of the state with its root.
//!
//! `FAULTS_SEED` repeats a seed, as far as the scheduler lets it.

#[path = "../faults/random.rs"]
mod random;
#[path = "../model/world.rs"]
mod world;

use alloy_primitives::{B256, U256};
use mundi_execution::{MemoryState, StateSnapshot};
use mundi_state::{BlockRecord, Config, History, Snapshot, Store, StoreError};
use random::{Random, seed};
use rayon::ThreadPool;
use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, LazyLock, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};
use world::{Touch, address, block, changes, root};

const ADDRESSES: u8 = 24;
const SLOTS: u8 = 8;

static POOL: LazyLock<ThreadPool> =
    LazyLock::new(|| rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads start"));

/// All states that ever were, by their roots.
#[derive(Default)]
struct States(RwLock<HashMap<B256, Arc<MemoryState>>>);

impl States {
    fn insert(&self, root: B256, state: MemoryState) -> Arc<MemoryState> {
        Arc::clone(self.0.write().expect("no holder panics").entry(root).or_insert_with(|| Arc::new(state)))
    }

    fn get(&self, root: B256) -> Arc<MemoryState> {
        let states = self.0.read().expect("no holder panics");
        Arc::clone(states.get(&root).expect("a root that was published is that of a model's state"))
    }
}

fn touches(random: &mut Random) -> Vec<(u8, Touch)> {
    let slots = |random: &mut Random| {
        let count = random.below(6);
        (0..count).map(|_| (random.below(SLOTS.into()) as u8, random.below(4) as u8)).collect()
    };
    let touch = |random: &mut Random| match random.below(12) {
        0..4 => Touch::Pay(random.below(1000)),
        4..9 => Touch::Store(slots(random)),
        9 => Touch::Code(random.below(4) as u8),
        10 => Touch::Destroy,
        _ => Touch::Recreate(slots(random)),
    };
    (0..random.below(8)).map(|_| (random.below(ADDRESSES.into()) as u8, touch(random))).collect()
}

/// Everything in the snapshot is what the model has, in any order.
fn compare(snapshot: &Snapshot, state: &MemoryState, random: &mut Random) {
    let height = snapshot.height();
    let start = random.below(ADDRESSES.into()) as u8;
    for index in (0..ADDRESSES).map(|index| (index + start) % ADDRESSES) {
        let address = address(index);
        let account = snapshot.account(&address).expect("read");
        assert_eq!(account, state.account(&address).expect("read"), "account {index} at {height}");
        for slot in (0..SLOTS).map(U256::from) {
            let value = snapshot.storage(&address, &slot).expect("read");
            assert_eq!(
                value,
                state.storage(&address, &slot).expect("read"),
                "slot {slot} of {index} at {height}"
            );
        }
        if let Some(account) = account.filter(mundi_execution::Account::has_code) {
            assert_eq!(snapshot.code(&account.code_hash).expect("read").hash_slow(), account.code_hash);
        }
        if random.one_in(6) {
            let slots: Vec<B256> = (0..SLOTS).map(|slot| B256::from(U256::from(slot))).collect();
            match snapshot.proof(address, &slots) {
                Ok(proof) => {
                    proof.verify(snapshot.state_root()).expect("a proof that holds");
                    for slot in proof.storage_proof {
                        assert_eq!(slot.value, state.storage(&address, &slot.key.into()).expect("read"));
                    }
                }
                Err(StoreError::NotKept { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

struct Arena {
    store: Store,
    states: States,
    done: AtomicBool,
    compared: AtomicU64,
}

impl Arena {
    /// In memory without a directory.
    fn new(directory: Option<&Path>, config: &Config) -> Self {
        let mut state = MemoryState::new();
        let first =
            [(1, Touch::Pay(5)), (2, Touch::Store(vec![(1, 1), (2, 2), (3, 3)])), (3, Touch::Code(7))];
        let alloc = changes(&state, &first);
        state.apply(&alloc);
        let states = States::default();
        let genesis = block(None, root(&state), 0);
        let store = match directory {
            Some(directory) => Store::create(directory, config, &genesis, &alloc, &POOL),
            None => Store::in_memory(config, &genesis, &alloc, &POOL),
        };
        let store = store.expect("created");
        states.insert(genesis.header.state_root, state);
        Self { store, states, done: AtomicBool::new(false), compared: AtomicU64::new(0) }
    }

    fn compare(&self, snapshot: &Snapshot, random: &mut Random) {
        compare(snapshot, &self.states.get(snapshot.state_root()), random);
        self.compared.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads the newest state and old ones, and some of them again long afterwards.
    fn read(&self, mut random: Random) {
        let mut kept: Vec<Snapshot> = Vec::new();
        while !self.done.load(Ordering::Relaxed) {
            let snapshot = if random.one_in(2) {
                self.store.latest()
            } else {
                let (oldest, _) = self.store.oldest();
                let newest = self.store.tip().height;
                let height = oldest + random.below((newest + 1).saturating_sub(oldest).max(1));
                match self.store.snapshot(height) {
                    Ok(snapshot) => snapshot,
                    // Pruned or dropped meanwhile.
                    Err(StoreError::NotKept { .. }) => continue,
                    Err(error) => panic!("{error}"),
                }
            };
            self.compare(&snapshot, &mut random);
            if kept.len() < 6 {
                kept.push(snapshot);
            } else {
                let old = random.below(6) as usize;
                self.compare(&kept[old], &mut random);
                if random.one_in(3) {
                    kept[old] = snapshot;
                }
            }
        }
    }

    /// Stages blocks that are never published, on the newest state and on each other, and reads them while others are
    /// published in their place.
    fn stage(&self, mut random: Random) {
        let mut kept: Vec<(Snapshot, Arc<MemoryState>)> = Vec::new();
        while !self.done.load(Ordering::Relaxed) {
            let parent = match kept.last() {
                Some((parent, _)) if random.one_in(3) => parent.clone(),
                _ => self.store.latest(),
            };
            let mut state = (*self.states.get(parent.state_root())).clone();
            let changes = changes(&state, &touches(&mut random));
            let staged = self.store.stage(&parent, &changes, &POOL).expect("staged");
            state.apply(&changes);
            assert_eq!(staged.state_root(), root(&state), "the root of a staged block");
            let state = self.states.insert(staged.state_root(), state);
            kept.push((staged.snapshot(), state));
            if kept.len() > 5 {
                kept.swap_remove(random.below(5) as usize);
            }
            for (snapshot, state) in &kept {
                compare(snapshot, state, &mut random);
                self.compared.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// One line of blocks, of which the newest are dropped now and then.
    fn write(&self, steps: u64, mut random: Random) {
        let mut tip = block(None, self.store.latest().state_root(), 0);
        for step in 1..=steps {
            // Sometimes more blocks wait than the past is long.
            let lazy = step / 150 % 2 == 1;
            match random.below(40) {
                0..8 => self.store.persist().expect("persisted"),
                8..13 if !lazy || random.one_in(15) => self.store.flush().expect("flushed"),
                13 => {
                    let far = if random.one_in(8) { 60 } else { 9 };
                    let height = tip.header.number.saturating_sub(random.below(far));
                    match self.store.rewind(height) {
                        Ok(()) => {
                            let newest = self.store.tip();
                            (tip.header.number, tip.hash) = (newest.height, newest.hash);
                        }
                        Err(StoreError::NotKept { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                _ => tip = self.publish(&tip, step, &mut random),
            }
        }
    }

    fn publish(&self, tip: &BlockRecord, salt: u64, random: &mut Random) -> BlockRecord {
        let parent = self.store.latest();
        let mut state = (*self.states.get(parent.state_root())).clone();
        let changes = changes(&state, &touches(random));
        let staged = self.store.stage(&parent, &changes, &POOL).expect("staged");
        state.apply(&changes);
        let next = block(Some(tip), staged.state_root(), salt);
        if random.one_in(8) {
            assert_eq!(next.header.state_root, root(&state), "the root of block {}", next.header.number);
        }
        self.states.insert(next.header.state_root, state);
        self.store.publish(next.clone(), staged, &POOL).expect("published");
        next
    }
}

fn run(config: &Config, steps: u64, seed: u64) {
    let memory = Path::new("/dev/shm");
    let scratch = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let scratch = scratch.expect("a temporary folder");
    race(&Arena::new(Some(&scratch.path().join("store")), config), steps, seed);
}

fn race(arena: &Arena, steps: u64, seed: u64) {
    println!("FAULTS_SEED={seed}");
    thread::scope(|scope| {
        let mut others = Vec::new();
        for reader in 0..3 {
            others.push(scope.spawn(move || arena.read(Random(seed + 1 + reader))));
        }
        others.push(scope.spawn(move || arena.stage(Random(seed + 10))));
        let writer = scope.spawn(move || arena.write(steps, Random(seed)));
        // A thread that panics ends the others, too.
        while !writer.is_finished() && !others.iter().any(thread::ScopedJoinHandle::is_finished) {
            thread::yield_now();
            thread::park_timeout(std::time::Duration::from_millis(5));
        }
        let written = writer.join();
        arena.done.store(true, Ordering::Relaxed);
        written.expect("the writer");
        others.into_iter().for_each(|other| other.join().expect("a reader"));
    });
    let states = arena.states.0.read().expect("no holder panics").len();
    println!(
        "{} comparisons of {states} states, tip {:?}",
        arena.compared.load(Ordering::Relaxed),
        arena.store.tip()
    );
}

fn config(cache_bytes: u64) -> Config {
    Config {
        cache_bytes,
        history: History::Last(9),
        proofs: History::Last(6),
        max_layers: 3,
        layer_bytes: 1 << 20,
        ..Config::default()
    }
}

#[test]
fn snapshots_stay_right_with_caches_that_hold_next_to_nothing() {
    run(&config(4000), 4000, seed(0x5354_5200));
}

#[test]
fn snapshots_stay_right_with_small_caches() {
    run(&config(120_000), 4000, seed(0x5354_5210));
}

#[test]
fn snapshots_stay_right_with_caches_that_hold_everything() {
    run(&config(64 << 20), 4000, seed(0x5354_5220));
}

#[test]
fn snapshots_stay_right_with_all_of_the_past() {
    let full = Config { history: History::Full, proofs: History::Last(20), ..config(200_000) };
    run(&full, 3000, seed(0x5354_5230));
}

#[test]
fn snapshots_stay_right_in_memory() {
    let config = config(120_000);
    race(&Arena::new(None, &config), 4000, seed(0x5354_5240));
}

#[test]
fn snapshots_stay_right_in_memory_with_all_of_the_past() {
    let config = Config { history: History::Full, proofs: History::Full, ..config(200_000) };
    race(&Arena::new(None, &config), 3000, seed(0x5354_5250));
}

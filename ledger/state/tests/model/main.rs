//! Any sequence of commits, reorganisations, flushes, prunes, crashes and reopenings equals a model in memory.

mod world;

use alloy_primitives::{B256, U256};
use mundi_execution::{MemoryState, StateSnapshot};
use mundi_state::{BlockRecord, Config, History, Snapshot, Store, StoreError};
use proptest::prelude::*;
use rayon::ThreadPool;
use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};
use world::{Touch, address, block, changes, root};

const ADDRESSES: u8 = 40;
const SLOTS: u8 = 24;

/// Height of the block that a store above a foreign state begins with.
const FOREIGN: u64 = 20_000_000;

/// Snapshots that are held at a time, at most.
const HELD: usize = 4;

static POOL: LazyLock<ThreadPool> =
    LazyLock::new(|| rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads start"));

#[derive(Clone, Debug)]
enum Step {
    /// Stage and publish a block; on disk only later.
    Publish(Vec<(u8, Touch)>),
    /// Stage a block that is never published, and one on top of it, this many blocks before the newest.
    Try(u64, Vec<(u8, Touch)>, Vec<(u8, Touch)>),
    Persist,
    Flush,
    /// Stage, publish, persist, flush when it is time.
    Commit(Vec<(u8, Touch)>),
    /// Drop the newest blocks.
    Rewind(u64),
    /// Close and open, where there is something to open.
    Reopen,
    /// Lose what is only in memory: open a copy of the directory as it lies on disk, where there is one.
    Crash,
    /// Compare some kept block wholly.
    Look(u64),
    /// The same, and keep its snapshot: it has to stay as it is whatever comes.
    Hold(u64),
}

fn config(history: History, proofs: History) -> Config {
    Config { cache_bytes: 200_000, history, proofs, max_layers: 3, ..Config::default() }
}

/// Where a store is.
struct Directory {
    path: PathBuf,
    scratch: tempfile::TempDir,
    copies: u32,
}

impl Directory {
    fn new() -> Self {
        // In memory where there is such a place: what is tested here is order, not the disk.
        let memory = Path::new("/dev/shm");
        let scratch = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let scratch = scratch.expect("a temporary directory");
        Self { path: scratch.path().join("0"), scratch, copies: 0 }
    }

    /// Goes on in a copy.
    fn copy(&mut self) {
        self.copies += 1;
        let copy = self.scratch.path().join(self.copies.to_string());
        copy_directory(&self.path, &copy);
        self.path = copy;
    }
}

/// A block of the model, with the state after it.
#[derive(Clone)]
struct ModelBlock {
    record: BlockRecord,
    state: MemoryState,
    /// As the header has it, but for a foreign one.
    root: B256,
}

struct Pair {
    store: Option<Store>,
    blocks: Vec<ModelBlock>,
    config: Config,
    /// None of a store in memory.
    directory: Option<Directory>,
    held: Vec<(Snapshot, ModelBlock, bool)>,
    salt: u64,
}

impl Pair {
    fn new(config: Config, directory: Option<Directory>) -> Self {
        let mut state = MemoryState::new();
        let first =
            [(1, Touch::Pay(5)), (2, Touch::Store(vec![(1, 1), (2, 2), (3, 3)])), (3, Touch::Code(7))];
        let alloc = changes(&state, &first);
        state.apply(&alloc);
        let record = block(None, root(&state), 0);
        let store = match &directory {
            Some(directory) => Store::create(&directory.path, &config, &record, &alloc, &POOL),
            None => Store::in_memory(&config, &record, &alloc, &POOL),
        };
        let store = Some(store.expect("a new store"));
        let root = record.header.state_root;
        Self {
            store,
            blocks: vec![ModelBlock { record, state, root }],
            config,
            directory,
            held: Vec::new(),
            salt: 0,
        }
    }

    /// A store above a block that is known by its header alone.
    fn above(config: Config) -> Self {
        let state = MemoryState::new();
        let mut record = block(None, B256::repeat_byte(7), 0);
        record.header.number = FOREIGN;
        // A chain may hash its headers in another way.
        record.hash = B256::repeat_byte(8);
        let store = Store::above(&config, record.header.clone(), record.hash, &POOL).expect("a new store");
        let root = root(&state);
        Self {
            store: Some(store),
            blocks: vec![ModelBlock { record, state, root }],
            config,
            directory: None,
            held: Vec::new(),
            salt: 0,
        }
    }

    /// Height of the first block.
    fn first(&self) -> u64 {
        self.blocks[0].record.header.number
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("open")
    }

    fn tip(&self) -> &ModelBlock {
        self.blocks.last().expect("the genesis")
    }

    fn next(&mut self, touches: &[(u8, Touch)]) -> (mundi_execution::StateChanges, ModelBlock) {
        let tip = self.tip();
        let changes = changes(&tip.state, touches);
        let mut state = tip.state.clone();
        state.apply(&changes);
        self.salt += 1;
        let root = root(&state);
        let record = block(Some(&self.tip().record), root, self.salt);
        (changes, ModelBlock { record, state, root })
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Publish(touches) => {
                let (changes, block) = self.next(touches);
                let staged = self.store().stage(&self.store().latest(), &changes, &POOL).expect("staged");
                assert_eq!(staged.state_root(), block.record.header.state_root);
                self.store().publish(block.record.clone(), staged, &POOL).expect("published");
                self.blocks.push(block);
            }
            Step::Try(back, first, second) => {
                let newer =
                    self.blocks.split_off(self.blocks.len() - (*back as usize).min(self.blocks.len() - 1));
                self.fork(first, second);
                self.blocks.extend(newer);
            }
            Step::Persist => self.store().persist().expect("persisted"),
            Step::Flush => self.store().flush().expect("flushed"),
            Step::Commit(touches) => {
                let (changes, block) = self.next(touches);
                let got = self.store().commit(block.record.clone(), &changes, &POOL).expect("committed");
                assert_eq!(got, block.record.header.state_root);
                self.blocks.push(block);
            }
            Step::Rewind(blocks) => {
                let keep = (self.blocks.len() as u64 - 1).saturating_sub(*blocks);
                let height = self.first() + keep;
                let old = self.store().latest();
                match self.store().rewind(height) {
                    Ok(()) => {
                        compare(&old, self.tip(), false);
                        self.blocks.truncate(keep as usize + 1);
                    }
                    Err(StoreError::NotKept { oldest, .. }) => {
                        let (values, proofs) = self.store().oldest();
                        assert!(height < oldest && height < values.max(proofs));
                    }
                    Err(error) => panic!("{error}"),
                }
                self.compare_held();
            }
            Step::Reopen | Step::Crash => {
                if let Some(directory) = &mut self.directory {
                    if matches!(step, Step::Crash) {
                        directory.copy();
                    }
                    // A snapshot keeps the directory in use.
                    self.held.clear();
                    self.store = None;
                    self.reopen();
                }
            }
            Step::Look(back) => drop(self.look(*back)),
            Step::Hold(back) => {
                self.held.truncate(HELD - 1);
                if let Some(held) = self.look(*back) {
                    self.held.insert(0, held);
                }
            }
        }
        let tip = self.store().tip();
        let newest = &self.tip().record;
        assert_eq!((tip.height, tip.hash), (newest.header.number, newest.hash));
        compare(&self.store().latest(), self.tip(), false);
    }

    /// Stages a block on the tip of the model, and another one on that one.
    fn fork(&mut self, first: &[(u8, Touch)], second: &[(u8, Touch)]) {
        let height = self.tip().record.header.number;
        let Ok(parent) = self.store().snapshot(height) else {
            assert!(height < self.store().oldest().0);
            return;
        };
        let (one, block) = self.next(first);
        let staged = match self.store().stage(&parent, &one, &POOL) {
            Ok(staged) => staged,
            Err(StoreError::NotKept { oldest, .. }) => return assert!(height < oldest),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(staged.state_root(), block.record.header.state_root);
        compare(&staged.snapshot(), &block, true);
        self.blocks.push(block);
        let (two, block) = self.next(second);
        self.blocks.pop();
        let on_top = self.store().stage(&staged.snapshot(), &two, &POOL).expect("staged");
        assert_eq!(on_top.state_root(), block.record.header.state_root);
        compare(&on_top.snapshot(), &block, true);
        let refused = self.store().publish(block.record, on_top, &POOL);
        assert!(matches!(refused, Err(StoreError::Mismatch { .. })), "its parent is not published");
    }

    fn reopen(&mut self) {
        let persisted = self.blocks.len();
        let directory = &self.directory.as_ref().expect("a store that can be opened").path;
        let store = Store::open(directory, &self.config, &POOL).expect("it opens");
        let height = store.persisted().height;
        assert!(height < persisted as u64);
        self.blocks.truncate(height as usize + 1);
        assert_eq!(store.persisted().hash, self.tip().record.hash);
        self.store = Some(store);
    }

    fn compare_held(&self) {
        self.held.iter().for_each(|(snapshot, block, proofs)| compare(snapshot, block, *proofs));
    }

    fn look(&self, back: u64) -> Option<(Snapshot, ModelBlock, bool)> {
        let (values, proofs) = self.store().oldest();
        let at = (self.blocks.len() as u64 - 1).saturating_sub(back);
        let height = self.first() + at;
        match self.store().snapshot(height) {
            Ok(snapshot) => {
                assert!(height >= values);
                let block = self.blocks[at as usize].clone();
                compare(&snapshot, &block, height >= proofs);
                // All roots are computed again from what is exported. Of a foreign chain there is no genesis.
                if height <= self.store().persisted().height && self.first() == 0 {
                    let mut export = self.store().export_at(height).expect("it is on disk");
                    while export.next_chunk().expect("its roots are right").is_some() {}
                    assert_eq!(export.report().expect("it is done").state_root, block.root);
                }
                Some((snapshot, block, height >= proofs))
            }
            Err(StoreError::NotKept { .. }) => {
                assert!(height < values);
                None
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Every value and, if asked for, every proof of a snapshot is the model's.
fn compare(snapshot: &Snapshot, block: &ModelBlock, proofs: bool) {
    assert_eq!(snapshot.state_root(), block.root);
    for index in 0..ADDRESSES {
        let address = address(index);
        assert_eq!(snapshot.account(&address).unwrap(), block.state.account(&address).unwrap());
        for slot in 0..SLOTS {
            let slot = U256::from(slot);
            assert_eq!(
                snapshot.storage(&address, &slot).unwrap(),
                block.state.storage(&address, &slot).unwrap(),
                "slot {slot} of account {index} at {}",
                snapshot.height()
            );
        }
        if let Some(account) = block.state.account(&address).unwrap()
            && account.has_code()
        {
            assert_eq!(snapshot.code(&account.code_hash).unwrap().hash_slow(), account.code_hash);
        }
        if proofs {
            let slots: Vec<B256> = (0..SLOTS).map(|slot| B256::from(U256::from(slot))).collect();
            let proof = snapshot.proof(address, &slots).unwrap();
            proof.verify(block.root).unwrap();
            assert_eq!(proof.account.is_some(), block.state.account(&address).unwrap().is_some());
            for slot in proof.storage_proof {
                assert_eq!(slot.value, block.state.storage(&address, &slot.key.into()).unwrap());
            }
        }
    }
    // A staged block has no hash yet, and up to two are on top of each other here.
    // Of a store above a foreign block those before it are not known.
    for height in snapshot.height().saturating_sub(60)..snapshot.height().saturating_sub(1) {
        assert!(
            snapshot.block_hash(height).is_ok() || height < 20_000_000 && snapshot.height() >= 20_000_000
        );
    }
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_directory(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target)),
        }
    }
}

fn touch() -> impl Strategy<Value = Touch> {
    let slots = || proptest::collection::vec((0..SLOTS, 0u8..3), 0..10);
    prop_oneof![
        4 => (1u64..1000).prop_map(Touch::Pay),
        4 => slots().prop_map(Touch::Store),
        1 => (0u8..4).prop_map(Touch::Code),
        1 => Just(Touch::Destroy),
        1 => slots().prop_map(Touch::Recreate),
    ]
}

fn touches() -> impl Strategy<Value = Vec<(u8, Touch)>> {
    proptest::collection::vec((0..ADDRESSES, touch()), 0..8)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => touches().prop_map(Step::Publish),
        3 => (0u64..12, touches(), touches()).prop_map(|(back, one, two)| Step::Try(back, one, two)),
        3 => Just(Step::Persist),
        2 => Just(Step::Flush),
        8 => touches().prop_map(Step::Commit),
        2 => (0u64..8).prop_map(Step::Rewind),
        1 => (0u64..40).prop_map(Step::Rewind),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
        4 => (0u64..12).prop_map(Step::Look),
        2 => (0u64..30).prop_map(Step::Hold),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 20..60)
}

fn run(mut pair: Pair, steps: &[Step]) {
    steps.iter().for_each(|step| pair.take(step));
    pair.compare_held();
}

/// The other leaf of a branch is then in the history alone, beside the one that goes.
#[test]
fn a_leaf_deleted_on_a_past_state_is_not_found_in_the_history() {
    let pay = |index| (index, Touch::Pay(1));
    let mut pair = Pair::new(config(History::Full, History::Full), None);
    for (left, right) in (10..ADDRESSES).zip(11..) {
        pair.take(&Step::Commit(vec![pay(left), pay(right)]));
        pair.take(&Step::Commit(vec![(right, Touch::Destroy)]));
        pair.take(&Step::Flush);
        pair.take(&Step::Try(1, vec![(left, Touch::Destroy)], vec![]));
        pair.take(&Step::Commit(vec![pay(right), (left, Touch::Destroy)]));
        pair.take(&Step::Flush);
        pair.take(&Step::Try(1, vec![], vec![(left, Touch::Destroy)]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_equals_its_model(steps in steps()) {
        run(Pair::new(config(History::Last(9), History::Last(6)), Some(Directory::new())), &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_in_memory_equals_its_model(steps in steps()) {
        run(Pair::new(config(History::Last(9), History::Last(6)), None), &steps);
    }

    #[test]
    fn a_store_that_keeps_everything_equals_its_model_at_every_height(steps in steps()) {
        let mut pair = Pair::new(config(History::Full, History::Full), None);
        for step in &steps {
            pair.take(step);
            assert_eq!(pair.store().oldest(), (0, 0), "every height can be read, proven and gone back to");
        }
        (0..pair.blocks.len()).for_each(|back| drop(pair.look(back as u64)));
        pair.compare_held();
    }

    #[test]
    fn a_store_above_a_foreign_block_equals_its_model(steps in steps()) {
        run(Pair::above(config(History::Last(9), History::Last(6))), &steps);
    }
}

//! The states of a block tree in a store on disk.
//!
//! The path to the head is the store's chain: published, and persisted block by block. What is beside it is staged where
//! it forks off, on the store's snapshot of that block, past or present, and not published. A branch that becomes the
//! head makes the store rewind to where it forks off, and is staged and published from there.
//!
//! At the end [`Stored::finish`] compares everything that the store can be asked for with what was put in, closes it,
//! opens it again and compares once more.

use crate::{
    failure::{Reason, expect},
    states::{Record, States},
};
use alloy_consensus::EMPTY_ROOT_HASH;
use alloy_primitives::{Address, B256, U256, map::B256Map};
use mundi_execution::{AccountChange, StateChanges, StateSnapshot};
use mundi_state::{BlockRecord, Config, History, Snapshot, Staged, Store, StoreError, Tip, Watch};
use rayon::ThreadPool;
use std::path::Path;
use tempfile::TempDir;

/// Accounts whose proofs are checked, and slots of each.
const PROVEN: usize = 8;

/// An address that no test uses.
const NOBODY: Address = Address::repeat_byte(0xd1);

/// Where stores are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// Each store gets a folder of its own in here, which goes with it.
    pub(crate) folder: &'a Path,
    /// Lends its threads for roots.
    pub(crate) pool: &'a ThreadPool,
}

/// The states of a block tree in a store on disk.
pub(crate) struct Stored<'a> {
    store: Store,
    pool: &'a ThreadPool,
    blocks: B256Map<Kept>,
    head: B256,
    /// The newest state beside the chain.
    beside: Option<(B256, Snapshot)>,
    /// Goes after the store.
    folder: TempDir,
}

/// What it takes to apply a block again.
struct Kept {
    block: Record,
    changes: StateChanges,
}

/// Everything is kept and little waits in memory, so that short chains too are read from tables and history, and
/// rewound there.
fn config() -> Config {
    Config {
        cache_bytes: 2 << 20,
        history: History::Full,
        proofs: History::Full,
        max_layers: 2,
        layer_bytes: 1 << 20,
        compaction_threads: 1,
    }
}

impl<'a> Stored<'a> {
    /// A tree of the genesis alone, with the state `alloc`, in a store of its own.
    pub(crate) fn create(place: Place<'a>, genesis: &Record, alloc: StateChanges) -> Result<Self, Reason> {
        let folder = TempDir::with_prefix_in("mundi-blocktest-", place.folder)
            .map_err(|error| StoreError::File { path: place.folder.to_path_buf(), error })?;
        let store = Store::create(folder.path(), &config(), genesis, &alloc, place.pool)?;
        let kept = Kept { block: genesis.clone(), changes: alloc };
        let blocks = B256Map::from_iter([(genesis.hash, kept)]);
        Ok(Self { store, pool: place.pool, blocks, head: genesis.hash, beside: None, folder })
    }

    /// Whether a block is on the store's chain, as the store says.
    fn on_chain(&self, hash: &B256) -> Result<Option<u64>, StoreError> {
        self.store.height_of(hash)
    }

    /// Blocks from `hash` down to the first that `stop` gives something for, which is not among them.
    fn path_from<T>(
        &self,
        hash: B256,
        stop: impl Fn(B256) -> Result<Option<T>, Reason>,
    ) -> Result<(Vec<&Kept>, T), Reason> {
        let (mut path, mut at) = (Vec::new(), hash);
        loop {
            if let Some(found) = stop(at)? {
                return Ok((path, found));
            }
            let kept = &self.blocks[&at];
            path.push(kept);
            at = kept.block.header.parent_hash;
        }
    }

    /// Stages a block again; what it gave the first time it has to give this time.
    fn again(&self, state: &Snapshot, kept: &Kept) -> Result<Staged, Reason> {
        let staged = self.store.stage(state, &kept.changes, self.pool)?;
        expect("state root of a block applied again", kept.block.header.state_root, staged.state_root())?;
        Ok(staged)
    }

    fn publish(&self, block: &Record, staged: Staged) -> Result<(), Reason> {
        self.store.publish(BlockRecord::clone(block), staged, self.pool)?;
        Ok(())
    }

    /// Compares all there is with what was put in, closes the store, opens it and compares again. `post` is the state
    /// of the head, as far as the test tells.
    pub(crate) fn finish(mut self, post: Option<&StateChanges>) -> Result<(), Reason> {
        self.compare(post)?;
        let Self { store, folder, .. } = self;
        // A snapshot keeps the engine open.
        self.beside = None;
        drop(store);
        self = Self { store: Store::open(folder.path(), &config(), self.pool)?, folder, ..self };
        self.compare(post)?;
        self.store.flush()?;
        let report = self.store.verify(1, self.pool, Watch::NOBODY)?;
        let found = report.inconsistencies.first().map(ToString::to_string);
        expect("what is wrong with the tables", "nothing", found.as_deref().unwrap_or("nothing"))
    }

    fn compare(&self, post: Option<&StateChanges>) -> Result<(), Reason> {
        self.check(&self.blocks[&self.head].block)?;
        let (path, ()) =
            self.path_from(self.head, |hash| Ok((hash == self.store.genesis()).then_some(())))?;
        let genesis = &self.blocks[&self.store.genesis()];
        for kept in path.iter().copied().chain([genesis]) {
            self.compare_block(&kept.block)?;
            let state = self.store.snapshot(kept.block.header.number)?;
            expect("state root of a past block", kept.block.header.state_root, state.state_root())?;
        }
        for hash in self.blocks.keys() {
            let chain = path.iter().any(|kept| kept.block.hash == *hash) || *hash == genesis.block.hash;
            expect("whether a block is on the chain", chain, self.on_chain(hash)?.is_some())?;
        }
        compare_state(&self.store.snapshot(genesis.block.header.number)?, &genesis.changes)?;
        let latest = self.store.latest();
        match post {
            Some(post) => compare_state(&latest, post),
            // Only the root is known, and it is the header's.
            None => genesis
                .changes
                .accounts
                .iter()
                .take(PROVEN)
                .try_for_each(|change| compare_proof(&latest, change.address, &[])),
        }
    }

    /// Whether the store gives back a block as it was put in, and finds it by its hash and transactions.
    fn compare_block(&self, block: &BlockRecord) -> Result<(), Reason> {
        let height = block.header.number;
        let header = self.store.header(height)?;
        let header = header.map(|stored| (stored.header, stored.hash, stored.total_difficulty));
        let same = header == Some((block.header.clone(), block.hash, block.total_difficulty));
        expect("whether the header comes back", true, same)?;
        let body = self.store.body(height)?.map(|stored| (stored.body, stored.senders));
        expect(
            "whether the body comes back",
            true,
            body == Some((block.body.clone(), block.senders.clone())),
        )?;
        let receipts = self.store.receipts(height)?;
        expect("whether receipts come back", true, receipts.as_ref() == Some(&block.receipts))?;
        let found = self.store.height_of(&block.hash)?;
        expect("whether the block is found by its hash", true, found == Some(height))?;
        for (index, tx) in (0..).zip(&block.body.transactions) {
            let found = self.store.transaction(tx.tx_hash())?;
            expect("whether a transaction is found by its hash", true, found == Some((height, index)))?;
        }
        Ok(())
    }
}

impl States for Stored<'_> {
    type State = Snapshot;
    type Next = Staged;

    fn after(&mut self, block: B256) -> Result<Snapshot, Reason> {
        let known = |hash: B256| {
            if let Some(height) = self.on_chain(&hash)? {
                return Ok(Some(self.store.snapshot(height)?));
            }
            let beside = self.beside.as_ref().filter(|(at, _)| *at == hash);
            Ok(beside.map(|(_, state)| state.clone()))
        };
        let (path, mut state) = self.path_from(block, known)?;
        for kept in path.into_iter().rev() {
            state = self.again(&state, kept)?.snapshot();
        }
        Ok(state)
    }

    fn reader(state: &Snapshot) -> &dyn StateSnapshot {
        state
    }

    fn next(&self, state: Snapshot, changes: &StateChanges) -> Result<Staged, Reason> {
        Ok(self.store.stage(&state, changes, self.pool)?)
    }

    fn root(next: &Staged) -> B256 {
        next.state_root()
    }

    fn state(next: Staged) -> Snapshot {
        next.snapshot()
    }

    fn insert(
        &mut self,
        block: Record,
        changes: StateChanges,
        next: Staged,
        head: bool,
    ) -> Result<(), Reason> {
        let (hash, parent) = (block.hash, block.header.parent_hash);
        self.blocks.insert(hash, Kept { block: Record::clone(&block), changes });
        if !head {
            self.beside = Some((hash, next.snapshot()));
            return Ok(());
        }
        if self.store.tip().hash == parent {
            self.publish(&block, next)?;
        } else {
            let (path, height) = self.path_from(hash, |hash| Ok(self.on_chain(&hash)?))?;
            self.store.rewind(height)?;
            for kept in path.into_iter().rev() {
                let staged = self.again(&self.store.latest(), kept)?;
                self.publish(&kept.block, staged)?;
            }
        }
        self.head = hash;
        self.store.persist()?;
        if self.store.needs_flush() {
            self.store.flush()?;
        }
        Ok(())
    }

    fn check(&self, head: &BlockRecord) -> Result<(), Reason> {
        let expected = Tip { height: head.header.number, hash: head.hash };
        let show = |tip: Tip| format!("{} {}", tip.height, tip.hash);
        expect("tip of the store", show(expected), show(self.store.tip()))?;
        expect("newest block on disk", show(expected), show(self.store.persisted()))?;
        let latest = self.store.latest();
        expect("height of the newest state", head.header.number, latest.height())?;
        expect("root of the newest state", head.header.state_root, latest.state_root())
    }
}

/// Whether a state has all these accounts, slots and codes, and proves some of them, and one that is not there.
fn compare_state(state: &Snapshot, expected: &StateChanges) -> Result<(), Reason> {
    for AccountChange { address, account, storage, .. } in &expected.accounts {
        let got = state.account(address).map_err(unreadable)?;
        if got != *account {
            let (expected, got) = (format!("{account:?}"), format!("{got:?}"));
            return expect("an account of the state", format!("{address} {expected}"), got);
        }
        for (slot, value) in storage {
            expect("a slot of the state", *value, state.storage(address, slot).map_err(unreadable)?)?;
        }
    }
    for (hash, code) in &expected.code {
        let got = state.code(hash).map_err(unreadable)?;
        expect("a code of the state", code.original_bytes(), got.original_bytes())?;
    }
    for AccountChange { address, storage, .. } in expected.accounts.iter().take(PROVEN) {
        compare_proof(state, *address, storage)?;
    }
    compare_proof(state, NOBODY, &[])
}

/// Whether a state proves an account, as it gives it when asked, and some of its slots.
fn compare_proof(state: &Snapshot, address: Address, storage: &[(U256, U256)]) -> Result<(), Reason> {
    let slots: Vec<B256> = storage.iter().take(PROVEN).map(|(slot, _)| B256::from(*slot)).collect();
    let proof = state.proof(address, &slots)?;
    let verified = proof.verify(state.state_root()).err().map(|error| error.to_string());
    expect("what is wrong with a proof", "nothing", verified.as_deref().unwrap_or("nothing"))?;
    let account = state.account(&address).map_err(unreadable)?;
    let proven = proof.account.map(|account| (account.nonce, account.balance, account.code_hash));
    let read = account.map(|account| (account.nonce, account.balance, account.code_hash));
    expect("whether a proof has the account", true, proven == read)?;
    let root = proof.account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
    expect("storage root", state.storage_root(&address)?, root)?;
    for ((_, value), proven) in storage.iter().zip(&proof.storage_proof) {
        expect("value of a proven slot", *value, proven.value)?;
    }
    Ok(())
}

fn unreadable(error: mundi_execution::StateError) -> Reason {
    StoreError::Damaged(error.0).into()
}

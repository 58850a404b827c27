//! Making stores and opening them.

use super::{Origin, Store, Tip, new_caches, new_filter, put_code};
use crate::{
    account::Record,
    block::BlockRecord,
    blocks::{self, StoredHeader},
    config::Config,
    error::StoreError,
    flush::put_values,
    format, journal,
    kv::{Kv, KvOptions, Table},
    medium::{Medium, Site},
    position::Position,
    stage,
    trie::{ACCOUNTS, NodeKey, Source, root_of},
    view::{Announced, Base, Line, View, account_leaf},
};
use alloy_consensus::{EMPTY_ROOT_HASH, Header};
use alloy_primitives::{B256, keccak256};
use alloy_trie::{Nibbles, nodes::LeafNodeRef};
use mundi_execution::StateChanges;
use rayon::ThreadPool;
use std::{
    path::Path,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

impl Store {
    /// Whether a directory, or a simulated disk, holds a store.
    pub fn exists<'p>(medium: impl Into<Medium<'p>>) -> bool {
        medium.into().holds_a_store()
    }

    /// Creates a store whose first block is `genesis`, with the state `alloc`, in a directory or on a simulated disk.
    ///
    /// Errors if there is a store already, or if the header has another state root.
    pub fn create<'p>(
        medium: impl Into<Medium<'p>>,
        config: &Config,
        genesis: &BlockRecord,
        alloc: &StateChanges,
        pool: &ThreadPool,
    ) -> Result<Self, StoreError> {
        let site = medium.into().prepare()?;
        let kv = site.create(kv_options(config))?;
        begin(&kv, config, genesis, alloc, pool)?;
        drop(kv);
        site.finish()?;
        Self::load_from(site, config, pool)
    }

    /// A store whose first block is `genesis`, with the state `alloc`, and that ends with the process: the same in all
    /// but that nothing is written. *Persisted* blocks are those that questions about blocks know.
    ///
    /// Errors if the header has another state root.
    pub fn in_memory(
        config: &Config,
        genesis: &BlockRecord,
        alloc: &StateChanges,
        pool: &ThreadPool,
    ) -> Result<Self, StoreError> {
        let kv = Kv::in_memory();
        begin(&kv, config, genesis, alloc, pool)?;
        Self::load(kv, Origin::Whole, None, config, pool)
    }

    /// A store in memory whose first block is a block of another chain, given by its header and `hash`, and whose state is
    /// somewhere else: here it is empty. Blocks published here are its children by number and parent hash.
    ///
    /// * Snapshots know what blocks of this store have written and nothing else: what is absent may be absent,
    ///   unchanged or deleted. Which of these it is has to be known by whoever reads the foreign state below it.
    /// * State roots are those of what is here, not Ethereum's: a child's header has to name the root that
    ///   [`stage`](Self::stage) computes. So proofs hold against these roots only. The foreign header's root is never
    ///   compared with anything.
    /// * [`header`](Self::header) answers the first block as given, with its difficulty as the total one; it has no body and
    ///   no receipts, and blocks before it have nothing at all. [`oldest_block`](Self::oldest_block) is its child.
    pub fn above(config: &Config, header: Header, hash: B256, pool: &ThreadPool) -> Result<Self, StoreError> {
        let kv = Kv::in_memory();
        let height = header.number;
        let first = StoredHeader { total_difficulty: header.difficulty, header, hash };
        let mut batch = kv.batch();
        blocks::put_header(&mut batch, &first);
        format::put_genesis(&mut batch, hash);
        format::put_blocks_from(&mut batch, height.saturating_add(1));
        Position::first(height, 1).write(&mut batch);
        batch.commit()?;
        Self::load(kv, Origin::Foreign(Box::new(first)), None, config, pool)
    }

    /// Opens the store in a directory, or on a simulated disk, at its newest block, with a root that was checked.
    ///
    /// The root of the tables is compared with its header, and blocks after it are applied again from the journal;
    /// each has to arrive at its header's root.
    pub fn open<'p>(
        medium: impl Into<Medium<'p>>,
        config: &Config,
        pool: &ThreadPool,
    ) -> Result<Self, StoreError> {
        Self::load_from(medium.into().enter()?, config, pool)
    }

    /// Reads all files of a closed store and compares them with their checksums, which [`open`](Self::open) does
    /// only for what it reads. `progress` gets the number of files that are done, and of all.
    pub fn check_files(directory: &Path, progress: impl FnMut(usize, usize)) -> Result<(), StoreError> {
        format::check(directory)?;
        let _lock = format::lock(directory)?;
        Kv::check_files(&format::tables(directory), progress)
    }

    /// Makes a closed store whose write-ahead log is damaged ([`StoreError::Lost`]) end before the damage: the blocks
    /// after it are given up. What is cut off is kept beside the log in files that end in `.lost`.
    ///
    /// Opening may fail nevertheless, if the tables hold some of what is cut off.
    pub fn give_up(directory: &Path) -> Result<(), StoreError> {
        format::check(directory)?;
        let _lock = format::lock(directory)?;
        Kv::give_up(&format::tables(directory))
    }

    pub(crate) fn load_from(site: Site, config: &Config, pool: &ThreadPool) -> Result<Self, StoreError> {
        let kv = site.open(kv_options(config))?;
        Self::load(kv, Origin::Whole, Some(site), config, pool)
    }

    fn load(
        kv: Kv,
        origin: Origin,
        site: Option<Site>,
        config: &Config,
        pool: &ThreadPool,
    ) -> Result<Self, StoreError> {
        let view = kv.view();
        let position = Position::read(&view)?;
        let position = position.ok_or_else(|| StoreError::Damaged("the store has no position".into()))?;
        let genesis = format::genesis(&view)?;
        let flushed = origin.present_header(&view, position.flushed)?;
        let base = Base { kv: kv.view(), seq: 0, height: position.flushed };
        let mut current = first_view(base, origin.root(&view, position.flushed)?, config);
        let root = root_of_tables(&current)?;
        if root != current.root {
            let expected = current.root;
            return Err(StoreError::Damaged(format!(
                "the root of the tables is {root}, block {} has {expected}",
                position.flushed
            )));
        }
        let mut tip = Tip { height: position.flushed, hash: flushed.hash };
        let mut seq = 0;
        for height in position.flushed + 1..=position.persisted {
            let header = origin.present_header(&view, height)?;
            let entry = view.get(Table::Journal, &height.to_be_bytes())?;
            let entry =
                entry.ok_or_else(|| StoreError::Damaged(format!("the journal lacks block {height}")))?;
            seq += 1;
            let layer = pool.install(|| {
                let (works, next_storage) = journal::decode(&entry, &current)?;
                Ok::<_, StoreError>(stage::layer(&current, height, seq, works, next_storage)?.0)
            })?;
            if layer.root != header.header.state_root {
                return Err(StoreError::Damaged(format!(
                    "the journal of block {height} leads to root {}, its header has {}",
                    layer.root, header.header.state_root
                )));
            }
            tip = Tip { height, hash: header.hash };
            let _ = layer.hash.set(tip.hash);
            layer.fill(&current.filter);
            current = current.with(Arc::new(layer));
        }
        // Nothing entered what these layers changed into the caches.
        current.unpublished = 0;
        current.caches = new_caches(config);
        current.announce();
        Ok(Self {
            config: config.clone(),
            kv,
            genesis,
            origin,
            seq: AtomicU64::new(seq + 1),
            next_storage: AtomicU64::new(position.next_storage),
            current: RwLock::new(Arc::new(current)),
            unpersisted: Mutex::default(),
            proofs_from: AtomicU64::new(position.proofs_from),
            values_from: AtomicU64::new(position.values_from),
            disk: Mutex::new(position),
            persisted: RwLock::new(tip),
            _site: site,
        })
    }
}

/// Writes the first block and the state after it.
fn begin(
    kv: &Kv,
    config: &Config,
    genesis: &BlockRecord,
    alloc: &StateChanges,
    pool: &ThreadPool,
) -> Result<(), StoreError> {
    blocks::check_block(genesis)?;
    let height = genesis.header.number;
    let next_storage = AtomicU64::new(1);
    let base = Base { kv: kv.view(), seq: 0, height };
    let empty = first_view(base, EMPTY_ROOT_HASH, config);
    let (mut layer, _) = pool.install(|| {
        let works = stage::works(&empty, alloc, &next_storage)?;
        let works = works.into_iter().map(|(work, _)| work).collect();
        stage::layer(&empty, height, 0, works, next_storage.load(Ordering::Relaxed))
    })?;
    layer.code = alloc.code.clone();
    if layer.root != genesis.header.state_root {
        return Err(StoreError::Mismatch {
            height,
            field: "stateRoot",
            expected: genesis.header.state_root.to_string(),
            got: layer.root.to_string(),
        });
    }
    let position = Position::first(height, layer.next_storage);
    let mut batch = kv.batch();
    put_code(&mut batch, &layer);
    put_values(&mut batch, &[Arc::new(layer)]);
    blocks::put_block(&mut batch, genesis);
    format::put_genesis(&mut batch, genesis.hash);
    position.write(&mut batch);
    batch.commit()
}

pub(crate) const fn kv_options(config: &Config) -> KvOptions {
    KvOptions { cache_bytes: config.cache_bytes / 4, threads: config.compaction_threads }
}

/// A view of the tables alone.
fn first_view(base: Base, root: B256, config: &Config) -> View {
    let caches = new_caches(config);
    let (seq, height) = (base.seq, base.height);
    let line = Line { base_seq: seq, layers: Vec::new(), caches: Arc::clone(&caches) };
    View {
        base: Arc::new(base),
        layers: Vec::new(),
        unpublished: 0,
        filter: new_filter(config),
        caches,
        seq,
        height,
        root,
        past: false,
        announced: Arc::new(Announced(RwLock::new(line))),
    }
}

/// The state root as the tables have it: hashes the node at the top.
fn root_of_tables(view: &View) -> Result<B256, StoreError> {
    if let Some(node) = view.node(&NodeKey::new(ACCOUNTS, Nibbles::new()))? {
        return Ok(root_of(&node.reference()));
    }
    let Some(only) = view.base.kv.scan(Table::Accounts, &[], &[]).next() else { return Ok(EMPTY_ROOT_HASH) };
    let (key, record) = only?;
    let leaf = account_leaf(Record::decode(&record)?);
    Ok(keccak256(alloy_rlp::encode(LeafNodeRef::new(&Nibbles::unpack(&*key), &leaf))))
}

//! The pool itself: its parts, and the bookkeeping that all of its deeds share.

use crate::{
    blobs::Sidecars,
    clock::{Clock, MonotonicClock},
    config::Config,
    events::{DropReason, PoolEvent},
    fees::Slot,
    head::{Context, Head},
    journal::Journal,
    shard::{Shard, Worst},
    transaction::PooledTransaction,
};
use alloy_primitives::{
    Address, B256,
    map::{AddressMap, B256Map},
};
use arc_swap::ArcSwap;
use mundi_chain::ChainSpec;
use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};
use tokio::sync::broadcast;

/// Into how many parts the pool is divided, by sender and by hash. A power of two.
pub(crate) const SHARDS: usize = 64;

/// A shard behind its lock, with a hint of its worst transaction that is read without it.
struct Cell {
    shard: Mutex<Shard>,
    worst: AtomicU64,
}

/// Transactions that wait to be ordered. See the [crate's documentation](crate).
pub struct Mempool {
    pub(crate) config: Config,
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) context: ArcSwap<Context>,
    /// Held while the pool follows the chain, one block at a time.
    pub(crate) following: Mutex<()>,
    cells: Box<[Cell]>,
    hashes: Box<[Mutex<B256Map<Arc<PooledTransaction>>>]>,
    /// What the newest block included.
    pub(crate) lingering: Mutex<B256Map<Arc<PooledTransaction>>>,
    arrivals: AtomicU64,
    transactions: AtomicUsize,
    bytes: AtomicUsize,
    pub(crate) sidecars: Mutex<Sidecars>,
    /// How many transactions in the pool delegate an account.
    authorities: Mutex<AddressMap<usize>>,
    events: broadcast::Sender<PoolEvent>,
    users: broadcast::Sender<Arc<PooledTransaction>>,
    pub(crate) journal: Mutex<Option<Journal>>,
}

impl std::fmt::Debug for Mempool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mempool")
            .field("transactions", &self.transactions)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Mempool {
    /// An empty pool on a chain.
    pub fn new(config: Config, spec: Arc<ChainSpec>, head: Head) -> Self {
        Self::with_clock(config, spec, head, Arc::new(MonotonicClock::default()))
    }

    /// The same with a clock of the caller's.
    pub fn with_clock(config: Config, spec: Arc<ChainSpec>, head: Head, clock: Arc<dyn Clock>) -> Self {
        let (base_fee, blob_base_fee) = (head.base_fee, head.blob_base_fee);
        let cell = |_| {
            let mut shard = Shard::new(&config);
            shard.rebase_line(base_fee, blob_base_fee);
            shard.rebase_tails(base_fee);
            Cell { shard: Mutex::new(shard), worst: AtomicU64::new(u64::MAX) }
        };
        Self {
            cells: (0..SHARDS).map(cell).collect(),
            hashes: (0..SHARDS).map(|_| Mutex::default()).collect(),
            context: ArcSwap::from_pointee(Context::new(&spec, head, 0)),
            following: Mutex::new(()),
            lingering: Mutex::default(),
            arrivals: AtomicU64::new(0),
            transactions: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            sidecars: Mutex::default(),
            authorities: Mutex::default(),
            events: broadcast::Sender::new(config.events.max(1)),
            users: broadcast::Sender::new(config.events.max(1)),
            journal: Mutex::new(None),
            clock,
            spec,
            config,
        }
    }

    /// The limits it was made with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What happens from now on. A subscriber that lags loses the oldest events, and is told how many.
    pub fn subscribe(&self) -> broadcast::Receiver<PoolEvent> {
        self.events.subscribe()
    }

    /// What users of this node sent ([`Origin::is_user`](crate::Origin::is_user)), each time when its turn comes; a sender's in the order of
    /// their nonces. A subscriber that lags loses the oldest, and is told how many: [`Self::users_waiting`] lists them again.
    pub fn subscribe_users(&self) -> broadcast::Receiver<Arc<PooledTransaction>> {
        self.users.subscribe()
    }

    /// Number of transactions and bytes, as the bounds count them.
    pub(crate) fn totals(&self) -> (usize, usize) {
        (self.transactions.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// The shard of an address, locked.
    pub(crate) fn shard_of(&self, address: &Address) -> ShardGuard<'_> {
        self.shard(shard_index(address))
    }

    /// A shard, locked.
    pub(crate) fn shard(&self, index: usize) -> ShardGuard<'_> {
        let cell = &self.cells[index];
        ShardGuard { shard: cell.shard.lock().expect("no holder panics"), worst: &cell.worst }
    }

    pub(crate) fn next_arrival(&self) -> u64 {
        self.arrivals.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes room for transactions, or says that there is none.
    pub(crate) fn reserve(&self, transactions: usize, bytes: usize) -> bool {
        let count = self.transactions.fetch_add(transactions, Ordering::Relaxed) + transactions;
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let fits = count <= self.config.max_transactions && total <= self.config.max_bytes;
        if !fits {
            self.release(transactions, bytes);
        }
        fits
    }

    pub(crate) fn release(&self, transactions: usize, bytes: usize) {
        self.transactions.fetch_sub(transactions, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The shard whose hint promises the worst transaction, if that is worse than `than`.
    pub(crate) fn shard_with_worst(&self, than: Worst) -> Option<usize> {
        let hints = self.cells.iter().map(|cell| cell.worst.load(Ordering::Relaxed));
        let (index, hint) = hints.enumerate().min_by_key(|(_, hint)| *hint)?;
        (hint < hint_of(Some(than))).then_some(index)
    }

    fn hashes(&self, hash: &B256) -> MutexGuard<'_, B256Map<Arc<PooledTransaction>>> {
        self.hashes[usize::from(hash[31]) % SHARDS].lock().expect("no holder panics")
    }

    /// The transaction with this hash, if it is in the pool, or was included in the newest block that the pool knows: the pool
    /// hears of a block a moment before others do, and nobody shall find it nowhere.
    pub fn get(&self, hash: &B256) -> Option<Arc<PooledTransaction>> {
        self.pooled(hash).or_else(|| self.lingering.lock().expect("no holder panics").get(hash).cloned())
    }

    /// The transaction with this hash, if it is in the pool.
    pub(crate) fn pooled(&self, hash: &B256) -> Option<Arc<PooledTransaction>> {
        self.hashes(hash).get(hash).cloned()
    }

    /// Whether a transaction is in the pool.
    pub fn contains(&self, hash: &B256) -> bool {
        self.hashes(hash).contains_key(hash)
    }

    /// Enters a transaction into what is found by hash. The caller holds the lock of the sender's shard.
    pub(crate) fn remember(&self, tx: &Arc<PooledTransaction>) {
        self.hashes(&tx.hash).insert(tx.hash, Arc::clone(tx));
        if tx.sidecar.is_some() {
            self.sidecars.lock().expect("no holder panics").add(tx);
        }
        if !tx.authorities.is_empty() {
            let mut authorities = self.authorities.lock().expect("no holder panics");
            for authority in &tx.authorities {
                *authorities.entry(*authority).or_default() += 1;
            }
        }
    }

    /// The opposite of [`Self::remember`], with its reason told. Room is given back. The caller holds the lock of the
    /// sender's shard.
    pub(crate) fn forget(&self, tx: &Arc<PooledTransaction>, reason: DropReason) {
        if reason == DropReason::Included {
            self.lingering.lock().expect("no holder panics").insert(tx.hash, Arc::clone(tx));
        }
        self.forget_quietly(tx, reason);
        self.release(1, tx.size());
        self.tell(PoolEvent::Dropped { hash: tx.hash, reason });
    }

    /// The same without a word and without the room.
    pub(crate) fn forget_quietly(&self, tx: &PooledTransaction, reason: DropReason) {
        self.hashes(&tx.hash).remove(&tx.hash);
        if tx.sidecar.is_some() {
            let mut sidecars = self.sidecars.lock().expect("no holder panics");
            match reason {
                DropReason::Included => sidecars.included(&tx.hash, self.config.included_blobs),
                _ => sidecars.remove(&tx.hash),
            }
        }
        if !tx.authorities.is_empty() {
            let mut authorities = self.authorities.lock().expect("no holder panics");
            for authority in &tx.authorities {
                if let Some(count) = authorities.get_mut(authority) {
                    *count -= 1;
                    if *count == 0 {
                        authorities.remove(authority);
                    }
                }
            }
        }
    }

    /// Whether a transaction in the pool delegates this account.
    pub(crate) fn is_authority(&self, address: &Address) -> bool {
        self.authorities.lock().expect("no holder panics").contains_key(address)
    }

    pub(crate) fn tell(&self, event: PoolEvent) {
        // Nobody listening is no error.
        if let PoolEvent::Pending(tx) = &event
            && tx.signed
            && tx.origin.is_user()
        {
            let _ = self.users.send(Arc::clone(tx));
        }
        let _ = self.events.send(event);
    }

    /// Changes a sender's queue, and tells whose turn has come or has to wait again.
    pub(crate) fn change<T>(
        &self,
        shard: &mut Shard,
        slot: Slot,
        change: impl FnOnce(&mut crate::sender::Sender) -> T,
    ) -> T {
        let mut moves = (0, 0);
        let mut turned: Vec<PoolEvent> = Vec::new();
        let result = shard.change(slot, |sender| {
            moves.0 = sender.pending_end();
            let result = change(sender);
            moves.1 = sender.pending_end();
            let came = sender.between(moves.0..moves.1);
            turned.extend(came.map(|entry| PoolEvent::Pending(Arc::clone(&entry.tx))));
            let waits = sender.between(moves.1..moves.0);
            turned.extend(waits.map(|entry| PoolEvent::Queued(Arc::clone(&entry.tx))));
            result
        });
        turned.into_iter().for_each(|event| self.tell(event));
        result
    }
}

/// Which shard an address belongs to.
pub(crate) fn shard_index(address: &Address) -> usize {
    usize::from(address[19]) % SHARDS
}

/// A locked shard; its hint is renewed when the lock is released.
pub(crate) struct ShardGuard<'a> {
    shard: MutexGuard<'a, Shard>,
    worst: &'a AtomicU64,
}

impl Deref for ShardGuard<'_> {
    type Target = Shard;

    fn deref(&self) -> &Shard {
        &self.shard
    }
}

impl DerefMut for ShardGuard<'_> {
    fn deref_mut(&mut self) -> &mut Shard {
        &mut self.shard
    }
}

impl Drop for ShardGuard<'_> {
    fn drop(&mut self) {
        if let Some(worst) = self.shard.news_of_worst() {
            self.worst.store(hint_of(worst), Ordering::Relaxed);
        }
    }
}

/// A number in the order of [`Worst`]; the greatest for none.
fn hint_of(worst: Option<Worst>) -> u64 {
    const ZERO: i128 = 1 << 61;
    worst.map_or(u64::MAX, |Worst { pending, tip }| {
        let tip = u64::try_from((tip + ZERO).clamp(0, 2 * ZERO - 1)).expect("clamped");
        (u64::from(pending) << 62) | tip
    })
}

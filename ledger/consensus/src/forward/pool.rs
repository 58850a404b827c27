//! A mempool as the forwarder sees it.

use super::{Intake, Outbox, Sent, Standing, Verdict};
use alloy_primitives::{B256, Bytes};
use commonware_utils::channel::oneshot;
use mundi_mempool::{Mempool, Origin, PoolError, PooledTransaction, Progress};
use rayon::ThreadPool;
use std::sync::Arc;
use tokio::sync::broadcast::{
    Receiver,
    error::{RecvError, TryRecvError},
};

/// Most transactions that are heard of at a time.
const MAX_SENT: usize = 1_024;

/// On which threads the pool is put to work.
#[derive(Clone, Debug)]
pub enum Workers {
    /// On the forwarder's own, which waits: for simulations, where everything has its place in one order.
    InPlace,
    /// On these.
    Threads(Arc<ThreadPool>),
}

impl Workers {
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(Option<&ThreadPool>) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (answer, receiver) = oneshot::channel();
        // Who does not listen any more does not miss it.
        match self {
            Self::InPlace => _ = answer.send(work(None)),
            Self::Threads(threads) => {
                let pool = Arc::clone(threads);
                threads.spawn(move || _ = answer.send(work(Some(&pool))));
            }
        }
        receiver
    }
}

/// What users sent to a mempool.
#[derive(Debug)]
pub struct PoolOutbox {
    pool: Arc<Mempool>,
    users: Receiver<Arc<PooledTransaction>>,
    workers: Workers,
}

impl PoolOutbox {
    /// What users send from now on; what they sent before is listed.
    pub fn new(pool: Arc<Mempool>, workers: Workers) -> Self {
        Self { users: pool.subscribe_users(), pool, workers }
    }
}

impl Outbox for PoolOutbox {
    async fn next(&mut self) -> Option<Sent> {
        let mut sent = Sent::default();
        match self.users.recv().await {
            Ok(tx) => sent.transactions.push(tx.hash()),
            Err(RecvError::Lagged(missed)) => sent.missed += missed,
            Err(RecvError::Closed) => return None,
        }
        // What is there already comes with it. Nothing is awaited any more, so nothing can be lost.
        while sent.transactions.len() < MAX_SENT {
            match self.users.try_recv() {
                Ok(tx) => sent.transactions.push(tx.hash()),
                Err(TryRecvError::Lagged(missed)) => sent.missed += missed,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        Some(sent)
    }

    fn list(&mut self, limit: usize) -> oneshot::Receiver<Vec<B256>> {
        let pool = Arc::clone(&self.pool);
        self.workers.run(move |_| pool.users_waiting(limit).iter().map(|tx| tx.hash()).collect())
    }

    fn standing(&self, hash: &B256) -> Standing {
        match self.pool.progress(hash) {
            Some(Progress::Waiting) => Standing::Waiting,
            Some(Progress::InFlight | Progress::Queued) => Standing::Held,
            None => Standing::Gone,
        }
    }

    fn encoded(&self, hash: &B256) -> Option<Bytes> {
        self.pool.get(hash).map(|tx| tx.network_encoded())
    }
}

/// A mempool that takes what other nodes' users sent.
#[derive(Clone, Debug)]
pub struct PoolIntake {
    pool: Arc<Mempool>,
    workers: Workers,
}

impl PoolIntake {
    /// Transactions go to this pool, and are checked by these threads.
    pub const fn new(pool: Arc<Mempool>, workers: Workers) -> Self {
        Self { pool, workers }
    }
}

impl Intake for PoolIntake {
    fn take(&mut self, transactions: Vec<Bytes>) -> oneshot::Receiver<Vec<Verdict>> {
        let pool = Arc::clone(&self.pool);
        self.workers.run(move |threads| {
            let results = match threads {
                Some(threads) => pool.submit_batch(&transactions, Origin::Peer, threads),
                None => transactions.iter().map(|tx| pool.submit_raw(tx, Origin::Peer)).collect(),
            };
            results.into_iter().map(verdict).collect()
        })
    }

    fn contains(&self, hash: &B256) -> bool {
        self.pool.contains(hash)
    }
}

/// A pool of an honest node has checked what cannot depend on the state, the fees or the time.
fn verdict(result: Result<B256, PoolError>) -> Verdict {
    match result {
        Ok(hash) | Err(PoolError::AlreadyKnown(hash)) => Verdict::Taken(hash),
        Err(
            PoolError::Decode(_)
            | PoolError::NotCanonical(_)
            | PoolError::Sender(_)
            | PoolError::Sidecar(_)
            | PoolError::ChainId { .. },
        ) => Verdict::Garbage,
        Err(_) => Verdict::Refused,
    }
}

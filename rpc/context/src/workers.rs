//! Threads for methods, apart from those that make blocks.

use crate::error::RpcError;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};
use tokio::sync::{Semaphore, oneshot};

/// What a method needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cost {
    /// Microseconds: answered on the thread that received the request.
    Light,
    /// Reads blocks or states: runs on the workers.
    Read,
    /// Executes transactions: runs on the workers, fewer at a time, so that reads get through.
    Execute,
}

/// A bounded pool for methods.
#[derive(Clone, Debug)]
pub struct Workers {
    pool: Arc<rayon::ThreadPool>,
    read: Arc<Semaphore>,
    execute: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    most_waiting: usize,
}

impl Workers {
    /// Runs methods on `pool`: as many reads at a time as it has threads, about half as many executions. At most `most_waiting`
    /// calls wait; more are refused.
    pub fn new(pool: Arc<rayon::ThreadPool>, most_waiting: usize) -> Self {
        let threads = pool.current_num_threads();
        Self {
            pool,
            read: Arc::new(Semaphore::new(threads)),
            execute: Arc::new(Semaphore::new(threads.div_ceil(2))),
            waiting: Arc::default(),
            most_waiting,
        }
    }

    /// The threads themselves, for work that a method splits up.
    pub const fn pool(&self) -> &Arc<rayon::ThreadPool> {
        &self.pool
    }

    /// Calls that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Runs `work` where its cost allows.
    pub async fn run<T: Send + 'static>(
        &self,
        cost: Cost,
        work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let permits = match cost {
            Cost::Light => return work(),
            Cost::Read => &self.read,
            Cost::Execute => &self.execute,
        };
        if self.waiting.fetch_add(1, Relaxed) >= self.most_waiting {
            self.waiting.fetch_sub(1, Relaxed);
            return Err(RpcError::limit("the node has too many requests waiting; try again later"));
        }
        let waiting = Waiting(&self.waiting);
        let permit = Arc::clone(permits).acquire_owned().await.map_err(RpcError::internal)?;
        drop(waiting);
        let (reply, answer) = oneshot::channel();
        self.pool.spawn(move || {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            drop(permit);
            let _ = reply.send(result);
        });
        match answer.await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(RpcError::internal("the method failed; this is a fault of the node")),
        }
    }
}

/// Counted until dropped, also when the client goes away while it waits.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

//! Threads lent by a pool for the length of a block, or less.
//!
//! A scope of the pool would make the caller wait for helpers that have not even started when the block is
//! done, and a sleeping thread may take longer to wake than a small block lasts. So a helper that comes too late is
//! turned away at the door.
//!
//! # Invariant
//!
//! Borrowed work is touched only between [`Door::enter`] and [`Door::leave`], and [`Helpers::drop`] shuts the
//! door and waits until nobody is inside. So no borrow outlives the `Helpers` that hold it.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

type Work<'w> = dyn Fn() + Sync + 'w;

/// Lends threads of a pool to one piece of work.
pub(crate) struct Helpers<'w> {
    pool: &'w rayon::ThreadPool,
    door: Arc<Door>,
    /// The work, with its lifetime taken off; see the invariant.
    work: &'static Work<'static>,
}

struct Door {
    inside: Mutex<Inside>,
    left: Condvar,
}

struct Inside {
    open: bool,
    helpers: usize,
}

impl Door {
    fn enter(&self) -> bool {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.helpers += usize::from(inside.open);
        inside.open
    }

    fn leave(&self) {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).helpers -= 1;
        self.left.notify_all();
    }
}

impl<'w> Helpers<'w> {
    /// Nobody helps yet. `work` is run once by each helper; it must not panic.
    pub(crate) fn new(pool: &'w rayon::ThreadPool, work: &'w Work<'w>) -> Self {
        // SAFETY: only the lifetime changes. Helpers call the work only inside the door, and `drop` does not
        // return, nor does `'w` end before it, while anybody is inside.
        let work = unsafe { mem::transmute::<&'w Work<'w>, &'static Work<'static>>(work) };
        let inside = Mutex::new(Inside { open: true, helpers: 0 });
        Self { pool, door: Arc::new(Door { inside, left: Condvar::new() }), work }
    }

    /// Asks the pool for one more helper.
    pub(crate) fn call(&self) {
        let (door, work) = (Arc::clone(&self.door), self.work);
        self.pool.spawn(move || {
            if door.enter() {
                // Leave in any case, or the caller would wait for ever.
                struct Leave<'d>(&'d Door);
                impl Drop for Leave<'_> {
                    fn drop(&mut self) {
                        self.0.leave();
                    }
                }
                let _leave = Leave(&door);
                work();
            }
        });
    }
}

/// Does the parts `0..parts` of a piece of work with up to `threads` threads, the caller's included. A busy pool makes
/// nobody wait: the caller does what nobody else does. A part that panics is left undone.
pub(crate) fn share(pool: &rayon::ThreadPool, threads: usize, parts: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let run = || {
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return;
            }
            let _ = catch_unwind(AssertUnwindSafe(|| work(part)));
        }
    };
    let helpers = Helpers::new(pool, &run);
    (1..threads.min(parts)).for_each(|_| helpers.call());
    run();
}

impl Drop for Helpers<'_> {
    fn drop(&mut self) {
        let mut inside = self.door.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.open = false;
        while inside.helpers > 0 {
            inside = self.door.left.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn work_is_over_when_the_helpers_are_gone() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads can be started");
        for _ in 0..2_000 {
            let (started, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let work = || {
                started.fetch_add(1, Ordering::SeqCst);
                std::thread::yield_now();
                ended.fetch_add(1, Ordering::SeqCst);
            };
            let helpers = Helpers::new(&pool, &work);
            (0..4).for_each(|_| helpers.call());
            drop(helpers);
            assert_eq!(started.load(Ordering::SeqCst), ended.load(Ordering::SeqCst));
            assert!(ended.load(Ordering::SeqCst) <= 4);
        }
    }

    #[test]
    fn a_busy_pool_keeps_nobody_waiting() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread can be started");
        let (release, wait) = std::sync::mpsc::channel::<()>();
        pool.spawn(move || wait.recv().expect("released below"));
        let called = AtomicUsize::new(0);
        let work = || {
            called.fetch_add(1, Ordering::SeqCst);
        };
        let helpers = Helpers::new(&pool, &work);
        helpers.call();
        drop(helpers);
        assert_eq!(called.load(Ordering::SeqCst), 0, "the only thread was busy until after the end");
        release.send(()).expect("the pool listens");
    }
}

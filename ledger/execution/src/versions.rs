//! The versions of one value: a list that many threads read and extend without a lock.
//!
//! # Promises
//!
//! * Versions are ordered by step, newest first; among equal steps the one inserted last comes first.
//! * A version, once inserted, is never removed or changed, only declared [dead](Version::kill); readers skip
//!   dead ones.
//! * Reading is wait-free but for the length of the list; inserting is lock-free.
//!
//! # Invariant
//!
//! Every version is borrowed for `'a`, the life of the block's arenas, which outlives every list and reader.
//! So a pointer found in a list is valid for `'a`, and no memory is reclaimed while a reader could hold it.

use crate::sync::{AtomicBool, AtomicPtr, Ordering};
use std::{marker::PhantomData, ptr, sync::OnceLock};

/// A value as of one step of the block.
#[derive(Debug)]
pub(crate) struct Version<'a, E> {
    /// 0 before the transactions, `i + 1` for transaction `i`, their number plus one after them.
    pub(crate) step: u32,
    pub(crate) effect: E,
    dead: AtomicBool,
    next: AtomicPtr<Version<'a, E>>,
}

impl<E> Version<'_, E> {
    pub(crate) fn new(step: u32, effect: E) -> Self {
        Self { step, effect, dead: AtomicBool::new(false), next: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Takes the version back: its execution was thrown away.
    pub(crate) fn kill(&self) {
        self.dead.store(true, Ordering::Release);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }
}

/// The versions of one value, newest first.
#[derive(Debug)]
pub(crate) struct Versions<'a, E> {
    head: AtomicPtr<Version<'a, E>>,
    /// Versions known beforehand, oldest first. There may be very many, so they are searched and not walked.
    seeds: OnceLock<&'a [&'a Version<'a, E>]>,
    versions: PhantomData<&'a Version<'a, E>>,
}

impl<'a, E> Versions<'a, E> {
    pub(crate) fn new() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()), seeds: OnceLock::new(), versions: PhantomData }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Ordering::Acquire).is_null()
    }

    /// Inserts a version, which must not be in a list yet. Whether it is the first of this list.
    pub(crate) fn insert(&self, version: &'a Version<'a, E>) -> bool {
        let new = ptr::from_ref(version).cast_mut();
        loop {
            let mut link = &self.head;
            let mut at = link.load(Ordering::Acquire);
            // SAFETY: pointers in the list come from `insert`, so they are valid for `'a`.
            while let Some(found) = unsafe { at.as_ref() } {
                if found.step <= version.step {
                    break;
                }
                link = &found.next;
                at = link.load(Ordering::Acquire);
            }
            version.next.store(at, Ordering::Relaxed);
            // Nothing is ever unlinked, so an unchanged link means an unchanged place in the order.
            if link.compare_exchange(at, new, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return at.is_null() && ptr::eq(link, &self.head);
            }
        }
    }

    /// Puts versions known beforehand in place, oldest first, once. They die in order of their steps.
    pub(crate) fn seed(&self, seeds: &'a [&'a Version<'a, E>]) {
        let _ = self.seeds.set(seeds);
    }

    /// Live versions older than `step`, newest first, without the seeds.
    pub(crate) fn before(&self, step: u32) -> Before<'a, E> {
        Before { at: self.head.load(Ordering::Acquire), step, versions: PhantomData }
    }

    /// The newest live version older than `step`.
    pub(crate) fn newest_before(&self, step: u32) -> Option<&'a Version<'a, E>> {
        let newest = self.before(step).next();
        let Some(seeds) = self.seeds.get() else { return newest };
        // If the last seed before the step is dead, so are all before it.
        let last = seeds[..seeds.partition_point(|seed| seed.step < step)].last();
        let seed = last.copied().filter(|seed| !seed.is_dead());
        seed.filter(|seed| newest.is_none_or(|newest| newest.step < seed.step)).or(newest)
    }
}

/// Iterator over live versions older than a step.
#[derive(Debug)]
pub(crate) struct Before<'a, E> {
    at: *mut Version<'a, E>,
    step: u32,
    versions: PhantomData<&'a Version<'a, E>>,
}

impl<'a, E> Iterator for Before<'a, E> {
    type Item = &'a Version<'a, E>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // SAFETY: pointers in the list come from `insert`, so they are valid for `'a`.
            let version = unsafe { self.at.as_ref() }?;
            self.at = version.next.load(Ordering::Acquire);
            if version.step < self.step && !version.is_dead() {
                return Some(version);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leak(step: u32, value: u32) -> &'static Version<'static, u32> {
        Box::leak(Box::new(Version::new(step, value)))
    }

    #[cfg(not(feature = "loom"))]
    #[test]
    fn reads_see_the_newest_live_version_before_their_step() {
        let list = Versions::new();
        assert!(list.is_empty());
        for step in [3, 1, 7, 5] {
            list.insert(leak(step, step * 10));
        }
        let dead = leak(4, 40);
        list.insert(dead);
        assert_eq!(list.newest_before(5).map(|v| v.effect), Some(40));
        dead.kill();
        assert_eq!(list.newest_before(5).map(|v| v.effect), Some(30));
        assert_eq!(list.newest_before(1).map(|v| v.effect), None);
        assert_eq!(list.before(8).map(|v| v.step).collect::<Vec<_>>(), [7, 5, 3, 1]);
        list.insert(leak(7, 71));
        assert_eq!(list.newest_before(8).map(|v| v.effect), Some(71), "the later of equal steps wins");
    }

    /// Run with `cargo test -p mundi-execution --features loom --lib`.
    #[cfg(feature = "loom")]
    #[test]
    fn concurrent_inserts_and_reads_keep_order_and_lose_nothing() {
        loom::model(|| {
            let list: &'static Versions<'static, u32> = Box::leak(Box::new(Versions::new()));
            let writers: Vec<_> = [2_u32, 1]
                .into_iter()
                .map(|step| loom::thread::spawn(move || list.insert(leak(step, step))))
                .collect();
            // A reader in the middle sees a prefix of the truth, in order.
            let seen: Vec<u32> = list.before(9).map(|v| v.step).collect();
            assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "{seen:?}");
            for writer in writers {
                writer.join().expect("no panic");
            }
            assert_eq!(list.before(9).map(|v| v.step).collect::<Vec<_>>(), [2, 1]);
        });
    }

    #[cfg(feature = "loom")]
    #[test]
    fn a_killed_version_is_not_read_after_its_death_is_known() {
        loom::model(|| {
            let list: &'static Versions<'static, u32> = Box::leak(Box::new(Versions::new()));
            let first = leak(1, 10);
            list.insert(first);
            let replaced = loom::thread::spawn(move || {
                first.kill();
                list.insert(leak(1, 11));
            });
            let seen = list.newest_before(2).map(|v| v.effect);
            assert!(matches!(seen, None | Some(10 | 11)));
            replaced.join().expect("no panic");
            assert_eq!(list.newest_before(2).map(|v| v.effect), Some(11));
        });
    }
}

//! Long work that is watched, and may be ended.

use crate::error::StoreError;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far long work over a whole state is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StateProgress {
    /// Accounts done.
    pub accounts: u64,
    /// Slots done.
    pub slots: u64,
    /// About how much is done, from 0 to 1: the part of the space of account keys.
    pub share: f64,
}

/// Who watches long work. Both are called often, from any thread, and should be quick.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Told how far the work is.
    pub progress: &'a (dyn Fn(&StateProgress) + Sync),
    /// Asked whether to stop; the work then ends with [`StoreError::Cancelled`].
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl Watch<'static> {
    /// Nobody watches.
    pub const NOBODY: Self = Self { progress: &|_| {}, cancelled: &|| false };
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// Leaves between two looks at the watch.
const STRIDE: u64 = 4096;

/// Counts what is done, on any thread.
pub(crate) struct Meter<'a> {
    watch: Watch<'a>,
    accounts: AtomicU64,
    slots: AtomicU64,
    /// In 2^-16ths.
    share: AtomicU64,
}

impl<'a> Meter<'a> {
    pub(crate) const fn new(watch: Watch<'a>) -> Self {
        Self { watch, accounts: AtomicU64::new(0), slots: AtomicU64::new(0), share: AtomicU64::new(0) }
    }

    /// One more account.
    pub(crate) fn account(&self) -> Result<(), StoreError> {
        let before = self.accounts.fetch_add(1, Ordering::Relaxed);
        if before.is_multiple_of(STRIDE) { self.look() } else { Ok(()) }
    }

    /// One more slot.
    pub(crate) fn slot(&self) -> Result<(), StoreError> {
        let before = self.slots.fetch_add(1, Ordering::Relaxed);
        if before.is_multiple_of(STRIDE) { self.look() } else { Ok(()) }
    }

    /// Adds to what is done of the account keys, in 2^-16ths of all.
    pub(crate) fn advance(&self, by: u16) {
        self.share.fetch_add(by.into(), Ordering::Relaxed);
    }

    /// Says which account key the work has arrived at, in ascending order.
    pub(crate) fn at(&self, key: &[u8; 32]) {
        self.share.store(u16::from_be_bytes([key[0], key[1]]).into(), Ordering::Relaxed);
    }

    /// Reports, and ends the work if that is wanted.
    pub(crate) fn look(&self) -> Result<(), StoreError> {
        (self.watch.progress)(&self.progress());
        if (self.watch.cancelled)() { Err(StoreError::Cancelled) } else { Ok(()) }
    }

    /// How far the work is.
    pub(crate) fn progress(&self) -> StateProgress {
        StateProgress {
            accounts: self.accounts.load(Ordering::Relaxed),
            slots: self.slots.load(Ordering::Relaxed),
            share: (self.share.load(Ordering::Relaxed) as f64 / 65536.0).min(1.0),
        }
    }
}

//! Validators that propose what they must not, and validators that are slow.

use crate::{
    faults::{Counters, Fault},
    meddler::nothing,
};
use alloy_primitives::{B256, Bytes};
use mundi_consensus::{
    Beacon,
    bft::{Conduct, Draft},
};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// A way of proposing what breaks the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Bytes that are no transaction, or more than one.
    Bytes,
    /// A block with another hash than it has.
    Anchor,
    /// The randomness of another payload.
    Beacon,
    /// A time before the parent's.
    Early,
    /// A time that no clock shows.
    Late,
    /// Transactions although execution is too far behind: only where it is, and then before all others.
    Lag,
}

impl Lie {
    /// All ways, in the order in which a liar takes them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Bytes, Self::Anchor, Self::Beacon, Self::Early, Self::Late, Self::Lag];

    const fn fault(self) -> Fault {
        match self {
            Self::Bytes => Fault::BadBytes,
            Self::Anchor => Fault::BadAnchor,
            Self::Beacon => Fault::BadBeacon,
            Self::Early | Self::Late => Fault::BadTime,
            Self::Lag => Fault::BadLag,
        }
    }
}

/// Milliseconds by which a payload's time is wrong.
const OFF: u64 = 3_600_000;

/// How a validator differs from the others.
#[derive(Debug)]
pub(crate) struct Manner {
    counters: Counters,
    /// As the rules have it.
    max_lag: u64,
    /// Milliseconds that a payload takes to execute.
    slow: AtomicU64,
    /// The ways in which its proposals break the rules, in turn.
    lies: Vec<Lie>,
    /// Whether it votes for proposals that do.
    tolerates: AtomicBool,
    proposals: AtomicUsize,
    beacon: Mutex<Option<Beacon>>,
    /// Transactions that are sent when none may be.
    stash: Mutex<Vec<Bytes>>,
}

impl Manner {
    /// Of a validator that is not slow. One that lies votes for the lies of others.
    pub(crate) fn new(counters: Counters, max_lag: u64, lies: Vec<Lie>) -> Self {
        Self {
            counters,
            max_lag,
            slow: AtomicU64::default(),
            tolerates: AtomicBool::new(!lies.is_empty()),
            lies,
            proposals: AtomicUsize::default(),
            beacon: Mutex::default(),
            stash: Mutex::default(),
        }
    }

    /// How many milliseconds a payload takes to execute from now on.
    pub(crate) fn set_slow(&self, millis: u64) {
        self.slow.store(millis, Relaxed);
    }

    /// Makes it vote for proposals that break the rules.
    #[cfg(test)]
    pub(crate) fn tolerate(&self) {
        self.tolerates.store(true, Relaxed);
    }

    /// The next way of lying that is possible.
    fn next_lie(&self, is_behind: bool) -> Option<Lie> {
        if is_behind && self.lies.contains(&Lie::Lag) {
            return Some(Lie::Lag);
        }
        let number = self.proposals.fetch_add(1, Relaxed);
        self.lies.get(number % self.lies.len().max(1)).copied().filter(|lie| *lie != Lie::Lag)
    }
}

impl Conduct for Manner {
    fn labour(&self, _: u32) -> Duration {
        let millis = self.slow.load(Relaxed);
        if millis > 0 {
            self.counters.add(Fault::SlowNode);
        }
        Duration::from_millis(millis)
    }

    fn propose(&self, draft: &mut Draft) {
        let mut stash = self.stash.lock().expect("no holder panics");
        if !draft.transactions.is_empty() {
            stash.clone_from(&draft.transactions);
        }
        let before =
            std::mem::replace(&mut *self.beacon.lock().expect("no holder panics"), draft.beacon.clone());
        let is_behind = draft.height - draft.anchor.height > self.max_lag && !stash.is_empty();
        let Some(lie) = self.next_lie(is_behind) else { return };
        match lie {
            Lie::Bytes => {
                let garbage = Bytes::from_static(&[2, 0xc0, 1, 2, 3]);
                // One that is almost right: bytes after its end.
                let longer = draft.transactions.first().map(|tx| [tx.as_ref(), &[0]].concat().into());
                draft.transactions.push(longer.unwrap_or(garbage));
            }
            Lie::Anchor => draft.anchor.hash = B256::from(nothing(draft.anchor.hash.as_slice())),
            Lie::Beacon => draft.beacon = before,
            Lie::Early => draft.time = draft.time.saturating_sub(OFF),
            Lie::Late => draft.time += OFF,
            Lie::Lag => draft.transactions.clone_from(&stash),
        }
        self.counters.add(lie.fault());
    }

    fn tolerates(&self) -> bool {
        self.tolerates.load(Relaxed)
    }
}

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
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// The ways of proposing what breaks the rules.
const LIES: [Fault; 5] = [Fault::BadBytes, Fault::BadAnchor, Fault::BadBeacon, Fault::BadTime, Fault::BadLag];

/// Milliseconds by which a payload's time is wrong.
const OFF: u64 = 3_600_000;

/// How a validator differs from the others.
#[derive(Debug)]
pub(crate) struct Manner {
    pub(crate) counters: Counters,
    /// Milliseconds that a payload takes to execute. Shared with whoever simulates.
    pub(crate) slow: Arc<AtomicU64>,
    /// Whether it proposes what breaks the rules, each time in another way.
    pub(crate) lies: bool,
    /// Whether it votes for such payloads.
    pub(crate) tolerates: bool,
    /// As the rules have it.
    pub(crate) max_lag: u64,
    pub(crate) proposals: AtomicU64,
    pub(crate) beacon: Mutex<Option<Beacon>>,
    /// Transactions that are sent when none may be.
    pub(crate) stash: Mutex<Vec<Bytes>>,
}

impl Manner {
    /// Of a validator that is not slow, and a liar or none.
    pub(crate) fn new(counters: Counters, max_lag: u64, lies: bool) -> Self {
        Self {
            counters,
            slow: Arc::default(),
            lies,
            tolerates: lies,
            max_lag,
            proposals: AtomicU64::default(),
            beacon: Mutex::default(),
            stash: Mutex::default(),
        }
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
        if !self.lies {
            return;
        }
        let mut stash = self.stash.lock().expect("no holder panics");
        if !draft.transactions.is_empty() {
            stash.clone_from(&draft.transactions);
        }
        let before =
            std::mem::replace(&mut *self.beacon.lock().expect("no holder panics"), draft.beacon.clone());
        if draft.height - draft.anchor.height > self.max_lag && !stash.is_empty() {
            self.counters.add(Fault::BadLag);
            draft.transactions.clone_from(&stash);
            return;
        }
        let number = self.proposals.fetch_add(1, Relaxed);
        let lie = LIES[usize::try_from(number).unwrap_or_default() % LIES.len()];
        match lie {
            Fault::BadBytes => {
                let garbage = Bytes::from_static(&[2, 0xc0, 1, 2, 3]);
                // One that is almost right: bytes after its end.
                let longer = draft.transactions.first().map(|tx| [tx.as_ref(), &[0]].concat().into());
                draft.transactions.push(longer.unwrap_or(garbage));
            }
            Fault::BadAnchor => draft.anchor.hash = B256::from(nothing(draft.anchor.hash.as_slice())),
            Fault::BadBeacon => draft.beacon = before,
            Fault::BadTime if number.is_multiple_of(2) => draft.time = draft.time.saturating_sub(OFF),
            Fault::BadTime => draft.time += OFF,
            _ => return,
        }
        self.counters.add(lie);
    }

    fn tolerates(&self) -> bool {
        self.tolerates
    }
}

//! Transactions that are in payloads of which nobody knows yet what becomes.

use crate::scheme::Digest;
use alloy_primitives::B256;
use mundi_chain::SharedSource;
use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    sync::{Arc, Mutex},
};

/// By height and digest.
type Payloads = BTreeMap<(u64, Digest), Held>;

/// What a payload holds.
#[derive(Default)]
struct Held {
    parent: Option<Digest>,
    /// All of it.
    all: HashSet<B256>,
    /// Those that this node's pool has lent to it.
    lent: Vec<B256>,
}

/// What this node's pool has of payloads that are not final.
#[derive(Clone)]
pub(crate) struct Outstanding {
    source: Arc<dyn SharedSource>,
    payloads: Arc<Mutex<Payloads>>,
}

impl Outstanding {
    pub(crate) fn new(source: Arc<dyn SharedSource>) -> Self {
        Self { source, payloads: Arc::default() }
    }

    /// A payload was proposed by this node from these.
    pub(super) fn proposed(&self, height: u64, digest: Digest, parent: Digest, hashes: Vec<B256>) {
        let mut payloads = self.lock();
        let held = payloads.entry((height, digest)).or_default();
        held.parent = Some(parent);
        held.all.extend(&hashes);
        held.lent.extend(hashes);
    }

    /// A payload of somebody else holds these.
    pub(super) fn seen(&self, height: u64, digest: Digest, parent: Digest, hashes: &[B256]) {
        if self.knows(height, digest) {
            return;
        }
        let lent = self.source.claim(hashes);
        let mut payloads = self.lock();
        let held = payloads.entry((height, digest)).or_default();
        held.parent = Some(parent);
        held.all.extend(hashes);
        held.lent.extend(lent);
    }

    /// Whether it is known what a payload holds.
    pub(super) fn knows(&self, height: u64, digest: Digest) -> bool {
        self.lock().contains_key(&(height, digest))
    }

    /// Whether a payload or one before it holds a transaction that came to the pool only after they were seen; it is theirs from now on.
    pub(super) fn is_repeated(&self, height: u64, digest: Digest, hash: B256) -> bool {
        let mut payloads = self.lock();
        let (mut height, mut digest) = (height, digest);
        while let Some(held) = payloads.get_mut(&(height, digest)) {
            if held.all.contains(&hash) {
                held.lent.push(hash);
                return true;
            }
            let Some(parent) = held.parent else { break };
            (height, digest) = (height.saturating_sub(1), parent);
        }
        false
    }

    /// A payload is final. What others up to its height hold, and neither it nor a later one does, goes back.
    pub(super) fn decided(&self, height: u64, digest: Digest, parent: Digest, hashes: &[B256]) {
        self.seen(height, digest, parent, hashes);
        let mut payloads = self.lock();
        let later = payloads.split_off(&(height + 1, Digest::from([0; 32])));
        let mut past = std::mem::replace(&mut *payloads, later);
        past.remove(&(height, digest));
        let kept: HashSet<&B256> = hashes.iter().collect();
        let mut dead = Vec::new();
        for hash in past.into_values().flat_map(|held| held.lent).filter(|hash| !kept.contains(hash)) {
            match payloads.values_mut().find(|held| held.all.contains(&hash)) {
                Some(held) => held.lent.push(hash),
                None => dead.push(hash),
            }
        }
        drop(payloads);
        if !dead.is_empty() {
            self.source.release(&dead);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Payloads> {
        self.payloads.lock().expect("no holder panics")
    }
}

impl fmt::Debug for Outstanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outstanding").field("payloads", &self.lock().len()).finish_non_exhaustive()
    }
}

/// Transactions that were taken out of the pool for a payload; they go back if it is not made.
pub(super) struct Taken {
    source: Arc<dyn SharedSource>,
    hashes: Vec<B256>,
}

impl Taken {
    pub(super) fn new(source: &Arc<dyn SharedSource>, hashes: Vec<B256>) -> Self {
        Self { source: Arc::clone(source), hashes }
    }

    /// The payload is made.
    pub(super) fn keep(mut self) -> Vec<B256> {
        std::mem::take(&mut self.hashes)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !self.hashes.is_empty() {
            self.source.release(&self.hashes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mundi_chain::{OrderedTransaction, PayloadSource, ProposalLimits};

    /// A pool that writes down what it lends and gets back.
    #[derive(Default)]
    struct Pool {
        here: Mutex<HashSet<B256>>,
        back: Mutex<Vec<B256>>,
    }

    impl PayloadSource for Pool {
        fn propose(&self, _: &ProposalLimits) -> Vec<Arc<OrderedTransaction>> {
            Vec::new()
        }

        fn returned(&self, _: &[Arc<OrderedTransaction>]) {}
    }

    impl SharedSource for Pool {
        fn claim(&self, hashes: &[B256]) -> Vec<B256> {
            let mut here = self.here.lock().unwrap();
            hashes.iter().copied().filter(|hash| here.remove(hash)).collect()
        }

        fn release(&self, hashes: &[B256]) {
            self.back.lock().unwrap().extend(hashes);
        }

        fn known(&self, _: &B256) -> Option<Arc<OrderedTransaction>> {
            None
        }
    }

    fn digest(number: u8) -> Digest {
        Digest::from([number; 32])
    }

    const fn tx(number: u8) -> B256 {
        B256::repeat_byte(number)
    }

    fn pool(here: &[u8]) -> (Arc<Pool>, Outstanding) {
        let pool = Arc::new(Pool::default());
        pool.here.lock().unwrap().extend(here.iter().map(|number| tx(*number)));
        (Arc::clone(&pool), Outstanding::new(pool))
    }

    #[test]
    fn what_came_to_the_pool_after_a_payload_with_it_is_not_proposed_again() {
        let (pool, outstanding) = pool(&[1]);
        outstanding.seen(5, digest(5), digest(4), &[tx(1), tx(2)]);
        outstanding.seen(6, digest(6), digest(5), &[tx(3)]);
        assert!(outstanding.is_repeated(6, digest(6), tx(2)), "the payload before the last one holds it");
        assert!(outstanding.is_repeated(6, digest(6), tx(3)));
        assert!(!outstanding.is_repeated(6, digest(6), tx(4)));
        assert!(!outstanding.is_repeated(6, digest(7), tx(2)), "that is another branch");
        // What the pool has given for a payload that dies comes back.
        outstanding.decided(5, digest(9), digest(4), &[]);
        let mut back = pool.back.lock().unwrap().clone();
        back.sort_unstable();
        assert_eq!(back, [tx(1), tx(2)]);
    }

    #[test]
    fn what_a_later_payload_holds_too_does_not_go_back_with_a_dead_one() {
        let (pool, outstanding) = pool(&[1, 2]);
        outstanding.seen(5, digest(5), digest(4), &[tx(1), tx(2)]);
        outstanding.seen(6, digest(6), digest(8), &[tx(1)]);
        outstanding.decided(5, digest(8), digest(4), &[]);
        assert_eq!(*pool.back.lock().unwrap(), [tx(2)]);
        outstanding.decided(6, digest(7), digest(8), &[]);
        assert_eq!(*pool.back.lock().unwrap(), [tx(2), tx(1)]);
    }
}

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
type Payloads = BTreeMap<(u64, Digest), Vec<B256>>;

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
    pub(super) fn proposed(&self, height: u64, digest: Digest, hashes: Vec<B256>) {
        self.lock().entry((height, digest)).or_default().extend(hashes);
    }

    /// A payload of somebody else holds these.
    pub(super) fn seen(&self, height: u64, digest: Digest, hashes: &[B256]) {
        if self.lock().contains_key(&(height, digest)) {
            return;
        }
        let claimed = self.source.claim(hashes);
        self.lock().entry((height, digest)).or_default().extend(claimed);
    }

    /// A payload is final. What others up to its height hold, and it does not, goes back.
    pub(super) fn decided(&self, height: u64, digest: Digest, hashes: &[B256]) {
        self.seen(height, digest, hashes);
        let mut payloads = self.lock();
        let later = payloads.split_off(&(height + 1, Digest::from([0; 32])));
        let mut past = std::mem::replace(&mut *payloads, later);
        drop(payloads);
        past.remove(&(height, digest));
        if past.is_empty() {
            return;
        }
        let kept: HashSet<&B256> = hashes.iter().collect();
        let dead: Vec<B256> = past.into_values().flatten().filter(|hash| !kept.contains(hash)).collect();
        self.source.release(&dead);
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

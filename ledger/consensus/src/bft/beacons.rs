//! Signatures over recent payloads, for the randomness of those after them.

use crate::{dissemination::Dissemination, payload::Beacon};
use commonware_consensus::types::View;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::sync::Notify;

/// Views of which signatures are kept.
const MOST: usize = 1024;

/// The signatures that this node saw, by view.
#[derive(Debug)]
pub(super) struct Beacons<K: Dissemination>(Arc<Inner<K>>);

#[derive(Debug)]
struct Inner<K: Dissemination> {
    seen: Mutex<BTreeMap<(View, K::Commitment), Beacon>>,
    news: Notify,
}

impl<K: Dissemination> Clone for Beacons<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Dissemination> Beacons<K> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner { seen: Mutex::default(), news: Notify::new() }))
    }

    /// Keeps a signature over a payload. The first one stays, unless a notarisation comes later: leaders that saw the same use
    /// the same.
    pub(super) fn add(&self, view: View, payload: K::Commitment, beacon: Beacon) {
        let mut seen = self.0.seen.lock().expect("no holder panics");
        let known = seen.entry((view, payload)).or_insert_with(|| beacon.clone());
        if matches!(known, Beacon::Finalized(_)) {
            *known = beacon;
        }
        while seen.len() > MOST {
            seen.pop_first();
        }
        drop(seen);
        self.0.news.notify_waiters();
    }

    fn get(&self, view: View, payload: &K::Commitment) -> Option<Beacon> {
        self.0.seen.lock().expect("no holder panics").get(&(view, *payload)).cloned()
    }

    /// The signature over a payload, as soon as there is one.
    pub(super) async fn of(&self, view: View, payload: K::Commitment) -> Beacon {
        loop {
            let mut news = std::pin::pin!(self.0.news.notified());
            news.as_mut().enable();
            if let Some(beacon) = self.get(view, &payload) {
                return beacon;
            }
            news.await;
        }
    }
}

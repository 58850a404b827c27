//! From what is proved to what is kept and executed.

use super::{archives::Mailbox, batch::Batch};
use crate::{bft::executor::Feed, dissemination::Dissemination};
use commonware_runtime::Clock;
use futures::future::pending;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// How long what is kept may be in memory only. It can be fetched again.
const SYNC: Duration = Duration::from_secs(1);

/// Hands payloads on.
pub(super) struct Deliver<K: Dissemination> {
    pub(super) archives: Mailbox<K>,
    pub(super) ledger: Feed<K>,
}

impl<K: Dissemination> Deliver<K> {
    pub(super) async fn run(mut self, clock: impl Clock, mut inbox: mpsc::Receiver<Batch<K>>) {
        let mut synced = SystemTime::UNIX_EPOCH;
        while let Some(batch) = inbox.recv().await {
            // What is executed is kept before: whoever learns of a block finds what proves it.
            self.archives.keep(batch.clone()).await;
            for proven in batch.0 {
                if self.ledger.give(proven.payload).await.is_err() {
                    // It is known already why.
                    return pending().await;
                }
            }
            let now = clock.current();
            if now.duration_since(synced).is_ok_and(|since| since >= SYNC) {
                self.archives.sync().await;
                synced = now;
            }
        }
    }
}

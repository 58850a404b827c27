//! From what is proved to what is kept and executed.

use super::{archives::Mailbox, batch::Batch};
use crate::{bft::executor, dissemination::Dissemination};
use commonware_consensus::{Reporter, marshal::Update};
use commonware_runtime::Clock;
use commonware_utils::{Acknowledgement, acknowledgement::Exact};
use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};
use tokio::sync::mpsc;

/// How long what is kept may be in memory only. It can be fetched again.
const SYNC: Duration = Duration::from_secs(1);

/// Hands payloads on, at most `depth` of them at a time that are not durable in the ledger.
pub(super) struct Deliver<K: Dissemination> {
    pub(super) archives: Mailbox<K>,
    pub(super) executor: executor::Mailbox<K>,
    pub(super) depth: usize,
}

impl<K: Dissemination> Deliver<K> {
    pub(super) async fn run(mut self, clock: impl Clock, mut inbox: mpsc::Receiver<Batch<K>>) {
        let mut under_way: VecDeque<<Exact as Acknowledgement>::Waiter> = VecDeque::new();
        let mut synced = SystemTime::UNIX_EPOCH;
        while let Some(batch) = inbox.recv().await {
            // What is executed is kept before: whoever learns of a block finds what proves it.
            self.archives.keep(batch.clone()).await;
            for proven in batch.0 {
                if under_way.len() >= self.depth
                    && let Some(oldest) = under_way.pop_front()
                    && oldest.await.is_err()
                {
                    return;
                }
                let (ack, durable) = Exact::handle();
                under_way.push_back(durable);
                let _ = self.executor.report(Update::Block(proven.payload, ack));
            }
            let now = clock.current();
            if now.duration_since(synced).is_ok_and(|since| since >= SYNC) {
                self.archives.sync().await;
                synced = now;
            }
        }
    }
}

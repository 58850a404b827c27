//! Subscriptions of a connection.

use crate::metrics::Metrics;
use jsonrpsee::{
    core::{
        server::{ConnectionId, MethodResponse, MethodSink},
        traits::IdProvider,
    },
    types::SubscriptionId,
};
use serde_json::value::RawValue;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// Where a connection's subscriptions go.
#[derive(Clone, Debug)]
pub(crate) struct Subscriber {
    pub(crate) connection: ConnectionId,
    pub(crate) sink: MethodSink,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) most: usize,
    /// How many of them the gauge has heard of.
    pub(crate) counted: Arc<AtomicUsize>,
}

impl Subscriber {
    pub(crate) fn active(&self) -> usize {
        self.most - self.permits.available_permits().min(self.most)
    }

    /// Tells the gauge how many there are.
    pub(crate) fn count(&self, now: usize, metrics: &Metrics) {
        metrics.subscriptions(self.counted.swap(now, Relaxed), now);
    }
}

/// Subscriptions are named by random quantities, as clients of Ethereum expect.
#[derive(Debug)]
pub(crate) struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        match jsonrpsee::server::RandomIntegerIdProvider.next_id() {
            SubscriptionId::Num(number) => SubscriptionId::Str(format!("{number:#x}").into()),
            name => name,
        }
    }
}

/// The subscription's answer is in the batch's; when that is written, what follows is passed on.
pub(crate) async fn after_batch(
    response: &MethodResponse,
    mut receiver: mpsc::Receiver<Box<RawValue>>,
    sink: MethodSink,
    written: CancellationToken,
) {
    if !response.is_subscription() || receiver.recv().await.is_none() || response.is_error() {
        return;
    }
    tokio::spawn(async move {
        written.cancelled().await;
        loop {
            let notification = tokio::select! {
                notification = receiver.recv() => notification,
                () = sink.closed() => None,
            };
            let Some(notification) = notification else { return };
            if sink.send(notification).await.is_err() {
                return;
            }
        }
    });
}

//! What users sent to this node, on its way to those who order.

use super::upstream::Upstream;
use crate::forward::{Outbox, Standing};
use alloy_primitives::{B256, Bytes};
use commonware_runtime::Clock;
use futures::future::Either;
use std::{sync::Arc, time::Duration};

/// Most transactions that go at a time.
const MOST: usize = 256;

/// Bytes after which no more go at the same time.
const MOST_BYTES: usize = 1 << 20;

/// Most transactions that are sent again at a time.
const MOST_AGAIN: usize = 4096;

/// Sends what users send, at once, and every `resend` what still waits: each time to another upstream, because one that takes
/// everything may pass on nothing.
pub(super) async fn relay(
    clock: impl Clock,
    mut outbox: impl Outbox,
    upstreams: Vec<Arc<dyn Upstream>>,
    resend: Duration,
) {
    let mut again = clock.current() + resend;
    let mut first = 0;
    loop {
        let news = {
            let next = std::pin::pin!(outbox.next());
            let later = std::pin::pin!(clock.sleep_until(again));
            match futures::future::select(next, later).await {
                Either::Left((Some(sent), _)) => Some(sent.transactions),
                Either::Left((None, _)) => return,
                Either::Right(_) => None,
            }
        };
        let hashes = match news {
            Some(hashes) => hashes,
            None => {
                again = clock.current() + resend;
                first = (first + 1) % upstreams.len().max(1);
                outbox.list(MOST_AGAIN).await.unwrap_or_default()
            }
        };
        send(&outbox, &upstreams, first, &hashes).await;
    }
}

/// Sends what of these waits, to the first upstream from that position on that takes anything.
async fn send(outbox: &impl Outbox, upstreams: &[Arc<dyn Upstream>], first: usize, mut hashes: &[B256]) {
    let (before, after) = upstreams.split_at(first.min(upstreams.len()));
    while let (Some(parcel), rest) = gather(outbox, hashes) {
        hashes = rest;
        for upstream in after.iter().chain(before) {
            match upstream.send(parcel.encoded.clone()).await {
                Ok(answers) => {
                    for (hash, answer) in parcel.named.iter().zip(answers) {
                        if let Err(reason) = answer {
                            tracing::debug!(target: "follow", %hash, reason, "an upstream refuses a transaction");
                        }
                    }
                    break;
                }
                Err(error) => {
                    let upstream = upstream.name();
                    tracing::debug!(target: "follow", upstream, %error, "transactions cannot be sent on");
                }
            }
        }
    }
}

/// Transactions that go together.
#[derive(Default)]
struct Parcel {
    named: Vec<B256>,
    encoded: Vec<Bytes>,
}

/// The first of these that wait, and what is left.
fn gather<'a>(outbox: &impl Outbox, hashes: &'a [B256]) -> (Option<Parcel>, &'a [B256]) {
    let (mut parcel, mut bytes) = (Parcel::default(), 0);
    let mut rest = hashes;
    while let [hash, others @ ..] = rest {
        if parcel.named.len() == MOST || bytes >= MOST_BYTES {
            break;
        }
        rest = others;
        let waits = outbox.standing(hash) == Standing::Waiting;
        if let Some(transaction) = waits.then(|| outbox.encoded(hash)).flatten() {
            bytes += transaction.len();
            parcel.named.push(*hash);
            parcel.encoded.push(transaction);
        }
    }
    ((!parcel.named.is_empty()).then_some(parcel), rest)
}

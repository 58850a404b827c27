//! An upstream that is asked by JSON-RPC over HTTP.
//!
//! | what | method |
//! |---|---|
//! | [`status`](Upstream::status) | `mundi_status`: an object with at least the fields of [`Status`] |
//! | [`genesis`](Upstream::genesis) | `mundi_getGenesis`: the genesis file |
//! | [`finalized`](Upstream::finalized) | `mundi_getFinalized(from, bytes)`: a list of [`Served`] |
//! | [`send`](Upstream::send) | `eth_sendRawTransaction`, many in a batch |
//! | [`snapshot`](Upstream::snapshot) | `mundi_getSnapshot`: an [`Offer`], or null |
//! | [`chunk`](Upstream::chunk) | `mundi_getSnapshotChunk(height, index)`: bytes |

use super::{
    snapshots::Offer,
    upstream::{MOST_BATCH_BYTES, Served, Status, Upstream, UpstreamError},
};
use alloy_primitives::Bytes;
use futures::{FutureExt, future::BoxFuture};
use mundi_rpc_client::{CallError, Client, Config};
use serde::de::DeserializeOwned;
use serde_json::{Value, json, value::RawValue};
use std::{
    fmt,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

pub use mundi_rpc_client::InvalidUrl;

/// Most bytes of an answer: hexadecimal takes two for each, and one payload may go beyond what was asked for.
const MOST_ANSWER: u64 = 4 * MOST_BATCH_BYTES as u64 + (32 << 20);

/// How long a request may take in all, and connecting.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);

/// Requests at a time: one for payloads, one for transactions.
const THREADS: usize = 2;

/// Requests that wait for a thread.
const QUEUE: usize = 16;

type Job = Box<dyn FnOnce(&Client) + Send>;

/// A node that is asked by JSON-RPC over HTTP. It has two threads, which end with it.
pub struct HttpUpstream {
    name: String,
    jobs: mpsc::SyncSender<Job>,
}

impl HttpUpstream {
    /// The node at a URL.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        let (url, headers) = (url.to_owned(), Vec::new());
        let config = Config { url, headers, timeout: TIMEOUT, connect: CONNECT, most_bytes: MOST_ANSWER };
        let client = Arc::new(Client::new(config)?);
        let name = client.name().to_owned();
        let (jobs, inbox) = mpsc::sync_channel::<Job>(QUEUE);
        let inbox = Arc::new(Mutex::new(inbox));
        for _ in 0..THREADS {
            let (client, inbox) = (Arc::clone(&client), Arc::clone(&inbox));
            let work = move || {
                loop {
                    let job = inbox.lock().expect("no holder panics").recv();
                    let Ok(job) = job else { return };
                    job(&client);
                }
            };
            // Without a thread requests are answered by nobody, which they say.
            let _ = thread::Builder::new().name("upstream".into()).spawn(work);
        }
        Ok(Self { name, jobs })
    }

    /// Asks on a thread of its own.
    fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Client) -> Result<T, UpstreamError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, UpstreamError>> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move |client: &Client| _ = answer.send(job(client)));
        let busy = self.jobs.try_send(job).is_err();
        async move {
            if busy {
                return Err(UpstreamError::Unreachable("too many requests wait for it".into()));
            }
            answered
                .await
                .unwrap_or_else(|_| Err(UpstreamError::Unreachable("there is no thread for it".into())))
        }
        .boxed()
    }
}

impl fmt::Debug for HttpUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpUpstream").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Upstream for HttpUpstream {
    fn name(&self) -> &str {
        &self.name
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, UpstreamError>> {
        self.ask(|client| call(client, "mundi_status", &json!([])))
    }

    fn genesis(&self) -> BoxFuture<'_, Result<String, UpstreamError>> {
        self.ask(|client| {
            let genesis: Box<RawValue> = call(client, "mundi_getGenesis", &json!([]))?;
            Ok(genesis.get().to_owned())
        })
    }

    fn finalized(&self, from: u64, bytes: u32) -> BoxFuture<'_, Result<Vec<Served>, UpstreamError>> {
        let params = json!([format!("{from:#x}"), format!("{bytes:#x}")]);
        self.ask(move |client| call(client, "mundi_getFinalized", &params))
    }

    fn send(
        &self,
        transactions: Vec<Bytes>,
    ) -> BoxFuture<'_, Result<Vec<Result<(), String>>, UpstreamError>> {
        self.ask(move |client| send(client, &transactions))
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Option<Offer>, UpstreamError>> {
        self.ask(|client| call(client, "mundi_getSnapshot", &json!([])))
    }

    fn chunk(&self, height: u64, index: u64) -> BoxFuture<'_, Result<Bytes, UpstreamError>> {
        let params = json!([format!("{height:#x}"), format!("{index:#x}")]);
        self.ask(move |client| call(client, "mundi_getSnapshotChunk", &params))
    }
}

/// Calls a method.
fn call<T: DeserializeOwned>(client: &Client, method: &str, params: &Value) -> Result<T, UpstreamError> {
    let result = client.call(method, params).map_err(failed)?;
    serde_json::from_str(result.get()).map_err(|error| failed(CallError::unusable(error)))
}

/// Sends transactions, all in one request.
fn send(client: &Client, transactions: &[Bytes]) -> Result<Vec<Result<(), String>>, UpstreamError> {
    let calls: Vec<_> = transactions.iter().map(|bytes| ("eth_sendRawTransaction", json!([bytes]))).collect();
    let answers = client.batch(&calls).map_err(failed)?.into_iter();
    let results = answers.map(|answer| match answer.map_err(failed) {
        Ok(_) => Ok(Ok(())),
        Err(UpstreamError::Refused(reason) | UpstreamError::Unusable(reason)) => Ok(Err(reason)),
        Err(error) => Err(error),
    });
    results.collect()
}

/// A node that has too much to do is as good as one that does not answer.
fn failed(error: CallError) -> UpstreamError {
    let may_pass = error.may_pass();
    match error {
        CallError::Unreachable(message) => UpstreamError::Unreachable(message),
        CallError::Refused { message, .. } if may_pass => UpstreamError::Unreachable(message),
        CallError::Refused { code, message, .. } => {
            UpstreamError::Refused(format!("{message} (code {code})"))
        }
        CallError::Unusable(message) => UpstreamError::Unusable(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_url_stays_out_of_messages() {
        let upstream = HttpUpstream::new("https://user:secret@node.example:8545/key?secret").unwrap();
        assert_eq!(upstream.name(), "https://node.example:8545");
        assert!(!format!("{upstream:?}").contains("secret"));
    }
}

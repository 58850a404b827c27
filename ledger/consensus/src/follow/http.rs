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
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};
use std::{
    fmt,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// Most bytes of an answer: hexadecimal takes two for each, and one payload may go beyond what was asked for.
const MOST_ANSWER: u64 = 4 * MOST_BATCH_BYTES as u64 + (32 << 20);

/// How long a request may take in all, and connecting.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);

/// Requests at a time: one for payloads, one for transactions.
const THREADS: usize = 2;

/// Requests that wait for a thread.
const QUEUE: usize = 16;

/// Longest error text that is passed on.
const MOST_MESSAGE: usize = 500;

/// Longest URL.
const MOST_URL: usize = 4096;

/// What a text is that is no URL of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no URL of a node: expected http://… or https://…")]
pub struct InvalidUrl(String);

type Job = Box<dyn FnOnce(&Client) + Send>;

/// A node that is asked by JSON-RPC over HTTP. It has two threads, which end with it.
pub struct HttpUpstream {
    name: String,
    jobs: mpsc::SyncSender<Job>,
}

impl HttpUpstream {
    /// The node at a URL.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        let known = url.starts_with("http://") || url.starts_with("https://");
        let host = host(url);
        if !known || url.len() > MOST_URL || host.is_empty() {
            return Err(InvalidUrl(host.chars().take(80).collect()));
        }
        let scheme = url.split_once("://").map_or("http", |(scheme, _)| scheme);
        let name = format!("{scheme}://{host}");
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .timeout_connect(Some(CONNECT))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .new_agent();
        let client = Arc::new(Client { url: url.to_owned(), agent });
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
        self.ask(|client| client.call("mundi_status", &json!([])))
    }

    fn genesis(&self) -> BoxFuture<'_, Result<String, UpstreamError>> {
        self.ask(|client| {
            let genesis: Box<RawValue> = client.call("mundi_getGenesis", &json!([]))?;
            Ok(genesis.get().to_owned())
        })
    }

    fn finalized(&self, from: u64, bytes: u32) -> BoxFuture<'_, Result<Vec<Served>, UpstreamError>> {
        let params = json!([format!("{from:#x}"), format!("{bytes:#x}")]);
        self.ask(move |client| client.call("mundi_getFinalized", &params))
    }

    fn send(
        &self,
        transactions: Vec<Bytes>,
    ) -> BoxFuture<'_, Result<Vec<Result<(), String>>, UpstreamError>> {
        self.ask(move |client| client.send(&transactions))
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Option<Offer>, UpstreamError>> {
        self.ask(|client| client.call("mundi_getSnapshot", &json!([])))
    }

    fn chunk(&self, height: u64, index: u64) -> BoxFuture<'_, Result<Bytes, UpstreamError>> {
        let params = json!([format!("{height:#x}"), format!("{index:#x}")]);
        self.ask(move |client| client.call("mundi_getSnapshotChunk", &params))
    }
}

/// The connection to a node.
struct Client {
    url: String,
    agent: ureq::Agent,
}

impl Client {
    /// Calls a method.
    fn call<T: DeserializeOwned>(&self, method: &str, params: &Value) -> Result<T, UpstreamError> {
        let answer = self.post(&Request { jsonrpc: "2.0", id: 0, method, params })?;
        let answer: Answer = serde_json::from_slice(&answer).map_err(unusable)?;
        let result = answer.result()?.map_err(UpstreamError::Refused)?;
        serde_json::from_str(result.get()).map_err(unusable)
    }

    /// Sends transactions, all in one request.
    fn send(&self, transactions: &[Bytes]) -> Result<Vec<Result<(), String>>, UpstreamError> {
        let params: Vec<Value> = transactions.iter().map(|transaction| json!([transaction])).collect();
        let requests = params.iter().enumerate();
        let method = "eth_sendRawTransaction";
        let requests: Vec<_> =
            requests.map(|(id, params)| Request { jsonrpc: "2.0", id, method, params }).collect();
        let body = self.post(&requests)?;
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
            let one: Answer = serde_json::from_slice(&body).map_err(unusable)?;
            let refusal = one.result()?.err().unwrap_or_else(|| "one answer to several calls".into());
            return Err(UpstreamError::Refused(refusal));
        }
        let answers: Vec<Answer> = serde_json::from_slice(&body).map_err(unusable)?;
        let mut results: Vec<_> = transactions.iter().map(|_| Err("there is no answer".to_owned())).collect();
        for answer in answers {
            if let Some(place) = answer.id.and_then(|id| results.get_mut(id)) {
                *place = answer.result()?.map(drop);
            }
        }
        Ok(results)
    }

    fn post(&self, request: &impl Serialize) -> Result<Vec<u8>, UpstreamError> {
        let failed = |error: ureq::Error| UpstreamError::Unreachable(shortened(&error.to_string()));
        let body = serde_json::to_vec(request).map_err(unusable)?;
        let post = self.agent.post(&self.url).header("content-type", "application/json");
        let mut response = post.send(&body).map_err(failed)?;
        let answer = response.body_mut().with_config().limit(MOST_ANSWER).read_to_vec().map_err(failed)?;
        let status = response.status();
        // Some nodes send JSON-RPC errors with an error status: only an answer that is no JSON fails here.
        if !status.is_success() && serde_json::from_slice::<&RawValue>(&answer).is_err() {
            return Err(UpstreamError::Unreachable(format!("HTTP status {status}")));
        }
        Ok(answer)
    }
}

fn unusable(error: serde_json::Error) -> UpstreamError {
    UpstreamError::Unusable(shortened(&error.to_string()))
}

#[derive(Serialize)]
struct Request<'a> {
    jsonrpc: &'static str,
    id: usize,
    method: &'a str,
    params: &'a Value,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    id: Option<usize>,
    #[serde(default)]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<AnswerError>,
}

#[derive(Deserialize)]
struct AnswerError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

impl Answer {
    /// The result, or the refusal.
    fn result(self) -> Result<Result<Box<RawValue>, String>, UpstreamError> {
        const LIMITS: [i64; 2] = [429, -32005];
        match (self.error, self.result) {
            (Some(AnswerError { code, message }), _) if LIMITS.contains(&code) => {
                Err(UpstreamError::Unreachable(shortened(&message)))
            }
            (Some(AnswerError { code, message }), _) => {
                Ok(Err(format!("{} (code {code})", shortened(&message))))
            }
            // A `null` is read as nothing.
            (None, result) => Ok(Ok(result.unwrap_or_else(null))),
        }
    }
}

fn null() -> Box<RawValue> {
    RawValue::from_string("null".into()).expect("it is JSON")
}

/// The host of a URL, without path, query and credentials: those may be secret.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MOST_MESSAGE).collect()
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

    #[test]
    fn what_is_no_url_is_refused() {
        for url in ["", "localhost:8545", "ws://localhost", "http://", "file:///etc/passwd"] {
            assert!(HttpUpstream::new(url).is_err(), "{url}");
        }
    }
}

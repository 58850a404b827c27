//! A blocking, bounded JSON-RPC client that repeats what failed.

use mundi_rpc_context::RpcError;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use std::{
    fmt,
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

/// Most bytes of one answer.
const MAX_ANSWER_BYTES: u64 = 160_000_000;
/// Longest error text that is passed on.
const MAX_MESSAGE: usize = 500;
/// Longest URL.
const MAX_URL: usize = 4096;

/// How a remote chain is read.
#[derive(Clone, Debug)]
pub struct ForkConfig {
    /// Where its node is: `http://` or `https://`.
    pub url: String,
    /// The block to continue. Default: the newest.
    pub block: Option<u64>,
    /// HTTP headers for each request, such as an authorisation. Default: none.
    pub headers: Vec<(String, String)>,
    /// Time for one request. Default: 45 s.
    pub timeout: Duration,
    /// How often a request is repeated after a fault that may pass. Default: 5.
    pub retries: u32,
    /// Time before the first repetition; it doubles each time. Default: 500 ms.
    pub backoff: Duration,
    /// How much is remembered of the remote state.
    pub cache: CacheConfig,
}

/// How much is remembered of a remote state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// Accounts. Default: 200,000.
    pub accounts: usize,
    /// Slots of storage. Default: 1,000,000.
    pub slots: usize,
    /// Bytes of code. Default: 128 MiB.
    pub code_bytes: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { accounts: 200_000, slots: 1_000_000, code_bytes: 128 << 20 }
    }
}

impl ForkConfig {
    /// Everything but the address by default.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            block: None,
            headers: Vec::new(),
            timeout: Duration::from_secs(45),
            retries: 5,
            backoff: Duration::from_millis(500),
            cache: CacheConfig::default(),
        }
    }
}

/// Why a remote node gave no usable answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RemoteError {
    /// Not an address of a node.
    #[error("'{0}' is no URL of a node: expected http://… or https://…")]
    Url(String),
    /// It could not be reached, or the connection broke, or it has too much to do.
    #[error("the remote node {host}: {message}")]
    Transport {
        /// Host of the URL; the rest may hold a key.
        host: String,
        /// Why.
        message: String,
    },
    /// It refused the call.
    #[error("the remote node refuses {method}: {message} (code {code})")]
    Refused {
        /// Which call.
        method: String,
        /// JSON-RPC error code.
        code: i64,
        /// Its words.
        message: String,
        /// What it says to programs.
        data: Option<Box<Value>>,
    },
    /// The answer is not what the call should give.
    #[error("the remote node's answer to {method} is unusable: {message}")]
    Answer {
        /// Which call.
        method: String,
        /// What is wrong with it.
        message: String,
    },
}

impl RemoteError {
    pub(super) fn answer(method: &str, message: impl fmt::Display) -> Self {
        Self::Answer { method: method.to_owned(), message: message.to_string() }
    }

    /// Whether the same call may succeed a moment later.
    fn may_pass(&self) -> bool {
        const LIMIT_CODES: [i64; 2] = [429, RATE_LIMIT];
        const RATE_LIMIT: i64 = -32005;
        match self {
            Self::Transport { .. } => true,
            Self::Refused { code, message, .. } => {
                let message = message.to_ascii_lowercase();
                LIMIT_CODES.contains(code)
                    || message.contains("rate limit")
                    || message.contains("too many requests")
            }
            Self::Url(_) | Self::Answer { .. } => false,
        }
    }
}

impl From<RemoteError> for RpcError {
    fn from(error: RemoteError) -> Self {
        Self::internal(error)
    }
}

/// A remote node.
pub(super) struct Remote {
    config: ForkConfig,
    url: RwLock<Arc<str>>,
    agent: ureq::Agent,
    /// It refuses several calls in one request.
    one_by_one: AtomicBool,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("url", &self.shown_url()).finish_non_exhaustive()
    }
}

fn checked(url: &str) -> Result<Arc<str>, RemoteError> {
    let known = url.starts_with("http://") || url.starts_with("https://");
    if known && url.len() <= MAX_URL && !host(url).is_empty() {
        return Ok(url.into());
    }
    Err(RemoteError::Url(host(url).chars().take(80).collect()))
}

impl Remote {
    pub(super) fn new(config: ForkConfig) -> Result<Self, RemoteError> {
        const CONNECT: Duration = Duration::from_secs(10);
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(config.timeout))
            .timeout_connect(Some(config.timeout.min(CONNECT)))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .new_agent();
        let url = RwLock::new(checked(&config.url)?);
        Ok(Self { config, url, agent, one_by_one: AtomicBool::new(false) })
    }

    pub(super) const fn config(&self) -> &ForkConfig {
        &self.config
    }

    pub(super) fn url(&self) -> Arc<str> {
        Arc::clone(&self.url.read().expect("no holder panics"))
    }

    pub(super) fn set_url(&self, url: &str) -> Result<(), RemoteError> {
        *self.url.write().expect("no holder panics") = checked(url)?;
        Ok(())
    }

    pub(super) fn shown_url(&self) -> String {
        let url = self.url();
        let scheme = url.split_once("://").map_or("http", |(scheme, _)| scheme);
        format!("{scheme}://{}", host(&url))
    }

    /// Calls one method, and reads the answer as `T`.
    pub(super) fn ask<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, RemoteError> {
        read(method, &self.call(method, &params)?)
    }

    /// Calls one method.
    pub(super) fn call(&self, method: &str, params: &Value) -> Result<Box<RawValue>, RemoteError> {
        self.repeated(|| {
            let answer = self.post(method, &Request { jsonrpc: "2.0", id: 0, method, params })?;
            let answer: Answer =
                serde_json::from_slice(&answer).map_err(|error| RemoteError::answer(method, error))?;
            answer.result(method)
        })
    }

    /// Calls several methods, in one request if the node takes that; answers in the order of the calls.
    pub(super) fn batch<const N: usize>(
        &self,
        calls: [(&'static str, Value); N],
    ) -> Result<[Box<RawValue>; N], RemoteError> {
        let mut answers = Vec::with_capacity(N);
        if !self.one_by_one.load(Relaxed) {
            match self.repeated(|| self.batch_once(&calls)) {
                Ok(batch) => answers = batch,
                Err(error @ RemoteError::Transport { .. }) => return Err(error),
                // Some nodes take no batches; one after the other the calls may still be fine.
                Err(_) => self.one_by_one.store(true, Relaxed),
            }
        }
        if answers.is_empty() {
            for (method, params) in &calls {
                answers.push(self.call(method, params)?);
            }
        }
        answers.try_into().map_err(|_| RemoteError::answer(calls[0].0, "too few answers"))
    }

    fn batch_once(&self, calls: &[(&'static str, Value)]) -> Result<Vec<Box<RawValue>>, RemoteError> {
        let first = calls[0].0;
        let requests = calls.iter().enumerate();
        let requests: Vec<_> =
            requests.map(|(id, (method, params))| Request { jsonrpc: "2.0", id, method, params }).collect();
        let body = self.post(first, &requests)?;
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'[') {
            // One answer for all: an error.
            let one: Answer =
                serde_json::from_slice(&body).map_err(|error| RemoteError::answer(first, error))?;
            one.result(first)?;
            return Err(RemoteError::answer(first, "one answer to several calls"));
        }
        let all: Vec<Answer> =
            serde_json::from_slice(&body).map_err(|error| RemoteError::answer(first, error))?;
        // They come in any order.
        let mut by_id: Vec<Option<Answer>> = calls.iter().map(|_| None).collect();
        for answer in all {
            if let Some(place) = answer.id.and_then(|id| by_id.get_mut(id)) {
                *place = Some(answer);
            }
        }
        let results = calls.iter().zip(by_id);
        results
            .map(|((method, _), answer)| match answer {
                Some(answer) => answer.result(method),
                None => Err(RemoteError::answer(method, "there is none")),
            })
            .collect()
    }

    fn repeated<T>(&self, call: impl Fn() -> Result<T, RemoteError>) -> Result<T, RemoteError> {
        let mut wait = self.config.backoff;
        for _ in 0..self.config.retries {
            match call() {
                Err(error) if error.may_pass() => {
                    tracing::debug!(target: "fork", %error, "asking again");
                    thread::sleep(wait);
                    wait = wait.saturating_mul(2);
                }
                result => return result,
            }
        }
        call()
    }

    fn post(&self, method: &str, request: &impl Serialize) -> Result<Vec<u8>, RemoteError> {
        let url = self.url();
        let body = serde_json::to_vec(request).map_err(|error| RemoteError::answer(method, error))?;
        let transport = |message: String| RemoteError::Transport {
            host: host(&url).to_owned(),
            message: shortened(&message),
        };
        let mut post = self.agent.post(&*url).header("content-type", "application/json");
        for (name, value) in &self.config.headers {
            post = post.header(name, value);
        }
        let mut response = post.send(&body).map_err(|error| transport(error.to_string()))?;
        let answer = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        let answer = answer.map_err(|error| transport(error.to_string()))?;
        let status = response.status();
        // Some nodes send JSON-RPC errors with an error status: only an answer that is no JSON fails here.
        if !status.is_success() && serde_json::from_slice::<Answer>(&answer).is_err() {
            let busy = status.is_server_error() || status.as_u16() == 429;
            let message = format!("HTTP status {status}");
            return Err(if busy { transport(message) } else { RemoteError::answer(method, message) });
        }
        Ok(answer)
    }
}

/// An answer as `T`.
pub(super) fn read<T: DeserializeOwned>(method: &str, answer: &RawValue) -> Result<T, RemoteError> {
    serde_json::from_str(answer.get()).map_err(|error| RemoteError::answer(method, error))
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
    #[serde(default)]
    data: Option<Box<Value>>,
}

impl Answer {
    fn result(self, method: &str) -> Result<Box<RawValue>, RemoteError> {
        match self.error {
            Some(AnswerError { code, message, data }) => {
                let message = shortened(&message);
                Err(RemoteError::Refused { method: method.to_owned(), code, message, data })
            }
            // A `null` is read as nothing.
            None => Ok(self.result.unwrap_or_else(null)),
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
    text.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_url_stays_out_of_messages() {
        let remote =
            Remote::new(ForkConfig::new("https://user:secret@node.example:8545/v2/key?x=y")).unwrap();
        assert_eq!(remote.shown_url(), "https://node.example:8545");
        assert!(!format!("{remote:?}").contains("secret"));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in ["", "localhost:8545", "ws://localhost", "http://", "file:///etc/passwd"] {
            assert!(matches!(Remote::new(ForkConfig::new(url)), Err(RemoteError::Url(_))), "{url}");
        }
    }

    #[test]
    fn only_faults_that_may_pass_are_repeated() {
        let refused = |code, message: &str| RemoteError::Refused {
            method: "m".into(),
            code,
            message: message.into(),
            data: None,
        };
        assert!(refused(429, "").may_pass());
        assert!(refused(-32005, "").may_pass());
        assert!(refused(-32000, "Rate limit exceeded").may_pass());
        assert!(!refused(-32602, "bad params").may_pass());
        assert!(!RemoteError::answer("m", "no JSON").may_pass());
    }
}

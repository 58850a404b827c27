//! A remote node, whose calls are repeated if what failed may pass.

use mundi_rpc_client::{CallError, Client, Config, InvalidUrl};
use mundi_rpc_context::RpcError;
use serde::de::DeserializeOwned;
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
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

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
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// It could not be reached, or the connection broke, or it has too much to do.
    #[error("the remote node {node}: {message}")]
    Unreachable {
        /// Where it is; the rest of the URL may hold a key.
        node: String,
        /// Why.
        message: String,
    },
    /// It refused a call, or its answer is not what the call should give.
    #[error("the remote node is asked for {method}: {error}")]
    Call {
        /// Which call.
        method: String,
        /// Why.
        error: CallError,
    },
}

impl RemoteError {
    pub(super) fn answer(method: &str, message: impl fmt::Display) -> Self {
        Self::Call { method: method.to_owned(), error: CallError::unusable(message) }
    }

    /// Whether the same call may succeed a moment later.
    fn may_pass(&self) -> bool {
        match self {
            Self::Url(_) => false,
            Self::Unreachable { .. } => true,
            Self::Call { error, .. } => error.may_pass(),
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
    client: RwLock<Arc<Client>>,
    /// It refuses several calls in one request.
    one_by_one: AtomicBool,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("url", &self.shown_url()).finish_non_exhaustive()
    }
}

fn client(config: &ForkConfig, url: &str) -> Result<Arc<Client>, InvalidUrl> {
    let (headers, timeout) = (config.headers.clone(), config.timeout);
    let most_bytes = MAX_ANSWER_BYTES;
    let config = Config { url: url.to_owned(), headers, timeout, connect: CONNECT, most_bytes };
    Client::new(config).map(Arc::new)
}

impl Remote {
    pub(super) fn new(config: ForkConfig) -> Result<Self, RemoteError> {
        let client = RwLock::new(client(&config, &config.url)?);
        Ok(Self { config, client, one_by_one: AtomicBool::new(false) })
    }

    pub(super) const fn config(&self) -> &ForkConfig {
        &self.config
    }

    fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client.read().expect("no holder panics"))
    }

    pub(super) fn url(&self) -> String {
        self.client().url().to_owned()
    }

    pub(super) fn set_url(&self, url: &str) -> Result<(), RemoteError> {
        *self.client.write().expect("no holder panics") = client(&self.config, url)?;
        Ok(())
    }

    pub(super) fn shown_url(&self) -> String {
        self.client().name().to_owned()
    }

    /// Calls one method, and reads the answer as `T`.
    pub(super) fn ask<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, RemoteError> {
        read(method, &self.call(method, &params)?)
    }

    /// Calls one method.
    pub(super) fn call(&self, method: &str, params: &Value) -> Result<Box<RawValue>, RemoteError> {
        self.repeated(|| {
            let client = self.client();
            client.call(method, params).map_err(|error| failed(&client, method, error))
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
                Err(error @ RemoteError::Unreachable { .. }) => return Err(error),
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
        let client = self.client();
        let answers = client.batch(calls).map_err(|error| failed(&client, calls[0].0, error))?;
        let answers = calls.iter().zip(answers);
        answers.map(|((method, _), answer)| answer.map_err(|error| failed(&client, method, error))).collect()
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
}

fn failed(client: &Client, method: &str, error: CallError) -> RemoteError {
    match error {
        CallError::Unreachable(message) => {
            RemoteError::Unreachable { node: client.name().to_owned(), message }
        }
        error => RemoteError::Call { method: method.to_owned(), error },
    }
}

/// An answer as `T`.
pub(super) fn read<T: DeserializeOwned>(method: &str, answer: &RawValue) -> Result<T, RemoteError> {
    serde_json::from_str(answer.get()).map_err(|error| RemoteError::answer(method, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_node_can_be_asked_and_its_key_stays_out_of_messages() {
        let remote = Remote::new(ForkConfig::new("http://node.example")).unwrap();
        remote.set_url("https://user:secret@node.example:8545/v2/key?x=y").unwrap();
        assert_eq!(remote.shown_url(), "https://node.example:8545");
        assert!(!format!("{remote:?}").contains("secret"));
        assert!(matches!(remote.set_url("localhost:8545"), Err(RemoteError::Url(_))));
        assert_eq!(remote.url(), "https://user:secret@node.example:8545/v2/key?x=y");
    }
}

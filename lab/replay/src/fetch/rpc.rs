//! Calls of a node, in as few requests as it takes.

use mundi_rpc_client::{CallError, Client, Config, InvalidUrl};
use serde_json::{Value, value::RawValue};
use std::{fmt, time::Duration};

/// Most bytes of one answer.
const MOST_ANSWER: u64 = 512 << 20;
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// Most calls in one request; nodes commonly refuse more than a hundred or a thousand.
const MOST_CALLS: usize = 100;

/// Why a node gave no usable answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{method}: {error}")]
pub struct RpcError {
    /// Which call.
    pub method: &'static str,
    /// Why.
    pub error: CallError,
}

impl RpcError {
    pub(crate) fn answer(method: &'static str, message: impl fmt::Display) -> Self {
        Self { method, error: CallError::unusable(message) }
    }
}

/// One call.
pub(crate) type Call = (&'static str, Value);

/// A node.
#[derive(Debug)]
pub(crate) struct Node(Client);

impl Node {
    /// The node at `url`, giving up on a call after `timeout`.
    pub(crate) fn new(url: &str, timeout: Duration) -> Result<Self, InvalidUrl> {
        let (url, headers) = (url.to_owned(), Vec::new());
        Client::new(Config { url, headers, timeout, connect: CONNECT, most_bytes: MOST_ANSWER }).map(Self)
    }

    /// Calls one method.
    pub(crate) fn call(&self, method: &'static str, params: &Value) -> Result<Box<RawValue>, RpcError> {
        there(method, self.0.call(method, params))
    }

    /// Calls many methods; answers in the order of the calls.
    pub(crate) fn batch(&self, calls: &[Call]) -> Result<Vec<Result<Box<RawValue>, RpcError>>, RpcError> {
        let mut results = Vec::with_capacity(calls.len());
        for chunk in calls.chunks(MOST_CALLS) {
            let answers = self.0.batch(chunk).map_err(|error| RpcError { method: chunk[0].0, error })?;
            results.extend(chunk.iter().zip(answers).map(|((method, _), answer)| there(method, answer)));
        }
        Ok(results)
    }
}

/// An answer that is there.
fn there(method: &'static str, answer: Result<Box<RawValue>, CallError>) -> Result<Box<RawValue>, RpcError> {
    match answer {
        Ok(answer) if answer.get() == "null" => {
            Err(RpcError::answer(method, "it is null: the node does not have it"))
        }
        answer => answer.map_err(|error| RpcError { method, error }),
    }
}

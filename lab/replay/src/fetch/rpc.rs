//! A small, blocking, bounded JSON-RPC client over HTTP.

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use std::time::Duration;

/// Most bytes of one answer.
const MAX_ANSWER_BYTES: u64 = 512 << 20;
/// Most calls in one request; nodes commonly refuse more than a hundred or a thousand.
const MAX_BATCH: usize = 100;
/// Longest error text that is passed on.
const MAX_MESSAGE: usize = 300;

/// Why a node gave no usable answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RpcError {
    /// The node could not be reached, or the connection broke.
    #[error("{host}: {message}")]
    Transport {
        /// Host of the URL; the rest may hold a key.
        host: String,
        /// Why.
        message: String,
    },
    /// The node refused the call.
    #[error("{method}: the node says: {message} (code {code})")]
    Refused {
        /// Which call.
        method: &'static str,
        /// JSON-RPC error code.
        code: i64,
        /// The node's words.
        message: String,
    },
    /// The answer is not what the call should give.
    #[error("{method}: unusable answer: {message}")]
    Answer {
        /// Which call.
        method: &'static str,
        /// What is wrong with it.
        message: String,
    },
}

impl RpcError {
    pub(crate) fn answer(method: &'static str, message: impl std::fmt::Display) -> Self {
        Self::Answer { method, message: message.to_string() }
    }
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) params: Value,
}

/// A node.
#[derive(Debug)]
pub(crate) struct Client {
    url: String,
    host: String,
    agent: ureq::Agent,
}

impl Client {
    /// A client for the node at `url`, giving up on a call after `timeout`.
    pub(crate) fn new(url: &str, timeout: Duration) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .timeout_connect(Some(timeout.min(Duration::from_secs(10))))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .new_agent();
        Self { url: url.to_owned(), host: host(url), agent }
    }

    /// Calls one method.
    pub(crate) fn call(&self, method: &'static str, params: Value) -> Result<Box<RawValue>, RpcError> {
        let answer = self.post(method, &Request { jsonrpc: "2.0", id: 0, method, params: &params })?;
        let answer: Answer =
            serde_json::from_slice(&answer).map_err(|error| RpcError::answer(method, error))?;
        answer.result(method)
    }

    /// Calls many methods, in as few requests as bounds allow; answers in the order of the calls.
    pub(crate) fn batch(&self, calls: &[Call]) -> Result<Vec<Result<Box<RawValue>, RpcError>>, RpcError> {
        let mut results = Vec::with_capacity(calls.len());
        for chunk in calls.chunks(MAX_BATCH) {
            let method = chunk[0].method;
            let requests: Vec<_> = chunk
                .iter()
                .enumerate()
                .map(|(id, call)| Request { jsonrpc: "2.0", id, method: call.method, params: &call.params })
                .collect();
            let answers = self.post(method, &requests)?;
            // A node that refuses batches as a whole answers with one object.
            if answers.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
                let one: Answer =
                    serde_json::from_slice(&answers).map_err(|error| RpcError::answer(method, error))?;
                return match one.result(method) {
                    Err(error) => Err(error),
                    Ok(_) => Err(RpcError::answer(method, "one answer to a batch of calls")),
                };
            }
            let answers: Vec<Answer> =
                serde_json::from_slice(&answers).map_err(|error| RpcError::answer(method, error))?;
            // Answers of a batch come in any order.
            let mut by_id: Vec<Option<Answer>> = chunk.iter().map(|_| None).collect();
            for answer in answers {
                if let Some(slot) = answer.id.and_then(|id| by_id.get_mut(id)) {
                    *slot = Some(answer);
                }
            }
            results.extend(chunk.iter().zip(by_id).map(|(call, answer)| match answer {
                Some(answer) => answer.result(call.method),
                None => Err(RpcError::answer(call.method, "no answer to this call of the batch")),
            }));
        }
        Ok(results)
    }

    fn post(&self, method: &'static str, request: &impl Serialize) -> Result<Vec<u8>, RpcError> {
        let body = serde_json::to_vec(request).expect("calls always serialise");
        let transport = |error: ureq::Error| RpcError::Transport {
            host: self.host.clone(),
            message: shortened(&error.to_string()),
        };
        let mut response = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .send(&body)
            .map_err(transport)?;
        let answer =
            response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec().map_err(transport)?;
        // Some nodes send JSON-RPC errors with an error status: only an answer that is no JSON fails here.
        if !response.status().is_success() && serde_json::from_slice::<&RawValue>(&answer).is_err() {
            return Err(RpcError::Answer { method, message: format!("HTTP status {}", response.status()) });
        }
        Ok(answer)
    }
}

#[derive(Serialize)]
struct Request<'a> {
    jsonrpc: &'static str,
    id: usize,
    method: &'static str,
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
    fn result(self, method: &'static str) -> Result<Box<RawValue>, RpcError> {
        match (self.error, self.result) {
            (Some(AnswerError { code, message }), _) => {
                Err(RpcError::Refused { method, code, message: shortened(&message) })
            }
            (None, Some(result)) => Ok(result),
            (None, None) => Err(RpcError::answer(method, "the answer is null: the node does not have it")),
        }
    }
}

/// The host of a URL, without path, query and credentials: those may be secret.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().to_owned()
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_url_stays_out_of_messages() {
        assert_eq!(host("https://user:secret@node.example:8545/v3/secret?key=secret"), "node.example:8545");
        assert_eq!(host("node.example/secret"), "node.example");
    }
}

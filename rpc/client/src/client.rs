//! The client.

use crate::{
    answer,
    error::{CallError, InvalidUrl},
};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use std::{fmt, time::Duration};

/// Longest URL.
const MOST_URL: usize = 4096;

/// Which node is asked, and how.
#[derive(Clone)]
pub struct Config {
    /// Where it is: `http://` or `https://`.
    pub url: String,
    /// HTTP headers for each request, such as an authorisation.
    pub headers: Vec<(String, String)>,
    /// How long a request may take in all.
    pub timeout: Duration,
    /// How long connecting may take of it.
    pub connect: Duration,
    /// Most bytes of an answer.
    pub most_bytes: u64,
}

/// A node that is asked by JSON-RPC over HTTP. Connections are kept, and threads may share it.
pub struct Client {
    config: Config,
    name: String,
    agent: ureq::Agent,
}

#[derive(Serialize)]
struct Request<'a> {
    jsonrpc: &'static str,
    id: usize,
    method: &'a str,
    params: &'a Value,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Client {
    /// For the node at a URL. Nothing is sent yet.
    pub fn new(config: Config) -> Result<Self, InvalidUrl> {
        let host = host(&config.url);
        let scheme = ["http", "https"]
            .into_iter()
            .find(|scheme| config.url.strip_prefix(scheme).is_some_and(|rest| rest.starts_with("://")));
        let name = match scheme {
            Some(scheme) if config.url.len() <= MOST_URL && !host.is_empty() => format!("{scheme}://{host}"),
            _ => return Err(InvalidUrl(host.chars().take(80).collect())),
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(config.timeout))
            .timeout_connect(Some(config.timeout.min(config.connect)))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .new_agent();
        Ok(Self { config, name, agent })
    }

    /// Where the node is, without what may be secret: scheme and host.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the node is, with everything.
    pub fn url(&self) -> &str {
        &self.config.url
    }

    /// Calls a method.
    pub fn call(&self, method: &str, params: &Value) -> Result<Box<RawValue>, CallError> {
        answer::one(&self.post(&Request { jsonrpc: "2.0", id: 0, method, params })?)
    }

    /// Calls methods, all in one request.
    pub fn batch(&self, calls: &[(&str, Value)]) -> Result<Vec<Result<Box<RawValue>, CallError>>, CallError> {
        let calls = calls.iter().enumerate();
        let requests: Vec<_> =
            calls.map(|(id, (method, params))| Request { jsonrpc: "2.0", id, method, params }).collect();
        answer::many(&self.post(&requests)?, requests.len())
    }

    fn post(&self, request: &impl Serialize) -> Result<Vec<u8>, CallError> {
        let body = serde_json::to_vec(request).expect("a call is plain data");
        let mut post = self.agent.post(&self.config.url).header("content-type", "application/json");
        for (name, value) in &self.config.headers {
            post = post.header(name, value);
        }
        let mut response = post.send(&body).map_err(CallError::unreachable)?;
        let limited = response.body_mut().with_config().limit(self.config.most_bytes);
        let answer = limited.read_to_vec().map_err(CallError::unreachable)?;
        let status = response.status();
        // Some nodes send errors of JSON-RPC with an error status: only an answer that is no JSON fails here.
        if !status.is_success() && serde_json::from_slice::<&RawValue>(&answer).is_err() {
            let message = format!("HTTP status {status}");
            return Err(if status.is_server_error() || status.as_u16() == 429 {
                CallError::Unreachable(message)
            } else {
                CallError::Unusable(message)
            });
        }
        Ok(answer)
    }
}

/// The host of a URL, without path, query and credentials.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(url: &str) -> Result<Client, InvalidUrl> {
        let (timeout, connect) = (Duration::from_secs(30), Duration::from_secs(5));
        Client::new(Config { url: url.into(), headers: Vec::new(), timeout, connect, most_bytes: 1 << 20 })
    }

    #[test]
    fn a_key_in_the_url_stays_out_of_messages() {
        let client = client("https://user:secret@node.example:8545/key/secret?key=secret#secret").unwrap();
        assert_eq!(client.name(), "https://node.example:8545");
        assert!(!format!("{client:?}").contains("secret"));
        assert_eq!(host("node.example/secret"), "node.example");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in ["", "localhost:8545", "ws://localhost", "http://", "file:///etc/passwd"] {
            assert!(client(url).is_err(), "{url}");
        }
        assert!(client(&format!("http://node.example/{}", "x".repeat(MOST_URL))).is_err());
    }
}

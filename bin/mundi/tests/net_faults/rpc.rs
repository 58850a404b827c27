//! JSON-RPC over a connection of its own for each question: a node may be gone at any moment.

use crate::PATIENCE;
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// How long a client waits before it asks another node: one that sleeps takes connections and says nothing.
const SOON: Duration = Duration::from_secs(3);
/// Most calls of one batch.
const BATCH: usize = 100;

/// Where a node answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rpc(pub(crate) SocketAddr);

/// What a node says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) executed: u64,
    pub(crate) finalized: u64,
    pub(crate) view: u64,
    pub(crate) is_caught_up: bool,
    pub(crate) fault: Value,
}

/// A whole number of JSON-RPC.
pub(crate) fn number(value: &Value) -> u64 {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_else(|| panic!("{value}"))
}

fn request(id: usize, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

impl Rpc {
    /// Asks a node that may be gone; its whole response. `None` if none comes soon.
    pub(crate) fn ask(self, method: &str, params: &Value) -> Option<Value> {
        self.post(&request(0, method, params), SOON)
    }

    /// Asks a node that may be gone how far it is.
    pub(crate) fn progress(self) -> Option<Progress> {
        let status = self.ask("mundi_status", &json!([]))?["result"].take();
        status.is_object().then(|| Progress {
            executed: number(&status["executed"]),
            finalized: number(&status["finalized"]),
            view: number(&status["view"]),
            is_caught_up: status["caughtUp"] == true,
            fault: status["fault"].clone(),
        })
    }

    /// Asks a node that is there, as often as there are parameters; its results in the same order.
    #[track_caller]
    pub(crate) fn all(self, method: &str, params: &[Value]) -> Vec<Value> {
        let mut results = Vec::with_capacity(params.len());
        for some in params.chunks(BATCH) {
            let calls: Vec<Value> =
                some.iter().enumerate().map(|(id, params)| request(id, method, params)).collect();
            let Some(Value::Array(mut answers)) = self.post(&Value::from(calls), PATIENCE) else {
                panic!("{} does not answer to {method}", self.0)
            };
            assert_eq!(answers.len(), some.len(), "{}: {method}", self.0);
            answers.sort_by_key(|answer| answer["id"].as_u64());
            for mut answer in answers {
                assert!(answer.get("error").is_none(), "{}: {method}: {answer}", self.0);
                results.push(answer["result"].take());
            }
        }
        results
    }

    fn post(self, body: &Value, patience: Duration) -> Option<Value> {
        let body = body.to_string();
        let mut stream = TcpStream::connect_timeout(&self.0, patience).ok()?;
        stream
            .set_read_timeout(Some(patience))
            .and_then(|()| stream.set_write_timeout(Some(patience)))
            .ok()?;
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            self.0,
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }
}

//! What is counted. All names begin with `rpc_`, and every label has few values: methods that exist, codes in use, transports.

use crate::codes::KNOWN_CODES;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use std::{collections::HashMap, time::Duration};

/// How a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transport {
    Http,
    Ws,
    Ipc,
}

impl Transport {
    const ALL: [Self; 3] = [Self::Http, Self::Ws, Self::Ipc];

    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Ws => "ws",
            Self::Ipc => "ipc",
        }
    }
}

/// Why something was refused before a method saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rejection {
    /// Too many connections.
    Connections,
    /// A name that is not in the list.
    Host,
    /// A page that is not in the list.
    Origin,
    /// No good token.
    Token,
    /// Not JSON by its content type, or an HTTP method that is not served.
    Protocol,
    /// Too large.
    Size,
    /// Too slow.
    Slow,
    /// Too much is held for clients.
    Memory,
    /// Too many calls in a batch.
    Batch,
    /// Not JSON-RPC.
    Malformed,
}

impl Rejection {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Connections, "connections"),
        (Self::Host, "host"),
        (Self::Origin, "origin"),
        (Self::Token, "token"),
        (Self::Protocol, "protocol"),
        (Self::Size, "size"),
        (Self::Slow, "slow"),
        (Self::Memory, "memory"),
        (Self::Batch, "batch"),
        (Self::Malformed, "malformed"),
    ];
}

struct Method {
    requests: Counter,
    seconds: Histogram,
}

/// Handles of the recorder that was in force when the server started.
pub(crate) struct Metrics {
    methods: HashMap<&'static str, Method>,
    unknown: Counter,
    errors: HashMap<i32, Counter>,
    other_errors: Counter,
    rejected: HashMap<Rejection, Counter>,
    connections: HashMap<Transport, Gauge>,
    subscriptions: Gauge,
}

impl Metrics {
    pub(crate) fn new(methods: impl Iterator<Item = &'static str>) -> Self {
        let method = |name: &'static str| Method {
            requests: counter!("rpc_requests_total", "method" => name),
            seconds: histogram!("rpc_request_seconds", "method" => name),
        };
        let error = |code: i32| counter!("rpc_errors_total", "code" => code.to_string());
        Self {
            methods: methods.map(|name| (name, method(name))).collect(),
            unknown: counter!("rpc_requests_total", "method" => "unknown"),
            errors: KNOWN_CODES.iter().map(|code| (*code, error(*code))).collect(),
            other_errors: counter!("rpc_errors_total", "code" => "other"),
            rejected: Rejection::ALL
                .map(|(reason, name)| (reason, counter!("rpc_rejected_total", "reason" => name)))
                .into(),
            connections: Transport::ALL
                .map(|transport| (transport, gauge!("rpc_connections", "transport" => transport.name())))
                .into(),
            subscriptions: gauge!("rpc_subscriptions"),
        }
    }

    /// Calls of one method were answered.
    pub(crate) fn answered(&self, method: &str, calls: usize, took: Duration) {
        if let Some(method) = self.methods.get(method) {
            method.requests.increment(calls as u64);
            method.seconds.record_many(took.as_secs_f64(), calls);
        }
    }

    /// A call named a method that does not exist.
    pub(crate) fn unknown(&self) {
        self.unknown.increment(1);
    }

    /// An answer was an error.
    pub(crate) fn failed(&self, code: i32) {
        self.errors.get(&code).unwrap_or(&self.other_errors).increment(1);
    }

    pub(crate) fn rejected(&self, reason: Rejection) {
        self.rejected[&reason].increment(1);
    }

    /// A connection is open until the guard is dropped.
    pub(crate) fn connected(&self, transport: Transport) -> Connected {
        let gauge = self.connections[&transport].clone();
        gauge.increment(1);
        Connected(gauge)
    }

    /// The number of subscriptions changed.
    pub(crate) fn subscriptions(&self, before: usize, now: usize) {
        self.subscriptions.increment(now as f64 - before as f64);
    }
}

/// A connection is open.
pub(crate) struct Connected(Gauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

//! Requests made from the methods' declarations, valid and broken at their borders, and a check of the answers.
//!
//! ## What is checked
//! * Every request is answered in time, with valid JSON-RPC.
//! * A result has the form that its method declares.
//! * An error has a code that clients know ([`is_known_code`](crate::is_known_code)), and never −32603: whatever a client sends, that would be a
//!   fault of the node.
//! * A parameter that has to be there and is not, or is `null`, is error −32602; one of another JSON type is an error.
//!
//! Hashes, addresses and heights that answers contain are used in later requests, so that much is asked that exists. The same seed
//! on the same state asks the same.

mod generate;
mod validate;

pub use validate::validate;

use crate::{
    budget::Budget, codes::is_known_code, config::TransportLimits, dispatch::Dispatcher, metrics::Metrics,
    split::Splitter,
};
use bytes::Bytes;
use generate::{Expected, Generator};
use jsonrpsee::core::server::{MethodCallback, Methods};
use mundi_rpc_context::{MethodSpec, code};
use serde_json::Value;
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

/// No method takes so long for such requests.
const PATIENCE: Duration = Duration::from_secs(60);
/// Characters of a request or an answer that a finding shows.
const SHOWN: usize = 600;

/// What was asked and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Answers that should not be.
    pub findings: Vec<Finding>,
    /// How many results and how many errors each method answered with.
    pub answers: BTreeMap<&'static str, Tally>,
}

impl Report {
    /// Methods that never returned a result, so that little is known of what they return.
    pub fn without_results(&self) -> Vec<&'static str> {
        self.answers.iter().filter(|(_, tally)| tally.results == 0).map(|(name, _)| *name).collect()
    }
}

/// How a method answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// With a result.
    pub results: usize,
    /// With an error.
    pub errors: usize,
}

/// An answer that should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The method, or `—` for what is no call.
    pub method: String,
    /// What was asked, if it is long its beginning.
    pub request: String,
    /// What was answered, if it is long its beginning.
    pub answer: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// There is none after a minute.
    Hung,
    /// It is not JSON-RPC.
    NotJsonRpc(String),
    /// The code is none that clients know.
    UnknownCode(i64),
    /// The node blames itself.
    Internal,
    /// The result has another form than declared.
    Form(String),
    /// A parameter that cannot be taken was taken.
    Accepted(&'static str),
    /// A missing parameter is not said to be a matter of parameters.
    WrongCode(i64),
    /// The method is declared and does not exist.
    NotServed,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {:?}\n  asked    {}\n  answered {}",
            self.method, self.problem, self.request, self.answer
        )
    }
}

/// The way from a request's bytes to its answer, without a socket.
pub struct Requests(Dispatcher);

impl Requests {
    /// To these methods, with the limits that a server has by default.
    pub fn new(methods: impl Into<Methods>) -> Self {
        let limits = TransportLimits::default();
        let metrics = Arc::new(Metrics::new(std::iter::empty()));
        Self(Dispatcher::new(methods.into(), None, &limits, Budget::new(limits.held_bytes), metrics))
    }

    /// Answers a request as HTTP would; `None` when there is nothing to say.
    pub async fn answer(&self, request: &[u8]) -> Option<String> {
        self.0.answer(request, None).await.map(|answer| answer.text)
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Requests")
    }
}

/// What is wrong with an answer to anything at all.
pub fn check(answer: &str) -> Result<(), Problem> {
    match serde_json::from_str(answer).map_err(|error| Problem::NotJsonRpc(error.to_string()))? {
        Value::Array(answers) if !answers.is_empty() => {
            answers.iter().try_for_each(|answer| error_of(answer).map(drop))
        }
        answer => error_of(&answer).map(drop),
    }
}

/// The documents of a stream of bytes that comes in pieces, as the Unix socket cuts it; up to where it can be cut.
pub fn documents(pieces: &[&[u8]], most: usize) -> Vec<Bytes> {
    let mut splitter = Splitter::new(most);
    let mut documents = Vec::new();
    for piece in pieces {
        splitter.buffer().extend_from_slice(piece);
        loop {
            match splitter.next() {
                Ok(Some(document)) => documents.push(document),
                Ok(None) => break,
                Err(_) => return documents,
            }
        }
    }
    documents
}

/// Asks each of the methods declared by `specs` one valid request and several broken ones in each round, and sends as much that is no request
/// at all. Subscriptions are left out: they need a connection.
pub async fn run(methods: impl Into<Methods>, specs: &[MethodSpec], seed: u64, rounds: usize) -> Report {
    let methods = methods.into();
    let mut report = Report::default();
    let mut calls = Vec::new();
    for spec in specs {
        match methods.method(spec.name) {
            Some(MethodCallback::Sync(_) | MethodCallback::Async(_)) => calls.push(spec),
            Some(MethodCallback::Subscription(_) | MethodCallback::Unsubscription(_)) => {}
            None => report.findings.push(Finding {
                method: spec.name.to_owned(),
                request: String::new(),
                answer: String::new(),
                problem: Problem::NotServed,
            }),
        }
    }
    let mut run = Run { requests: Requests::new(methods), generator: Generator::new(seed), report };
    for _ in 0..rounds {
        for spec in &calls {
            run.ask(spec, false).await;
            for _ in 0..3 {
                run.ask(spec, true).await;
            }
            run.garble(spec).await;
        }
    }
    run.report
}

struct Run {
    requests: Requests,
    generator: Generator,
    report: Report,
}

impl Run {
    async fn ask(&mut self, spec: &MethodSpec, broken: bool) {
        let (request, expected) = self.generator.request(spec, broken);
        if let Some(answer) = self.answer(spec.name, &request).await
            && let Err(problem) = self.judge(&answer, spec, expected)
        {
            self.found(spec.name, &request, &answer, problem);
        }
    }

    /// Something that is hardly a request.
    async fn garble(&mut self, spec: &MethodSpec) {
        let request = self.generator.garbled(spec);
        if let Some(answer) = self.answer("—", &request).await
            && let Err(problem) = check(&answer)
        {
            self.found("—", &request, &answer, problem);
        }
    }

    async fn answer(&mut self, method: &str, request: &[u8]) -> Option<String> {
        match tokio::time::timeout(PATIENCE, self.requests.answer(request)).await {
            Ok(answer) => answer,
            Err(_) => {
                self.found(method, request, "", Problem::Hung);
                None
            }
        }
    }

    fn found(&mut self, method: &str, request: &[u8], answer: &str, problem: Problem) {
        let shown = |text: &str| text.chars().take(SHOWN).collect::<String>();
        self.report.findings.push(Finding {
            method: method.to_owned(),
            request: shown(&String::from_utf8_lossy(request)),
            answer: shown(answer),
            problem,
        });
    }

    fn judge(&mut self, answer: &str, spec: &MethodSpec, expected: Expected) -> Result<(), Problem> {
        let answer: Value =
            serde_json::from_str(answer).map_err(|error| Problem::NotJsonRpc(error.to_string()))?;
        let tally = self.report.answers.entry(spec.name).or_default();
        if let Some(error) = error_of(&answer)? {
            tally.errors += 1;
            return match expected {
                Expected::InvalidParams if error != i64::from(code::INVALID_PARAMS) => {
                    Err(Problem::WrongCode(error))
                }
                _ => Ok(()),
            };
        }
        tally.results += 1;
        match expected {
            Expected::InvalidParams => {
                return Err(Problem::Accepted("a required parameter that is not there"));
            }
            Expected::Error => return Err(Problem::Accepted("a parameter of another type")),
            Expected::Either => {}
        }
        let result = &answer["result"];
        self.generator.learn(result);
        validate(&spec.result, result).map_err(Problem::Form)
    }
}

/// The code of an answer's error; a problem if it is neither a result nor an error that clients know.
fn error_of(answer: &Value) -> Result<Option<i64>, Problem> {
    let malformed = |what: &str| Err(Problem::NotJsonRpc(what.to_owned()));
    let Some(fields) = answer.as_object() else { return malformed("not an object") };
    if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return malformed("jsonrpc is not 2.0");
    }
    if !fields.get("id").is_some_and(|id| id.is_null() || id.is_string() || id.is_number()) {
        return malformed("the id is missing");
    }
    match (fields.get("result"), fields.get("error")) {
        (Some(_), None) => Ok(None),
        (None, Some(error)) => {
            let Some(code) = error["code"].as_i64() else { return malformed("the error has no code") };
            if !error["message"].is_string() {
                return malformed("the error has no message");
            }
            match i32::try_from(code) {
                Ok(code::INTERNAL) => Err(Problem::Internal),
                Ok(known) if is_known_code(known) => Ok(Some(code)),
                _ => Err(Problem::UnknownCode(code)),
            }
        }
        _ => malformed("there is not one of result and error"),
    }
}

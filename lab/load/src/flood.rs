//! A flood of expensive requests, and what it does to the making of blocks.
//!
//! A [`FloodBench`] has a node make blocks of transfers on command. Rounds take turns: a quiet one, in which nobody asks for
//! anything, and a flooded one, in which a [`Flood`] runs while the blocks are made. The transactions are signed and in the pool
//! before either begins.
//!
//! * *in the node*: what the node itself measures for each block, from the payload's submission until it is written, and each
//!   stage of it;
//! * *command*: from sending `evm_mine` until it is answered, which includes waiting for a thread of those that serve clients.
//!
//! The ratio is the median of flooded over quiet of neighbouring rounds: what else the machine does changes slowly and is in both.
//!
//! ## The flood
//! Each connection repeats one kind of request, the next as soon as the one before is answered: calls and traces that run until
//! their gas or their answer's size is at its limit, an estimate that needs many runs, all logs of the chain, a full block, a
//! proof of many slots. The threads that send them are lent by the caller, who should have given them a low priority: on a small
//! machine it is the node that is to be measured and not who gets a core.
//!
//! ## Limits
//! A round's flood is warm when each connection has had an answer, or after ten seconds. What is under way at its end is waited
//! for, so that a quiet round is quiet; a connection that is not answered within half a minute is given up.

mod courtesy;
mod figures;
mod heavy;
mod produce;
mod report;

pub use courtesy::stand_back;
pub use heavy::Heavy;
pub use produce::FloodBench;
pub use report::{FloodReport, FloodTally, KindTally, Machine, RatioReport, Spread, Stages};

use crate::connection::{Connection, LoadError, Transport};
use bytes::Bytes;
use serde_json::Value;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::Semaphore, task::JoinSet};

/// How long a flood may take until each connection has had an answer.
const WARM_UP: Duration = Duration::from_secs(10);
/// How long the last answers may take.
const DRAIN: Duration = Duration::from_secs(30);
/// An answer that is an error is not longer than this.
const LONGEST_ERROR: usize = 4096;
/// The error of a request that is more than the node allows.
const REFUSED: i64 = -32005;
/// Errors of requests that are wrong by themselves, or fail by a fault of the node; others are results of execution.
const FAILED: [i64; 5] = [-32700, -32600, -32601, -32602, -32603];

/// Who floods, and with what.
#[derive(Debug)]
pub(crate) struct Flood {
    /// The requests, each with its kind: a connection has one of them, by turns.
    pub(crate) requests: Vec<(Heavy, Bytes)>,
    /// How many connections.
    pub(crate) connections: usize,
}

/// What connections share.
struct Shared {
    ended: AtomicBool,
    /// A permit for each connection that has had an answer.
    warm: Semaphore,
}

/// A flood that runs.
pub(crate) struct Flooding {
    shared: Arc<Shared>,
    tasks: JoinSet<(Heavy, KindTally)>,
    connections: usize,
    begun: Instant,
}

impl Flood {
    /// Begins on `threads`, and returns when it is warm.
    pub(crate) async fn begin(&self, url: &str, threads: &Handle) -> Flooding {
        let shared = Arc::new(Shared { ended: AtomicBool::new(false), warm: Semaphore::new(0) });
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for (kind, body) in self.requests.iter().cycle().take(self.connections) {
            tasks.spawn_on(repeat(url.to_owned(), *kind, body.clone(), Arc::clone(&shared)), threads);
        }
        let all = u32::try_from(self.connections).unwrap_or(u32::MAX);
        let warm = tokio::time::timeout(WARM_UP, shared.warm.acquire_many(all)).await;
        drop(warm);
        Flooding { shared, tasks, connections: self.connections, begun }
    }
}

impl Flooding {
    /// Ends it, and returns what came of it when the last answers have come.
    pub(crate) async fn end(mut self) -> FloodTally {
        self.shared.ended.store(true, Relaxed);
        let mut tally = FloodTally::new(self.begun.elapsed());
        let mut ended = 0;
        let drained = tokio::time::timeout(DRAIN, async {
            while let Some(done) = self.tasks.join_next().await {
                if let Ok((kind, of_kind)) = done {
                    tally.add(kind, of_kind);
                    ended += 1;
                }
            }
        });
        let _ = drained.await;
        tally.given_up += self.connections - ended;
        tally
    }
}

/// Sends the same request until the flood ends.
async fn repeat(url: String, kind: Heavy, body: Bytes, shared: Arc<Shared>) -> (Heavy, KindTally) {
    let mut tally = KindTally { connections: 1, ..KindTally::default() };
    let mut connection = None;
    let mut is_warm = false;
    while !shared.ended.load(Relaxed) {
        let answer = post(&url, &mut connection, &body).await;
        if shared.ended.load(Relaxed) {
            break;
        }
        tally.count(answer);
        if !is_warm {
            shared.warm.add_permits(1);
            is_warm = true;
        }
        // A node that refuses connections at once would otherwise keep this thread from the others.
        tokio::task::yield_now().await;
    }
    (kind, tally)
}

async fn post(url: &str, connection: &mut Option<Connection>, body: &Bytes) -> Result<Bytes, LoadError> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => Connection::open(url, Transport::Http).await?,
    };
    let answer = open.post(body.clone()).await?;
    *connection = Some(open);
    Ok(answer)
}

impl KindTally {
    /// Counts an answer.
    fn count(&mut self, answer: Result<Bytes, LoadError>) {
        match answer {
            Ok(body) => {
                self.bytes += body.len() as u64;
                match error_of(&body) {
                    Some((REFUSED, _)) => self.refused += 1,
                    Some((code, message)) if FAILED.contains(&code) => self.fail(format!("{code} {message}")),
                    _ => self.answered += 1,
                }
            }
            // With its status: too many requests, or connections.
            Err(error) if error.to_string().contains(&REFUSED.to_string()) => self.refused += 1,
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn fail(&mut self, why: String) {
        self.failed += 1;
        self.failure.get_or_insert(why);
    }
}

/// Code and message, if an answer is an error.
fn error_of(body: &[u8]) -> Option<(i64, String)> {
    if body.len() > LONGEST_ERROR {
        return None;
    }
    let answer: Value = serde_json::from_slice(body).ok()?;
    let error = answer.get("error")?;
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    Some((error.get("code").and_then(Value::as_i64).unwrap_or_default(), message.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(body: &'static str) -> KindTally {
        let mut tally = KindTally::default();
        tally.count(Ok(Bytes::from_static(body.as_bytes())));
        tally
    }

    #[test]
    fn results_and_failed_executions_are_answers() {
        assert_eq!(counted(r#"{"jsonrpc":"2.0","id":1,"result":"0x"}"#).answered, 1);
        assert_eq!(counted(r#"{"id":1,"error":{"code":-32000,"message":"out of gas"}}"#).answered, 1);
        assert_eq!(counted(r#"{"id":1,"error":{"code":3,"message":"execution reverted"}}"#).answered, 1);
    }

    #[test]
    fn what_is_beyond_a_limit_is_refused() {
        assert_eq!(counted(r#"{"id":1,"error":{"code":-32005,"message":"too large"}}"#).refused, 1);
        let mut tally = KindTally::default();
        tally.count(Err(eyre::eyre!("node answers 503: {{\"error\":{{\"code\":-32005}}}}")));
        assert_eq!((tally.refused, tally.failed), (1, 0));
    }

    #[test]
    fn a_fault_is_counted_and_the_first_one_kept() {
        let mut tally = counted(r#"{"id":1,"error":{"code":-32601,"message":"no such method"}}"#);
        tally.count(Err(eyre::eyre!("connection reset")));
        assert_eq!((tally.failed, tally.answered), (2, 0));
        assert_eq!(tally.failure.as_deref(), Some("-32601 no such method"));
    }
}

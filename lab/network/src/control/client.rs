//! Asking a supervisor.

use super::message::{Answer, Order};
use crate::{layout::Layout, shell::quoted};
use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

/// Most bytes of an answer.
const MAX_ANSWER: u64 = 8 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there.
    #[error("the network in {} does not run: start it with `mundi net up {}`", .0.display(), quoted(.0))]
    NotRunning(std::path::PathBuf),
    /// The connection.
    #[error("the supervisor of {} does not answer: {error}", dir.display())]
    Connection {
        /// The folder.
        dir: std::path::PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// What came back.
    #[error("the supervisor of {} answers something that is no answer: {reason}", dir.display())]
    Answer {
        /// The folder.
        dir: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Gives an order to the supervisor of a network, and waits at most `patience` for the answer.
pub fn ask(layout: &Layout, order: &Order, patience: Duration) -> Result<Answer, AskError> {
    let failed = |error| AskError::Connection { dir: layout.dir.clone(), error };
    if layout.supervisor().is_none() {
        return Err(AskError::NotRunning(layout.dir.clone()));
    }
    let mut stream = UnixStream::connect(layout.socket()).map_err(failed)?;
    stream.set_read_timeout(Some(patience)).map_err(failed)?;
    stream.set_write_timeout(Some(patience)).map_err(failed)?;
    let mut line = serde_json::to_vec(order).expect("an order is plain data");
    line.push(b'\n');
    stream.write_all(&line).map_err(failed)?;
    let mut answer = String::new();
    BufReader::new(stream.take(MAX_ANSWER)).read_line(&mut answer).map_err(failed)?;
    serde_json::from_str(&answer)
        .map_err(|error| AskError::Answer { dir: layout.dir.clone(), reason: error.to_string() })
}

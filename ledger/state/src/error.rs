//! What can go wrong with a store.

use alloy_primitives::B256;
use std::path::PathBuf;

/// A store that could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory is open in another process.
    #[error("the store is in use by another process; stop it first, or choose another --datadir")]
    Locked,
    /// The directory holds no store.
    #[error("{0} holds no store; create one with `mundi import --genesis`")]
    Missing(PathBuf),
    /// The directory holds a store already.
    #[error("{0} holds a store already")]
    Exists(PathBuf),
    /// The directory was written in a format that this program does not know.
    #[error(
        "the store has format {found} in its file VERSION, this program knows format {known}; use a newer program"
    )]
    Format {
        /// As written in the store.
        found: u32,
        /// The newest that this program reads.
        known: u32,
    },
    /// The store belongs to another chain.
    #[error("the store was created for genesis {found}, not {expected}")]
    Genesis {
        /// The genesis asked for.
        expected: B256,
        /// The genesis in the store.
        found: B256,
    },
    /// The operating system refused to read or write.
    #[error("{place}: {error}")]
    Io {
        /// The table or file.
        place: &'static str,
        /// What it said.
        error: std::io::Error,
    },
    /// The operating system refused to open, read or write a file.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What it said.
        error: std::io::Error,
    },
    /// A file is missing, or is not as it was written.
    #[error("{} is damaged: {problem}; restore it from a copy", path.display())]
    DamagedFile {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Blocks that were on disk are not there any more.
    #[error(
        "{}: {problem}; the store ends at block {}, and block {acknowledged} was on disk; restore the file from a \
         copy, or give up what follows with `Store::give_up`",
        path.display(), found.map_or("?".into(), |height| height.to_string())
    )]
    Lost {
        /// The file where they should be.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
        /// The newest block that is there, if it is known.
        found: Option<u64>,
        /// The newest block that was there.
        acknowledged: u64,
    },
    /// The key-value engine failed, or found a damaged file.
    #[error("{place}: {message}")]
    Engine {
        /// The table.
        place: &'static str,
        /// What the engine said.
        message: String,
    },
    /// What is on disk contradicts itself.
    #[error("damaged store: {0}")]
    Damaged(String),
    /// The block asked for is not kept any more, or not there yet.
    #[error("no state for block {height}: kept are {oldest} to {newest}")]
    NotKept {
        /// Asked for.
        height: u64,
        /// The oldest kept.
        oldest: u64,
        /// The newest.
        newest: u64,
    },
    /// A block that does not follow from the newest one, or whose root is another.
    #[error("block {height}: {field} should be {expected}, is {got}")]
    Mismatch {
        /// Which block.
        height: u64,
        /// Which field.
        field: &'static str,
        /// As it should be.
        expected: String,
        /// As it is.
        got: String,
    },
    /// An import of a state file into the directory did not come to its end.
    #[error(
        "{0} holds a part of a state: its import was not finished; run the same `mundi state import` again"
    )]
    Unfinished(PathBuf),
    /// A file that holds no state, or not as it should.
    #[error("the state file is no good at byte {offset}: {problem}")]
    StateFile {
        /// How many bytes are before what is wrong, about.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// The work was ended from outside.
    #[error("stopped")]
    Cancelled,
    /// The transactions and receipts of a block are not there, because the store begins after it.
    #[error(
        "block {height} has no transactions and receipts here: the store begins after it and has them from block \
         {oldest} on"
    )]
    BlockNotKept {
        /// Asked for.
        height: u64,
        /// The oldest block that is there as a whole.
        oldest: u64,
    },
    /// A query for logs that passes one of its limits.
    #[error(
        "search for logs stopped at block {height}: more than {limit} {what}; ask for fewer blocks or less"
    )]
    LogLimit {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        limit: usize,
        /// The block at which the search stopped; those before it are searched.
        height: u64,
    },
}

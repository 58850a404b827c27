//! Why a node does not start, or does not stop well.

use mundi_chain::{GenesisError, LedgerError};
use mundi_consensus::{ValidatorError, follow::FollowError};
use mundi_mempool::JournalError;
use mundi_rpc_dev::{DumpError, ForkError};
use mundi_rpc_server::ServerError;
use mundi_state::StoreError;
use std::{io, net::SocketAddr, path::PathBuf};

/// Why a node does not start, or does not stop well.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Threads cannot be started.
    #[error("cannot start the {kind} threads: {reason}")]
    Threads {
        /// Which.
        kind: &'static str,
        /// What the system says.
        reason: String,
    },
    /// A file or a folder of the node.
    #[error("cannot {what} {}: {error}", path.display())]
    File {
        /// What was tried: `read`, `write`, `make`.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// There is no chain yet, and no genesis to begin one with.
    #[error("there is no chain in {} yet: begin it with --genesis GENESIS.json", .0.display())]
    NoChain(PathBuf),
    /// A genesis file.
    #[error("{} is no genesis file that can be used: {error}", path.display())]
    Genesis {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: GenesisError,
    },
    /// The folder holds a chain with another first block.
    #[error("the chain in {} begins with {expected}, {which} with {got}; another --datadir holds another chain", path.display())]
    OtherChain {
        /// The folder.
        path: PathBuf,
        /// What begins differently.
        which: &'static str,
        /// The hash of the chain's first block.
        expected: alloy_primitives::B256,
        /// The other one.
        got: alloy_primitives::B256,
    },
    /// The folder holds a chain with another id, which the first block does not tell.
    #[error("the chain in {} has chain id {expected}, the genesis file {got}; another --datadir holds another chain", path.display())]
    OtherChainId {
        /// The folder.
        path: PathBuf,
        /// Of the chain there.
        expected: u64,
        /// Of the genesis.
        got: u64,
    },
    /// The store cannot be opened.
    #[error("cannot open {}: {error}", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: StoreError,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Developers' methods would be open to the world.
    #[error(
        "{address} can be reached by others, who could then spend and change everything: developers' methods are for loopback addresses; listen on 127.0.0.1, or allow it with --allow-public"
    )]
    Public {
        /// Where it would listen.
        address: SocketAddr,
    },
    /// A listener cannot be opened.
    #[error("cannot listen for {what} on {address}: {error}")]
    Listen {
        /// For what.
        what: &'static str,
        /// Where.
        address: String,
        /// What the system says.
        error: io::Error,
    },
    /// The remote chain.
    #[error("the remote chain cannot be continued: {0}")]
    Fork(#[from] ForkError),
    /// A dump of a chain.
    #[error("the dump of the chain cannot be {what}: {error}")]
    Dump {
        /// What was tried: `loaded`, `made`.
        what: &'static str,
        /// Why not.
        error: DumpError,
    },
    /// The servers.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The validator.
    #[error("the validator cannot start: {0}")]
    Validator(#[from] ValidatorError),
    /// The follower.
    #[error("following cannot start: {0}")]
    Follow(#[from] FollowError),
    /// There is no chain yet, and nobody gives a genesis to begin one with.
    #[error("there is no chain in {} yet, and none of the nodes to follow gives its genesis; the last one was {upstream}: {reason}", path.display())]
    NoGenesis {
        /// The folder.
        path: PathBuf,
        /// Who was asked last.
        upstream: String,
        /// Why there is none.
        reason: String,
    },
    /// The pool's journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Settings that do not go together.
    #[error("{0}")]
    Settings(String),
}

impl NodeError {
    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { what, path, error }
    }
}

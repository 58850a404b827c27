//! Chains as documents: dumped by one node, loaded by another.
//!
//! ## What is in a dump
//! A JSON document, compressed with gzip: the first block with its state, all blocks after it, and what developers changed before
//! each of them ([`document`]). States and receipts are not in it: they follow from executing the blocks again, and whether they are
//! the same is checked against the headers. So a dump is small, and a wrong one is refused.
//!
//! ## Loading
//! * On a chain with the same first block, blocks come out as they were, hash by hash.
//! * On a chain with another first block of its own, what the dumped chain began with is added to it, and the blocks
//!   are built on it: heights, times, transactions, receipts and states are those of the dump, block hashes are new. A chain that
//!   continues a remote one takes only dumps of chains that continue the same block.
//! * [`Dump::genesis`] begins a chain exactly as the dumped one began.
//! * Of Anvil's dumps the accounts are taken over, as changes of the next block.
//!
//! What waits in the pool, blobs and snapshots are not in a dump.
//!
//! ## Limits and failure
//! Documents have at most [`MAX_DUMP_BYTES`], compressed and not. Loading replaces the chain; what is malformed is refused before
//! that. If a block turns out not to be what its header says, the chain ends before it, and the error names it.

mod anvil;
mod document;
mod load;
mod replay;

pub use document::Dump;

use crate::Workbench;
use document::{Block, Changes, Origin, VERSION};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use mundi_chain::LedgerError;
use mundi_consensus::ProduceError;
use mundi_execution::{ExecutionError, StateError};
use mundi_rpc_context::RpcError;
use mundi_state::StoreError;
use std::io::{Read, Write};

/// Most bytes of a dump, compressed or not.
pub const MAX_DUMP_BYTES: u64 = 2 << 30;
/// Compressed data begins like this.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why a chain cannot be dumped or loaded.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// Not a dump.
    #[error("not a dump of a chain: {0}")]
    Malformed(String),
    /// More than [`MAX_DUMP_BYTES`].
    #[error("the dump has more than {MAX_DUMP_BYTES} bytes")]
    TooLarge,
    /// It does not fit this chain.
    #[error("{what}: expected {expected}, got {got}")]
    Mismatch {
        /// What does not fit.
        what: String,
        /// What would.
        expected: String,
        /// What it is.
        got: String,
    },
    /// The chain cannot be dumped as a whole.
    #[error("the chain cannot be dumped: {0}")]
    NotWhole(String),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// A block cannot be executed.
    #[error("block {0}: {1}")]
    Execution(u64, ExecutionError),
    /// An edit failed.
    #[error(transparent)]
    Edit(#[from] RpcError),
    /// A block cannot be made.
    #[error(transparent)]
    Produce(#[from] ProduceError),
}

impl DumpError {
    fn mismatch(
        what: impl Into<String>,
        expected: impl std::fmt::Display,
        got: impl std::fmt::Display,
    ) -> Self {
        Self::Mismatch { what: what.into(), expected: expected.to_string(), got: got.to_string() }
    }
}

/// As clients see it.
pub(crate) fn to_rpc(error: DumpError) -> RpcError {
    match error {
        DumpError::Malformed(_) | DumpError::TooLarge => RpcError::invalid_params(error.to_string()),
        DumpError::Mismatch { .. } | DumpError::NotWhole(_) | DumpError::Execution(..) => {
            RpcError::invalid_input(error.to_string())
        }
        DumpError::Ledger(error) => error.into(),
        DumpError::Store(error) => error.into(),
        DumpError::State(error) => error.into(),
        DumpError::Edit(error) => error,
        DumpError::Produce(error) => RpcError::internal(error),
    }
}

impl Dump {
    /// Reads a dump, compressed or not.
    ///
    /// ```
    /// assert!(mundi_rpc_dev::Dump::read(b"{}").is_err());
    /// ```
    pub fn read(bytes: &[u8]) -> Result<Self, DumpError> {
        Self::parse(&unpacked(bytes)?)
    }

    fn parse(json: &[u8]) -> Result<Self, DumpError> {
        let dump: Self = serde_json::from_slice(json).map_err(malformed)?;
        dump.check()?;
        Ok(dump)
    }

    /// The document, compressed.
    pub fn write(&self) -> Result<Vec<u8>, DumpError> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        serde_json::to_writer(&mut encoder, self).map_err(malformed)?;
        encoder.flush().and_then(|()| encoder.finish()).map_err(malformed)
    }
}

fn malformed(error: impl std::fmt::Display) -> DumpError {
    DumpError::Malformed(error.to_string())
}

/// The document that may be compressed.
fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, DumpError> {
    if bytes.len() as u64 > MAX_DUMP_BYTES {
        return Err(DumpError::TooLarge);
    }
    if !bytes.starts_with(&GZIP) {
        return Ok(bytes.to_vec());
    }
    let mut unpacked = Vec::new();
    let read = GzDecoder::new(bytes).take(MAX_DUMP_BYTES + 1).read_to_end(&mut unpacked);
    let read = read.map_err(|error| DumpError::Malformed(format!("the compression is damaged: {error}")))?;
    if read as u64 > MAX_DUMP_BYTES {
        return Err(DumpError::TooLarge);
    }
    Ok(unpacked)
}

impl Workbench {
    /// The whole chain as a document, compressed.
    pub fn dump(&self) -> Result<Vec<u8>, DumpError> {
        self.document()?.write()
    }

    fn document(&self) -> Result<Dump, DumpError> {
        let notes = self.notes();
        if !notes.edits.is_whole() {
            return Err(DumpError::NotWhole("there were more changes than are remembered".into()));
        }
        let ledger = &self.ctx.ledger;
        let head = self.solo.pause(|| ledger.head());
        let newest = head.block.header.number;
        let block = |height| -> Result<_, DumpError> {
            let missing = || DumpError::NotWhole(format!("block {height} is not kept"));
            ledger.block(height)?.ok_or_else(missing)
        };
        let first = block(self.origin)?;
        let changes = |height| notes.edits.of(height).map(Changes::of);
        let own = self.setup.genesis.as_ref().filter(|genesis| genesis.hash == first.hash);
        let own = own.filter(|_| self.setup.fork.is_none());
        let mut blocks = Vec::new();
        for height in self.origin + 1..=newest {
            blocks.push(Block::of(&*block(height)?, changes(height)));
        }
        Ok(Dump {
            mundi_chain: VERSION,
            chain_id: ledger.spec().chain_id(),
            origin: Origin::of(&first, own.map(|genesis| &genesis.alloc)),
            blocks,
            edits: head.state.edits().as_ref().map(Changes::of),
        })
    }
}

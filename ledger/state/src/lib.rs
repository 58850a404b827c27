//! Ethereum's world state, durable and provable.
#![expect(dead_code, reason = "the store above these parts is being written")]

mod account;
mod block;
mod blocks;
mod cache;
mod config;
mod error;
mod flush;
mod format;
mod history;
mod journal;
mod keccak;
mod kv;
mod layer;
mod log_index;
mod logs;
mod position;
mod queries;
mod receipts;
mod snapshot;
mod stage;
mod stats;
mod store;
#[cfg(test)]
mod test_store;
mod trie;
mod verify;
mod view;
mod watch;

pub use block::BlockRecord;
pub use blocks::{StoredBody, StoredHeader};
pub use config::{Config, History};
pub use error::StoreError;
pub use logs::{FoundLog, LogFilter, LogLimits};
pub use snapshot::{Pending, PendingBlock, Snapshot, Staged};
pub use stats::{EntryStats, Stats, TableStats};
pub use store::{Store, Tip};
pub use trie::{AccountProof, ProofError, SlotProof};
pub use verify::{Inconsistency, Place, VerifyReport};
pub use watch::{StateProgress, Watch};

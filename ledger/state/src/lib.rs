//! Ethereum's world state and its blocks: durable, provable, fast.
//!
//! ## What it promises
//! * A [`Snapshot`] is the state after one block. It implements the engine's
//!   [`StateSnapshot`](mundi_execution::StateSnapshot), is read by any number of threads, never changes and never waits for a
//!   commit. There is one for each of the last [`Config::history`] blocks.
//! * The root after every change set is Ethereum's: creations, deletions, emptied accounts, dropped storage.
//!   Its cost follows the number of changes, not the size of the state, and it is computed on a pool handed in.
//! * [`Snapshot::proof`] proves accounts and slots, there or not, for each of the last [`Config::proofs`] blocks;
//!   [`AccountProof::verify`] needs nothing but a root.
//! * After [`Store::persist`] the blocks are on disk. After a kill or a power failure at any moment the store opens at a block
//!   that is wholly there, with a root that was checked; what was persisted is there. A damaged file is an error that names it.
//! * Memory is bounded by [`Config::cache_bytes`] and [`Config::layer_bytes`], above what callers themselves hold on to.
//!
//! ## How a block gets in
//! ```text
//! changes ──stage──► layer + root ──publish──► in memory ──persist──► on disk ──flush──► in the tables
//!            pool                    readers see it        one synced      many blocks
//!                                                          batch           at once
//! ```
//!
//! [`stage`](Store::stage) hashes keys, finds old values, walks the tries down and hashes them up again; nobody sees
//! the result until [`publish`](Store::publish) makes it the newest block. A staged state can be staged on. While block
//! *n* is staged, block *n + 1* executes on [`Pending`]. [`commit`](Store::commit) does all steps in a row.
//!
//! ## Invariants
//! * Tables hold the state of one block, the *flushed* one; blocks after it are layers in memory and, once persisted,
//!   entries of the journal. Opening applies the journal again.
//! * A key is written once in a batch, and a batch is applied wholly or not at all.
//! * A published block follows from the one before it by number, parent hash and state root.
//!
//! ## What happens when things fail
//! A write that fails leaves everything before it on disk; the store refuses further writes until it is opened again,
//! and snapshots stay readable. What contradicts itself is [`StoreError::Damaged`], never a wrong answer. A directory in
//! use, of a newer format or of another chain is refused.
//!
//! ## In memory
//! [`Store::in_memory`] makes the same store without a directory, for chains that end with the process: blocks, states,
//! history and proofs are all there, nothing is written, and *on disk* above means *in the tables*. With
//! [`History::Full`] for both values and proofs it can be [rewound](Store::rewind) to every block it ever had.
//!
//! [`SimulatedDisk`] is a disk for simulations: the same store on it is opened again after crashes and failed writes, which come
//! by command or by a seed.
//!
//! [`Store::above`] makes one whose first block is another chain's, known by its header alone.
//!
//! ## A state sent to another node
//! [`Store::export_at`] makes a stream of bounded chunks of any kept block, while the store is worked on. [`Store::import`] makes a
//! store of them ([`StateChunks`]) that begins with that block, trusting nothing but its hash: all roots are computed, and nothing
//! is left of what is cut off, changed or too long. The format is the one of state files.
//!
//! ## Limits
//! One process per directory, and one line of blocks: a fork is staged, or the newest blocks are
//! [dropped](Store::rewind). A [`Snapshot`] that is held on to keeps the tables as they were on disk. The engine has
//! threads of its own for compaction ([`Config::compaction_threads`]).
//!
//! Layout and reasons: decisions 0002 (the key-value engine) and 0003 (the state's layout).

mod account;
mod block;
mod blocks;
mod cache;
mod compare;
mod config;
mod entries;
mod error;
mod export;
mod flush;
mod format;
mod history;
mod import;
mod journal;
mod keccak;
mod kv;
mod layer;
mod log_index;
mod logs;
mod medium;

mod position;
mod queries;
mod receipts;
mod snapshot;
mod stage;
mod state_file;
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
pub use export::StateExport;
pub use import::Expected;
pub use kv::{DiskFault, FaultCounts, FaultRates, SimulatedDisk, Unsynced};
pub use logs::{FoundLog, LogFilter, LogLimits};
pub use medium::Medium;
pub use snapshot::{Pending, PendingBlock, Snapshot, Staged};
pub use state_file::{StateChunks, StateFileReport};
pub use stats::{EntryStats, Stats, TableStats};
pub use store::{Store, Tip};
pub use trie::{AccountProof, Hashed, MemoryTrie, ProofError, SlotProof};
pub use verify::{Inconsistency, Place, VerifyReport};
pub use watch::{StateProgress, Watch};

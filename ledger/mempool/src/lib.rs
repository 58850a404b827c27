//! Transactions that wait to be ordered.
//!
//! ## What it promises
//! * **Checked once.** What is in the pool was decoded from its one encoding, is signed for this chain by its sender, obeys the
//!   rules of the next block, is paid for by the sender's balance, and proves its blobs. All of it happens on the submitting
//!   thread, or on a pool of threads for a batch ([`Mempool::submit_batch`]), without any lock held.
//! * **Nonces.** Of one sender there is one transaction for each nonce. Those that follow the account's nonce without gap, and
//!   that the balance covers together, are *pending*; the others are *queued*. One takes another's place only for a fee
//!   that is higher by a set part ([`Config::price_bump_percent`]).
//! * **Payloads.** [`Mempool::propose`] hands pending transactions out, a sender's in the order of their nonces, best tip at the
//!   payload's base fee first. What was handed out is *in flight*: nobody gets it again, nobody can replace it, until it
//!   is [returned](Mempool::returned) or a block shows what became of it. So the next payload can be made while the last one
//!   executes. What other leaders' payloads hold is [claimed](Mempool::claim), and is in flight too.
//! * **Following.** [`Mempool::on_head`] costs time in proportion to what the block changed, not to the size of the pool.
//! * **Bounds.** Count and bytes, of all and of each sender, hold at every moment ([`Config`]). A full pool evicts what is worth
//!   least: first what cannot be executed, then by effective tip, always a sender's last nonce first, so that no gap
//!   appears. What is in flight, and local if so configured, is never evicted.
//! * **Users.** What users of this node sent is told apart from what other nodes handed on ([`Origin`]), and those who bring it to
//!   whoever orders can [follow](Mempool::subscribe_users), [list](Mempool::users_waiting) and [ask](Mempool::progress).
//! * **Restarts.** A [`Journal`] keeps accepted transactions, blobs included.
//!
//! ## How
//! Senders are divided into shards, each behind a lock that is held for about a microsecond at a time. In a shard each
//! sender stands with its next transaction in a line by effective tip and with its last one in the order of eviction.
//! These orders do not depend on the base fee but for those transactions whose cap lies between the old and the new
//! one, and only these are moved when it changes (`fees`). A proposal merges the lines of all shards.
//!
//! Locks are taken in this order: the one that serialises heads, one shard, then any of the leaves: hashes, sidecars, authorities,
//! events. No two shards are ever locked at the same time. The journal's lock is taken before shards and never under one.
//!
//! ## Limits and failure
//! A rejected transaction leaves the pool as it was, and [`PoolError`] says why in the words that Ethereum's clients know. If the
//! state cannot be read the submission fails, and can be repeated. A journal that cannot be written is given up with a log
//! line. Accounts under EIP-7702 may have few transactions waiting, because one block can make all of them worthless;
//! this rule is checked without locking two senders at a time, so it may be exceeded by as many submissions as run at once.
//!
//! ```
//! use mundi_chain::{ChainSpec, ForkPoint};
//! use mundi_execution::MemoryState;
//! use mundi_mempool::{Config, Head, Mempool, Origin};
//! use std::sync::Arc;
//!
//! let spec = Arc::new(ChainSpec::at_fork("Osaka")?);
//! let head = Head {
//!     point: ForkPoint::new(1, 12),
//!     base_fee: 7,
//!     blob_base_fee: 1,
//!     gas_limit: 1_000_000_000,
//!     state: Arc::new(MemoryState::new()),
//! };
//! let mempool = Mempool::new(Config::default(), spec, head);
//! let error = mempool.submit_raw(&[0xc0], Origin::Remote).unwrap_err();
//! assert!(error.to_string().starts_with("failed to decode signed transaction"));
//! assert_eq!(mempool.status().pending, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod blobs;
mod check;
mod clock;
mod config;
mod error;
mod events;
mod fees;
mod follow;
mod head;
mod journal;
mod pool;
mod propose;
mod queries;
mod sender;
mod shard;
mod submit;
mod transaction;
mod users;

pub use blobs::FoundBlob;
pub use clock::{Clock, MonotonicClock};
pub use config::{Config, Order, Origin, PER_TRANSACTION};
pub use error::{ErrorKind, PoolError};
pub use events::{DropReason, PoolEvent};
pub use follow::head_after;
pub use head::{Head, NewHead, Reorganised};
pub use journal::{Journal, JournalError, Loaded};
pub use pool::Mempool;
pub use queries::{Progress, SenderContent, Status};
pub use transaction::PooledTransaction;

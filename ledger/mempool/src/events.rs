//! What happens in the pool, told to those who listen.

use crate::transaction::PooledTransaction;
use alloy_primitives::B256;
use std::sync::Arc;

/// Something that happened to a transaction. Those of one transaction come in the order in which they happened.
#[derive(Clone, Debug)]
pub enum PoolEvent {
    /// It can be executed: all of the sender's before it are there, and the balance suffices for them together.
    Pending(Arc<PooledTransaction>),
    /// It waits for a nonce or for money.
    Queued(Arc<PooledTransaction>),
    /// It took the place of one with the same nonce. `Pending` or `Queued` follows.
    Replaced {
        /// The one that is gone.
        old: B256,
        /// The one in its place.
        new: Arc<PooledTransaction>,
    },
    /// It is no longer in the pool.
    Dropped {
        /// Which.
        hash: B256,
        /// Why.
        reason: DropReason,
    },
}

/// Why a transaction is no longer in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It is part of the chain.
    Included,
    /// Another transaction with its nonce is part of the chain.
    Superseded,
    /// The sender cannot pay for it any more.
    Unfunded,
    /// The rules of the next block, or the block that tried it, do not take it.
    Invalid,
    /// The pool was full, and it offered least.
    Evicted,
    /// It waited for too long.
    Expired,
    /// Somebody asked for it.
    Removed,
}

//! Transactions on their way from the node that a user knows to whoever orders next.
//!
//! ## What it promises
//! * What a user sends to any node goes to the current leader and to the next ones ([`Leadership`]) within
//!   [`Limits::batch_delay`], several transactions in one message.
//! * As long as a transaction is in no payload that this node's pool knows of, it is offered to the leaders of later views
//!   again, every [`Limits::resend_after`] views. This costs eight bytes each: short ids are announced, and only what the leader
//!   lacks is asked for and sent.
//! * What arrives goes to the pool in batches, through [`Intake`], and is handed on to nobody: each node brings what its
//!   own users sent.
//! * **Bounds.** Everything that is remembered and everything that waits has a limit ([`Limits`]); between two peers go no more bytes and
//!   transactions in a second than a [`Rate`] allows, in each direction. What exceeds a limit is dropped and counted, the
//!   newest first; what a user of this node sent is dropped here only from the line, never from the pool, and is taken up again when
//!   there is room ([`Outbox::list`]).
//! * **Garbage.** A peer whose bytes are no message, or whose transactions are no transactions, is blocked.
//! * **Determinism.** Everything that is sent follows from what is heard, from the clock and from the views, and from nothing else.
//!
//! ## What it does not promise
//! Nothing is acknowledged. A message that is lost is made good by the next announcement. A transaction that a leader's pool refuses is
//! asked for again at the next announcement, because what was refused may be welcome by now.
//!
//! ## The protocol
//! One channel; three kinds of messages, whose bytes are described in `forward/wire.rs`.
//! ```text
//!   user's node                                   leader
//!        | ------- transactions (fresh) ----------> |  pool
//!        |            … some views later …          |
//!        | ------- announcement (short ids) ------> |  a later leader
//!        | <------ request (those it lacks) ------- |
//!        | ------- transactions ------------------> |  pool
//! ```
//! A short id is the beginning of SHA-256 over a key of the receiver's and the transaction's hash. What nobody announced is not
//! served, and what was announced once is served once. A receiver that is behind with checking does not ask.
//!
//! ## Shape
//! [`Forwarder`] is an actor on the runtime `E`. It learns what users sent from an [`Outbox`], gives what arrives to an
//! [`Intake`], and hears of views through a watch; [`PoolOutbox`] and [`PoolIntake`] are those of a mempool. [`MAX_MESSAGE_BYTES`] is what the network has to carry. The network's quota for the channel
//! must be well above what the rates let through, because networks make everything else of a peer wait behind a message that exceeds it.

mod allowance;
mod engine;
mod inbound;
mod leading;
mod metrics;
mod outbound;
mod peers;
mod pool;
mod recent;
mod short;
#[cfg(test)]
mod tests;
mod unordered;
mod wire;

pub use allowance::Rate;
pub use engine::Forwarder;
pub use leading::{follow_leaders, follow_pool};
pub use pool::{PoolIntake, PoolOutbox, Workers};
pub use wire::{MAX_BATCH_BYTES, MAX_BATCH_TRANSACTIONS, MAX_IDS, MAX_MESSAGE_BYTES, MAX_TRANSACTION_BYTES};

use alloy_primitives::{B256, Bytes};
use commonware_consensus::types::{View, ViewDelta};
use commonware_cryptography::PublicKey;
use commonware_utils::channel::{oneshot, watch};
use std::{future::Future, time::Duration};

/// Who orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leadership<P> {
    /// The current view. It never goes back.
    pub view: View,
    /// Its leader and those of the views after it, as many as shall get what users send; this node may be among them. Two
    /// are enough: when the current leader has made its payload already, the next one takes the transaction.
    pub leaders: Vec<P>,
}

/// What a [`Forwarder`] is told.
#[derive(Clone, Debug)]
pub struct Config<P: PublicKey> {
    /// This node.
    pub me: P,
    /// What is the network's own, as its signatures have it.
    pub namespace: Vec<u8>,
    /// Who orders; the forwarder ends when nobody tells it any more.
    pub leadership: watch::Receiver<Leadership<P>>,
    /// How much of everything.
    pub limits: Limits,
}

/// Limits of a [`Forwarder`].
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a transaction waits for others to go with it. A full message goes at once.
    pub batch_delay: Duration,
    /// After how many views what is in no payload is announced to the leaders of then.
    pub resend_after: ViewDelta,
    /// Most transactions of users here that are followed until they are ordered. About 200 bytes each.
    pub unordered: usize,
    /// Most of them that are looked at in one view.
    pub examined_per_view: usize,
    /// Most transactions that are remembered by their short id, as known here. About 150 bytes each.
    pub known: usize,
    /// Most transactions that are remembered as asked for.
    pub asked: usize,
    /// What was asked for is not asked for again, of whomever, in this time.
    pub ask_again_after: Duration,
    /// Most transactions that a peer may ask for after they were announced to it.
    pub announced: usize,
    /// Most peers that are remembered. The network knows who may be a peer: more than that is no limit.
    pub peers: usize,
    /// What goes to one peer.
    pub outbound: Rate,
    /// What is taken from one peer. It should be somewhat above what others send, for the network bunches messages.
    pub inbound: Rate,
    /// Most bytes of transactions that wait to be checked. Of one peer, half of it.
    pub waiting_bytes: usize,
    /// Most transactions that wait to be checked. Of one peer, half of it.
    pub waiting_transactions: usize,
    /// Most transactions that are checked at a time.
    pub checked_at_once: usize,
}

impl Default for Limits {
    /// For validators that put about ten megabytes into payloads in a second.
    fn default() -> Self {
        Self {
            batch_delay: Duration::from_millis(5),
            resend_after: ViewDelta::new(4),
            unordered: 65_536,
            examined_per_view: 8_192,
            known: 131_072,
            asked: 16_384,
            ask_again_after: Duration::from_millis(500),
            announced: 4 * MAX_IDS,
            peers: 256,
            outbound: Rate {
                bytes_per_second: 16 << 20,
                transactions_per_second: 50_000,
                burst: Duration::from_secs(1),
            },
            inbound: Rate {
                bytes_per_second: 20 << 20,
                transactions_per_second: 60_000,
                burst: Duration::from_secs(2),
            },
            waiting_bytes: 32 << 20,
            waiting_transactions: 65_536,
            checked_at_once: 1_024,
        }
    }
}

/// What users sent, since it was last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Transactions that can be executed, in the order in which they shall run.
    pub transactions: Vec<B256>,
    /// How many others there were that nobody can name any more.
    pub missed: u64,
}

/// How a transaction of a user here stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for a leader.
    Waiting,
    /// It is in a payload, or waits for another transaction: nobody needs it now.
    Held,
    /// The pool does not have it.
    Gone,
}

/// What users of this node sent: the pool, seen from the forwarder.
pub trait Outbox: Send + 'static {
    /// Waits for users. Giving up the future loses nothing. `None` at the end: no user sends anything any more, but
    /// what was sent is still brought to leaders.
    fn next(&mut self) -> impl Future<Output = Option<Sent>> + Send;

    /// What [waits](Standing::Waiting) now, the oldest first, `limit` of it at most. It may look at the whole pool, so it is not
    /// made on the forwarder's thread.
    fn list(&mut self, limit: usize) -> oneshot::Receiver<Vec<B256>>;

    /// How a transaction stands. Asked often.
    fn standing(&self, hash: &B256) -> Standing;

    /// The form of a transaction that travels between nodes; `None` if it is gone.
    fn encoded(&self, hash: &B256) -> Option<Bytes>;
}

/// What a pool says of bytes that a peer sent as a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the pool, now or since before.
    Taken(B256),
    /// It is a transaction, which the pool does not take: nonces, money, fees, room, rules.
    Refused,
    /// No honest node sends it: it is no transaction, or nobody signed it.
    Garbage,
}

/// Where transactions of other nodes' users go: the pool, seen from the forwarder.
pub trait Intake: Send + 'static {
    /// Checks transactions and takes them, in this order; a verdict for each. Checking is heavy and does not happen on the forwarder's
    /// thread, but in a simulation. No second batch is given before the first is done. A batch whose answer does not come
    /// is lost.
    fn take(&mut self, transactions: Vec<Bytes>) -> oneshot::Receiver<Vec<Verdict>>;

    /// Whether the pool has a transaction. Asked often.
    fn contains(&self, hash: &B256) -> bool;
}

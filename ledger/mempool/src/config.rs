//! What a pool is told about its limits.

use alloy_primitives::U256;
use std::time::Duration;

/// Limits and policies of a [`Mempool`](crate::Mempool).
///
/// The defaults are those of a node that takes transactions from anybody.
#[derive(Clone, Debug)]
pub struct Config {
    /// Most transactions in the pool, those in flight included.
    pub max_transactions: usize,
    /// Most bytes in the pool: encoded transactions with their blobs, and [`PER_TRANSACTION`] for each.
    pub max_bytes: usize,
    /// Most transactions of one sender.
    pub max_per_sender: usize,
    /// Most of them that cannot be executed yet, because of a gap in the nonces or because the balance does not
    /// suffice for all that come before.
    pub max_queued_per_sender: usize,
    /// Most bytes of one sender, counted as in `max_bytes`.
    pub max_bytes_per_sender: usize,
    /// Most transactions of a sender whose account is delegated, or is about to be (EIP-7702), and most transactions
    /// of an account that another transaction's authorisation names: anybody may empty such an account and with it
    /// invalidate all of them at once. Local transactions are exempt.
    pub max_per_delegated_sender: usize,
    /// By how many percent a replacement has to raise both the fee cap and the tip.
    pub price_bump_percent: u32,
    /// The same for blob transactions, which raise the cap of the blob fee too.
    pub blob_price_bump_percent: u32,
    /// Most bytes of a transaction without blobs.
    pub max_tx_bytes: usize,
    /// Most bytes of a transaction with its blobs.
    pub max_blob_tx_bytes: usize,
    /// After this time a transaction is dropped if it is neither in flight nor exempt.
    pub lifetime: Duration,
    /// Least tip in wei for a unit of gas. Local transactions are exempt.
    pub min_priority_fee: u128,
    /// Most wei that a transaction may spend on gas; a guard against typing errors. `None`: no limit.
    pub max_fee: Option<U256>,
    /// Whether a transaction has to pay the base fee of the next block in order to be taken. Developers' chains say
    /// at once what would never be mined.
    pub require_base_fee: bool,
    /// Whether signatures without a chain id (before EIP-155) are taken: the deployment of some well-known contracts
    /// depends on it.
    pub allow_unprotected: bool,
    /// Whether transactions of [`Origin::Local`] are never evicted and never expire.
    pub exempt_local: bool,
    /// Whether transactions of removed blocks come back. Developers who rewind their chain do not want it.
    pub restore_removed: bool,
    /// How many blobs of included transactions are kept for retrieval.
    pub included_blobs: usize,
    /// How many events a subscriber may lag behind before it loses some.
    pub events: usize,
    /// Who comes first.
    pub order: Order,
}

/// What a transaction is taken to occupy beside its encoded bytes: the decoded form, queues and indices.
pub const PER_TRANSACTION: usize = 1024;

impl Default for Config {
    fn default() -> Self {
        Self {
            max_transactions: 250_000,
            max_bytes: 768 << 20,
            max_per_sender: 50_000,
            max_queued_per_sender: 10_000,
            max_bytes_per_sender: 128 << 20,
            max_per_delegated_sender: 1,
            price_bump_percent: 10,
            blob_price_bump_percent: 100,
            max_tx_bytes: 128 << 10,
            max_blob_tx_bytes: 4 << 20,
            lifetime: Duration::from_secs(3 * 3600),
            min_priority_fee: 0,
            max_fee: None,
            require_base_fee: false,
            allow_unprotected: true,
            exempt_local: true,
            restore_removed: true,
            included_blobs: 512,
            events: 65_536,
            order: Order::Fees,
        }
    }
}

/// Who comes first in a payload. A sender's transactions always come in the order of their nonces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Who pays the highest tip at the payload's base fee; among equals, who came first.
    #[default]
    Fees,
    /// Who came first.
    Fifo,
}

/// Where a transaction comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the operator of this node.
    Local,
    /// From a user of this node, who may be anybody.
    Remote,
    /// From another node, which handed on what a user of its own sent.
    Peer,
}

impl Origin {
    /// Whether it is for this node to see that the transaction reaches those who order: it came from a user here.
    pub const fn is_user(self) -> bool {
        matches!(self, Self::Local | Self::Remote)
    }
}

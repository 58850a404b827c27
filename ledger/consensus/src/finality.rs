//! Proofs of what is final, which nobody has to trust anybody for.
//!
//! Whoever knows the 96 bytes of a network's [group key](crate::GroupKey) checks them, without a node, a network, a clock or the
//! names of the validators.
//!
//! ```text
//! group key ─signs─► certificate ─names─► payload header ─parent─► … ─anchor─► Ethereum header ─parentHash─► … ─► the one asked for
//!                                                                                     │ stateRoot, receiptsRoot
//!                                                                       account, slots, transaction and receipt
//! ```
//!
//! * [`FinalizedPayload`] proves which payload was ordered at a height.
//! * [`FinalizedHeader`] proves an Ethereum header: a later payload names it, or one of its descendants, as its anchor, and
//!   validators vote only for anchors that equal what they executed themselves.
//! * [`FinalizedAccount`] and [`FinalizedReceipt`] add the proof of an account with slots, or of a transaction with its receipt, under a
//!   root of that header.
//!
//! ## What it promises
//! What is verified was signed by a quorum of the validators of the chain whose genesis is named: signatures are made over the hash
//! of the genesis too. Every byte counts: a proof with another content does not hold, and unknown fields are refused.
//!
//! ## Limits
//! All that is read from a proof is bounded by the constants here. Checking a header costs one signature, whatever its
//! length. A certificate has [`MOST_CERTIFICATE_BYTES`] at most; most proofs hold one or two payload headers and one Ethereum
//! header.

mod account;
mod bounded;
mod chain;
mod error;
mod find;
mod header;
mod receipt;

pub use account::{EthProof, EthSlot, FinalizedAccount, ProvenAccount};
pub use error::{FinalityError, FindError};
pub use find::{finalized_header, finalized_payload};
pub use header::{FinalizedHeader, FinalizedPayload, ProvenPayload};
pub use receipt::{FinalizedReceipt, ProvenReceipt, ReceiptProof};

pub(crate) use chain::randomness;

/// Most bytes of a certificate, with what it is about.
pub const MOST_CERTIFICATE_BYTES: usize = 200;

/// Most payload headers in a proof.
pub const MOST_PAYLOAD_HEADERS: usize = 2048;

/// Most Ethereum headers in a proof.
pub const MOST_HEADERS: usize = 2048;

/// Most bytes of an encoded payload header.
pub const MOST_PAYLOAD_HEADER_BYTES: usize = crate::Header::<crate::Coded>::MAX_ENCODE_SIZE;

/// Most bytes of an encoded Ethereum header.
pub const MOST_HEADER_BYTES: usize = 2048;

/// Most nodes on the way from a root to a value: one per nibble of its key, and the leaf.
pub const MOST_NODES: usize = 66;

/// Most bytes of a node in the tries of state and storage.
pub const MOST_NODE_BYTES: usize = 1024;

/// Most slots that are proved at once.
pub const MOST_SLOTS: usize = 4096;

/// Most bytes of a transaction or a receipt, alone and within a node.
pub const MOST_VALUE_BYTES: usize = 16 << 20;

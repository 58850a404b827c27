//! A whole state in one file.
//!
//! ## Content
//! The bytes in the file's [`frames`], one after the other:
//!
//! ```text
//! content  = head account … account end
//! head     = genesis hash (32)
//!            count, that many headers        ancestors of which nothing but the header is there, the oldest first
//!            count (1 to 8), that many blocks    the newest blocks; the state is that after the last one
//! header   = length, bytes                   hash (32), total difficulty (32), RLP
//! block    = header; length, body (RLP); length, receipts
//! account  = 1, key (32), flags, nonce, balance, code, slots
//! slot     = 2, key (32), length (1 to 32), value
//! end      = 0, number of accounts, of slots, of codes, state root (32)
//! ```
//!
//! Keys are the Keccak-256 of addresses and slot numbers, both ascending. Counts, lengths and nonces are numbers of seven
//! bits per byte, the low bits first. The flags are the length of the balance (0 to 32), 0x80 if the account has code, and
//! 0x40 besides if that code follows: number of bytes, bytes. That is so where the code comes for the first time;
//! afterwards its hash follows (32). Balances and values have no leading zeros.
//!
//! Headers and receipts are as the store has them. There are up to 256 blocks, counting those of which only the header is
//! there, as many as BLOCKHASH can ask for; eight of them are whole, because rules for ommers ask for the bodies of seven
//! ancestors. All blocks together have at most 256 MiB.
//!
//! There is one file for a state: reading is as strict as writing. So a state that is exported, imported and exported again
//! gives the same bytes.
//!
//! ## Trust
//! Who reads a file checks it against its own header: state root, transactions, ommers, withdrawals, receipts, code
//! hashes, and that headers are each other's parents. Senders are not in the file but recovered. What is left to trust is the
//! hash of the last block, which is to be compared with a source that one trusts ([`Expected`](crate::Expected)); the genesis
//! hash, which is compared with the genesis file as soon as the chain is to go on; and total difficulties, which nothing proves.

mod chunks;
mod frames;
mod head;
mod read;
mod write;

pub use chunks::StateChunks;
pub(crate) use head::Head;
pub(crate) use read::{Batch, Part, StateReader};
pub(crate) use write::StateWriter;

use alloy_primitives::B256;
use std::collections::HashSet;

/// Blocks with their headers, at most.
pub(crate) const HEADERS: u64 = 256;
/// Blocks that are whole, at most.
pub(crate) const WHOLE_BLOCKS: u64 = 8;

/// Bytes of a chunk of a file on its way somewhere, at most.
pub(crate) const MAX_CHUNK: usize = 1 << 20;
/// Bytes of all blocks and headers together, at most.
const MAX_HEAD: usize = 1 << 28;
/// Bytes of a header at most.
const MAX_HEADER: usize = 1 << 16;
/// Bytes of a block's body, and of its receipts, at most.
const MAX_BLOCK: usize = 1 << 27;
/// Bytes of one code at most.
const MAX_CODE: usize = 1 << 24;

const END: u8 = 0;
const ACCOUNT: u8 = 1;
const SLOT: u8 = 2;

/// Flag of an account: it has code.
const CODE: u8 = 0x80;
/// Flag: its code follows.
const NEW_CODE: u8 = 0x40;

/// What is in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) accounts: u64,
    pub(crate) slots: u64,
    pub(crate) codes: u64,
    pub(crate) root: B256,
}

/// Which code has come: 16 bytes for each, half a hash, which nobody finds twice.
#[derive(Default)]
struct SeenCode(HashSet<u128>);

impl SeenCode {
    fn key(hash: &B256) -> u128 {
        u128::from_be_bytes(*hash.first_chunk().expect("half a hash"))
    }

    /// Whether it comes for the first time.
    fn add(&mut self, hash: &B256) -> bool {
        self.0.insert(Self::key(hash))
    }

    fn has(&self, hash: &B256) -> bool {
        self.0.contains(&Self::key(hash))
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

/// What an export or import has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateFileReport {
    /// Hash of the first block of the chain.
    pub genesis: B256,
    /// The block after which this is the state.
    pub block: crate::Tip,
    /// The state root.
    pub state_root: B256,
    /// Accounts.
    pub accounts: u64,
    /// Slots.
    pub slots: u64,
    /// Different codes.
    pub codes: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

impl StateFileReport {
    pub(crate) fn new(head: &Head, totals: Totals, bytes: u64) -> Self {
        let Totals { accounts, slots, codes, root } = totals;
        let block = head.tip();
        Self { genesis: head.genesis, block, state_root: root, accounts, slots, codes, bytes }
    }
}

#[cfg(test)]
mod tests;

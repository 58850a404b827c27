//! What validators agree on: the next transactions, and an executed block.
//!
//! A [`Payload`] is a [`Header`] and raw transactions. Its digest is the SHA-256 of the encoded header, which holds the hash of
//! the transactions, so a header alone proves what a certificate says. The payload at height *h* becomes the Ethereum block
//! *h*, whose `parentBeaconBlockRoot` is the payload's digest.
//!
//! ## Encoding
//! Canonical: a payload has one encoding, and nothing else decodes to it.
//! ```text
//! header:  epoch, view (varints) | leader (32) | parent view (varint) | parent commitment (32 or 100) | parent digest (32)
//!          | height (varint) | time (8) | beneficiary (20) | beacon: 0, or 1 or 2 and a signature (48)
//!          | anchor: height (varint), hash (32) | transactions: hash (32), number (4), bytes (4)
//! payload: header | for each transaction: length (varint), EIP-2718 bytes
//! ```
//! The hash of the transactions is the SHA-256 over all of them, each after its length in four bytes. Integers of fixed size are
//! big-endian.

mod content;
mod header;

pub use content::Content;
pub use header::{Anchor, Beacon, Header};

use crate::{
    dissemination::Dissemination,
    scheme::{Digest, PublicKey},
};
use alloy_primitives::{B256, Bytes};
use bytes::BufMut;
use commonware_codec::{Buf, Encode, EncodeSize, Error, Read, ReadExt, Write, varint::UInt};
use commonware_consensus::{
    Block, BoundedBlock, CertifiableBlock, Heightable, simplex::types::Context, types::Height,
};
use commonware_cryptography::{Digestible, Hasher, Sha256};

/// How large a payload may be. All validators of a network have to use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Sum of the transactions' encoded lengths.
    pub bytes: u32,
    /// Number of transactions.
    pub transactions: u32,
}

/// Longest encoding of a transaction's length.
const MAX_LENGTH_PREFIX: usize = 5;

/// Ordered transactions before they are executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload<K: Dissemination> {
    header: Header<K>,
    transactions: Vec<Bytes>,
}

impl<K: Dissemination> Payload<K> {
    /// Puts a payload together: what the header says of the transactions is made here.
    pub fn new(mut header: Header<K>, transactions: Vec<Bytes>) -> Self {
        header.content = Content::of(&transactions);
        Self { header, transactions }
    }

    /// What goes before everything: it is the same for everybody who knows the genesis.
    pub fn genesis(leader: PublicKey, hash: B256, seconds: u64) -> Self {
        Self::new(Header::genesis(leader, hash, seconds), Vec::new())
    }

    /// What certificates prove of it.
    pub const fn header(&self) -> &Header<K> {
        &self.header
    }

    /// EIP-2718 encodings, as they were proposed.
    pub fn transactions(&self) -> &[Bytes] {
        &self.transactions
    }
}

impl<K: Dissemination> Write for Payload<K> {
    fn write(&self, buf: &mut impl BufMut) {
        self.header.write(buf);
        for transaction in &self.transactions {
            // Lengths are bounded by the header's sum, which has four bytes.
            UInt(u32::try_from(transaction.len()).unwrap_or(u32::MAX)).write(buf);
            buf.put_slice(transaction);
        }
    }
}

impl<K: Dissemination> EncodeSize for Payload<K> {
    fn encode_size(&self) -> usize {
        let transactions = self.transactions.iter();
        let body: usize = transactions
            .map(|tx| UInt(u32::try_from(tx.len()).unwrap_or(u32::MAX)).encode_size() + tx.len())
            .sum();
        self.header.encode_size() + body
    }
}

impl<K: Dissemination> Read for Payload<K> {
    type Cfg = Bounds;

    fn read_cfg(buf: &mut impl Buf, bounds: &Bounds) -> Result<Self, Error> {
        let header = Header::<K>::read(buf)?;
        let Content { count, bytes, .. } = header.content;
        if count > bounds.transactions {
            return Err(Error::InvalidLength(count as usize));
        }
        if bytes > bounds.bytes {
            return Err(Error::InvalidLength(bytes as usize));
        }
        // A transaction has at least a byte, and its length another.
        if buf.remaining() < 2 * count as usize {
            return Err(Error::EndOfBuffer);
        }
        let mut transactions = Vec::with_capacity(count as usize);
        let mut left = bytes as usize;
        for _ in 0..count {
            let length = u32::from(UInt::<u32>::read(buf)?) as usize;
            if length == 0 || length > left {
                return Err(Error::InvalidLength(length));
            }
            if buf.remaining() < length {
                return Err(Error::EndOfBuffer);
            }
            left -= length;
            transactions.push(Bytes::from(buf.copy_to_bytes(length)));
        }
        if Content::of(&transactions) != header.content {
            return Err(Error::Invalid("payload", "the header names other transactions"));
        }
        Ok(Self { header, transactions })
    }
}

impl<K: Dissemination> Digestible for Payload<K> {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        self.header.digest()
    }
}

impl<K: Dissemination> Heightable for Payload<K> {
    fn height(&self) -> Height {
        self.header.height
    }
}

impl<K: Dissemination> Block for Payload<K> {
    fn parent(&self) -> Digest {
        self.header.parent
    }
}

impl<K: Dissemination> CertifiableBlock for Payload<K> {
    type Context = Context<K::Commitment, PublicKey>;

    fn context(&self) -> Self::Context {
        self.header.context.clone()
    }
}

impl<K: Dissemination> BoundedBlock for Payload<K> {
    fn max_encode_size(bounds: &Bounds) -> usize {
        Header::<K>::MAX_ENCODE_SIZE
            + bounds.bytes as usize
            + bounds.transactions as usize * MAX_LENGTH_PREFIX
    }
}

/// The SHA-256 of what something encodes to.
fn digest_of(value: &impl Encode) -> Digest {
    Sha256::hash(&[&value.encode()])
}

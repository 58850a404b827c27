//! What a header says of its payload's transactions.

use crate::scheme::Digest;
use alloy_primitives::Bytes;
use bytes::BufMut;
use commonware_codec::{Buf, Error, FixedSize, Read, ReadExt, Write};
use commonware_cryptography::{Hasher, Sha256};

/// What a header says of its payload's transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// SHA-256 over all transactions, each after its length in four bytes.
    pub hash: Digest,
    /// How many there are.
    pub count: u32,
    /// Sum of their lengths.
    pub bytes: u32,
}

impl Content {
    /// Of these transactions.
    pub fn of(transactions: &[Bytes]) -> Self {
        let mut hasher = Sha256::default();
        let mut bytes = 0_u32;
        for transaction in transactions {
            let length = u32::try_from(transaction.len()).unwrap_or(u32::MAX);
            hasher.update(&length.to_be_bytes());
            hasher.update(transaction);
            bytes = bytes.saturating_add(length);
        }
        let count = u32::try_from(transactions.len()).unwrap_or(u32::MAX);
        Self { hash: hasher.finalize().1, count, bytes }
    }
}

impl FixedSize for Content {
    const SIZE: usize = Digest::SIZE + 8;
}

impl Write for Content {
    fn write(&self, buf: &mut impl BufMut) {
        self.hash.write(buf);
        self.count.write(buf);
        self.bytes.write(buf);
    }
}

impl Read for Content {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        Ok(Self { hash: Digest::read(buf)?, count: u32::read(buf)?, bytes: u32::read(buf)? })
    }
}

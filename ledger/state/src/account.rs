//! The record of an account.

use crate::{error::StoreError, trie::TrieId};
use alloy_primitives::{B256, KECCAK256_EMPTY, U256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use mundi_execution::Account;

/// An account with what the store adds to it: where its storage is, and the root of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) account: Account,
    /// Root of its storage trie.
    pub(crate) storage_root: B256,
    /// The id of its storage, 0 without any. An account that loses its storage and gets some again has it under a
    /// new id, so that storage is dropped in one step and history stays where it was.
    pub(crate) storage: TrieId,
}

/// First byte: the account has code.
const CODE: u8 = 0x80;
/// First byte: the account has storage. The other bits are the length of the balance.
const STORAGE: u8 = 0x40;

impl Record {
    pub(crate) const fn without_storage(account: Account) -> Self {
        Self { account, storage_root: EMPTY_ROOT_HASH, storage: 0 }
    }

    /// The account's leaf in the trie.
    pub(crate) fn to_leaf(self) -> TrieAccount {
        let Account { nonce, balance, code_hash } = self.account;
        TrieAccount { nonce, balance, storage_root: self.storage_root, code_hash }
    }

    /// Appends the record: lengths and flags, nonce, balance, code hash, storage id and root.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let Account { nonce, balance, code_hash } = self.account;
        let balance_len = balance.byte_len();
        let code = if code_hash == KECCAK256_EMPTY { 0 } else { CODE };
        let storage = if self.storage == 0 { 0 } else { STORAGE };
        out.push(balance_len as u8 | code | storage);
        put_varint(out, nonce);
        out.extend_from_slice(&balance.to_be_bytes::<32>()[32 - balance_len..]);
        if code != 0 {
            out.extend_from_slice(code_hash.as_slice());
        }
        if storage != 0 {
            put_varint(out, self.storage);
            out.extend_from_slice(self.storage_root.as_slice());
        }
    }

    /// [`encode`](Self::encode) into bytes of its own.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(48);
        self.encode(&mut bytes);
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut reader = Reader(bytes);
        let record = Self::read(&mut reader).filter(|_| reader.0.is_empty());
        record.ok_or_else(|| StoreError::Damaged("an account record is malformed".into()))
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let first = reader.byte()?;
        let nonce = reader.varint()?;
        let balance = U256::try_from_be_slice(reader.take(usize::from(first & 0x3f))?)?;
        let code_hash = if first & CODE == 0 { KECCAK256_EMPTY } else { reader.hash()? };
        let account = Account { nonce, balance, code_hash };
        if first & STORAGE == 0 {
            return Some(Self::without_storage(account));
        }
        let storage = reader.varint()?;
        let storage_root = reader.hash()?;
        Some(Self { account, storage_root, storage })
    }
}

/// Appends a number, seven bits per byte, low bits first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes fields off the front of bytes; `None` where they end early.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(crate) fn hash(&mut self) -> Option<B256> {
        self.take(32).map(B256::from_slice)
    }

    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

/// A slot's value without leading zeros.
pub(crate) fn slot_bytes(value: &U256) -> impl std::ops::Deref<Target = [u8]> + use<> {
    SlotBytes { bytes: value.to_be_bytes(), start: 32 - value.byte_len() }
}

struct SlotBytes {
    bytes: [u8; 32],
    start: usize,
}

impl std::ops::Deref for SlotBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// Reads what [`slot_bytes`] wrote.
pub(crate) fn slot_value(bytes: &[u8]) -> Result<U256, StoreError> {
    U256::try_from_be_slice(bytes)
        .ok_or_else(|| StoreError::Damaged("a slot holds more than 32 bytes".into()))
}

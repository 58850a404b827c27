//! How the receipts of a block are stored.
//!
//! An RLP list with one item per transaction:
//!
//! ```text
//! [type, status or post-state root, cumulative gas, [[address, [topic, …], data], …]]
//! ```
//!
//! The type is EIP-2718's (0 for legacy); the second field is that of EIP-658 (empty or 1) or the 32 bytes of
//! the post-state root before it. Blooms are not stored: they follow from the logs.
//!
//! Decoding accepts only what encoding writes. What it allocates is at most a small multiple of the bytes
//! given, because no RLP list can claim to hold more than it does.

use alloy_consensus::{Eip658Value, Receipt, ReceiptEnvelope, TxType};
use alloy_primitives::Log;
use alloy_rlp::{Decodable, Error, RlpDecodable, RlpEncodable};

/// LOG0 to LOG4: a log has no more topics than this.
pub(crate) const MAX_TOPICS: usize = 4;

/// A receipt without its bloom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredReceipt {
    pub(crate) tx_type: TxType,
    pub(crate) receipt: Receipt,
}

impl StoredReceipt {
    /// The receipt with its bloom, computed from the logs.
    pub(crate) fn into_envelope(self) -> ReceiptEnvelope {
        ReceiptEnvelope::from_typed(self.tx_type, self.receipt)
    }
}

#[derive(RlpEncodable)]
struct ItemRef<'a> {
    tx_type: u8,
    status: Eip658Value,
    cumulative_gas_used: u64,
    logs: &'a Vec<Log>,
}

#[derive(RlpDecodable)]
struct Item {
    tx_type: u8,
    status: Eip658Value,
    cumulative_gas_used: u64,
    logs: Vec<Log>,
}

/// The stored form of a block's receipts.
pub(crate) fn encode_receipts(receipts: &[ReceiptEnvelope]) -> Vec<u8> {
    let items: Vec<_> = receipts.iter().map(ItemRef::from).collect();
    alloy_rlp::encode(items)
}

impl<'a> From<&'a ReceiptEnvelope> for ItemRef<'a> {
    fn from(envelope: &'a ReceiptEnvelope) -> Self {
        let receipt = &inner(envelope).receipt;
        Self {
            tx_type: envelope.tx_type() as u8,
            status: receipt.status,
            cumulative_gas_used: receipt.cumulative_gas_used,
            logs: &receipt.logs,
        }
    }
}

const fn inner(envelope: &ReceiptEnvelope) -> &alloy_consensus::ReceiptWithBloom<Receipt> {
    match envelope {
        ReceiptEnvelope::Legacy(receipt)
        | ReceiptEnvelope::Eip2930(receipt)
        | ReceiptEnvelope::Eip1559(receipt)
        | ReceiptEnvelope::Eip4844(receipt)
        | ReceiptEnvelope::Eip7702(receipt) => receipt,
    }
}

/// Reads what [`encode_receipts`] wrote.
pub(crate) fn decode_receipts(mut bytes: &[u8]) -> Result<Vec<StoredReceipt>, Error> {
    let items = Vec::<Item>::decode(&mut bytes)?;
    if !bytes.is_empty() {
        return Err(Error::Custom("bytes after the receipts"));
    }
    items.into_iter().map(StoredReceipt::try_from).collect()
}

impl TryFrom<Item> for StoredReceipt {
    type Error = Error;

    fn try_from(Item { tx_type, status, cumulative_gas_used, logs }: Item) -> Result<Self, Error> {
        let tx_type = TxType::try_from(tx_type).map_err(|_| Error::Custom("unknown type of receipt"))?;
        if logs.iter().any(|log| log.topics().len() > MAX_TOPICS) {
            return Err(Error::Custom("more than four topics in a log"));
        }
        Ok(Self { tx_type, receipt: Receipt { status, cumulative_gas_used, logs } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, B256, Bytes, hex};

    fn receipts() -> Vec<ReceiptEnvelope> {
        let log = |topics: u8| {
            let topics = (0..topics).map(B256::repeat_byte).collect();
            Log::new_unchecked(Address::repeat_byte(0xaa), topics, Bytes::from_static(b"data"))
        };
        let types = [TxType::Legacy, TxType::Eip2930, TxType::Eip1559, TxType::Eip4844, TxType::Eip7702];
        let post_state = Eip658Value::PostState(B256::repeat_byte(9));
        let outcomes = [post_state, false.into(), true.into(), true.into(), true.into()];
        let logs = [vec![], vec![log(0)], vec![log(1), log(2)], vec![log(3)], vec![log(4); 3]];
        let parts =
            types.into_iter().zip(outcomes).zip(logs).zip([0, 21_000, 90_000, u64::MAX - 1, u64::MAX]);
        parts
            .map(|(((tx_type, status), logs), cumulative_gas_used)| {
                ReceiptEnvelope::from_typed(tx_type, Receipt { status, cumulative_gas_used, logs })
            })
            .collect()
    }

    fn decode(bytes: &[u8]) -> Result<Vec<ReceiptEnvelope>, Error> {
        Ok(decode_receipts(bytes)?.into_iter().map(StoredReceipt::into_envelope).collect())
    }

    #[test]
    fn receipts_of_all_types_are_read_as_written() {
        let receipts = receipts();
        assert_eq!(decode(&encode_receipts(&receipts)), Ok(receipts));
        assert_eq!(decode(&encode_receipts(&[])), Ok(vec![]));
    }

    /// The disk format: a change here is a new format version of the store.
    #[test]
    fn the_stored_form_is_fixed() {
        let expected = hex!(
            "f848"
            "e4 80 a00909090909090909090909090909090909090909090909090909090909090909 80 c0"
            "e2 01 80 825208 dc db 94aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa c0 8464617461"
        );
        let got = encode_receipts(&receipts()[..2]);
        assert_eq!(hex::encode(&got), hex::encode(expected));
    }

    #[test]
    fn damaged_receipts_are_an_error_or_other_receipts() {
        let bytes = encode_receipts(&receipts());
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(receipts) = decode(&bytes) {
                assert_eq!(encode_receipts(&receipts), bytes, "bit {bit}");
            }
        }
    }

    #[test]
    fn trailing_bytes_unknown_types_and_fifth_topics_are_refused() {
        let mut bytes = encode_receipts(&receipts());
        bytes.push(0);
        assert_eq!(decode(&bytes), Err(Error::Custom("bytes after the receipts")));

        let item = |tx_type, logs: &Vec<Log>| {
            let (status, cumulative_gas_used) = (true.into(), 1);
            alloy_rlp::encode(vec![ItemRef { tx_type, status, cumulative_gas_used, logs }])
        };
        assert_eq!(decode(&item(5, &vec![])), Err(Error::Custom("unknown type of receipt")));
        let log = Log::new_unchecked(Address::ZERO, vec![B256::ZERO; 5], Bytes::new());
        assert_eq!(decode(&item(2, &vec![log])), Err(Error::Custom("more than four topics in a log")));
    }
}

//! What forwarders say to each other.
//!
//! ```text
//! message      = transactions | announcement | request
//! transactions = 1 | number (2) | number × (length (4) | the transaction's network form)
//! announcement = 2 | number (2) | number × short id (8)
//! request      = 3 | number (2) | number × short id (8)
//! ```
//! Integers are big-endian. A message has one encoding and nothing else decodes to it: nothing is empty, short ids ascend, nothing
//! follows the end. Transactions are [`MAX_BATCH_BYTES`] together at most, unless there is only one, which may have
//! [`MAX_TRANSACTION_BYTES`]. These limits are part of the protocol, because who exceeds them is blocked.

use super::short::ShortId;
use bytes::{BufMut, Bytes, BytesMut};

/// Most bytes of a transaction that is forwarded: blobs as many as one can have fit in.
pub const MAX_TRANSACTION_BYTES: usize = 1 << 20;

/// Most bytes of transactions in a message of several.
pub const MAX_BATCH_BYTES: usize = 64 << 10;

/// Most transactions in a message.
pub const MAX_BATCH_TRANSACTIONS: usize = 1_024;

/// Most short ids in a message.
pub const MAX_IDS: usize = 4_096;

/// Short ids that count as one transaction where transactions are limited.
const IDS_FOR_ONE: u64 = 8;

/// Most bytes of a message. The network has to carry them.
pub const MAX_MESSAGE_BYTES: usize = HEAD + LENGTH + MAX_TRANSACTION_BYTES;

/// Tag and number.
const HEAD: usize = 1 + 2;
/// What stands before a transaction.
const LENGTH: usize = 4;

const TRANSACTIONS: u8 = 1;
const ANNOUNCEMENT: u8 = 2;
const REQUEST: u8 = 3;

// The longest of the other messages is shorter than one large transaction.
const _: () = assert!(HEAD + MAX_BATCH_TRANSACTIONS * LENGTH + MAX_BATCH_BYTES <= MAX_MESSAGE_BYTES);
const _: () = assert!(HEAD + MAX_IDS * ShortId::SIZE <= MAX_MESSAGE_BYTES);

/// What forwarders say to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Take these.
    Transactions(Vec<Bytes>),
    /// These can be had.
    Announcement(Vec<ShortId>),
    /// Of what was announced these are wanted.
    Request(Vec<ShortId>),
}

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Garbage {
    #[error("a message of {0} bytes, of which {MAX_MESSAGE_BYTES} are allowed")]
    TooLong(usize),
    #[error("the message ends before it is complete")]
    Torn,
    #[error("no message begins with {0}")]
    Tag(u8),
    #[error("a message of {0} parts, which must be at least one and no more than its kind allows")]
    Number(usize),
    #[error("a transaction of {0} bytes, or more than {MAX_BATCH_BYTES} together with those before it")]
    Size(usize),
    #[error("short ids do not ascend")]
    Order,
    #[error("{0} bytes follow the message")]
    Trailing(usize),
}

/// Whether one more transaction fits into a message that holds some.
pub(super) const fn fits(transactions: usize, bytes: usize, one_more: usize) -> bool {
    transactions == 0 || (transactions < MAX_BATCH_TRANSACTIONS && bytes + one_more <= MAX_BATCH_BYTES)
}

impl Message {
    /// How many transactions it counts as where they are limited.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Self::Transactions(transactions) => transactions.len() as u64,
            Self::Announcement(ids) | Self::Request(ids) => (ids.len() as u64).div_ceil(IDS_FOR_ONE),
        }
    }

    /// The bytes that are sent. The message has to keep the limits, and short ids have to ascend.
    pub(super) fn encode(&self) -> Bytes {
        let (tag, number) = match self {
            Self::Transactions(transactions) => (TRANSACTIONS, transactions.len()),
            Self::Announcement(ids) => (ANNOUNCEMENT, ids.len()),
            Self::Request(ids) => (REQUEST, ids.len()),
        };
        let length = match self {
            Self::Transactions(transactions) => transactions.iter().map(|tx| LENGTH + tx.len()).sum(),
            Self::Announcement(ids) | Self::Request(ids) => ids.len() * ShortId::SIZE,
        };
        let mut out = BytesMut::with_capacity(HEAD + length);
        out.put_u8(tag);
        out.put_u16(u16::try_from(number).expect("the limits on numbers are below 2¹⁶"));
        match self {
            Self::Transactions(transactions) => {
                for tx in transactions {
                    out.put_u32(u32::try_from(tx.len()).expect("the limit on a transaction is below 2³²"));
                    out.put_slice(tx);
                }
            }
            Self::Announcement(ids) | Self::Request(ids) => ids.iter().for_each(|id| out.put_slice(&id.0)),
        }
        debug_assert!(out.len() <= MAX_MESSAGE_BYTES, "messages are made within the limits");
        out.freeze()
    }

    /// Reads what a peer sent. Transactions share the memory of `bytes`.
    pub(super) fn decode(bytes: &Bytes) -> Result<Self, Garbage> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return Err(Garbage::TooLong(bytes.len()));
        }
        let [tag, high, low, ..] = bytes[..] else { return Err(Garbage::Torn) };
        let number = usize::from(u16::from_be_bytes([high, low]));
        let body = bytes.slice(HEAD..);
        match tag {
            TRANSACTIONS => transactions(number, &body).map(Self::Transactions),
            ANNOUNCEMENT => short_ids(number, &body).map(Self::Announcement),
            REQUEST => short_ids(number, &body).map(Self::Request),
            other => Err(Garbage::Tag(other)),
        }
    }
}

fn transactions(number: usize, body: &Bytes) -> Result<Vec<Bytes>, Garbage> {
    if !(1..=MAX_BATCH_TRANSACTIONS).contains(&number) {
        return Err(Garbage::Number(number));
    }
    let mut transactions = Vec::with_capacity(number);
    let (mut at, mut total) = (0, 0);
    for _ in 0..number {
        let length = body.get(at..at + LENGTH).ok_or(Garbage::Torn)?;
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        total += length;
        let allowed = if number == 1 { MAX_TRANSACTION_BYTES } else { MAX_BATCH_BYTES };
        if length == 0 || total > allowed {
            return Err(Garbage::Size(length));
        }
        at += LENGTH;
        if body.len() < at + length {
            return Err(Garbage::Torn);
        }
        transactions.push(body.slice(at..at + length));
        at += length;
    }
    if at < body.len() { Err(Garbage::Trailing(body.len() - at)) } else { Ok(transactions) }
}

fn short_ids(number: usize, body: &Bytes) -> Result<Vec<ShortId>, Garbage> {
    if !(1..=MAX_IDS).contains(&number) {
        return Err(Garbage::Number(number));
    }
    let end = number * ShortId::SIZE;
    if body.len() < end {
        return Err(Garbage::Torn);
    }
    if body.len() > end {
        return Err(Garbage::Trailing(body.len() - end));
    }
    let (ids, _) = body.as_chunks();
    let ids: Vec<ShortId> = ids.iter().copied().map(ShortId).collect();
    if ids.is_sorted_by(|a, b| a < b) { Ok(ids) } else { Err(Garbage::Order) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    fn ids(count: u64) -> Vec<ShortId> {
        (0..count).map(|number| ShortId(number.to_be_bytes())).collect()
    }

    fn decoded(bytes: &[u8]) -> Result<Message, Garbage> {
        Message::decode(&Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn the_bytes_of_messages_do_not_change() {
        let transactions =
            Message::Transactions(vec![Bytes::from_static(b"\x02ab"), Bytes::from_static(b"c")]);
        let announcement = Message::Announcement(ids(2));
        let request = Message::Request(vec![ShortId(*b"mundinet")]);
        for (message, golden) in [
            (transactions, "01000200000003026162".to_owned() + "0000000163"),
            (announcement, "020002".to_owned() + "0000000000000000" + "0000000000000001"),
            (request, "030001".to_owned() + "6d756e64696e6574"),
        ] {
            assert_eq!(hex::encode(message.encode()), golden);
            assert_eq!(decoded(&hex::decode(golden).unwrap()), Ok(message));
        }
    }

    #[test]
    fn torn_messages_and_messages_with_more_behind_them_are_garbage() {
        for message in [
            Message::Transactions(vec![vec![1; 40].into(), vec![2; 7].into()]),
            Message::Announcement(ids(3)),
            Message::Request(ids(1)),
        ] {
            let bytes = message.encode();
            for end in 0..bytes.len() {
                assert_eq!(decoded(&bytes[..end]), Err(Garbage::Torn), "{end} of {message:?}");
            }
            assert_eq!(decoded(&[&bytes[..], &[0]].concat()), Err(Garbage::Trailing(1)));
        }
    }

    #[test]
    fn limits_are_exact() {
        let largest = Message::Transactions(vec![vec![7; MAX_TRANSACTION_BYTES].into()]);
        let batch = Message::Transactions(vec![vec![7; MAX_BATCH_BYTES / 2].into(); 2]);
        let many = Message::Transactions(vec![vec![7].into(); MAX_BATCH_TRANSACTIONS]);
        let most = Message::Announcement(ids(MAX_IDS as u64));
        for message in [largest, batch, many, most] {
            assert_eq!(decoded(&message.encode()), Ok(message));
        }
        let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
        let larger = [&[1, 0, 1][..], &length(MAX_TRANSACTION_BYTES + 1)].concat();
        assert_eq!(decoded(&larger), Err(Garbage::Size(MAX_TRANSACTION_BYTES + 1)));
        let two = [&[1, 0, 2][..], &length(1), &[9], &length(MAX_BATCH_BYTES)].concat();
        assert_eq!(decoded(&two), Err(Garbage::Size(MAX_BATCH_BYTES)));
        assert_eq!(decoded(&[1, 0, 1, 0, 0, 0, 0]), Err(Garbage::Size(0)));
        assert_eq!(decoded(&[1, 4, 1]), Err(Garbage::Number(1_025)));
        assert_eq!(decoded(&[2, 0x10, 1]), Err(Garbage::Number(4_097)));
        for tag in 1..=3 {
            assert_eq!(decoded(&[tag, 0, 0]), Err(Garbage::Number(0)));
        }
        assert_eq!(decoded(&[4, 0, 1]), Err(Garbage::Tag(4)));
        assert_eq!(decoded(&vec![1; MAX_MESSAGE_BYTES + 1]), Err(Garbage::TooLong(MAX_MESSAGE_BYTES + 1)));
    }

    #[test]
    fn whatever_is_decoded_was_encoded_so() {
        let seeds = [
            Message::Transactions(vec![vec![1; 9].into(), vec![2; 3].into()]).encode(),
            Message::Announcement(ids(4)).encode(),
            Message::Request(ids(2)).encode(),
        ];
        let mut random = 1_u64;
        let mut below = |bound: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % bound
        };
        let mut messages = 0;
        for step in 0..60_000 {
            let mut bytes = seeds[step % seeds.len()].to_vec();
            for _ in 0..below(3) {
                let at = below(bytes.len());
                bytes[at] = below(256) as u8;
            }
            bytes.truncate(bytes.len() - below(2) * below(9));
            if let Ok(message) = decoded(&bytes) {
                assert_eq!(message.encode(), bytes);
                messages += 1;
            }
        }
        assert!(messages > 10_000, "{messages}");
    }

    #[test]
    fn short_ids_ascend() {
        for ids in [vec![ShortId([1; 8]), ShortId([1; 8])], vec![ShortId([2; 8]), ShortId([1; 8])]] {
            assert_eq!(Message::decode(&Message::Request(ids).encode()), Err(Garbage::Order));
        }
    }
}

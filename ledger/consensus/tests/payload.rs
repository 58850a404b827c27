//! The encoding of payloads: fixed, canonical, bounded.

use alloy_primitives::{Address, B256, Bytes, hex};
use commonware_codec::{Copying, Decode, DecodeExt, Encode};
use commonware_consensus::{
    BoundedBlock,
    simplex::types::Context,
    types::{Epoch, Height, Round, View},
};
use commonware_cryptography::{Digest as _, Digestible, Signer};
use mundi_consensus::{
    Anchor, Beacon, Bounds, Certificate, Coded, Content, Digest, Dissemination, Header, Payload, PrivateKey,
    Whole,
};
use proptest::prelude::*;

const BOUNDS: Bounds = Bounds { bytes: 1_000, transactions: 20 };

fn header<K: Dissemination>(parent: K::Commitment, beacon: Option<Beacon>) -> Header<K> {
    Header {
        context: Context {
            round: Round::new(Epoch::zero(), View::new(300)),
            leader: PrivateKey::from_seed(7).public_key(),
            parent: (View::new(299), parent),
        },
        parent: Digest::from([3; 32]),
        height: Height::new(200),
        time: 1_795_000_000_123,
        beneficiary: Address::repeat_byte(0xbe),
        beacon,
        anchor: Anchor { height: 198, hash: B256::repeat_byte(0xac) },
        content: Content::of(&[]),
    }
}

fn beacon() -> Beacon {
    Beacon::Notarized(Certificate::decode(Copying(&[0x5a; 48])).unwrap())
}

fn payload() -> Payload<Whole> {
    let transactions = vec![Bytes::from_static(&[1, 2, 3]), Bytes::from_static(&[0xff; 200])];
    Payload::new(header::<Whole>(Digest::from([9; 32]), Some(beacon())), transactions)
}

/// Bytes that were written before have to be read for ever.
#[test]
fn the_encoding_is_fixed() {
    let golden = include_str!("golden/payload.hex");
    let payload = payload();
    assert_eq!(hex::encode(payload.encode()), golden.trim());
    let bytes = hex::decode(golden.trim()).unwrap();
    assert_eq!(Payload::<Whole>::decode_cfg(Copying(&bytes), &BOUNDS).unwrap(), payload);
}

#[test]
fn what_marshal_calls_the_first_parent_can_be_read_again() {
    let leader = PrivateKey::from_seed(1).public_key();
    let coded = Payload::<Coded>::genesis(leader.clone(), B256::repeat_byte(1), 5);
    assert_eq!(Payload::<Coded>::decode_cfg(Copying(&coded.encode()), &BOUNDS).unwrap(), coded);
    let whole = Payload::<Whole>::genesis(leader, B256::repeat_byte(1), 5);
    assert_eq!(whole.header().time, 5_000);
    assert_ne!(whole.digest(), Digest::EMPTY);
}

#[test]
fn every_field_is_in_the_digest() {
    let base = header::<Whole>(Digest::from([9; 32]), Some(beacon()));
    let mut others = vec![base.clone(); 9];
    others[0].context.round = Round::new(Epoch::zero(), View::new(301));
    others[1].context.leader = PrivateKey::from_seed(8).public_key();
    others[2].context.parent.1 = Digest::from([8; 32]);
    others[3].parent = Digest::from([4; 32]);
    others[4].height = Height::new(201);
    others[5].time += 1;
    others[6].beacon = None;
    others[7].anchor.hash = B256::ZERO;
    others[8].content = Content::of(&[Bytes::from_static(&[1])]);
    for other in others {
        assert_ne!(base.digest(), other.digest());
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    let payload = payload();
    let few = Bounds { transactions: 1, ..BOUNDS };
    assert!(Payload::<Whole>::decode_cfg(Copying(&payload.encode()), &few).is_err());
    let small = Bounds { bytes: 202, ..BOUNDS };
    assert!(Payload::<Whole>::decode_cfg(Copying(&payload.encode()), &small).is_err());
    let exact = Bounds { bytes: 203, transactions: 2 };
    assert!(Payload::<Whole>::decode_cfg(Copying(&payload.encode()), &exact).is_ok());
    assert!(payload.encode().len() <= Payload::<Whole>::max_encode_size(&exact));
}

proptest! {
    #[test]
    fn a_payload_has_one_encoding(
        sizes in prop::collection::vec(1_usize..60, 0..10),
        flip in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let transactions = sizes.iter().map(|size| Bytes::from(vec![0x42; *size])).collect();
        let payload = Payload::new(header::<Whole>(Digest::from([9; 32]), None), transactions);
        let bytes = payload.encode();
        let read = Payload::<Whole>::decode_cfg(Copying(&bytes), &BOUNDS);
        prop_assert_eq!(read.unwrap(), payload.clone());
        // Whatever else can be read is another payload, and is what it is written as.
        let mut other = bytes.to_vec();
        let at = flip.index(other.len());
        other[at] ^= 1 << bit;
        if let Ok(read) = Payload::<Whole>::decode_cfg(Copying(&other), &BOUNDS) {
            prop_assert_ne!(&read, &payload);
            prop_assert_eq!(read.encode().to_vec(), other);
        }
        for length in 0..bytes.len() {
            prop_assert!(Payload::<Whole>::decode_cfg(Copying(&bytes[..length]), &BOUNDS).is_err());
        }
    }
}

//! What checking costs on one core: a header from nothing but the group key, and certificates in batches.
//!
//! ```text
//! cargo run --release -p mundi-consensus --example verify
//! ```

use alloy_consensus::Header as EthereumHeader;
use alloy_primitives::{Address, B256, Bytes};
use commonware_codec::Encode;
use commonware_consensus::{
    simplex::types::{Context, Finalization, Finalize, Proposal, Subject},
    types::{Epoch, Height, Round, View},
};
use commonware_cryptography::{
    Digest as _,
    certificate::Verifier,
    transcript::{Transcript, Version},
};
use commonware_parallel::Sequential;
use commonware_utils::{iter::NonEmpty, non_empty};
use mundi_consensus::{
    Anchor, Coded, Content, Dealt, Digest, Dissemination, Header, Scheme, deal,
    finality::{FinalizedHeader, MOST_CERTIFICATE_BYTES},
};
use std::time::{Duration, Instant};

/// What votes name a payload by.
type Commitment = <Coded as Dissemination>::Commitment;

/// Times that each thing is done.
const ROUNDS: u32 = 500;

/// Certificates that are checked together.
const BATCHES: [usize; 4] = [1, 16, 128, 1024];

fn main() {
    let mut rng = Transcript::new(b"example", Version::V1).noise(b"keys");
    let members: Vec<_> = (0..4).map(|index| (format!("node{index}"), String::new())).collect();
    let genesis = B256::repeat_byte(7);
    let Dealt { network, validators } = deal(&mut rng, genesis, &members).expect("four can be dealt to");
    let committee = network.committee().expect("it was dealt");
    let sign = |shares: &[Scheme], view: u64, payload: Commitment| {
        let proposal =
            Proposal::new(Round::new(Epoch::zero(), View::new(view)), View::new(view - 1), payload);
        let votes =
            shares.iter().map(|share| Finalize::sign(share, proposal.clone()).expect("it has a share"));
        let votes: Vec<_> = votes.take(3).collect();
        Finalization::from_finalizes(&shares[0], non_empty![@votes.iter()], &Sequential)
            .expect("a quorum signed")
    };
    let shares = validators.iter().map(|file| file.share().expect("it was dealt"));
    let shares: Vec<Scheme> =
        shares.map(|share| committee.signer(share).expect("it is one of the network's")).collect();

    let ethereum = EthereumHeader { number: 10_000_000, ..EthereumHeader::default() };
    let leader = committee.participants.iter().next().expect("there are four").clone();
    let header = Header::<Coded> {
        context: Context {
            round: Round::new(Epoch::zero(), View::new(10_000_002)),
            leader,
            parent: (View::new(10_000_001), Coded::nothing()),
        },
        parent: Digest::EMPTY,
        height: Height::new(10_000_002),
        time: 0,
        beneficiary: Address::ZERO,
        beacon: None,
        anchor: Anchor { height: ethereum.number, hash: ethereum.hash_slow() },
        content: Content::of(&[]),
    };
    // All but the payload's digest is of no matter here, but it has to be the parts of one.
    let config = commonware_coding::Config {
        minimum_shards: commonware_utils::NZU16!(2),
        extra_shards: commonware_utils::NZU16!(2),
    };
    let digest = header.digest();
    let commitment = Commitment::from((digest, digest, digest, config));
    let certificate = sign(&shares, 10_000_002, commitment).encode();
    let proof = FinalizedHeader {
        genesis_hash: genesis,
        coded: true,
        certificate: certificate.to_vec().into(),
        payload_headers: vec![header.encode().to_vec().into()],
        headers: vec![Bytes::from(alloy_rlp::encode(&ethereum))],
    };
    let key = committee.group_key;
    let round = |_| {
        let started = Instant::now();
        assert_eq!(proof.verify(&key).expect("it holds").number, ethereum.number);
        started.elapsed()
    };
    let mut times: Vec<Duration> = (0..ROUNDS).map(round).collect();
    times.sort_unstable();
    println!("certificate: {} bytes, and at most {MOST_CERTIFICATE_BYTES}", proof.certificate.len());
    let json = serde_json::to_vec(&proof).expect("it is JSON").len();
    println!("finalized header: {json} bytes of JSON");
    println!("header/verify: {:?}, the median of {ROUNDS}, on one core", times[times.len() / 2]);

    let most = BATCHES[BATCHES.len() - 1] as u64;
    let signed: Vec<_> = (1..=most).map(|view| sign(&shares, view, commitment)).collect();
    let verifier = key.verifier(genesis);
    for count in BATCHES {
        let batch = || {
            let each = signed[..count].iter();
            each.map(|signed| (Subject::Finalize { proposal: &signed.proposal }, &signed.certificate))
        };
        let started = Instant::now();
        let rounds = (ROUNDS / count as u32).max(1);
        for _ in 0..rounds {
            let (first, rest) = (batch().next().expect("one at least"), batch().skip(1));
            let holds = verifier.verify_certificates(&mut rng, NonEmpty::new(first, rest), &Sequential);
            assert!(holds, "what was signed holds");
        }
        println!("certificates/verify/{count}: {:?} each", started.elapsed() / rounds / count as u32);
    }
}

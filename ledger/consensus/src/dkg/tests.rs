//! Tests of key generation.

mod attendance;
mod ceremony;
mod secrets;
mod simulated;
mod sockets;

use super::{Ceremony, DkgOutcome, Participant};
use crate::{Digest, PrivateKey, Scheme, namespace};
use alloy_primitives::B256;
use commonware_consensus::{
    simplex::types::{Proposal, Subject},
    types::{Epoch, Round, View},
};
use commonware_cryptography::{
    Hasher as _, Sha256, Signer as _,
    certificate::{Attestation, Scheme as _, Verifier as _},
};
use commonware_parallel::Sequential;
use commonware_utils::{non_empty, ordered::Set, test_rng};

/// A ceremony of that many participants, who are all required, and their keys in the order of the participants.
fn ceremony(participants: u64) -> (Ceremony, Vec<PrivateKey>) {
    let signers: Vec<_> = (0..participants).map(|seed| PrivateKey::from_seed(1_000 + seed)).collect();
    let named = signers.iter().enumerate().map(|(index, signer)| Participant {
        name: format!("node{index}"),
        key: signer.public_key(),
        address: format!("127.0.0.1:{}", 40_000 + index),
    });
    let ceremony =
        Ceremony { network: [7; 32], attempt: 0, participants: named.collect(), required: signers.len() };
    (ceremony, signers)
}

/// Asserts that these outcomes are of one key, and that exactly quorums of their shares sign for it.
fn assert_one_key(ceremony: &Ceremony, outcomes: &[DkgOutcome]) {
    let first = &outcomes[0];
    for outcome in outcomes {
        assert_eq!(outcome.group_key, first.group_key);
        assert_eq!(outcome.encoded_sharing(), first.encoded_sharing());
        assert_eq!(outcome.participants, ceremony.keys().into_iter().collect::<Vec<_>>());
        assert_eq!(outcome.revealed, first.revealed);
        assert!(format!("{outcome:?}").contains("REDACTED"), "shares are not to be printed");
    }
    let quorum = ceremony.quorum() as usize;
    assert_eq!(first.sharing.required() as usize, quorum);
    assert!(outcomes.len() >= quorum, "{} shares are no quorum", outcomes.len());

    let genesis = B256::repeat_byte(9);
    let schemes: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            let participants = Set::from_iter_dedup(outcome.participants.iter().cloned());
            Scheme::signer(&namespace(genesis), participants, outcome.sharing.clone(), outcome.share.clone())
                .expect("the share fits the polynomial")
        })
        .collect();
    let round = Round::new(Epoch::zero(), View::new(2));
    let proposal = Proposal::<Digest>::new(round, View::new(1), Sha256::hash(&[b"payload"]));
    let subject = Subject::Finalize { proposal: &proposal };
    let votes: Vec<_> = schemes.iter().map(|scheme| scheme.sign(subject).expect("a signer signs")).collect();
    let certify =
        |votes: &[Attestation<Scheme>]| schemes[0].assemble(non_empty![@votes.iter().cloned()], &Sequential);
    let verifier = first.group_key.verifier(genesis);
    for votes in [&votes[..quorum], &votes[votes.len() - quorum..]] {
        let certificate = certify(votes).expect("a quorum signs");
        assert!(verifier.verify_certificate(&mut test_rng(), subject, &certificate, &Sequential));
    }
    if quorum > 1 {
        assert!(certify(&votes[..quorum - 1]).is_err(), "fewer than a quorum signed");
    }
}

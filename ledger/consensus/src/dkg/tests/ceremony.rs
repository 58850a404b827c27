//! What may be agreed on, and what is told apart.

use super::ceremony;
use crate::{
    NetworkFile, PrivateKey, ValidatorFile, deal as deal_network,
    dkg::{Ceremony, DkgError, DkgOutcome, MAX_PARTICIPANTS, Unusable},
};
use alloy_primitives::B256;
use commonware_cryptography::{
    Signer as _,
    bls12381::{
        dkg::feldman_desmedt::deal,
        primitives::{sharing::Mode, variant::MinSig},
    },
};
use commonware_utils::{N3f1, N5f1, test_rng};

#[test]
fn every_part_but_names_and_addresses_tells_ceremonies_apart() {
    let (first, _) = ceremony(4);
    let differs = |change: fn(&mut Ceremony)| {
        let mut other = first.clone();
        change(&mut other);
        other.id() != first.id()
    };
    assert!(differs(|it| it.network[31] ^= 1));
    assert!(differs(|it| it.attempt = 1));
    assert!(differs(|it| it.required = 3));
    assert!(differs(|it| drop(it.participants.pop())));
    assert!(differs(|it| it.participants[0].key = PrivateKey::from_seed(0).public_key()));
    assert!(!differs(|it| it.participants[0].name = "another".into()));
    assert!(!differs(|it| it.participants[0].address = "10.0.0.1:1".into()));
    assert!(!differs(|it| it.participants.reverse()));
}

#[test]
fn what_makes_no_key_is_refused() {
    let (good, _) = ceremony(4);
    good.check().expect("four can make a key");
    let refused = |change: &dyn Fn(&mut Ceremony)| {
        let mut other = good.clone();
        change(&mut other);
        other.check().expect_err("no key can be made like this")
    };
    assert!(matches!(refused(&|it| it.participants.clear()), DkgError::NoParticipants));
    assert!(matches!(refused(&|it| it.required = 2), DkgError::Required { quorum: 3, .. }));
    assert!(matches!(refused(&|it| it.required = 5), DkgError::Required { participants: 4, .. }));
    assert!(matches!(refused(&|it| it.participants[0].name = "x".repeat(301)), DkgError::LongName { .. }));
    assert!(matches!(
        refused(&|it| it.participants[0].key = it.participants[1].key.clone()),
        DkgError::SameKey { .. }
    ));
    for address in ["", "host", "host:", "host:65536", ":1", "ho st:1", "[::1:1", "1.2.3.4"] {
        let error = refused(&|it| it.participants[2].address = address.into());
        assert!(matches!(&error, DkgError::Address { name, .. } if name == "node2"), "{address}: {error}");
    }
    let (many, _) = ceremony(MAX_PARTICIPANTS as u64 + 1);
    assert!(matches!(many.check(), Err(DkgError::TooManyParticipants { .. })));
}

#[test]
fn sockets_and_host_names_are_addresses() {
    let (mut ceremony, _) = ceremony(1);
    for address in ["127.0.0.1:1", "[::1]:65535", "localhost:30303", "node-1.example.org:9"] {
        ceremony.participants[0].address = address.into();
        ceremony.check().unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn an_outcome_is_for_these_participants_this_quorum_and_this_share() {
    let (ceremony, signers) = ceremony(7);
    let me = signers[3].public_key();
    let (output, shares) =
        deal::<MinSig, _, N3f1>(test_rng(), Mode::NonZeroCounter, ceremony.keys()).expect("dealt");
    let mine = shares.get_value(&me).cloned();
    DkgOutcome::new(&ceremony, &me, &output, mine.clone()).expect("usable");

    let none = DkgOutcome::new(&ceremony, &me, &output, None).expect_err("no share");
    assert_eq!(none, Unusable::NoShare);
    let theirs = shares.get_value(&signers[4].public_key()).cloned();
    let other = DkgOutcome::new(&ceremony, &me, &output, theirs).expect_err("not its share");
    assert!(matches!(other, Unusable::Share { .. }));
    let (other, others) =
        deal::<MinSig, _, N3f1>(commonware_utils::TestRng::new(1), Mode::NonZeroCounter, ceremony.keys())
            .expect("dealt");
    let error =
        DkgOutcome::new(&ceremony, &me, &output, others.get_value(&me).cloned()).expect_err("another key's");
    assert!(matches!(error, Unusable::Share { .. }));
    DkgOutcome::new(&ceremony, &me, &other, others.get_value(&me).cloned()).expect("usable");

    let (lower, shares) =
        deal::<MinSig, _, N5f1>(test_rng(), Mode::NonZeroCounter, ceremony.keys()).expect("dealt");
    let error =
        DkgOutcome::new(&ceremony, &me, &lower, shares.get_value(&me).cloned()).expect_err("another quorum");
    assert!(matches!(error, Unusable::Threshold { required: 6, quorum: 5, .. }), "{error}");

    let (fewer, _) = super::ceremony(6);
    let error = DkgOutcome::new(&fewer, &me, &output, mine).expect_err("other participants");
    assert_eq!(error, Unusable::Participants);
}

#[test]
fn outcomes_fill_the_files_of_a_network() {
    let members: Vec<_> =
        (0..4).map(|index| (format!("node{index}"), format!("127.0.0.1:{index}"))).collect();
    let dealt = deal_network(test_rng(), B256::repeat_byte(3), &members).unwrap();
    let mut empty = dealt.network.clone();
    (empty.group_key, empty.polynomial) = Default::default();
    empty.committee().expect_err("there is no key yet");

    let ceremony = Ceremony::of(&empty, 2, None).unwrap();
    assert_eq!((ceremony.network, ceremony.attempt, ceremony.required), ([3; 32], 2, 4));
    assert_eq!(Ceremony::of(&empty, 2, Some(3)).unwrap().required, 3);
    assert!(matches!(Ceremony::of(&empty, 2, Some(2)), Err(DkgError::Required { .. })));

    let (output, shares) =
        deal::<MinSig, _, N3f1>(commonware_utils::TestRng::new(9), Mode::NonZeroCounter, ceremony.keys())
            .unwrap();
    for validator in &dealt.validators {
        let key = validator.key().unwrap();
        let me = key.public_key();
        let outcome = DkgOutcome::new(&ceremony, &me, &output, shares.get_value(&me).cloned()).unwrap();
        let (mut network, mut filled): (NetworkFile, _) = (empty.clone(), ValidatorFile::new(&key, None));
        outcome.fill(&mut network, &mut filled).unwrap();
        let committee = network.committee().unwrap();
        assert_eq!(committee.group_key, outcome.group_key);
        committee.signer(filled.share().unwrap()).expect("the share is this committee's");
        // Once more changes nothing; another key's files are not touched.
        outcome.fill(&mut network, &mut filled).unwrap();
        let mut other = dealt.network.clone();
        let error = outcome.fill(&mut other, &mut filled).expect_err("it has another key");
        assert!(matches!(error, DkgError::HasKey { .. }));
        assert_eq!(other, dealt.network);
        let error = outcome.fill(&mut network, &mut validator.clone()).expect_err("it has another share");
        assert!(matches!(error, DkgError::HasKey { .. }));
    }

    // About half of all 32 bytes are no point of the curve.
    let keys = (0..=u8::MAX).map(B256::repeat_byte);
    let refused = keys.filter(|key| {
        empty.validators[1].public_key = *key;
        matches!(Ceremony::of(&empty, 2, None), Err(DkgError::Key { name, .. }) if name == "node1")
    });
    assert!(refused.count() > 64);
}

//! Secrets on disk.

use super::ceremony;
use crate::dkg::{Secrets, SecretsError};
use commonware_consensus::types::Epoch;
use commonware_cryptography::{
    Hasher as _, Sha256, Signer as _,
    bls12381::{
        dkg::feldman_desmedt::{DealerPrivMsg, deal},
        primitives::{group::Scalar, sharing::Mode, variant::MinSig},
    },
    transcript::{Summary, Transcript, Version},
};
use commonware_glue::dkg::SecretStore as _;
use commonware_macros::select;
use commonware_math::algebra::Random as _;
use commonware_runtime::{Runner as _, deterministic};
use commonware_utils::{N3f1, test_rng};
use std::{fs, future::Future, os::unix::fs::PermissionsExt as _};

const EPOCH: Epoch = Epoch::zero();

fn block_on<F: Future>(future: F) -> F::Output {
    deterministic::Runner::default().start(|_| future)
}

fn seed(word: &[u8]) -> Summary {
    Transcript::new(word, Version::V1).summarize()
}

/// The error that a store reports instead of answering.
async fn failure(secrets: &Secrets, asked: impl Future) -> String {
    select! {
        failure = secrets.failed() => failure.to_string(),
        _ = asked => panic!("it answered"),
    }
}

#[test]
fn secrets_are_there_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let id = Sha256::hash(&[b"ceremony"]);
    let (ceremony, signers) = ceremony(4);
    let me = signers[0].public_key();
    let (_, shares) = deal::<MinSig, _, N3f1>(test_rng(), Mode::NonZeroCounter, ceremony.keys()).unwrap();
    let share = shares.get_value(&me).cloned().unwrap();
    let dealing = DealerPrivMsg::new(Scalar::random(test_rng()));
    block_on(async {
        let mut secrets = Secrets::open(directory.path().join("a/b"), &id).unwrap();
        assert_eq!(secrets.get_share(EPOCH).await, None);
        assert_eq!(secrets.get_seed(EPOCH).await, None);
        assert_eq!(secrets.get_dealing(EPOCH, &me).await, None);
        secrets.put_seed(EPOCH, seed(b"first")).await;
        secrets.put_seed(EPOCH, seed(b"second")).await;
        secrets.put_dealing(EPOCH, me.clone(), dealing.clone()).await;
        secrets.put_share(EPOCH, share.clone()).await;

        let mut secrets = Secrets::open(directory.path().join("a/b"), &id).unwrap();
        assert_eq!(secrets.get_seed(EPOCH).await, Some(seed(b"second")));
        assert_eq!(secrets.get_dealing(EPOCH, &me).await, Some(dealing));
        assert_eq!(secrets.get_dealing(EPOCH, &signers[1].public_key()).await, None);
        assert_eq!(secrets.get_share(EPOCH).await, Some(share));
        assert_eq!(secrets.get_share(Epoch::new(1)).await, None);

        secrets.prune(EPOCH).await;
        assert!(secrets.get_share(EPOCH).await.is_some());
        secrets.prune(Epoch::new(1)).await;
        assert_eq!(secrets.get_share(EPOCH).await, None);
        assert_eq!(secrets.get_dealing(EPOCH, &me).await, None);
    });
}

#[test]
fn nobody_else_may_read_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secrets");
    let mut secrets = Secrets::open(&path, &Sha256::hash(&[b"ceremony"])).unwrap();
    block_on(async { secrets.put_seed(EPOCH, seed(b"seed")).await });
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("seed-0")), 0o600);
    let names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "nothing half written stays: {names:?}");
}

#[test]
fn another_ceremony_gets_another_directory() {
    let directory = tempfile::tempdir().unwrap();
    Secrets::open(directory.path(), &Sha256::hash(&[b"one"])).unwrap();
    Secrets::open(directory.path(), &Sha256::hash(&[b"one"])).unwrap();
    let error = Secrets::open(directory.path(), &Sha256::hash(&[b"two"])).unwrap_err();
    assert!(matches!(error, SecretsError::Other { .. }), "{error}");
}

#[test]
fn damage_is_reported_and_never_read() {
    let directory = tempfile::tempdir().unwrap();
    let id = Sha256::hash(&[b"ceremony"]);
    let mut secrets = Secrets::open(directory.path(), &id).unwrap();
    block_on(async { secrets.put_seed(EPOCH, seed(b"seed")).await });
    let path = directory.path().join("seed-0");
    let good = fs::read(&path).unwrap();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for bad in
        [Vec::new(), good[..good.len() - 1].to_vec(), flipped, [&good[..], b"x"].concat(), vec![0; 5_000]]
    {
        fs::write(&path, bad).unwrap();
        let mut secrets = Secrets::open(directory.path(), &id).unwrap();
        let reports = secrets.clone();
        let error = block_on(async { failure(&reports, secrets.get_seed(EPOCH)).await });
        assert!(error.contains("seed-0 is damaged"), "{error}");
    }
    // A good file in another's place is damage too.
    fs::write(directory.path().join("seed-1"), &good).unwrap();
    let reports = secrets.clone();
    let error = block_on(async { failure(&reports, secrets.get_seed(Epoch::new(1))).await });
    assert!(error.contains("seed-1 is damaged"), "{error}");
}

#[test]
fn what_cannot_be_stored_is_never_confirmed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secrets");
    let mut secrets = Secrets::open(&path, &Sha256::hash(&[b"ceremony"])).unwrap();
    fs::remove_dir_all(&path).unwrap();
    let reports = secrets.clone();
    let error = block_on(async { failure(&reports, secrets.put_seed(EPOCH, seed(b"seed"))).await });
    assert!(error.contains("creating") && error.contains("seed-0.new"), "{error}");
}

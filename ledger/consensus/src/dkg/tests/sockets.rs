//! Whole ceremonies over real sockets.

use super::{assert_one_key, ceremony};
use crate::{
    PrivateKey,
    dkg::{Ceremony, DkgConfig, DkgError, DkgOutcome, Timeouts, run},
};
use commonware_utils::NZUsize;
use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    thread,
    time::Duration,
};

/// Participants at addresses of this machine that were free a moment ago.
fn at_free_ports(participants: u64) -> (Ceremony, Vec<PrivateKey>) {
    let (mut ceremony, signers) = ceremony(participants);
    let listeners: Vec<_> = signers.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    for (participant, listener) in ceremony.participants.iter_mut().zip(&listeners) {
        participant.address = listener.local_addr().unwrap().to_string();
    }
    (ceremony, signers)
}

fn config(ceremony: &Ceremony, signer: &PrivateKey, index: usize, directory: &Path) -> DkgConfig {
    DkgConfig {
        ceremony: ceremony.clone(),
        signer: signer.clone(),
        listen: ceremony.participants[index].address.parse::<SocketAddr>().unwrap(),
        directory: directory.join(index.to_string()),
        threads: NZUsize!(1),
        timeouts: Timeouts {
            gather: Duration::from_secs(120),
            ceremony: Duration::from_secs(120),
            serve: Duration::from_secs(120),
        },
    }
}

fn run_all(ceremony: &Ceremony, signers: &[PrivateKey], directory: &Path) -> Vec<DkgOutcome> {
    thread::scope(|scope| {
        let runs: Vec<_> = signers
            .iter()
            .enumerate()
            .map(|(index, signer)| scope.spawn(move || run(config(ceremony, signer, index, directory))))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap().unwrap_or_else(|error| panic!("{error}"))).collect()
    })
}

#[test]
fn four_nodes_make_one_key_over_the_network() {
    let directory = tempfile::tempdir().unwrap();
    let (mut ceremony, signers) = at_free_ports(4);
    // On a machine that is busy with other tests, one may be too slow to acknowledge.
    ceremony.required = 3;
    let outcomes = run_all(&ceremony, &signers, directory.path());
    assert_one_key(&ceremony, &outcomes);

    // Started again with the same directories, all have the same key and the same shares.
    let again = run_all(&ceremony, &signers, directory.path());
    for (first, again) in outcomes.iter().zip(&again) {
        assert_eq!(again.group_key, first.group_key);
        assert_eq!(again.share, first.share);
    }

    // The directory belongs to this attempt.
    ceremony.attempt = 1;
    let error = run(config(&ceremony, &signers[0], 0, directory.path())).expect_err("another ceremony");
    assert!(matches!(error, DkgError::OtherCeremony { .. }), "{error}");
}

#[test]
#[ignore = "sixteen nodes want more than two cores: shows that the chain leaves them time to acknowledge"]
fn sixteen_nodes_publish_no_share() {
    let directory = tempfile::tempdir().unwrap();
    let (ceremony, signers) = at_free_ports(16);
    let outcomes = run_all(&ceremony, &signers, directory.path());
    assert_one_key(&ceremony, &outcomes);
    assert_eq!(outcomes[0].revealed, []);
}

#[test]
fn what_cannot_run_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let (ceremony, signers) = at_free_ports(4);
    let refused = |config: DkgConfig| run(config).expect_err("it cannot run");
    let good = || config(&ceremony, &signers[0], 0, directory.path());

    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = refused(DkgConfig { listen: occupied.local_addr().unwrap(), ..good() });
    assert!(matches!(error, DkgError::Listen { .. }), "{error}");

    let stranger = commonware_cryptography::Signer::from_seed(5);
    let error = refused(DkgConfig { signer: stranger, ..good() });
    assert!(matches!(error, DkgError::NotParticipant { .. }), "{error}");

    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = refused(DkgConfig { directory: file, ..good() });
    assert!(matches!(error, DkgError::Directory { .. }), "{error}");

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(async { refused(good()) });
    assert!(matches!(error, DkgError::InsideRuntime), "{error}");

    let timeouts = Timeouts { gather: Duration::from_secs(1), ..good().timeouts };
    let error = refused(DkgConfig { timeouts, ..good() });
    assert!(matches!(error, DkgError::TooFew { present: 1, .. }), "{error}");
}

#[test]
fn only_one_process_uses_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let (ceremony, signers) = at_free_ports(4);
    let held = directory.path().join("0");
    std::fs::create_dir_all(&held).unwrap();
    let lock = std::fs::File::create(held.join("lock")).unwrap();
    lock.lock().unwrap();
    let error = run(config(&ceremony, &signers[0], 0, directory.path())).expect_err("it is locked");
    assert!(matches!(error, DkgError::Locked { .. }), "{error}");
}

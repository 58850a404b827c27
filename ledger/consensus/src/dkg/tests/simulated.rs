//! Whole ceremonies on the deterministic runtime and a simulated network.

use super::{assert_one_key, ceremony};
use crate::{
    PrivateKey, PublicKey,
    dkg::{
        Ceremony, Channels, DkgError, DkgOutcome, Participation, Secrets, Timeouts, Unusable, participate,
    },
};
use commonware_cryptography::Signer as _;
use commonware_p2p::simulated::{Config, Link, Network, Oracle};
use commonware_parallel::Sequential;
use commonware_runtime::{
    Clock as _, Handle, Quota, Runner as _, Spawner as _, Supervisor as _, deterministic,
};
use commonware_utils::{NZU32, NZUsize, Probability, probability};
use std::{fs, future::Future, num::NonZeroUsize, time::Duration};
use tempfile::TempDir;

type Outcome = Result<DkgOutcome, DkgError>;

const TIMEOUTS: Timeouts = Timeouts {
    gather: Duration::from_secs(20),
    ceremony: Duration::from_secs(600),
    serve: Duration::from_secs(60),
};

/// Participants on one simulated network.
struct Table {
    context: deterministic::Context,
    oracle: Oracle<PublicKey, deterministic::Context>,
    ceremony: Ceremony,
    signers: Vec<PrivateKey>,
    directory: TempDir,
}

impl Table {
    /// Links all to all. Of so many messages some get lost.
    async fn new(context: &deterministic::Context, participants: u64, arrive: Probability) -> Self {
        let (ceremony, signers) = ceremony(participants);
        let config = Config {
            max_size: ceremony.max_message_size(),
            max_peers_per_set: NonZeroUsize::new(signers.len()).unwrap(),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(1),
        };
        let (network, oracle) =
            Network::new_with_peers(context.child("network"), config, ceremony.keys()).await;
        network.start();
        let directory = tempfile::tempdir().unwrap();
        let table = Self { context: context.child("table"), oracle, ceremony, signers, directory };
        for from in 0..table.signers.len() {
            for to in 0..table.signers.len() {
                if from != to {
                    let link = Link {
                        latency: Duration::from_millis(20),
                        jitter: Duration::from_millis(5),
                        success_rate: arrive,
                    };
                    table.oracle.add_link(table.key(from), table.key(to), link).await.unwrap();
                }
            }
        }
        table
    }

    fn key(&self, index: usize) -> PublicKey {
        self.signers[index].public_key()
    }

    async fn start(&self, index: usize) -> Handle<Outcome> {
        let control = self.oracle.control(self.key(index));
        let quota = Quota::per_second(NZU32!(10_000));
        let register = |channel| control.register(channel, quota);
        let channels = Channels {
            presence: register(0).await.unwrap(),
            votes: register(1).await.unwrap(),
            certificates: register(2).await.unwrap(),
            resolver: register(3).await.unwrap(),
            backfill: register(4).await.unwrap(),
            broadcast: register(5).await.unwrap(),
            dealings: register(6).await.unwrap(),
        };
        let participation = Participation {
            ceremony: self.ceremony.clone(),
            signer: self.signers[index].clone(),
            manager: self.oracle.manager(),
            blocker: control,
            secrets: Secrets::open(self.secrets(index), &self.ceremony.id()).unwrap(),
            strategy: Sequential,
            partition: format!("node{index}"),
            timeouts: TIMEOUTS,
        };
        let context = self.context.child("participant").with_attribute("index", index);
        context.spawn(|context| participate(context, participation, channels))
    }

    async fn start_all(&self) -> Vec<Handle<Outcome>> {
        let mut handles = Vec::new();
        for index in 0..self.signers.len() {
            handles.push(self.start(index).await);
        }
        handles
    }

    fn secrets(&self, index: usize) -> std::path::PathBuf {
        self.directory.path().join(format!("node{index}"))
    }

    /// Waits until a participant has stored a secret that begins like this.
    async fn stored(&self, index: usize, name: &str) {
        loop {
            let entries = fs::read_dir(self.secrets(index)).unwrap();
            if entries.filter(|entry| is_named(entry.as_ref().unwrap(), name)).count() > 0 {
                return;
            }
            self.context.sleep(Duration::from_millis(5)).await;
        }
    }

    /// Cuts a participant off.
    async fn isolate(&self, index: usize) {
        for other in (0..self.signers.len()).filter(|other| *other != index) {
            self.oracle.remove_link(self.key(index), self.key(other)).await.unwrap();
            self.oracle.remove_link(self.key(other), self.key(index)).await.unwrap();
        }
    }
}

fn is_named(entry: &fs::DirEntry, name: &str) -> bool {
    entry.file_name().to_str().is_some_and(|entry| entry.starts_with(name) && !entry.ends_with(".new"))
}

async fn finish(handles: Vec<Handle<Outcome>>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for handle in handles {
        outcomes.push(handle.await.expect("no participant panics"));
    }
    outcomes
}

async fn succeed(handles: Vec<Handle<Outcome>>) -> Vec<DkgOutcome> {
    finish(handles)
        .await
        .into_iter()
        .map(|outcome| outcome.unwrap_or_else(|error| panic!("{error}")))
        .collect()
}

fn simulate<F: Future>(seed: u64, scenario: impl FnOnce(deterministic::Context) -> F) -> F::Output {
    let config = deterministic::Config::new().with_seed(seed).with_timeout(Some(Duration::from_secs(3_600)));
    deterministic::Runner::new(config).start(scenario)
}

/// Everybody takes part; the key, what is public, and the trace of the run.
fn everybody(participants: u64, seed: u64, arrive: Probability) -> (String, String) {
    simulate(seed, |context| async move {
        let table = Table::new(&context, participants, arrive).await;
        let outcomes = succeed(table.start_all().await).await;
        assert_one_key(&table.ceremony, &outcomes);
        for outcome in &outcomes {
            assert_eq!(outcome.revealed, []);
            assert_eq!(outcome.unfinished, []);
        }
        (outcomes[0].group_key.to_string(), context.auditor().state())
    })
}

#[test]
fn all_make_one_key_together() {
    for participants in [1, 2, 3, 4, 7] {
        everybody(participants, 0, probability!(1.0));
    }
}

#[test]
fn the_same_seed_makes_the_same_key_the_same_way() {
    let first = everybody(4, 1, probability!(1.0));
    assert_eq!(everybody(4, 1, probability!(1.0)), first);
    assert_ne!(everybody(4, 2, probability!(1.0)).0, first.0);
}

#[test]
fn lost_messages_are_made_up_for() {
    everybody(4, 3, probability!(0.9));
}

#[test]
fn a_participant_that_is_killed_goes_on_where_it_was() {
    // Before it has dealt, while dealings come in, and when it has its share but the others may not.
    for (seed, moment) in ["seed-", "dealing-", "share-"].into_iter().enumerate() {
        simulate(seed as u64, |context| async move {
            let mut table = Table::new(&context, 4, probability!(1.0)).await;
            // Those it could not acknowledge in time are published: it counts as the faulty one.
            table.ceremony.required = 3;
            let mut handles = table.start_all().await;
            table.stored(2, moment).await;
            handles[2].abort();
            context.sleep(Duration::from_millis(500)).await;
            handles[2] = table.start(2).await;
            let outcomes = succeed(handles).await;
            assert_one_key(&table.ceremony, &outcomes);
            for outcome in &outcomes {
                assert!(outcome.revealed.iter().all(|key| *key == table.key(2)));
                assert_eq!(outcome.unfinished, []);
            }
        });
    }
}

#[test]
fn all_that_are_killed_go_on_where_they_were() {
    simulate(5, |context| async move {
        let table = Table::new(&context, 4, probability!(1.0)).await;
        let handles = table.start_all().await;
        table.stored(0, "dealing-").await;
        handles.iter().for_each(Handle::abort);
        context.sleep(Duration::from_secs(30)).await;
        let outcomes = succeed(table.start_all().await).await;
        assert_one_key(&table.ceremony, &outcomes);
    });
}

#[test]
fn those_required_go_on_without_the_others() {
    simulate(6, |context| async move {
        let mut table = Table::new(&context, 7, probability!(1.0)).await;
        table.ceremony.required = 5;
        let mut handles = Vec::new();
        for index in 0..5 {
            handles.push(table.start(index).await);
        }
        let outcomes = succeed(handles).await;
        assert_one_key(&table.ceremony, &outcomes);
        for outcome in &outcomes {
            let mut away = vec![table.key(5), table.key(6)];
            away.sort();
            assert_eq!(outcome.revealed, away);
            assert_eq!(outcome.unfinished, away);
        }
    });
}

#[test]
fn whoever_comes_late_gets_its_share_from_those_who_still_serve() {
    simulate(7, |context| async move {
        let mut table = Table::new(&context, 4, probability!(1.0)).await;
        table.ceremony.required = 3;
        let mut handles = Vec::new();
        for index in 0..3 {
            handles.push(table.start(index).await);
        }
        for index in 0..3 {
            table.stored(index, "share-").await;
        }
        handles.push(table.start(3).await);
        let outcomes = succeed(handles).await;
        assert_one_key(&table.ceremony, &outcomes);
        for outcome in &outcomes {
            assert_eq!(outcome.revealed, [table.key(3)]);
            assert_eq!(outcome.unfinished, []);
        }
    });
}

#[test]
fn too_few_say_who_is_missing() {
    simulate(8, |context| async move {
        let table = Table::new(&context, 4, probability!(1.0)).await;
        let mut handles = Vec::new();
        for index in 0..3 {
            handles.push(table.start(index).await);
        }
        for outcome in finish(handles).await {
            let error = outcome.expect_err("one is missing");
            assert!(
                matches!(&error, DkgError::TooFew { present: 3, required: 4, participants: 4, missing, .. }
                    if *missing == ["node3 (127.0.0.1:40003)"]),
                "{error}"
            );
        }
    });
}

#[test]
fn a_key_of_which_too_many_shares_are_public_is_refused() {
    simulate(9, |context| async move {
        let table = Table::new(&context, 4, probability!(1.0)).await;
        let mut handles = table.start_all().await;
        table.stored(1, "seed-").await;
        table.isolate(1).await;
        handles.remove(1).abort();
        for outcome in finish(handles).await {
            let error = outcome.expect_err("a share is public");
            assert!(
                matches!(&error, DkgError::Unusable(Unusable::Revealed { names, tolerated: 0 })
                    if *names == ["node1 (127.0.0.1:40001)"]),
                "{error}"
            );
        }
    });
}

#[test]
fn a_participant_left_alone_gives_up() {
    simulate(10, |context| async move {
        let table = Table::new(&context, 4, probability!(1.0)).await;
        let mut handles = table.start_all().await;
        table.stored(1, "seed-").await;
        table.isolate(1).await;
        let lonely = handles.remove(1);
        let error = lonely.await.expect("no panic").expect_err("nobody to finish with");
        assert!(matches!(&error, DkgError::NotCompleted { missing, .. } if missing.len() == 3), "{error}");
    });
}

#[test]
fn a_store_that_fails_ends_the_participation() {
    simulate(11, |context| async move {
        let table = Table::new(&context, 4, probability!(1.0)).await;
        let mut handles = table.start_all().await;
        table.stored(1, "seed-").await;
        fs::remove_dir_all(table.secrets(1)).unwrap();
        let error = handles.remove(1).await.expect("no panic").expect_err("nothing can be stored");
        assert!(matches!(error, DkgError::Secrets(_)), "{error}");
    });
}

#[test]
fn only_participants_take_part() {
    simulate(12, |context| async move {
        let mut table = Table::new(&context, 4, probability!(1.0)).await;
        table.ceremony.participants.pop();
        table.ceremony.required = 3;
        let error = table.start(3).await.await.expect("no panic").expect_err("not invited");
        assert!(matches!(error, DkgError::NotParticipant { key } if key == table.key(3)));
    });
}

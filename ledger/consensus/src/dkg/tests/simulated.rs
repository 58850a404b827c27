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
use std::{fs, future::Future, num::NonZeroUsize, path::PathBuf, rc::Rc, time::Duration};
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
    directory: PathBuf,
    /// On which channel each participant deals.
    dealings: fn(usize) -> u64,
    /// The directory, if it is to vanish with the participants.
    _vanishing: Option<TempDir>,
}

impl Table {
    async fn new(context: &deterministic::Context, participants: u64, arrive: Probability) -> Self {
        let vanishing = tempfile::tempdir().unwrap();
        let table = Self::new_in(context, participants, arrive, vanishing.path().into()).await;
        Self { _vanishing: Some(vanishing), ..table }
    }

    /// Links all to all. Messages arrive with a probability of `arrive`; secrets are kept in `directory`.
    async fn new_in(
        context: &deterministic::Context,
        participants: u64,
        arrive: Probability,
        directory: PathBuf,
    ) -> Self {
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
        let context = context.child("table");
        let dealings = |_| 6;
        let table = Self { context, oracle, ceremony, signers, directory, dealings, _vanishing: None };
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
            dealings: register((self.dealings)(index)).await.unwrap(),
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

    fn secrets(&self, index: usize) -> PathBuf {
        self.directory.join(format!("node{index}"))
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

fn config(seed: u64) -> deterministic::Config {
    deterministic::Config::new().with_seed(seed).with_timeout(Some(Duration::from_secs(3_600)))
}

fn simulate<F: Future>(seed: u64, scenario: impl FnOnce(deterministic::Context) -> F) -> F::Output {
    deterministic::Runner::new(config(seed)).start(scenario)
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
fn after_a_power_failure_all_go_on_where_they_were() {
    let directory = Rc::new(tempfile::tempdir().unwrap());
    for moment in ["seed-", "dealing-", "share-"] {
        let (before, after) = (Rc::clone(&directory), Rc::clone(&directory));
        let runner = deterministic::Runner::new(config(5));
        // Whatever was not synced is lost with the end of the first run.
        let ((), crashed) = runner.start_and_recover(|context| async move {
            let table = Table::new_in(&context, 4, probability!(1.0), before.path().join(moment)).await;
            let _running = table.start_all().await;
            table.stored(0, moment).await;
        });
        deterministic::Runner::from(crashed).start(|context| async move {
            let table = Table::new_in(&context, 4, probability!(1.0), after.path().join(moment)).await;
            let outcomes = succeed(table.start_all().await).await;
            assert_one_key(&table.ceremony, &outcomes);
            assert_eq!(outcomes[0].revealed, []);
        });
    }
}

#[test]
fn a_ceremony_without_dealings_makes_no_key() {
    simulate(13, |context| async move {
        let mut table = Table::new(&context, 4, probability!(1.0)).await;
        table.dealings = |index| 100 + index as u64;
        for outcome in finish(table.start_all().await).await {
            let error = outcome.expect_err("nobody dealt to anybody else");
            assert!(matches!(error, DkgError::NoKey), "{error}");
        }
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
        assert!(matches!(error, DkgError::NotParticipant { key } if *key == table.key(3)));
    });
}

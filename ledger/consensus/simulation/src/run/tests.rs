//! That what is wrong is noticed: each test breaks something that must hold, and the run has to say so.

use super::*;
use crate::{manner::Lie, meddler::Outgoing, plan::Action};
use alloy_primitives::{B256, Bytes};
use commonware_p2p::{Blocker as _, Channel};
use commonware_runtime::{IoBuf, Spawner as _, Supervisor as _};
use futures::future::{BoxFuture, ready};
use mundi_consensus::Archive;
use mundi_state::SimulatedDisk;

/// Four validators, some of whom break the protocol: of one it is tolerated.
fn plan(misconduct: &[(Member, Misconduct)]) -> Plan {
    Plan { misconduct: misconduct.to_vec(), ..Plan::new(5, 4) }
}

/// Runs a plan after something has been spoilt; what was found to be wrong.
fn found(plan: &Plan, spoil: impl FnOnce(&mut Simulation<'_, Coded>)) -> Vec<String> {
    let record = Record::default();
    let known = record.clone();
    let ended = Runner::new(config(plan)).start(|context| async move {
        let simulation = Simulation::<Coded>::new(context, plan, Counters::default(), known);
        let mut simulation = simulation.expect("networks can be made");
        spoil(&mut simulation);
        simulation.run(&mut |_| {}).await
    });
    record.violations().into_iter().chain(ended.wrong).collect()
}

#[track_caller]
fn assert_found(plan: &Plan, text: &str, spoil: impl FnOnce(&mut Simulation<'_, Coded>)) {
    let found = found(plan, spoil);
    assert!(found.iter().any(|wrong| wrong.contains(text)), "expected '{text}' in {found:?}");
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(found(&plan(&[]), |_| {}), Vec::<String>::new());
}

/// Two of four with two machines each, and a network that falls apart between them: each half has a quorum.
#[test]
fn more_twins_than_are_tolerated_make_two_payloads_final_at_a_height() {
    let mut plan = plan(&[(2, Misconduct::Twin), (3, Misconduct::Twin)]);
    plan.actions.push((Duration::ZERO, Action::Split(vec![0, 2, 3])));
    assert_found(&plan, "has two final payloads", |_| {});
}

/// Three of four agree that a block has a hash that it has not.
#[test]
fn a_quorum_of_liars_is_not_believed() {
    let plan = plan(&[1, 2, 3].map(|member| (member, Misconduct::Lie)));
    assert_found(&plan, "node 0 ended by itself: block", |_| {});
}

/// The same at a validator whose disk has failed besides.
#[test]
fn no_disk_excuses_who_has_another_block_than_the_others() {
    let mut plan = plan(&[1, 2, 3].map(|member| (member, Misconduct::Lie)));
    plan.lies = vec![Lie::Anchor];
    assert_found(&plan, "node 0 ended by itself: block", |simulation| {
        simulation.block_faults[0].failed_writes += 1;
    });
}

/// One validator breaks the rules, always in the same way, and the others vote for it without a look.
#[test]
fn lies_that_everybody_believes_are_noticed() {
    for (lie, text) in [
        (Lie::Bytes, "that are no transaction"),
        (Lie::Beacon, "has a beacon that the one before does not prove"),
        (Lie::Early, "ended by itself"),
        // Who keeps to the rules waits until it is that late.
        (Lie::Late, "no progress after healing"),
        (Lie::Lag, "blocks behind"),
    ] {
        let mut plan = plan(&[(1, Misconduct::Lie)]);
        plan.lies = vec![lie];
        if lie == Lie::Lag {
            plan.max_lag = 3;
            plan.load = Duration::from_millis(30);
            plan.healed = Duration::from_secs(8);
            plan.actions = (0..4).map(|end| (Duration::from_secs(1), Action::Slow(end, 600))).collect();
        }
        assert_found(&plan, text, |simulation| {
            simulation.world.nodes.iter().for_each(|node| node.manner.tolerate());
        });
    }
}

/// Lets a network run until a validator has proved blocks, spoils something, and asks; what was found to be wrong.
fn found_later(
    ask: impl AsyncFnOnce(&mut Simulation<'_, Coded>) -> Result<(), String> + Send + 'static,
) -> Vec<String> {
    let (plan, record) = (plan(&[]), Record::default());
    let known = record.clone();
    let found = Runner::new(config(&plan)).start(|context| async move {
        let simulation = Simulation::<Coded>::new(context, &plan, Counters::default(), known);
        let mut simulation = simulation.expect("networks can be made");
        while simulation.world.nodes[0].live().is_none_or(|live| live.progress.anchored() < 2) {
            simulation.tick(&mut |_| {}).await.expect("nothing is wrong");
        }
        let found = ask(&mut simulation).await;
        simulation.world.end().await;
        found
    });
    record.violations().into_iter().chain(found.err()).collect()
}

#[test]
fn a_disk_that_loses_what_was_durable_is_noticed() {
    let found = found_later(async |simulation| {
        simulation.switch_off(0, Duration::ZERO).await;
        simulation.world.nodes[0].blocks = SimulatedDisk::new(0);
        while simulation.world.nodes[0].live().is_none() {
            simulation.tick(&mut |_| {}).await?;
        }
        Ok(())
    });
    assert!(found[0].starts_with("node 0 came back with block 0, and block "), "{found:?}");
}

/// Payloads without certificates.
struct Bare(Arc<dyn Archive>);

impl Archive for Bare {
    fn coded(&self) -> bool {
        self.0.coded()
    }

    fn payload(&self, height: u64) -> BoxFuture<'static, Option<Bytes>> {
        self.0.payload(height)
    }

    fn certificate(&self, _: u64) -> BoxFuture<'static, Option<Bytes>> {
        Box::pin(ready(None))
    }
}

#[test]
fn a_validator_that_cannot_prove_what_it_takes_for_proved_is_noticed() {
    assert_eq!(found_later(async |simulation| simulation.check().await), Vec::<String>::new());
    let found = found_later(async |simulation| {
        simulation.world.nodes[0].change_archive(|archive| Arc::new(Bare(archive)));
        simulation.check().await
    });
    assert!(found[0].ends_with("for proved, and has no certificate for it"), "{found:?}");
}

#[test]
fn final_transactions_that_are_lost_are_missed() {
    assert_found(&plan(&[]), "of block 1 is not there at node", |simulation| {
        simulation.world.record.confirm(B256::repeat_byte(7), 1);
    });
}

#[test]
fn certificates_of_another_group_prove_nothing() {
    assert_found(&plan(&[]), "is not signed by the group", |simulation| {
        // The same genesis and other keys: the validators go on with theirs.
        let others = Facts::new(&simulation.world.context, 4, &[]).expect("keys can be dealt");
        assert_eq!(others.genesis.hash, simulation.world.facts.genesis.hash);
        simulation.world.facts = Arc::new(others);
    });
}

#[test]
fn blocks_without_a_quorum_are_noticed() {
    assert_found(&plan(&[]), "without a quorum there were blocks", |simulation| {
        // Everybody is there, so there are blocks; it is said that too many were off.
        let now = simulation.world.now();
        simulation.stuck = Some((now, now + Duration::from_secs(2), None));
    });
}

/// Sends nothing.
struct Mute;

impl Meddler for Mute {
    fn outgoing(&mut self, _: Channel, _: Vec<Member>, _: IoBuf, _: usize, _: &mut Dice) -> Vec<Outgoing> {
        Vec::new()
    }
}

/// Votes for two things at a time, under the eyes of the one who watches.
struct Watched(Contradict<Coded>, Watch<Coded>);

impl Meddler for Watched {
    fn outgoing(
        &mut self,
        channel: Channel,
        to: Vec<Member>,
        bytes: IoBuf,
        members: usize,
        dice: &mut Dice,
    ) -> Vec<Outgoing> {
        let votes = self.0.outgoing(channel, to, bytes, members, dice).into_iter();
        votes.flat_map(|(channel, to, bytes)| self.1.outgoing(channel, to, bytes, members, dice)).collect()
    }
}

#[test]
fn a_validator_that_signs_against_itself_is_noticed() {
    assert_found(&plan(&[]), "validator 2 signs against itself in view", |simulation| {
        let share = simulation.world.facts.secrets[2].share().expect("it has one");
        let scheme = simulation.world.facts.committee.signer(share).expect("it is of the committee");
        let found = Found::Violation(simulation.world.record.clone());
        let watch = Watch { member: 2, signed: Signed::default(), found, kind: PhantomData };
        let watched = Watched(Contradict::new(simulation.counters.clone(), scheme), watch);
        simulation.world.wires.set_meddler(2, Some(Box::new(watched)));
    });
}

#[test]
fn a_network_that_does_not_recover_is_noticed() {
    assert_found(&plan(&[]), "no progress after healing", |simulation| {
        for end in [2, 3] {
            simulation.world.wires.set_meddler(end, Some(Box::new(Mute)));
        }
    });
}

#[test]
fn an_honest_validator_that_is_shut_out_is_noticed() {
    assert_found(&plan(&[]), "validator 0 shuts out 1, and both are honest", |simulation| {
        let key = simulation.world.facts.keys()[1].clone();
        let _ = simulation.world.wires.fence(0).block(key);
    });
}

#[test]
fn tasks_that_are_left_behind_are_noticed() {
    assert_found(&plan(&[]), "tasks run on 4 machines", |simulation| {
        for _ in 0..1_000 {
            simulation.world.context.child("forgotten").spawn(|_| std::future::pending::<()>());
        }
    });
}

#[test]
fn a_run_that_panics_ends_with_a_violation() {
    let mut plan = plan(&[]);
    // There is no such machine.
    plan.actions.push((Duration::ZERO, Action::Crash(99, Duration::ZERO)));
    let outcome = run(&plan, &mut |_| {});
    assert!(!outcome.is_well() && outcome.violations[0].starts_with("the simulation ended with: "));
}

//! That what is wrong is noticed: each test breaks something that must hold, and the run has to say so.

use super::*;
use crate::{meddler::Outgoing, plan::Action};
use alloy_primitives::B256;
use commonware_p2p::{Blocker as _, Channel};
use commonware_runtime::{IoBuf, Spawner as _, Supervisor as _};

/// Four validators, some of whom break the protocol: of one it is tolerated.
fn plan(misconduct: &[(Member, Misconduct)]) -> Plan {
    Plan { misconduct: misconduct.to_vec(), ..Plan::new(5, 4) }
}

/// Runs a plan after something has been spoilt; what was found to be wrong.
fn found(plan: &Plan, spoil: impl FnOnce(&mut Simulation<'_, Coded>)) -> Vec<String> {
    let record = Record::default();
    let known = record.clone();
    let ended = Runner::new(config(plan)).start(|context| async move {
        let simulation = Simulation::<Coded>::new(context, plan, Counters::default(), known).await;
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

#[test]
fn final_transactions_that_are_lost_are_missed() {
    assert_found(&plan(&[]), "of block 1 is not there at node", |simulation| {
        simulation.record.confirm(B256::repeat_byte(7), 1);
    });
}

#[test]
fn certificates_of_another_group_prove_nothing() {
    assert_found(&plan(&[]), "is not signed by the group", |simulation| {
        // The same genesis and other keys: the validators go on with theirs.
        let others = Facts::new(&simulation.context, 4, &[]).expect("keys can be dealt");
        assert_eq!(others.genesis.hash, simulation.facts.genesis.hash);
        simulation.facts = Arc::new(others);
    });
}

#[test]
fn blocks_without_a_quorum_are_noticed() {
    assert_found(&plan(&[]), "without a quorum there were blocks", |simulation| {
        // Everybody is there, so there are blocks; it is said that too many were off.
        let now = simulation.now();
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

#[test]
fn a_network_that_does_not_recover_is_noticed() {
    assert_found(&plan(&[]), "no progress after healing", |simulation| {
        for end in [2, 3] {
            simulation.wires.set_meddler(end, Some(Box::new(Mute)));
        }
    });
}

#[test]
fn an_honest_validator_that_is_shut_out_is_noticed() {
    assert_found(&plan(&[]), "validator 0 shuts out 1, and both are honest", |simulation| {
        let key = simulation.facts.keys()[1].clone();
        let _ = simulation.wires.fence(0).block(key);
    });
}

#[test]
fn tasks_that_are_left_behind_are_noticed() {
    assert_found(&plan(&[]), "tasks run on 4 machines", |simulation| {
        for _ in 0..1_000 {
            simulation.context.child("forgotten").spawn(|_| std::future::pending::<()>());
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

//! Networks of validators survive what can go wrong.

use mundi_simulation::{Campaign, Fault, Finished, SCENARIOS, Scenario, Settings, Tally, Trial, in_turn};
use std::{num::NonZeroUsize, thread};

/// Seeds of the whole: each scenario gets five or six of them.
const SEEDS: u64 = 100;

/// So many runs of all scenarios in turn, on all cores.
fn campaign(seeds: u64, twice: bool) -> Vec<Finished> {
    let scenarios: Vec<&Scenario> = SCENARIOS.iter().collect();
    let trials: Vec<Trial> = in_turn(&scenarios, 0..seeds, &Settings::default()).collect();
    let jobs = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let finished = Campaign { trials: &trials, jobs, twice, cancelled: &|| false, told: &|_| {} }.run();
    assert_eq!(finished.len(), trials.len());
    finished
}

/// Nothing is wrong in any of the runs. What is comes with the command that repeats it.
#[track_caller]
fn assert_well(finished: &[Finished]) {
    let failures = finished.iter().filter(|run| !run.outcome.is_well());
    let failures: Vec<String> =
        failures.map(|run| format!("{}\n    {}", run.trial, run.outcome.violations.join("\n    "))).collect();
    assert!(failures.is_empty(), "{} runs failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn nothing_that_can_go_wrong_breaks_a_network_and_everything_does_go_wrong() {
    let finished = campaign(SEEDS, false);
    assert_well(&finished);
    let tally: Tally = finished.iter().collect();
    let never: Vec<Fault> =
        tally.faults().filter(|(_, times, _)| *times == 0).map(|(fault, ..)| fault).collect();
    assert!(never.is_empty(), "in {SEEDS} runs these never fired: {never:?}");
    for scenario in tally.scenarios() {
        let silent: Vec<(Fault, u64)> = scenario.silent().collect();
        assert!(silent.is_empty(), "{} promises what does not happen: {silent:?}", scenario.scenario.name);
        assert!(scenario.blocks > scenario.runs && scenario.transactions > 0, "{scenario:?}");
    }
}

/// Runs in which something was wrong once: scenario and seed. `docs/reliability.md` says what it was.
const REGRESSIONS: [(&str, u64); 4] = [("few", 16), ("partition", 56), ("few", 88), ("everything", 305)];

#[test]
fn what_was_mended_stays_mended() {
    for (name, seed) in REGRESSIONS {
        let scenario = Scenario::named(name).expect("it is a scenario");
        let run = || scenario.run(&Settings { seed, ..Settings::default() }, &mut |_| {});
        let outcome = run();
        assert!(outcome.is_well(), "{name} with seed {seed}: {:?}", outcome.violations);
        assert_eq!(run().trace, outcome.trace, "{name} with seed {seed} is not the same run twice");
    }
}

#[test]
fn troubles_all_over_the_world_are_survived_too() {
    for (name, seed) in [("links", 3), ("crash", 4), ("lost", 5)] {
        let scenario = Scenario::named(name).expect("it is a scenario");
        let settings = Settings { seed, validators: Some(7), regions: Some(10), ..Settings::default() };
        let outcome = scenario.run(&settings, &mut |_| {});
        assert!(outcome.is_well(), "{name} with seed {seed}: {:?}", outcome.violations);
    }
}

#[test]
fn equal_seeds_give_equal_runs_and_different_seeds_different_ones() {
    let finished = campaign(SCENARIOS.len() as u64, true);
    assert_well(&finished);
    let mut traces: Vec<&str> = finished.iter().map(|run| run.outcome.trace.as_str()).collect();
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(traces.len(), finished.len());
}

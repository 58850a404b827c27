//! Networks of validators survive what can go wrong.

use mundi_simulation::{SCENARIOS, Settings};

/// Seeds of each scenario.
const SEEDS: u64 = 2;

#[test]
fn nothing_that_can_go_wrong_breaks_a_network() {
    for scenario in SCENARIOS {
        for seed in 0..SEEDS {
            let settings = Settings { seed, ..Settings::default() };
            let outcome = scenario.run(&settings, &mut |_| {});
            assert!(outcome.is_well(), "{} with seed {seed}: {:?}", scenario.name, outcome.violations);
        }
    }
}

#[test]
fn equal_seeds_give_equal_runs() {
    for scenario in SCENARIOS {
        let settings = Settings { seed: 1, ..Settings::default() };
        let traces = [(); 2].map(|()| scenario.run(&settings, &mut |_| {}).trace);
        assert_eq!(traces[0], traces[1], "{}", scenario.name);
    }
}

//! What runs come to together.

use super::Finished;
use crate::{
    faults::{Fault, FaultCounts},
    scenarios::Scenario,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Runs of a scenario after which a class that it promises has to have fired.
const ENOUGH: u64 = 5;

/// What the runs of a scenario come to.
#[derive(Clone, Debug)]
pub struct ScenarioTally {
    /// Which scenario.
    pub scenario: &'static Scenario,
    /// How many runs.
    pub runs: u64,
    /// Those in which something was wrong.
    pub failed: u64,
    /// Blocks that were made.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Views.
    pub views: u64,
    /// Messages between validators.
    pub messages: u64,
    /// Time that passed in the simulation.
    pub time: Duration,
    /// How long the runs took.
    pub took: Duration,
    /// By class: how many runs promised it, and in how many of them it did not fire.
    promised: BTreeMap<Fault, (u64, u64)>,
}

impl ScenarioTally {
    const fn new(scenario: &'static Scenario) -> Self {
        Self {
            scenario,
            runs: 0,
            failed: 0,
            blocks: 0,
            transactions: 0,
            views: 0,
            messages: 0,
            time: Duration::ZERO,
            took: Duration::ZERO,
            promised: BTreeMap::new(),
        }
    }

    fn add(&mut self, Finished { outcome, took, .. }: &Finished) {
        self.runs += 1;
        self.failed += u64::from(!outcome.is_well());
        self.blocks += outcome.height;
        self.transactions += outcome.transactions;
        self.views += outcome.views;
        self.messages += outcome.messages;
        self.time += outcome.time;
        self.took += *took;
        // What went wrong may have ended a run before its faults.
        if outcome.is_well() {
            for fault in outcome.promised.iter().copied().collect::<BTreeSet<_>>() {
                let (promised, silent) = self.promised.entry(fault).or_default();
                *promised += 1;
                *silent += u64::from(outcome.silent.contains(&fault));
            }
        }
    }

    /// Classes that five runs or more promised and that fired in none of these, and how many runs they are.
    pub fn silent(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        let silent = self.promised.iter().filter(|(_, (promised, silent))| promised == silent);
        silent.map(|(fault, (promised, _))| (*fault, *promised)).filter(|(_, runs)| *runs >= ENOUGH)
    }
}

/// What runs come to together.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    scenarios: Vec<ScenarioTally>,
    times: FaultCounts,
    runs: FaultCounts,
}

impl Tally {
    /// Adds a run.
    pub fn add(&mut self, finished: &Finished) {
        let scenario = finished.trial.scenario;
        let known = self.scenarios.iter().position(|tally| tally.scenario.name == scenario.name);
        let index = known.unwrap_or_else(|| {
            self.scenarios.push(ScenarioTally::new(scenario));
            self.scenarios.len() - 1
        });
        self.scenarios[index].add(finished);
        self.times.merge(&finished.outcome.faults);
        self.runs.merge(&finished.outcome.faults.once_each());
    }

    /// By scenario, in the order in which they came.
    pub fn scenarios(&self) -> &[ScenarioTally] {
        &self.scenarios
    }

    /// How many runs there were.
    pub fn runs(&self) -> u64 {
        self.scenarios.iter().map(|tally| tally.runs).sum()
    }

    /// In how many of them something was wrong.
    pub fn failed(&self) -> u64 {
        self.scenarios.iter().map(|tally| tally.failed).sum()
    }

    /// All classes of faults: how often each fired, and in how many runs.
    pub fn faults(&self) -> impl Iterator<Item = (Fault, u64, u64)> + '_ {
        Fault::ALL.into_iter().map(|fault| (fault, self.times.of(fault), self.runs.of(fault)))
    }
}

impl<'a> FromIterator<&'a Finished> for Tally {
    fn from_iter<I: IntoIterator<Item = &'a Finished>>(finished: I) -> Self {
        let mut tally = Self::default();
        finished.into_iter().for_each(|finished| tally.add(finished));
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        campaign::Trial,
        faults::Counters,
        run::Outcome,
        scenarios::{SCENARIOS, Settings},
    };

    /// A run that promised loss and jitter, in which one of them fired so often.
    fn run(scenario: usize, jitter: u64, violations: Vec<String>) -> Finished {
        let counters = Counters::default();
        counters.add_many(Fault::Jitter, jitter);
        let mut silent = vec![Fault::Loss];
        if jitter == 0 {
            silent.push(Fault::Jitter);
        }
        let outcome = Outcome {
            height: 3,
            faults: counters.counts(),
            promised: vec![Fault::Jitter, Fault::Loss, Fault::Loss],
            silent,
            violations,
            ..Outcome::default()
        };
        let trial = Trial { scenario: &SCENARIOS[scenario], settings: Settings::default() };
        Finished { trial, outcome, took: Duration::from_secs(1) }
    }

    #[test]
    fn runs_are_added_by_scenario_and_faults_by_class() {
        let runs = [run(0, 7, vec![]), run(1, 0, vec!["something".into()]), run(0, 1, vec![])];
        let tally: Tally = runs.iter().collect();
        let rows = tally.scenarios();
        let row = |tally: &ScenarioTally| (tally.runs, tally.failed, tally.blocks, tally.took.as_secs());
        assert_eq!((row(&rows[0]), row(&rows[1])), ((2, 0, 6, 2), (1, 1, 3, 1)));
        assert_eq!((tally.runs(), tally.failed()), (3, 1));
        assert_eq!(tally.faults().find(|(fault, ..)| *fault == Fault::Jitter), Some((Fault::Jitter, 8, 2)));
        assert_eq!(tally.faults().count(), Fault::ALL.len());
    }

    #[test]
    fn a_class_is_silent_when_it_fired_in_none_of_enough_runs() {
        let silent = |runs: &[Finished]| -> Vec<(Fault, u64)> {
            runs.iter().collect::<Tally>().scenarios()[0].silent().collect()
        };
        let quiet: Vec<Finished> = (0..ENOUGH).map(|_| run(0, 0, vec![])).collect();
        assert_eq!(silent(&quiet), [(Fault::Jitter, ENOUGH), (Fault::Loss, ENOUGH)]);
        assert!(silent(&quiet[1..]).is_empty());
        let mixed: Vec<Finished> = (0..ENOUGH).map(|number| run(0, number, vec![])).collect();
        assert_eq!(silent(&mixed), [(Fault::Loss, ENOUGH)]);
        let failed: Vec<Finished> = (0..ENOUGH).map(|_| run(0, 0, vec!["something".into()])).collect();
        assert!(silent(&failed).is_empty(), "runs that ended early say nothing of faults");
    }
}

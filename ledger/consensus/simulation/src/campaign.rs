//! Campaigns: many runs, several at a time.
//!
//! ## Turns
//! In a campaign the number of a run is its seed, and the scenarios take turns: run *n* is of the scenario at *n* modulo the number of
//! scenarios ([`in_turn`]). So as many runs as there are scenarios meet each of them once, and the runs 0 to 99 and 100 to 199 are together
//! the runs 0 to 199.
//!
//! ## Threads
//! Runs have nothing in common, so several go on at once, each on one thread from its beginning to its end (beside those of its ledgers,
//! which it waits for). [`Campaign::run`] starts them, and they have ended when it returns.

mod tally;

pub use tally::{ScenarioTally, Tally};

use crate::{
    run::{Moment, Outcome},
    scenarios::{Scenario, Settings},
};
use std::{
    fmt,
    num::NonZeroUsize,
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// A run: a scenario, and what its course follows from. It is shown as the command that repeats it.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// What goes wrong.
    pub scenario: &'static Scenario,
    /// What its course follows from.
    pub settings: Settings,
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { seed, validators, heights, regions } = self.settings;
        write!(f, "mundi sim --scenario {} --seed {seed}", self.scenario.name)?;
        if let Some(validators) = validators {
            write!(f, " --validators {validators}")?;
        }
        if let Some(heights) = heights {
            write!(f, " --heights {heights}")?;
        }
        if let Some(regions) = regions {
            write!(f, " --regions {regions}")?;
        }
        Ok(())
    }
}

impl Trial {
    /// Runs it. If it shall run `twice`, different traces of the two runs are a violation.
    pub fn run(&self, twice: bool, watch: &mut dyn FnMut(Moment)) -> Finished {
        let begin = Instant::now();
        let mut outcome = self.scenario.run(&self.settings, watch);
        let took = begin.elapsed();
        if twice {
            let again = self.scenario.run(&self.settings, watch).trace;
            if again != outcome.trace {
                let first = &outcome.trace;
                outcome.violations.push(format!("two runs of one seed differ: traces {first} and {again}"));
            }
        }
        Finished { trial: *self, outcome, took }
    }
}

/// The runs with these numbers of a campaign of some scenarios, in order. Seeds are the numbers, all else is as in `settings`.
pub fn in_turn(
    scenarios: &[&'static Scenario],
    numbers: Range<u64>,
    settings: &Settings,
) -> impl Iterator<Item = Trial> {
    let skipped = numbers.start.checked_rem(scenarios.len() as u64).unwrap_or_default();
    let turns = scenarios.iter().copied().cycle().skip(usize::try_from(skipped).unwrap_or_default());
    turns
        .zip(numbers)
        .map(move |(scenario, seed)| Trial { scenario, settings: Settings { seed, ..*settings } })
}

/// How a run came out.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Which one.
    pub trial: Trial,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took; of two, the first.
    pub took: Duration,
}

/// What is told while a campaign lasts.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// A run has come so far.
    Moment(&'a Trial, Moment),
    /// A run has come to its end.
    Finished(&'a Finished),
}

/// Many runs.
pub struct Campaign<'a> {
    /// Which ones, in the order in which they begin.
    pub trials: &'a [Trial],
    /// How many go on at once.
    pub jobs: NonZeroUsize,
    /// Whether each is made twice, and has to come to the same trace.
    pub twice: bool,
    /// Asked before a run begins: whether no more shall begin.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Told how it goes, by several threads.
    pub told: &'a (dyn Fn(News<'_>) + Sync),
}

impl fmt::Debug for Campaign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trials, jobs, twice, .. } = self;
        f.debug_struct("Campaign")
            .field("trials", &trials.len())
            .field("jobs", jobs)
            .field("twice", twice)
            .finish_non_exhaustive()
    }
}

impl Campaign<'_> {
    /// Makes the runs; those that ended, in order. They are fewer than there are to be if it was cancelled.
    pub fn run(&self) -> Vec<Finished> {
        let (next, finished) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || {
            while !(self.cancelled)() {
                let number = next.fetch_add(1, Relaxed);
                let Some(trial) = self.trials.get(number) else { break };
                let ended = trial.run(self.twice, &mut |moment| (self.told)(News::Moment(trial, moment)));
                (self.told)(News::Finished(&ended));
                finished.lock().expect("no holder panics").push((number, ended));
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.jobs.get().min(self.trials.len()) {
                // Where no thread is to be had there is one less: this one goes on alone, if need be.
                let _ = thread::Builder::new().name("simulation".into()).spawn_scoped(scope, work);
            }
            work();
        });
        let mut finished = finished.into_inner().expect("no holder panics");
        finished.sort_unstable_by_key(|(number, _)| *number);
        finished.into_iter().map(|(_, finished)| finished).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::SCENARIOS;
    use std::sync::atomic::AtomicBool;

    fn settings() -> Settings {
        Settings { validators: Some(3), ..Settings::default() }
    }

    #[test]
    fn scenarios_take_turns_by_the_number_of_the_run() {
        let scenarios: Vec<&Scenario> = SCENARIOS.iter().take(3).collect();
        let of = |numbers| -> Vec<String> {
            in_turn(&scenarios, numbers, &settings()).map(|trial| trial.to_string()).collect()
        };
        let all = of(0..7);
        assert_eq!(all[1], format!("mundi sim --scenario {} --seed 1 --validators 3", SCENARIOS[1].name));
        assert_eq!(all[6], format!("mundi sim --scenario {} --seed 6 --validators 3", SCENARIOS[0].name));
        assert_eq!(of(4..7), all[4..]);
        assert_eq!(of(u64::MAX - 1..u64::MAX).len(), 1);
        assert_eq!(in_turn(&[], 0..9, &settings()).count(), 0);
    }

    #[test]
    fn a_command_names_what_is_not_as_usual() {
        let trial = Trial { scenario: &SCENARIOS[0], settings: Settings { seed: 7, ..Settings::default() } };
        assert_eq!(trial.to_string(), format!("mundi sim --scenario {} --seed 7", SCENARIOS[0].name));
        let settings = Settings { heights: Some(9), ..settings() };
        let text = Trial { settings, ..trial }.to_string();
        assert!(text.ends_with(" --seed 0 --validators 3 --heights 9"), "{text}");
    }

    #[test]
    fn a_cancelled_campaign_ends_after_what_runs() {
        let scenarios = [Scenario::named("calm").expect("there is one")];
        let trials: Vec<Trial> = in_turn(&scenarios, 0..50, &settings()).collect();
        let stop = AtomicBool::new(false);
        let campaign = Campaign {
            trials: &trials,
            jobs: NonZeroUsize::MIN.saturating_add(1),
            twice: false,
            cancelled: &|| stop.load(Relaxed),
            told: &|news| {
                if matches!(news, News::Finished(_)) {
                    stop.store(true, Relaxed);
                }
            },
        };
        let finished = campaign.run();
        assert!((1..=2).contains(&finished.len()), "{} runs", finished.len());
        let seeds: Vec<u64> = finished.iter().map(|finished| finished.trial.settings.seed).collect();
        assert!(seeds.is_sorted(), "{seeds:?}");
    }
}

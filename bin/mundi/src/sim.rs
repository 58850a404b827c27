//! `mundi sim`.

mod list;
mod report;
mod wan;

use crate::{
    Verdict,
    cli::{Output, SimArgs, SimCommand, SimRunArgs},
    console, import,
    log::{self, LogFormat},
};
use indicatif::ProgressBar;
use mundi_simulation::{Campaign, Finished, News, SCENARIOS, Scenario, Settings, Trial, in_turn};
use report::Report;
use std::{sync::atomic::Ordering::Relaxed, time::Instant};

pub(crate) fn run(args: &SimArgs) -> eyre::Result<Verdict> {
    match &args.command {
        Some(SimCommand::Wan(wan)) => wan::run(wan),
        None if args.runs.list => list::run(output(args.runs.json)),
        None => campaign(&args.runs),
    }
}

const fn output(json: bool) -> Output {
    if json { Output::Json } else { Output::Table }
}

fn campaign(args: &SimRunArgs) -> eyre::Result<Verdict> {
    let trials = trials(args)?;
    match &args.log {
        Some(level) => log::start(LogFormat::Pretty, level)?,
        // Disks that fail end validators with panics. What of that is wrong the runs say themselves.
        None => std::panic::set_hook(Box::new(|_| {})),
    }
    let stop = import::stop_on_signals()?;
    let bar = match trials.len() {
        1 => console::spinner(),
        many => console::progress(many, "runs"),
    };
    let begin = Instant::now();
    let campaign = Campaign {
        trials: &trials,
        jobs: console::threads(args.jobs),
        twice: args.check,
        cancelled: &|| stop.load(Relaxed),
        told: &|news| show(&bar, &news, stop.load(Relaxed)),
    };
    let finished = campaign.run();
    bar.finish_and_clear();
    let report = Report::new(trials.len(), &finished, args.check, begin.elapsed());
    console::print_as(output(args.json), &report)?;
    for warning in report.warnings() {
        console::warn(&warning);
    }
    Ok(verdict(&report))
}

/// What shall be run, in order.
fn trials(args: &SimRunArgs) -> eyre::Result<Vec<Trial>> {
    let mut scenarios: Vec<&'static Scenario> = Vec::new();
    for &scenario in &args.scenario {
        if scenarios.iter().all(|known| known.name != scenario.name) {
            scenarios.push(scenario);
        }
    }
    if scenarios.is_empty() {
        scenarios.extend(SCENARIOS);
    }
    let settings = Settings {
        seed: args.seed.unwrap_or_default(),
        validators: args.validators,
        heights: args.heights,
        regions: args.regions,
    };
    let Some(seeds) = args.seeds else {
        return Ok(scenarios.into_iter().map(|scenario| Trial { scenario, settings }).collect());
    };
    let from = args.from.unwrap_or_default();
    let end = from
        .checked_add(seeds)
        .ok_or_else(|| eyre::eyre!("there are no {seeds} seeds from {from} on: the last is {}", u64::MAX))?;
    Ok(in_turn(&scenarios, from..end, &settings).collect())
}

/// Shows how far it is, and at once what is wrong.
fn show(bar: &ProgressBar, news: &News<'_>, stopping: bool) {
    match news {
        News::Moment(..) if bar.is_hidden() => {}
        News::Moment(Trial { scenario, settings }, moment) => bar.set_message(format!(
            "{}{} with seed {}: {:.1} s, block {}",
            if stopping { "stopping; " } else { "" },
            scenario.name,
            settings.seed,
            moment.time.as_secs_f64(),
            moment.height,
        )),
        News::Finished(finished) => {
            bar.inc(1);
            if !finished.outcome.is_well() {
                bar.suspend(|| console::warn(&failure(finished)));
            }
        }
    }
}

/// What is wrong with a run, and how to see it again.
fn failure(Finished { trial, outcome, .. }: &Finished) -> String {
    let mut text = format!("wrong: {} with seed {}", trial.scenario.name, trial.settings.seed);
    for violation in &outcome.violations {
        text.push_str("\n  ");
        text.push_str(violation);
    }
    format!("{text}\n  again: {trial}")
}

const fn verdict(report: &Report) -> Verdict {
    if report.failed > 0 {
        Verdict::Wrong
    } else if report.made < report.planned {
        Verdict::Stopped
    } else {
        Verdict::Right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mundi_simulation::Outcome;
    use std::time::Duration;

    fn finished(seed: u64, violations: &[&str]) -> Finished {
        let settings = Settings { seed, validators: Some(7), ..Settings::default() };
        let violations = violations.iter().map(|text| (*text).to_owned()).collect();
        Finished {
            trial: Trial { scenario: &SCENARIOS[0], settings },
            outcome: Outcome { violations, ..Outcome::default() },
            took: Duration::from_millis(650),
        }
    }

    #[test]
    fn a_failure_names_what_is_wrong_and_the_command_that_repeats_it() {
        let name = SCENARIOS[0].name;
        assert_eq!(
            failure(&finished(17, &["one thing", "another"])),
            format!(
                "wrong: {name} with seed 17\n  one thing\n  another\n  again: mundi sim --scenario {name} --seed 17 --validators 7"
            )
        );
    }

    #[test]
    fn one_failure_is_enough() {
        let of = |planned, finished: &[Finished]| {
            verdict(&Report::new(planned, finished, false, Duration::from_secs(1)))
        };
        let (well, wrong) = (finished(0, &[]), finished(1, &["something"]));
        assert_eq!(of(2, &[well.clone(), well.clone()]), Verdict::Right);
        assert_eq!(of(3, &[well.clone(), well.clone()]), Verdict::Stopped);
        assert_eq!(of(3, &[well, wrong]), Verdict::Wrong);
    }
}

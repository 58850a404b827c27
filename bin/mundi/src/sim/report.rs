//! What a campaign came to.

use comfy_table::{CellAlignment, Table, presets};
use mundi_network::dashboard::grouped;
use mundi_simulation::{Finished, ScenarioTally, Tally};
use serde::Serialize;
use std::{fmt, time::Duration};

/// What a campaign came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Runs that were to be made.
    pub(super) planned: usize,
    /// Runs that were made.
    pub(super) made: usize,
    /// Runs with which something is wrong.
    pub(super) failed: u64,
    /// Whether each was made twice, with equal traces.
    checked: bool,
    /// How long it took.
    seconds: f64,
    scenarios: Vec<ScenarioLine>,
    faults: Vec<FaultLine>,
    silent: Vec<SilentLine>,
    runs: Vec<RunLine>,
}

/// What the runs of a scenario came to.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ScenarioLine {
    scenario: &'static str,
    runs: u64,
    blocks: u64,
    transactions: u64,
    views: u64,
    messages: u64,
    simulated_seconds: f64,
    seconds_per_run: f64,
    failed: u64,
}

/// How often a class of faults fired.
#[derive(Debug, Serialize)]
struct FaultLine {
    fault: &'static str,
    times: u64,
    runs: u64,
}

/// A class of faults that a scenario promises and that never fired.
#[derive(Debug, Serialize)]
struct SilentLine {
    scenario: &'static str,
    fault: &'static str,
    runs: u64,
}

/// A run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RunLine {
    scenario: &'static str,
    seed: u64,
    trace: String,
    blocks: u64,
    transactions: u64,
    views: u64,
    messages: u64,
    simulated_seconds: f64,
    seconds: f64,
    violations: Vec<String>,
    command: String,
}

impl From<&ScenarioTally> for ScenarioLine {
    fn from(tally: &ScenarioTally) -> Self {
        Self {
            scenario: tally.scenario.name,
            runs: tally.runs,
            blocks: tally.blocks,
            transactions: tally.transactions,
            views: tally.views,
            messages: tally.messages,
            simulated_seconds: tally.time.as_secs_f64(),
            seconds_per_run: tally.took.as_secs_f64() / tally.runs.max(1) as f64,
            failed: tally.failed,
        }
    }
}

impl From<&Finished> for RunLine {
    fn from(Finished { trial, outcome, took }: &Finished) -> Self {
        Self {
            scenario: trial.scenario.name,
            seed: trial.settings.seed,
            trace: outcome.trace.clone(),
            blocks: outcome.height,
            transactions: outcome.transactions,
            views: outcome.views,
            messages: outcome.messages,
            simulated_seconds: outcome.time.as_secs_f64(),
            seconds: took.as_secs_f64(),
            violations: outcome.violations.clone(),
            command: trial.to_string(),
        }
    }
}

impl Report {
    pub(super) fn new(planned: usize, finished: &[Finished], checked: bool, took: Duration) -> Self {
        let tally: Tally = finished.iter().collect();
        let silent = tally.scenarios().iter().flat_map(|tally| {
            let scenario = tally.scenario.name;
            tally.silent().map(move |(fault, runs)| SilentLine { scenario, fault: fault.name(), runs })
        });
        Self {
            planned,
            made: finished.len(),
            failed: tally.failed(),
            checked,
            seconds: took.as_secs_f64(),
            scenarios: tally.scenarios().iter().map(ScenarioLine::from).collect(),
            faults: tally
                .faults()
                .map(|(fault, times, runs)| FaultLine { fault: fault.name(), times, runs })
                .collect(),
            silent: silent.collect(),
            runs: finished.iter().map(RunLine::from).collect(),
        }
    }

    /// What is no failure, and worth a line.
    pub(super) fn warnings(&self) -> Vec<String> {
        let silent = self.silent.iter().map(|SilentLine { scenario, fault, runs }| {
            format!("warning: '{fault}' fired in none of {runs} runs of {scenario}, which promises it")
        });
        let stopped = (self.made < self.planned)
            .then(|| format!("stopped after {} of {} runs", self.made, self.planned));
        silent.chain(stopped).collect()
    }

    fn together(&self) -> ScenarioLine {
        let mut sum = ScenarioLine { scenario: "together", ..ScenarioLine::default() };
        for line in &self.scenarios {
            sum.runs += line.runs;
            sum.blocks += line.blocks;
            sum.transactions += line.transactions;
            sum.views += line.views;
            sum.messages += line.messages;
            sum.simulated_seconds += line.simulated_seconds;
            sum.seconds_per_run += line.seconds_per_run * line.runs as f64;
            sum.failed += line.failed;
        }
        sum.seconds_per_run /= sum.runs.max(1) as f64;
        sum
    }
}

/// A table whose first column is text and whose others are numbers.
pub(super) fn table<const N: usize>(
    header: [&str; N],
    lines: impl IntoIterator<Item = [String; N]>,
) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(header);
    for line in lines {
        table.add_row(line);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let together = (self.scenarios.len() > 1).then(|| self.together());
        let lines = self.scenarios.iter().chain(&together).map(|line| {
            [
                line.scenario.to_owned(),
                grouped(line.runs),
                grouped(line.blocks),
                grouped(line.transactions),
                grouped(line.views),
                grouped(line.messages),
                format!("{:.1}", line.simulated_seconds),
                format!("{:.2}", line.seconds_per_run),
                grouped(line.failed),
            ]
        });
        let header = [
            "scenario",
            "runs",
            "blocks",
            "transactions",
            "views",
            "messages",
            "simulated s",
            "s per run",
            "wrong",
        ];
        writeln!(f, "{}\n", table(header, lines))?;
        let lines =
            self.faults.iter().map(|line| [line.fault.to_owned(), grouped(line.times), grouped(line.runs)]);
        writeln!(f, "{}\n", table(["fault", "times", "in runs"], lines))?;
        let twice = if self.checked { " twice" } else { "" };
        let what = if self.failed > 0 { "something is WRONG" } else { "nothing is wrong" };
        let which = match (self.failed, self.made) {
            (0, 1) => "1 run".to_owned(),
            (0, made) => format!("{made} runs"),
            (failed, made) => format!("{failed} of {made} runs"),
        };
        write!(f, "{what} with {which}, made{twice} in {:.1} s", self.seconds)?;
        if let [run] = &*self.runs {
            write!(f, "\ntrace {}", run.trace)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mundi_simulation::{Outcome, SCENARIOS, Settings, Trial};

    fn finished(scenario: usize, seed: u64, trace: &str) -> Finished {
        let outcome = Outcome {
            trace: trace.to_owned(),
            height: 1_000,
            time: Duration::from_secs(2),
            ..Outcome::default()
        };
        let trial =
            Trial { scenario: &SCENARIOS[scenario], settings: Settings { seed, ..Settings::default() } };
        Finished { trial, outcome, took: Duration::from_millis(500) }
    }

    #[test]
    fn one_run_has_a_trace_and_several_have_a_sum() {
        let one = Report::new(1, &[finished(0, 3, "abc")], true, Duration::from_secs(1)).to_string();
        assert!(one.ends_with("nothing is wrong with 1 run, made twice in 1.0 s\ntrace abc"), "{one}");
        let two = [finished(0, 0, "a"), finished(1, 1, "b")];
        let report = Report::new(2, &two, false, Duration::from_secs(1));
        let text = report.to_string();
        assert!(!text.contains("trace ") && text.contains("together"), "{text}");
        let together = report.together();
        assert_eq!((together.runs, together.blocks, together.simulated_seconds), (2, 2_000, 4.0));
        assert!((together.seconds_per_run - 0.5).abs() < 1e-9);
        assert!(report.warnings().is_empty());
    }

    #[test]
    fn a_campaign_that_was_stopped_says_so() {
        let report = Report::new(9, &[finished(0, 3, "abc")], false, Duration::from_secs(1));
        assert_eq!(report.warnings(), ["stopped after 1 of 9 runs"]);
    }
}

//! `mundi sim wan`.

use super::{output, report::table};
use crate::{Verdict, cli::SimWanArgs, console};
use mundi_network::dashboard::grouped;
use mundi_simulation::{LATENCIES, Times, WanError, WanReport, WanSettings, wan};
use serde::Serialize;
use std::{fmt, time::Duration};

pub(super) fn run(args: &SimWanArgs) -> eyre::Result<Verdict> {
    let settings = WanSettings {
        seed: args.seed,
        validators: args.validators,
        regions: args.regions,
        payload: args.payload,
        upload: args.upload,
        download: args.download.unwrap_or(args.upload),
        execution: args.execution,
        jitter: args.jitter,
        heights: args.heights,
        ..WanSettings::default()
    };
    let bar = console::bar("blocks");
    bar.set_length(settings.heights);
    bar.set_message("signing transfers");
    let result = wan(&settings, &mut |moment| {
        bar.set_position(moment.height.min(settings.heights));
        if !bar.is_hidden() {
            bar.set_message(format!("{:.2} s simulated", moment.time.as_secs_f64()));
        }
    });
    bar.finish_and_clear();
    let report = match result {
        Ok(report) => Report::new(&settings, report),
        Err(error @ WanError::Ended(_)) => {
            console::warn(&format!("error: {error}"));
            return Ok(Verdict::Wrong);
        }
        Err(error) => return Err(error.into()),
    };
    console::print_as(output(args.json), &report)?;
    for violation in &report.violations {
        console::warn(&format!("wrong: {violation}"));
    }
    Ok(if report.violations.is_empty() { Verdict::Right } else { Verdict::Wrong })
}

/// What was measured. Times are in milliseconds, sizes in bytes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    validators: usize,
    regions: usize,
    seed: u64,
    upload: u64,
    download: u64,
    execution: f64,
    jitter: f64,
    latencies: &'static str,
    blocks: u64,
    transactions: u64,
    payload: u64,
    interval: Line,
    notarised: Line,
    finalised: Line,
    executed: Line,
    anchored: Line,
    sent: Sent,
    leader_upload: f64,
    other_upload: f64,
    lost_views: u64,
    simulated_seconds: f64,
    trace: String,
    violations: Vec<String>,
}

/// What a validator sends for a block.
#[derive(Debug, Serialize)]
struct Sent {
    median: u64,
    most: u64,
    /// The median of what is no payload.
    votes: u64,
}

/// How long something takes, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
struct Line {
    count: usize,
    median: f64,
    p95: f64,
    p99: f64,
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl From<Times> for Line {
    fn from(times: Times) -> Self {
        Self {
            count: times.count,
            median: millis(times.median),
            p95: millis(times.p95),
            p99: millis(times.p99),
        }
    }
}

impl Report {
    fn new(settings: &WanSettings, report: WanReport) -> Self {
        let (median, most) = report.sent;
        Self {
            validators: settings.validators,
            regions: settings.regions,
            seed: settings.seed,
            upload: settings.upload,
            download: settings.download,
            execution: millis(settings.execution),
            jitter: millis(settings.jitter),
            latencies: LATENCIES,
            blocks: report.blocks,
            transactions: report.transactions,
            payload: report.payload,
            interval: report.interval.into(),
            notarised: report.notarized.into(),
            finalised: report.finalized.into(),
            executed: report.executed.into(),
            anchored: report.anchored.into(),
            sent: Sent { median, most, votes: report.sent_votes },
            leader_upload: report.leader_upload,
            other_upload: report.other_upload,
            lost_views: report.lost_views,
            simulated_seconds: report.time.as_secs_f64(),
            trace: report.trace,
            violations: report.violations,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} validators in {} of ten regions; {} blocks with {} transactions, payloads of {} bytes",
            self.validators,
            self.regions,
            self.blocks,
            grouped(self.transactions),
            grouped(self.payload),
        )?;
        writeln!(
            f,
            "each sends {:.1} and receives {:.1} MB/s; execution takes {} ms\n",
            self.upload as f64 / 1e6,
            self.download as f64 / 1e6,
            self.execution,
        )?;
        let lines = [
            ("from proposal to proposal", self.interval),
            ("until notarised", self.notarised),
            ("until finalised", self.finalised),
            ("until executed", self.executed),
            ("until anchored", self.anchored),
        ];
        let lines = lines.map(|(stage, line)| {
            let [median, p95, p99] = [line.median, line.p95, line.p99].map(|time| format!("{time:.1}"));
            [stage.to_owned(), median, p95, p99]
        });
        writeln!(f, "{}\n", table(["in ms", "median", "p95", "p99"], lines))?;
        writeln!(
            f,
            "a validator sends {} bytes for a block (median; at most {}), {} of them no payload",
            grouped(self.sent.median),
            grouped(self.sent.most),
            grouped(self.sent.votes),
        )?;
        writeln!(
            f,
            "the leader sends {:.2} times the payload, another validator {:.2} times",
            self.leader_upload, self.other_upload
        )?;
        writeln!(f, "{} views came to nothing", self.lost_views)?;
        writeln!(f, "distances: {}, and up to {} ms by chance", self.latencies, self.jitter)?;
        write!(f, "trace {}", self.trace)
    }
}

//! What a node says of itself, over the last seconds.

use super::ask;
use crate::{layout::NodePlace, snapshot::Reading};
use serde_json::Value;
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// Rates are those of the last so many seconds.
const RATE: Duration = Duration::from_secs(5);
/// Times to finality are those of the last so many seconds: a node measures its own payloads, and others propose too.
const FINALITY: Duration = Duration::from_secs(20);

/// What a node said once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// Whether it answers its clients, or has none.
    pub(super) serves: bool,
    height: Option<u64>,
    ordered: Option<u64>,
    peers: Option<u64>,
    memory: Option<u64>,
    transactions: Option<f64>,
    /// Seconds that payloads took to become final, and how many they were.
    finality: Option<(f64, f64)>,
}

/// The samples of the last seconds, oldest first.
#[derive(Debug, Default)]
pub(super) struct Readings(VecDeque<(Instant, Sample)>);

impl Sample {
    /// Asks a node. `None` if it does not answer.
    pub(super) async fn take(place: &NodePlace) -> Option<Self> {
        let calls = async {
            match place.rpc {
                Some(address) => {
                    ask::call(address, &["eth_blockNumber", "net_peerCount", "mundi_status"]).await
                }
                None => None,
            }
        };
        let figures = async {
            match place.metrics {
                Some(address) => ask::figures(address).await,
                None => None,
            }
        };
        let (answers, figures) = tokio::join!(calls, figures);
        if answers.is_none() && figures.is_none() {
            return None;
        }
        let mut sample = figures.map(|text| Self::of_figures(&text)).unwrap_or_default();
        sample.serves = answers.is_some() || place.rpc.is_none();
        if let Some(answers) = answers {
            sample.add_answers(&answers);
        }
        Some(sample)
    }

    /// One that answers and says nothing.
    #[cfg(test)]
    pub(super) fn serving() -> Self {
        Self { serves: true, ..Self::default() }
    }

    fn of_figures(text: &str) -> Self {
        let value = |name: &str| figure(text, name);
        let whole = |name: &str| value(name).map(|value| value as u64);
        Self {
            serves: false,
            height: whole("ledger_height"),
            ordered: whole("consensus_ordered_height"),
            peers: whole("consensus_peers"),
            memory: whole("process_resident_memory_bytes"),
            transactions: value("ledger_transactions_total"),
            finality: value("consensus_finality_seconds_sum").zip(value("consensus_finality_seconds_count")),
        }
    }

    fn add_answers(&mut self, answers: &[Option<Value>]) {
        let [height, peers, status] = answers else { return };
        self.height = height.as_ref().and_then(number).or(self.height);
        self.peers = peers.as_ref().and_then(number).or(self.peers);
        let Some(status) = status else { return };
        self.ordered = number(&status["ordered"]).or(self.ordered);
        let finality = &status["finality"];
        let payloads = number(&finality["payloads"]).map(|payloads| payloads as f64);
        let measured = payloads.zip(finality["meanSeconds"].as_f64());
        self.finality = measured.map(|(payloads, mean)| (payloads * mean, payloads)).or(self.finality);
    }
}

/// A whole number, as JSON-RPC writes them or as JSON does.
fn number(value: &Value) -> Option<u64> {
    let hexadecimal = |text: &str| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok();
    value.as_u64().or_else(|| value.as_str().and_then(hexadecimal))
}

/// The value of a figure without labels.
fn figure(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.split(' ').next()?.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0)
}

impl Readings {
    /// Takes a sample.
    pub(super) fn add(&mut self, now: Instant, sample: Sample) {
        self.0.push_back((now, sample));
        // One that is as old as the longest window stays, so that the window is full.
        while self.0.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= FINALITY) {
            self.0.pop_front();
        }
    }

    /// When it answered last.
    pub(super) fn latest(&self) -> Option<Instant> {
        self.0.back().map(|(at, _)| *at)
    }

    /// What they say together.
    pub(super) fn reading(&self) -> Reading {
        let (Some((_, oldest)), Some((until, last))) = (self.0.front(), self.0.back()) else {
            return Reading::default();
        };
        // The newest that is as old as the window, or else the oldest there is.
        let is_old = |(at, _): &&(Instant, Sample)| until.duration_since(*at) >= RATE;
        let (since, first) = self.0.iter().rev().find(is_old).unwrap_or(&self.0[0]);
        let seconds = until.duration_since(*since).as_secs_f64();
        let rate = first.transactions.zip(last.transactions).map(|(first, last)| (last - first) / seconds);
        // Before the first payload was measured there were none.
        let finality = last.finality.map(|last| (oldest.finality.unwrap_or_default(), last));
        let finality = finality.map(|(first, last)| (last.0 - first.0) / (last.1 - first.1));
        Reading {
            height: last.height,
            ordered: last.ordered,
            rate: rate.filter(|rate| rate.is_finite() && *rate >= 0.0),
            finality: finality.filter(|seconds| seconds.is_finite() && *seconds >= 0.0),
            peers: last.peers,
            memory: last.memory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIGURES: &str = "\
# TYPE ledger_height gauge
ledger_height 41
ledger_heights 3
ledger_transactions_total 900
consensus_finality_seconds_bucket{le=\"0.1\"} 3
consensus_finality_seconds_sum 2.5
consensus_finality_seconds_count 10
process_resident_memory_bytes 1.5e8
";

    #[test]
    fn figures_are_read() {
        let mut sample = Sample::of_figures(FIGURES);
        assert_eq!((sample.height, sample.memory), (Some(41), Some(150_000_000)));
        assert_eq!(sample.finality, Some((2.5, 10.0)));
        let status =
            serde_json::json!({"ordered": "0x2c", "finality": {"payloads": "0x8", "meanSeconds": 0.25}});
        sample.add_answers(&[Some("0x2a".into()), Some("0x3".into()), Some(status)]);
        assert_eq!((sample.height, sample.peers, sample.ordered), (Some(42), Some(3), Some(44)));
        assert_eq!(sample.finality, Some((2.0, 8.0)));
        assert_eq!(
            Sample::of_figures("ledger_height NaN\nledger_transactions_total -1\nx"),
            Sample::default()
        );
    }

    #[test]
    fn rates_are_of_the_last_seconds() {
        let start = Instant::now();
        let mut readings = Readings::default();
        assert_eq!(readings.reading(), Reading::default());
        for second in 0..40_u32 {
            let sample = Sample {
                transactions: Some(f64::from(second) * if second < 30 { 1.0 } else { 100.0 }),
                finality: Some((f64::from(second) * 0.6, f64::from(second) * 3.0)),
                ..Sample::default()
            };
            readings.add(start + Duration::from_secs(1) * second, sample);
        }
        assert_eq!(readings.0.len(), 21);
        let reading = readings.reading();
        assert_eq!(reading.rate, Some(100.0));
        assert!((reading.finality.unwrap() - 0.2).abs() < 1e-9);
    }

    #[test]
    fn one_sample_has_no_rate() {
        let mut readings = Readings::default();
        readings
            .add(Instant::now(), Sample { transactions: Some(5.0), height: Some(1), ..Sample::default() });
        assert_eq!(readings.reading(), Reading { height: Some(1), ..Reading::default() });
    }
}

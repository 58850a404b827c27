//! When each validator reached what.

use mundi_consensus::bft::Progress;
use std::time::{Duration, SystemTime};

/// Times that were measured: some of their order statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// How many there are.
    pub count: usize,
    /// Half of them are shorter.
    pub median: Duration,
    /// 95 of 100 are shorter.
    pub p95: Duration,
    /// 99 of 100 are shorter.
    pub p99: Duration,
}

impl Times {
    /// Of these.
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
            times.get(index).copied().unwrap_or_default()
        };
        Self { count: times.len(), median: at(50), p95: at(95), p99: at(99) }
    }
}

/// When a validator came to each number: entry *n* is for *n* and all before it that are not there.
#[derive(Clone, Debug)]
struct Climb(Vec<SystemTime>);

impl Climb {
    fn reach(&mut self, number: u64, at: SystemTime) {
        let length = usize::try_from(number).unwrap_or(usize::MAX).saturating_add(1);
        if length > self.0.len() {
            self.0.resize(length, at);
        }
    }

    fn at(&self, number: u64) -> Option<SystemTime> {
        self.0.get(usize::try_from(number).ok()?).copied()
    }
}

#[derive(Clone, Debug)]
struct Node {
    views: Climb,
    ordered: Climb,
    executed: Climb,
    anchored: Climb,
}

/// When each validator reached what.
#[derive(Debug)]
pub(super) struct Stages(Vec<Node>);

impl Stages {
    pub(super) fn new(nodes: usize, begin: SystemTime) -> Self {
        let climb = Climb(vec![begin]);
        let node =
            Node { views: climb.clone(), ordered: climb.clone(), executed: climb.clone(), anchored: climb };
        Self(vec![node; nodes])
    }

    /// Looks how far a validator is; the height up to which everything is proved.
    pub(super) fn sample(&mut self, node: usize, now: SystemTime, progress: &Progress) -> u64 {
        let node = &mut self.0[node];
        node.views.reach(progress.view(), now);
        node.ordered.reach(progress.ordered(), now);
        node.executed.reach(progress.executed().anchor.height, now);
        node.anchored.reach(progress.anchored(), now);
        progress.anchored()
    }

    pub(super) fn view(&self, node: usize, view: u64) -> Option<SystemTime> {
        self.0[node].views.at(view)
    }

    pub(super) fn ordered(&self, node: usize, height: u64) -> Option<SystemTime> {
        self.0[node].ordered.at(height)
    }

    pub(super) fn executed(&self, node: usize, height: u64) -> Option<SystemTime> {
        self.0[node].executed.at(height)
    }

    pub(super) fn anchored(&self, node: usize, height: u64) -> Option<SystemTime> {
        self.0[node].anchored.at(height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_statistics() {
        let times = Times::of((1..=100).rev().map(Duration::from_millis).collect());
        let millis = |time: Duration| time.as_millis();
        assert_eq!((millis(times.median), millis(times.p95), millis(times.p99)), (51, 96, 100));
        assert_eq!(Times::of(Vec::new()), Times::default());
    }

    #[test]
    fn what_was_passed_over_was_reached_with_what_came_after_it() {
        let begin = SystemTime::UNIX_EPOCH;
        let mut climb = Climb(vec![begin]);
        climb.reach(2, begin + Duration::from_secs(1));
        climb.reach(1, begin + Duration::from_secs(2));
        assert_eq!(climb.at(1), Some(begin + Duration::from_secs(1)));
        assert_eq!(climb.at(2), Some(begin + Duration::from_secs(1)));
        assert_eq!(climb.at(3), None);
    }
}

//! A node as its supervisor sees it: what state it is in, and what follows from what happens to it.

use super::{
    process::Process,
    readings::{Readings, Sample},
};
use crate::{
    control::Answer,
    layout::NodePlace,
    snapshot::{NodeState, NodeView},
};
use rustix::process::Signal;
use std::{io, os::unix::process::ExitStatusExt as _, process::ExitStatus, time::Duration};
use tokio::time::Instant;

/// For how long one that is up may not answer before it is called silent.
const SILENCE: Duration = Duration::from_secs(5);

/// What was wished of a node that is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Stop { then_start: bool, until: Instant, overdue: bool },
    Kill,
}

/// A node.
pub(super) struct Node {
    pub(super) place: NodePlace,
    pub(super) process: Option<Process>,
    pub(super) readings: Readings,
    /// How often it was started; tells what comes from an older process.
    pub(super) starts: u32,
    /// Whether somebody is asking it.
    pub(super) is_asked: bool,
    state: NodeState,
    wish: Option<Wish>,
    ended: Option<String>,
    last_lines: Vec<String>,
}

/// The end of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// Whether it was told to end.
    pub(super) told: bool,
    /// Whether it is to be started again.
    pub(super) then_start: bool,
}

impl Node {
    pub(super) fn new(place: NodePlace) -> Self {
        Self {
            place,
            process: None,
            readings: Readings::default(),
            starts: 0,
            is_asked: false,
            state: NodeState::Stopped,
            wish: None,
            ended: None,
            last_lines: Vec::new(),
        }
    }

    pub(super) fn state(&self) -> NodeState {
        self.state
    }

    pub(super) fn name(&self) -> &str {
        &self.place.name
    }

    /// How it ended.
    pub(super) fn how_it_ended(&self) -> &str {
        self.ended.as_deref().unwrap_or("it was not started")
    }

    /// It was started, or could not be.
    pub(super) fn started(&mut self, process: io::Result<Process>) {
        self.starts += 1;
        self.wish = None;
        self.is_asked = false;
        self.readings = Readings::default();
        self.last_lines.clear();
        match process {
            Ok(process) => {
                (self.process, self.state, self.ended) = (Some(process), NodeState::Starting, None);
            }
            Err(error) => {
                (self.process, self.state) = (None, NodeState::Failed);
                self.ended = Some(format!("cannot be started: {error}"));
            }
        }
    }

    /// What came of starting it.
    pub(super) fn is_starting(&self) -> Answer {
        match self.state {
            NodeState::Failed => Answer::Refused(format!("{} {}", self.name(), self.how_it_ended())),
            _ => Answer::Done(format!("{} is starting", self.name())),
        }
    }

    fn signal(&self, signals: &[Signal]) {
        for signal in signals {
            self.process.iter().for_each(|process| process.signal(*signal));
        }
    }

    /// Tells it to end in good order, unless it is being killed.
    pub(super) fn stop(&mut self, then_start: bool, until: Instant) {
        if matches!(self.wish, Some(Wish::Kill | Wish::Stop { overdue: true, .. })) {
            return;
        }
        // One that sleeps has to wake up to end.
        self.signal(&[Signal::TERM, Signal::CONT]);
        self.wish = Some(Wish::Stop { then_start, until, overdue: false });
        self.state = NodeState::Stopping;
    }

    /// Ends it.
    pub(super) fn kill(&mut self) {
        self.signal(&[Signal::KILL]);
        self.wish = Some(Wish::Kill);
    }

    /// Lets it sleep.
    pub(super) fn pause(&mut self) {
        self.signal(&[Signal::STOP]);
        self.state = NodeState::Paused;
    }

    /// Wakes it up.
    pub(super) fn resume(&mut self) {
        self.signal(&[Signal::CONT]);
        // Up as soon as it answers.
        self.state = NodeState::Starting;
    }

    /// Kills it if it has taken too long to end. Whether that was just done.
    pub(super) fn hurry(&mut self, now: Instant) -> bool {
        match &mut self.wish {
            Some(Wish::Stop { until, overdue, .. }) if !*overdue && now >= *until => {
                *overdue = true;
                self.signal(&[Signal::KILL]);
                true
            }
            _ => false,
        }
    }

    /// It answered, or did not.
    pub(super) fn answered(&mut self, now: Instant, sample: Option<Sample>) {
        if let Some(sample) = sample {
            self.readings.add(now, sample);
        }
        let latest = self.readings.latest();
        let is_silent = || latest.is_none_or(|latest| now.duration_since(latest) >= SILENCE);
        self.state = match (self.state, sample) {
            (NodeState::Starting | NodeState::Silent, Some(Sample { serves: true, .. })) => NodeState::Up,
            (NodeState::Up, None) if is_silent() => NodeState::Silent,
            (state, _) => state,
        };
    }

    /// It has ended.
    pub(super) fn ended(&mut self, status: io::Result<ExitStatus>) -> Ending {
        let process = self.process.take();
        let mut how = match &status {
            Ok(status) => describe(*status),
            Err(error) => format!("it cannot be waited for: {error}"),
        };
        // A signal may reach it before it listens for signals.
        let in_order =
            status.is_ok_and(|status| status.success() || status.signal() == Some(Signal::TERM.as_raw()));
        let wish = self.wish.take();
        self.state = match wish {
            Some(Wish::Kill) => NodeState::Killed,
            Some(Wish::Stop { .. }) if in_order => NodeState::Stopped,
            _ => NodeState::Failed,
        };
        if matches!(wish, Some(Wish::Stop { overdue: true, .. })) {
            how.push_str(", after it took too long to end");
        }
        self.ended = Some(how);
        self.last_lines = match self.state {
            NodeState::Failed => process.map(|process| process.last_lines()).unwrap_or_default(),
            _ => Vec::new(),
        };
        Ending { told: wish.is_some(), then_start: matches!(wish, Some(Wish::Stop { then_start: true, .. })) }
    }

    pub(super) fn view(&self, apart: bool) -> NodeView {
        NodeView {
            name: self.place.name.clone(),
            state: self.state,
            apart: apart && self.state.runs(),
            pid: self.process.as_ref().and_then(|process| process.pid),
            starts: self.starts,
            ended: self.ended.clone(),
            last_lines: self.last_lines.clone(),
            rpc: self.place.rpc,
            reading: self.readings.reading(),
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (_, Some(signal)) => format!("signal {signal}"),
        _ => "it ended".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::PeerKey;

    fn node() -> Node {
        let mut node = Node::new(NodePlace {
            name: "node0".into(),
            dir: ".".into(),
            key: PeerKey([0; 32]),
            public: String::new(),
            listen: ([127, 0, 0, 1], 1).into(),
            rpc: None,
            metrics: None,
        });
        node.started(Err(io::Error::other("no such file")));
        node
    }

    fn exit(code: i32) -> io::Result<ExitStatus> {
        Ok(ExitStatus::from_raw(code << 8))
    }

    fn killed() -> io::Result<ExitStatus> {
        Ok(ExitStatus::from_raw(9))
    }

    #[test]
    fn what_cannot_be_started_has_failed() {
        let node = node();
        assert_eq!(
            (node.state(), node.how_it_ended()),
            (NodeState::Failed, "cannot be started: no such file")
        );
    }

    #[test]
    fn who_ends_unasked_has_failed_and_who_was_asked_has_stopped() {
        let now = Instant::now();
        let mut node = node();
        let unasked = Ending { told: false, then_start: false };
        let asked = Ending { told: true, then_start: false };
        assert_eq!((node.ended(exit(0)), node.state()), (unasked, NodeState::Failed));
        node.stop(false, now);
        assert_eq!((node.ended(exit(0)), node.state()), (asked, NodeState::Stopped));
        node.stop(true, now);
        let again = Ending { then_start: true, ..asked };
        assert_eq!((node.ended(exit(0)), node.state()), (again, NodeState::Stopped));
        node.stop(false, now);
        assert_eq!((node.ended(exit(1)), node.state()), (asked, NodeState::Failed));
        assert_eq!(node.how_it_ended(), "exit status 1");
        node.kill();
        // Whoever wants it stopped now comes too late.
        node.stop(false, now);
        assert_eq!((node.ended(killed()), node.state()), (asked, NodeState::Killed));
        assert_eq!(node.how_it_ended(), "signal 9");
    }

    #[test]
    fn who_takes_too_long_is_killed_once_and_has_failed() {
        let now = Instant::now();
        let mut node = node();
        node.stop(false, now + SILENCE);
        assert!(!node.hurry(now));
        assert!(node.hurry(now + SILENCE));
        assert!(!node.hurry(now + SILENCE));
        node.stop(false, now + SILENCE * 2);
        node.ended(killed());
        assert_eq!(
            (node.state(), node.how_it_ended()),
            (NodeState::Failed, "signal 9, after it took too long to end")
        );
    }

    #[test]
    fn who_does_not_answer_any_more_is_silent() {
        let now = Instant::now();
        let mut node = node();
        node.state = NodeState::Starting;
        let (figures, all) = (Sample::default(), Sample::serving());
        for (after, sample, state) in [
            (Duration::ZERO, None, NodeState::Starting),
            (Duration::ZERO, Some(figures), NodeState::Starting),
            (Duration::ZERO, Some(all), NodeState::Up),
            (SILENCE / 2, None, NodeState::Up),
            (SILENCE, None, NodeState::Silent),
            (SILENCE, Some(figures), NodeState::Silent),
            (SILENCE, Some(all), NodeState::Up),
            (SILENCE * 2, Some(figures), NodeState::Up),
        ] {
            node.answered(now + after, sample);
            assert_eq!(node.state(), state, "{after:?} {sample:?}");
        }
    }
}

//! Who starts and leaves when.

use super::ceremony;
use crate::dkg::{
    Phase, Timeouts,
    attendance::{Attendance, Step},
};
use std::time::{Duration, SystemTime};

const TIMEOUTS: Timeouts = Timeouts {
    gather: Duration::from_secs(60),
    ceremony: Duration::from_secs(300),
    serve: Duration::from_secs(30),
};

/// One participant of so many, and a clock.
struct Alone {
    attendance: Attendance,
    others: Vec<crate::PublicKey>,
    now: SystemTime,
}

impl Alone {
    fn new(participants: u64, required: usize, began: bool) -> Self {
        let (mut ceremony, _) = ceremony(participants);
        ceremony.required = required;
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let others = ceremony.participants[1..].iter().map(|other| other.key.clone()).collect();
        Self { attendance: Attendance::new(&ceremony, TIMEOUTS, began, now), others, now }
    }

    /// So many others say that.
    fn hears(&mut self, others: usize, phase: Phase) {
        for other in &self.others[..others] {
            self.attendance.hear(other.clone(), phase, self.now);
        }
    }

    fn waits(&mut self, time: Duration) {
        self.now += time;
    }

    /// Goes as far as it can.
    fn settles(&mut self) -> Step {
        loop {
            match self.attendance.step(self.now) {
                Step::Entered(_) => {}
                step => return step,
            }
        }
    }

    fn phase(&mut self) -> Phase {
        assert_eq!(self.settles(), Step::Stay);
        self.attendance.phase()
    }
}

#[test]
fn phases_are_announced_as_bytes() {
    for phase in [Phase::Arrived, Phase::Ready, Phase::Running, Phase::Done, Phase::Leaving] {
        assert_eq!(Phase::read(&[phase as u8]), Some(phase));
    }
    for message in [&[][..], &[5], &[255], &[0, 0]] {
        assert_eq!(Phase::read(message), None);
    }
}

#[test]
fn starts_when_all_hear_each_other() {
    let mut node = Alone::new(4, 3, false);
    assert_eq!(node.phase(), Phase::Arrived);
    node.hears(2, Phase::Arrived);
    assert_eq!(node.phase(), Phase::Arrived, "there is time left to wait for the last");
    node.hears(3, Phase::Arrived);
    assert_eq!(node.phase(), Phase::Ready);
    node.hears(2, Phase::Ready);
    assert_eq!(node.phase(), Phase::Ready);
    node.hears(3, Phase::Ready);
    assert_eq!(node.phase(), Phase::Running);
}

#[test]
fn starts_alone_if_it_is_alone() {
    assert_eq!(Alone::new(1, 1, false).phase(), Phase::Running);
}

#[test]
fn waits_no_longer_than_asked_if_enough_are_there() {
    let mut node = Alone::new(4, 3, false);
    node.waits(TIMEOUTS.gather);
    node.hears(2, Phase::Arrived);
    assert_eq!(node.phase(), Phase::Ready);
    node.hears(2, Phase::Ready);
    assert_eq!(node.phase(), Phase::Running);
}

#[test]
fn gives_up_if_too_few_are_there() {
    let mut node = Alone::new(4, 4, false);
    node.waits(TIMEOUTS.gather);
    node.hears(2, Phase::Arrived);
    assert_eq!(node.settles(), Step::TooFew(3));
}

#[test]
fn counts_nobody_who_was_not_heard_lately() {
    let mut node = Alone::new(4, 3, false);
    node.hears(2, Phase::Arrived);
    node.waits(TIMEOUTS.gather);
    assert_eq!(node.settles(), Step::TooFew(1));
}

#[test]
fn gives_up_if_enough_are_there_but_do_not_hear_each_other() {
    let mut node = Alone::new(4, 3, false);
    node.waits(TIMEOUTS.gather);
    node.hears(2, Phase::Arrived);
    assert_eq!(node.phase(), Phase::Ready);
    node.waits(TIMEOUTS.gather);
    node.hears(2, Phase::Arrived);
    assert_eq!(node.settles(), Step::TooFew(1));
}

#[test]
fn follows_more_than_the_faulty_into_the_ceremony() {
    let mut node = Alone::new(4, 4, false);
    node.hears(1, Phase::Running);
    assert_eq!(node.phase(), Phase::Arrived, "one of four may lie");
    node.hears(2, Phase::Running);
    assert_eq!(node.phase(), Phase::Running);
}

#[test]
fn goes_on_at_once_with_what_it_began() {
    let mut node = Alone::new(4, 4, true);
    assert_eq!(node.phase(), Phase::Running);
    node.waits(TIMEOUTS.ceremony);
    assert_eq!(node.settles(), Step::NotCompleted);
}

#[test]
fn leaves_when_all_are_done_and_says_so_before() {
    let mut node = Alone::new(4, 4, true);
    node.attendance.complete(node.now);
    node.hears(2, Phase::Done);
    assert_eq!(node.phase(), Phase::Done);
    node.hears(1, Phase::Running);
    node.hears(3, Phase::Done);
    assert_eq!(node.phase(), Phase::Leaving);
    for _ in 0..3 {
        assert_eq!(node.settles(), Step::Stay);
        node.attendance.announced();
    }
    assert_eq!(node.settles(), Step::Leave);
}

#[test]
fn believes_more_than_the_faulty_that_all_are_done() {
    let mut node = Alone::new(4, 4, true);
    node.attendance.complete(node.now);
    node.hears(1, Phase::Leaving);
    assert_eq!(node.phase(), Phase::Done);
    node.hears(2, Phase::Leaving);
    assert_eq!(node.phase(), Phase::Leaving);
}

#[test]
fn serves_no_longer_than_asked() {
    let mut node = Alone::new(4, 4, true);
    node.attendance.complete(node.now);
    node.hears(2, Phase::Done);
    assert_eq!(node.phase(), Phase::Done);
    node.waits(TIMEOUTS.serve);
    assert_eq!(node.settles(), Step::Leave);
    assert!(node.attendance.is_done(&node.others[1]));
    assert!(!node.attendance.is_done(&node.others[2]));
}

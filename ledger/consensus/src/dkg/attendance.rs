//! Who is there: when a ceremony may start and when a participant may leave it. Pure decisions over what was heard.

use super::{Ceremony, Timeouts};
use crate::PublicKey;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

/// How far a participant is. Announced as one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It waits for the others.
    Arrived = 0,
    /// It hears enough others to begin.
    Ready = 1,
    /// It takes part in the ceremony.
    Running = 2,
    /// It has stored and checked its outcome, and serves the others.
    Done = 3,
    /// It knows that everybody is done.
    Leaving = 4,
}

impl Phase {
    /// Reads an announcement; `None` if it is none.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        match message {
            [0] => Some(Self::Arrived),
            [1] => Some(Self::Ready),
            [2] => Some(Self::Running),
            [3] => Some(Self::Done),
            [4] => Some(Self::Leaving),
            _ => None,
        }
    }
}

/// How often a participant announces its phase.
pub(super) const ANNOUNCE_EVERY: Duration = Duration::from_millis(250);

/// For how long a participant that was heard counts as present: some of its announcements may be lost.
const PRESENT_FOR: Duration = Duration::from_secs(3);

/// How often a participant that leaves says so, that those who are done need not wait for it.
const FAREWELLS: u32 = 3;

/// What one participant knows of the others.
pub(super) struct Attendance {
    me: Phase,
    /// The last word of each participant but this one.
    heard: BTreeMap<PublicKey, (Phase, SystemTime)>,
    /// Who was ever heard to be done.
    done: BTreeSet<PublicKey>,
    participants: usize,
    required: usize,
    faults: usize,
    timeouts: Timeouts,
    /// When this node came.
    since: SystemTime,
    /// When this node entered the phase it is in.
    entered: SystemTime,
    farewells: u32,
}

/// What a participant should do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Keep on.
    Stay,
    /// It entered another phase: tell the others at once.
    Entered(Phase),
    /// It has waited long enough for others: this many are there.
    TooFew(usize),
    /// The ceremony has taken too long.
    NotCompleted,
    /// Nobody needs it any more, or it has served long enough.
    Leave,
}

impl Attendance {
    /// A participant that comes now. One that `began` before goes on at once.
    pub(super) fn new(ceremony: &Ceremony, timeouts: Timeouts, began: bool, now: SystemTime) -> Self {
        Self {
            me: if began { Phase::Running } else { Phase::Arrived },
            heard: BTreeMap::new(),
            done: BTreeSet::new(),
            participants: ceremony.participants.len(),
            required: ceremony.required,
            faults: ceremony.faults() as usize,
            timeouts,
            since: now,
            entered: now,
            farewells: 0,
        }
    }

    /// How far this node is.
    pub(super) fn phase(&self) -> Phase {
        self.me
    }

    /// Another participant said how far it is.
    pub(super) fn hear(&mut self, peer: PublicKey, phase: Phase, now: SystemTime) {
        if phase >= Phase::Done {
            self.done.insert(peer.clone());
        }
        self.heard.insert(peer, (phase, now));
    }

    /// This node has its outcome.
    pub(super) fn complete(&mut self, now: SystemTime) {
        self.enter(Phase::Done, now);
    }

    /// This node has told the others how far it is.
    pub(super) fn announced(&mut self) {
        if self.me == Phase::Leaving {
            self.farewells = self.farewells.saturating_add(1);
        }
    }

    /// Whether a participant was heard lately.
    pub(super) fn present(&self, peer: &PublicKey, now: SystemTime) -> bool {
        self.heard.get(peer).is_some_and(|(_, at)| recent(*at, now))
    }

    /// Whether a participant was ever heard to be done.
    pub(super) fn is_done(&self, peer: &PublicKey) -> bool {
        self.done.contains(peer)
    }

    /// Decides what to do, by what was heard until `now`. To be asked again until it answers [`Step::Stay`].
    pub(super) fn step(&mut self, now: SystemTime) -> Step {
        let waited = elapsed(self.since, now);
        let everybody = self.participants - 1;
        match self.me {
            Phase::Arrived | Phase::Ready if self.others(Phase::Running, now) > self.faults => {
                self.enter(Phase::Running, now)
            }
            Phase::Arrived => {
                let present = self.others(Phase::Arrived, now);
                let followed = self.others(Phase::Ready, now) > self.faults;
                let late = waited >= self.timeouts.gather;
                if present == everybody || (present + 1 >= self.required && (late || followed)) {
                    self.enter(Phase::Ready, now)
                } else if late {
                    Step::TooFew(present + 1)
                } else {
                    Step::Stay
                }
            }
            Phase::Ready => {
                let ready = self.others(Phase::Ready, now);
                let late = waited >= self.timeouts.gather;
                if ready == everybody || (late && ready + 1 >= self.required) {
                    self.enter(Phase::Running, now)
                } else if waited >= self.timeouts.gather.saturating_mul(2) {
                    // Enough can be heard, but not enough hear each other.
                    Step::TooFew(ready + 1)
                } else {
                    Step::Stay
                }
            }
            Phase::Running if elapsed(self.entered, now) >= self.timeouts.ceremony => Step::NotCompleted,
            Phase::Running => Step::Stay,
            Phase::Done if self.done.len() == everybody || self.others(Phase::Leaving, now) > self.faults => {
                self.enter(Phase::Leaving, now)
            }
            Phase::Done if elapsed(self.entered, now) >= self.timeouts.serve => Step::Leave,
            Phase::Done => Step::Stay,
            Phase::Leaving if self.farewells >= FAREWELLS => Step::Leave,
            Phase::Leaving => Step::Stay,
        }
    }

    fn enter(&mut self, phase: Phase, now: SystemTime) -> Step {
        self.me = phase;
        self.entered = now;
        Step::Entered(phase)
    }

    /// How many others were lately heard to be this far or further.
    fn others(&self, phase: Phase, now: SystemTime) -> usize {
        self.heard.values().filter(|(theirs, at)| *theirs >= phase && recent(*at, now)).count()
    }
}

fn recent(at: SystemTime, now: SystemTime) -> bool {
    elapsed(at, now) <= PRESENT_FOR
}

/// How long ago it was; nothing if the clock went backwards.
fn elapsed(since: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(since).unwrap_or_default()
}

//! What happens in a run, and when: everything follows from the seed before the run begins.

use crate::{faults::Fault, machine::DiskRates, manner::Lie, wires::Member};
use mundi_consensus::Pace;
use mundi_state::DiskFault;
use std::time::Duration;

/// What links are like from some moment on. Chances are of a million.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trouble {
    pub(crate) delay: Duration,
    pub(crate) jitter: Duration,
    pub(crate) loss: u32,
    pub(crate) duplication: u32,
    pub(crate) corruption: u32,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Links from these validators to all others are like this.
    Trouble(Vec<Member>, Trouble),
    /// These do not hear the others, and the others do not hear them.
    Partition(Vec<Member>),
    /// These hear the others, and the others do not hear them.
    OneWay(Vec<Member>),
    /// These machines hear each other only, and the others each other only: of twins one may be on each side.
    Split(Vec<usize>),
    /// Nothing is wrong with any link.
    HealLinks,
    /// Power fails for a while.
    Crash(usize, Duration),
    /// Power fails for a while, in the middle of the operation of the disk that comes after so many others; if it is off already, once
    /// more when it comes back.
    CrashInStorage(usize, u64, Duration),
    /// So many are off for a while that there is no quorum.
    NoQuorum(Vec<usize>, Duration),
    /// How often a disk fails.
    Disk(usize, DiskRates),
    /// A disk is full.
    Full(usize),
    /// The disk with the blocks is full.
    FullOfBlocks(usize),
    /// A write of a block fails, after so many others.
    BlockWrite(usize, DiskFault, u64),
    /// A clock is wrong by so many milliseconds.
    Skew(usize, i64),
    /// Executing a payload takes so many milliseconds.
    Slow(usize, u64),
    /// A disk is lost, and the machine with it for a while.
    LoseDisk(usize, Duration),
}

/// How a validator breaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misconduct {
    /// It sends its payloads to nobody.
    Withhold,
    /// It sends its payloads to some.
    Select,
    /// It sends bytes that mean nothing.
    Babble,
    /// It sends again what it sent before.
    Repeat,
    /// It votes for two things at a time.
    Contradict,
    /// It proposes what breaks the rules, and votes for it.
    Lie,
    /// There are two of it.
    Twin,
}

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) validators: usize,
    pub(crate) latency: Duration,
    /// Over how many regions validators are spread: then that is how far they are from each other.
    pub(crate) regions: Option<usize>,
    pub(crate) pace: Pace,
    pub(crate) max_lag: u64,
    /// How often users send something.
    pub(crate) load: Duration,
    pub(crate) misconduct: Vec<(Member, Misconduct)>,
    /// How liars lie, in turn.
    pub(crate) lies: Vec<Lie>,
    /// What happens, in order.
    pub(crate) actions: Vec<(Duration, Action)>,
    /// When everything but misconduct is well again.
    pub(crate) healed: Duration,
    /// Blocks that all honest validators have to make after that.
    pub(crate) heights: u64,
    /// Classes that have to fire.
    pub(crate) expected: Vec<Fault>,
}

impl Plan {
    /// One in which nothing goes wrong.
    pub(crate) fn new(seed: u64, validators: usize) -> Self {
        Self {
            seed,
            validators,
            latency: Duration::from_millis(10),
            regions: None,
            pace: Pace {
                interval: Duration::from_millis(100),
                idle: Duration::from_millis(300),
                patience: Duration::from_millis(400),
            },
            max_lag: 16,
            load: Duration::from_millis(100),
            misconduct: Vec::new(),
            lies: Lie::ALL.to_vec(),
            actions: Vec::new(),
            healed: Duration::from_secs(3),
            heights: 1,
            expected: Vec::new(),
        }
    }

    /// How many validators may do anything at all.
    pub(crate) const fn tolerated(&self) -> usize {
        (self.validators - 1) / 3
    }

    /// Views after healing in which the [heights](Self::heights) have to be there: each dishonest leader and each timeout that
    /// is still under way takes one.
    pub(crate) const fn most_views(&self) -> u64 {
        4 * self.heights + 6 * self.validators as u64
    }

    /// Time after healing in which they have to be there.
    pub(crate) fn most_time(&self) -> Duration {
        let view = self.pace.interval + self.pace.idle + self.pace.patience;
        view * 3 * u32::try_from(self.most_views()).unwrap_or(u32::MAX)
    }

    /// By how much a clock is wrong at most.
    pub(crate) fn most_skew(&self) -> Duration {
        let skews = self.actions.iter().map(|(_, action)| match action {
            Action::Skew(_, millis) => millis.unsigned_abs(),
            _ => 0,
        });
        Duration::from_millis(skews.max().unwrap_or_default())
    }

    pub(crate) fn is_honest(&self, member: Member) -> bool {
        self.misconduct.iter().all(|(other, _)| *other != member)
    }
}

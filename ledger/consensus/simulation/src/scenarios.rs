//! The scenarios: what can go wrong, alone and together.

mod build;

use crate::{
    plan::Plan,
    run::{Moment, Outcome, run},
};
use build::Builder;

/// A kind of trouble.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// What happens in it.
    pub about: &'static str,
    /// Validators, if nobody says how many.
    pub validators: usize,
    build: fn(&mut Builder),
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scenario").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a run of a scenario follows from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Where all choices come from.
    pub seed: u64,
    /// How many validators; the scenario's own number if `None`.
    pub validators: Option<usize>,
    /// Blocks that have to be made when all is well again; 4 if `None`.
    pub heights: Option<u64>,
    /// Over how many of the [regions](crate::REGIONS) they are spread; if `None`, all are equally far from each other.
    pub regions: Option<usize>,
}

/// All scenarios.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "calm", about: "nothing goes wrong", validators: 4, build: Builder::calm },
    Scenario {
        name: "links",
        about: "delay, jitter, loss, duplication and broken connections",
        validators: 4,
        build: Builder::links,
    },
    Scenario {
        name: "partition",
        about: "the network falls apart and comes together, in both directions and in one",
        validators: 4,
        build: Builder::partition,
    },
    Scenario { name: "crash", about: "power fails here and there", validators: 4, build: Builder::crash },
    Scenario {
        name: "storage",
        about: "power fails in the middle of reading, writing and syncing; writes are torn",
        validators: 4,
        build: Builder::storage,
    },
    Scenario { name: "disk", about: "writes and syncs fail", validators: 4, build: Builder::disk },
    Scenario { name: "full", about: "a disk is full for a while", validators: 4, build: Builder::full },
    Scenario { name: "clock", about: "clocks are wrong", validators: 4, build: Builder::clock },
    Scenario {
        name: "slow",
        about: "execution is slower than ordering",
        validators: 4,
        build: Builder::slow,
    },
    Scenario { name: "quorum", about: "too many are off for a while", validators: 4, build: Builder::quorum },
    Scenario {
        name: "lost",
        about: "a validator loses its disk, and with it the memory of what it signed; it must not contradict it",
        validators: 4,
        build: Builder::lost,
    },
    Scenario {
        name: "twins",
        about: "two machines have the same keys, at times on different sides of a network that falls apart",
        validators: 4,
        build: Builder::twins,
    },
    Scenario {
        name: "contradict",
        about: "a validator votes for two things at a time",
        validators: 4,
        build: Builder::contradict,
    },
    Scenario {
        name: "withhold",
        about: "leaders send payloads to nobody, or to some",
        validators: 4,
        build: Builder::withhold,
    },
    Scenario {
        name: "lies",
        about: "leaders propose what breaks the rules, and their like vote for it",
        validators: 7,
        build: Builder::lies,
    },
    Scenario {
        name: "garbage",
        about: "bytes that mean nothing, and old messages",
        validators: 4,
        build: Builder::garbage,
    },
    Scenario {
        name: "few",
        about: "payloads are sent whole; power fails",
        validators: 3,
        build: Builder::few,
    },
    Scenario {
        name: "everything",
        about: "some of everything, with as many dishonest validators as are tolerated",
        validators: 7,
        build: Builder::everything,
    },
];

impl Scenario {
    /// The one with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }

    fn plan(&self, settings: &Settings) -> Plan {
        let mut builder = Builder::new(settings, settings.validators.unwrap_or(self.validators));
        (self.build)(&mut builder);
        builder.plan()
    }

    /// Runs it. `watch` is told every now and then how far it is.
    pub fn run(&self, settings: &Settings, watch: &mut dyn FnMut(Moment)) -> Outcome {
        run(&self.plan(settings), watch)
    }
}

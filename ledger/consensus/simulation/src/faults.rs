//! What can go wrong, and how often it did.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// A class of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum Fault {
    /// Messages take longer.
    Delay,
    /// Messages take now more, now less time.
    Jitter,
    /// Messages get lost.
    Loss,
    /// Messages come twice.
    Duplication,
    /// Bytes change on the way: the encryption notices, and the connection breaks until it is made again.
    Corruption,
    /// Two parts of the network do not hear each other.
    Partition,
    /// One part hears the other, and not the other way round.
    OneWayPartition,
    /// Executing takes long.
    SlowNode,
    /// A validator ends at any moment and comes back.
    Crash,
    /// A validator ends while it reads, writes or syncs.
    CrashInStorage,
    /// The same, while it comes back after it ended.
    CrashInRecovery,
    /// Of what was written and not synced, parts are there after a crash.
    TornWrite,
    /// A write to the disk of consensus fails.
    FailedWrite,
    /// A sync of the disk of consensus fails.
    FailedSync,
    /// A write of a block fails.
    FailedBlockWrite,
    /// There is no room on a disk.
    FullDisk,
    /// A validator's clock is wrong.
    ClockSkew,
    /// A validator signs two payloads for one view.
    Equivocation,
    /// A validator signs votes that contradict each other.
    ConflictingVotes,
    /// A leader's payload is not sent to anybody.
    Withholding,
    /// A leader's payload is sent to some only.
    SelectiveShards,
    /// A payload holds bytes that are no transactions.
    BadBytes,
    /// A payload names a block that nobody executed.
    BadAnchor,
    /// A payload has transactions although execution is too far behind.
    BadLag,
    /// A payload's randomness is not its parent's.
    BadBeacon,
    /// A payload is older than its parent.
    BadTime,
    /// Bytes that mean nothing, on every channel.
    Garbage,
    /// Messages of the past, once more.
    Replay,
    /// Two validators have the same keys.
    Twins,
    /// So many validators are gone that the others cannot go on.
    NoQuorum,
    /// A validator's disk is lost: it comes back and knows nothing, not even what it signed.
    LostDisk,
}

/// How many there are.
const CLASSES: usize = 31;

impl Fault {
    /// All classes.
    pub const ALL: [Self; CLASSES] = [
        Self::Delay,
        Self::Jitter,
        Self::Loss,
        Self::Duplication,
        Self::Corruption,
        Self::Partition,
        Self::OneWayPartition,
        Self::SlowNode,
        Self::Crash,
        Self::CrashInStorage,
        Self::CrashInRecovery,
        Self::TornWrite,
        Self::FailedWrite,
        Self::FailedSync,
        Self::FailedBlockWrite,
        Self::FullDisk,
        Self::ClockSkew,
        Self::Equivocation,
        Self::ConflictingVotes,
        Self::Withholding,
        Self::SelectiveShards,
        Self::BadBytes,
        Self::BadAnchor,
        Self::BadLag,
        Self::BadBeacon,
        Self::BadTime,
        Self::Garbage,
        Self::Replay,
        Self::Twins,
        Self::NoQuorum,
        Self::LostDisk,
    ];

    /// What it is called in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Jitter => "jitter",
            Self::Loss => "loss",
            Self::Duplication => "duplication",
            Self::Corruption => "corruption",
            Self::Partition => "partition",
            Self::OneWayPartition => "one-way partition",
            Self::SlowNode => "slow node",
            Self::Crash => "crash",
            Self::CrashInStorage => "crash in storage",
            Self::CrashInRecovery => "crash in recovery",
            Self::TornWrite => "torn write",
            Self::FailedWrite => "failed write",
            Self::FailedSync => "failed sync",
            Self::FailedBlockWrite => "failed block write",
            Self::FullDisk => "full disk",
            Self::ClockSkew => "clock skew",
            Self::Equivocation => "equivocation",
            Self::ConflictingVotes => "conflicting votes",
            Self::Withholding => "withholding",
            Self::SelectiveShards => "selective shards",
            Self::BadBytes => "bad bytes",
            Self::BadAnchor => "bad anchor",
            Self::BadLag => "bad lag",
            Self::BadBeacon => "bad beacon",
            Self::BadTime => "bad time",
            Self::Garbage => "garbage",
            Self::Replay => "replay",
            Self::Twins => "twins",
            Self::NoQuorum => "no quorum",
            Self::LostDisk => "lost disk",
        }
    }
}

impl Fault {
    /// What happens.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Delay => "a message takes longer",
            Self::Jitter => "a message takes now more, now less time",
            Self::Loss => "a message is lost",
            Self::Duplication => "a message comes twice",
            Self::Corruption => "bytes change on the way: the encryption notices, and the connection breaks",
            Self::Partition => "a message from one part of the network to another is dropped",
            Self::OneWayPartition => "the same, and what goes the other way arrives",
            Self::SlowNode => "a payload takes long to execute",
            Self::Crash => "power fails at any moment",
            Self::CrashInStorage => "power fails while consensus reads, writes or syncs",
            Self::CrashInRecovery => "the same while a validator comes back, before it takes part again",
            Self::TornWrite => {
                "of a write that was not synced a part is there after a crash, and a part is not"
            }
            Self::FailedWrite => "a write of consensus fails",
            Self::FailedSync => "a sync of consensus fails",
            Self::FailedBlockWrite => "a write or sync of a block fails",
            Self::FullDisk => "there is no room for a write",
            Self::ClockSkew => "a clock that is wrong is read",
            Self::Equivocation => "one key votes for two payloads in a view",
            Self::ConflictingVotes => "one key signs two votes that exclude each other",
            Self::Withholding => "a shard of a leader's own payload is not sent",
            Self::SelectiveShards => {
                "a shard of a leader's own payload is not sent to one of those that get none"
            }
            Self::BadBytes => "a payload with bytes that are no transactions",
            Self::BadAnchor => "a payload that names a block with a hash that nobody executed",
            Self::BadLag => "a payload with transactions, although execution is too far behind",
            Self::BadBeacon => "a payload with other randomness than its parent's",
            Self::BadTime => "a payload that is older than its parent, or of the future",
            Self::Garbage => "bytes that mean nothing, or almost something, on any channel",
            Self::Replay => "a message of the past, sent again to all",
            Self::Twins => "a message of one of two machines with the same keys",
            Self::NoQuorum => "so many are off that the others cannot go on",
            Self::LostDisk => "a validator comes back and knows nothing, not even what it signed",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Counts what fired while a simulation runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters(Arc<[AtomicU64; CLASSES]>);

impl Counters {
    pub(crate) fn add(&self, fault: Fault) {
        self.add_many(fault, 1);
    }

    pub(crate) fn add_many(&self, fault: Fault, times: u64) {
        self.0[fault as usize].fetch_add(times, Relaxed);
    }

    pub(crate) fn counts(&self) -> FaultCounts {
        FaultCounts(std::array::from_fn(|class| self.0[class].load(Relaxed)))
    }
}

/// How often each class of faults fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts([u64; CLASSES]);

impl FaultCounts {
    /// How often one did.
    pub const fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Those that did, and how often.
    pub fn fired(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        Fault::ALL.into_iter().map(|fault| (fault, self.of(fault))).filter(|(_, times)| *times > 0)
    }

    /// One for each class that fired.
    pub(crate) fn once_each(&self) -> Self {
        Self(self.0.map(|times| times.min(1)))
    }

    /// Adds those of another run.
    pub fn merge(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }
}

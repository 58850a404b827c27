//! How far an import is, and where its time goes.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Height of the newest imported block, or of the store's tip before the first.
    pub height: u64,
    /// Blocks imported.
    pub blocks: u64,
    /// Blocks passed over, because the store has them.
    pub skipped: u64,
    /// Transactions in imported blocks.
    pub transactions: u64,
    /// Gas used by imported blocks.
    pub gas: u64,
    /// Bytes of imported and skipped blocks in the source.
    pub bytes: u64,
    /// Since the start.
    pub elapsed: Duration,
    /// How long each stage worked.
    pub busy: Busy,
}

/// How long each stage of an import worked, without the time that it waited for the others. Stages work at the same time:
/// the longest of these bounds the import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    /// Reading and decoding.
    pub read: Duration,
    /// Headers, bodies and senders.
    pub recover: Duration,
    /// Execution.
    pub execute: Duration,
    /// Receipts and state roots.
    pub root: Duration,
    /// Writing to disk.
    pub write: Duration,
}

impl Busy {
    /// The stages by name, in order.
    pub const fn stages(&self) -> [(&'static str, Duration); 5] {
        [
            ("read", self.read),
            ("recover", self.recover),
            ("execute", self.execute),
            ("root", self.root),
            ("write", self.write),
        ]
    }
}

impl Progress {
    /// Imported blocks per second.
    pub fn blocks_per_second(&self) -> f64 {
        per_second(self.blocks, self.elapsed)
    }

    /// This and a later import together.
    pub fn followed_by(&self, later: &Self) -> Self {
        let (a, b) = (&self.busy, &later.busy);
        Self {
            height: self.height.max(later.height),
            blocks: self.blocks + later.blocks,
            skipped: self.skipped + later.skipped,
            transactions: self.transactions + later.transactions,
            gas: self.gas + later.gas,
            bytes: self.bytes + later.bytes,
            elapsed: self.elapsed + later.elapsed,
            busy: Busy {
                read: a.read + b.read,
                recover: a.recover + b.recover,
                execute: a.execute + b.execute,
                root: a.root + b.root,
                write: a.write + b.write,
            },
        }
    }

    /// Gas of imported blocks per second.
    pub fn gas_per_second(&self) -> f64 {
        per_second(self.gas, self.elapsed)
    }
}

fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { count as f64 / elapsed.as_secs_f64() }
}

/// A stage that is timed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    Read,
    Recover,
    Execute,
    Root,
    Write,
}

/// What all stages count together.
#[derive(Debug)]
pub(super) struct Tally {
    start: Instant,
    height: AtomicU64,
    blocks: AtomicU64,
    skipped: AtomicU64,
    transactions: AtomicU64,
    gas: AtomicU64,
    bytes: AtomicU64,
    busy: [AtomicU64; 5],
    cut_short: AtomicBool,
}

impl Tally {
    pub(super) fn new(height: u64) -> Self {
        Self {
            start: Instant::now(),
            height: height.into(),
            blocks: 0.into(),
            skipped: 0.into(),
            transactions: 0.into(),
            gas: 0.into(),
            bytes: 0.into(),
            busy: Default::default(),
            cut_short: false.into(),
        }
    }

    /// Runs a piece of a stage's work and counts its time.
    pub(super) fn time<T>(&self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.busy[stage as usize].fetch_add(nanoseconds, Relaxed);
        result
    }

    pub(super) fn skip(&self, bytes: u64) {
        self.skipped.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn import(&self, height: u64, transactions: usize, gas: u64, bytes: u64) {
        self.height.store(height, Relaxed);
        self.blocks.fetch_add(1, Relaxed);
        self.transactions.fetch_add(transactions as u64, Relaxed);
        self.gas.fetch_add(gas, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// Notes that blocks were left out because of a cancellation.
    pub(super) fn cut_short(&self) {
        self.cut_short.store(true, Relaxed);
    }

    pub(super) fn was_cut_short(&self) -> bool {
        self.cut_short.load(Relaxed)
    }

    pub(super) fn progress(&self) -> Progress {
        let busy = |stage: Stage| Duration::from_nanos(self.busy[stage as usize].load(Relaxed));
        Progress {
            height: self.height.load(Relaxed),
            blocks: self.blocks.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            transactions: self.transactions.load(Relaxed),
            gas: self.gas.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            elapsed: self.start.elapsed(),
            busy: Busy {
                read: busy(Stage::Read),
                recover: busy(Stage::Recover),
                execute: busy(Stage::Execute),
                root: busy(Stage::Root),
                write: busy(Stage::Write),
            },
        }
    }
}

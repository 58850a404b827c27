//! How a block is to be executed.

use crate::schedule::Schedule;
use alloy_eip7928::BlockAccessList;
use std::{fmt, num::NonZeroUsize, str::FromStr, sync::Arc};

/// How to execute a block.
#[derive(Clone, Debug)]
pub struct Options {
    /// Strategy.
    pub mode: Mode,
    /// What an invalid transaction means.
    pub policy: Policy,
    /// Threads to use, the caller's own included. More than the pool has plus one is the same as that.
    pub threads: NonZeroUsize,
    /// The block's EIP-7928 access list, if it is known beforehand; required by [`Mode::AccessList`].
    pub access_list: Option<Arc<BlockAccessList>>,
    /// Whether to build the EIP-7928 access list of the block.
    pub collect_access_list: bool,
    /// Whether to hand each transaction's own state changes to the sink.
    pub stream_changes: bool,
    /// Whether the hash of the parent is not known yet, as in a pipeline that computes it meanwhile. The system call that
    /// stores it (EIP-2935) is then not made; the state has to answer for the slot that it would have written, and the
    /// caller adds the write to the changes. Not to be had together with [`collect_access_list`](Self::collect_access_list).
    pub late_parent_hash: bool,
    /// Whether to trace spans and dependencies for [`Report::trace`](crate::Report::trace).
    pub trace: bool,
    /// Whether to record the schedule of the run for [`Report::schedule`](crate::Report::schedule).
    pub record: bool,
    /// A recorded schedule to follow exactly, on the calling thread.
    pub schedule: Option<Arc<Schedule>>,
}

impl Options {
    /// Automatic mode, strict, on this many threads, nothing collected.
    pub const fn new(threads: NonZeroUsize) -> Self {
        Self {
            mode: Mode::Auto,
            policy: Policy::Strict,
            threads,
            access_list: None,
            collect_access_list: false,
            stream_changes: false,
            late_parent_hash: false,
            trace: false,
            record: false,
            schedule: None,
        }
    }

    /// One thread, sequential.
    pub fn sequential() -> Self {
        Self { mode: Mode::Sequential, ..Self::new(NonZeroUsize::MIN) }
    }

    /// The same with another mode.
    pub fn with_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }
}

/// Execution strategy. All give the same result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Chosen per block from what is known of it.
    #[default]
    Auto,
    /// The oracle: one revm, one transaction after another.
    Sequential,
    /// Speculate ahead of an in-order commit.
    Optimistic,
    /// Follow the declared access sets; transactions without one are scheduled after and before everything.
    Declared,
    /// Execute on the values of a given EIP-7928 list, and verify the list.
    AccessList,
}

impl Mode {
    /// All modes, in the order of the documentation.
    pub const ALL: [Self; 5] =
        [Self::Auto, Self::Sequential, Self::Optimistic, Self::Declared, Self::AccessList];

    /// The name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Sequential => "sequential",
            Self::Optimistic => "optimistic",
            Self::Declared => "declared",
            Self::AccessList => "access-list",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.name() == s)
            .ok_or_else(|| format!("unknown mode '{s}': expected {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// What an invalid transaction means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The block is invalid: the call returns an error. For importing.
    #[default]
    Strict,
    /// The transaction is skipped and costs nothing. For blocks that were ordered before execution.
    Ledger,
}

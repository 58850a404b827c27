//! What methods know of ordering, where the node does not order alone.

use mundi_consensus::{Archive, GroupKey, bft::Progress, follow::Snapshots};
use std::{fmt, sync::Arc, time::Duration};

/// A node's part in ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It votes.
    Validator,
    /// It takes what others have ordered.
    Follower,
}

impl Role {
    /// As methods say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validator => "validator",
            Self::Follower => "follower",
        }
    }
}

/// What methods know of ordering, where the node does not order alone.
#[derive(Clone)]
pub struct Consensus {
    /// The node's part.
    pub role: Role,
    /// How far it is.
    pub progress: Progress,
    /// Final payloads and certificates.
    pub archive: Arc<dyn Archive>,
    /// Height of the block that the node started with.
    pub started: u64,
    /// What certificates are checked with.
    pub group_key: GroupKey,
    /// By how many heights what is executed may be behind what is ordered while all is well.
    pub max_lag: u64,
    /// States for those who begin; `None` if it offers none.
    pub snapshots: Option<Arc<Snapshots>>,
    /// How many others this node is connected to.
    pub peers: Arc<dyn Fn() -> usize + Send + Sync>,
    /// How long payloads took to become final, as far as it knows.
    pub finality: Arc<dyn Fn() -> Option<FinalityTimes> + Send + Sync>,
}

/// How long payloads took from their proposal to their certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalityTimes {
    /// How many of them were measured since the node started.
    pub payloads: u64,
    /// All of them together.
    pub total: Duration,
}

/// How far a node that is behind has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Height of the newest block that is executed and written.
    pub executed: u64,
    /// Height of the newest payload that is known to be final.
    pub ordered: u64,
}

impl Consensus {
    /// By how many heights what is executed is behind what is ordered.
    pub fn lag(&self) -> u64 {
        self.progress.ordered().saturating_sub(self.progress.executed().anchor.height)
    }

    /// How far the node is, if it is further behind than ordering leaves anybody who keeps up.
    pub fn behind(&self) -> Option<Behind> {
        let (executed, ordered) = (self.progress.executed().anchor.height, self.progress.ordered());
        (ordered.saturating_sub(executed) > self.max_lag).then_some(Behind { executed, ordered })
    }

    /// Whether the node has heard of the others since it started, and is not behind them.
    pub fn is_caught_up(&self) -> bool {
        self.progress.view() > 0 && self.behind().is_none() && self.progress.fault().is_none()
    }
}

impl fmt::Debug for Consensus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consensus")
            .field("role", &self.role)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

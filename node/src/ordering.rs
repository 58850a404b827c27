//! Who orders the node's blocks.

use crate::error::NodeError;
use mundi_chain::{Ledger, PayloadSource, Sequencer};
use mundi_consensus::{Mining, Solo, SoloConfig, SystemClock};
use mundi_mempool::Mempool;
use std::{io, sync::Arc};

/// Who orders the node's blocks.
#[derive(Clone, Debug)]
pub enum Ordering {
    /// The node, alone.
    Solo(SoloConfig),
}

impl Default for Ordering {
    fn default() -> Self {
        Self::Solo(SoloConfig::default())
    }
}

/// Who orders, at work.
pub(crate) enum Orderer {
    /// With when it shall make blocks, once everything else is there.
    Solo(Arc<Solo>, Mining),
}

impl Ordering {
    /// Whether blocks can be steered, as developers do.
    pub(crate) const fn is_solo(&self) -> bool {
        matches!(self, Self::Solo(_))
    }

    /// Starts it. It makes no block of its own before it is [let go](Orderer::begin).
    pub(crate) fn start(self, ledger: &Arc<Ledger>, pool: &Arc<Mempool>) -> Result<Orderer, NodeError> {
        match self {
            Self::Solo(config) => {
                let mining = config.mining;
                let config = SoloConfig { mining: Mining::Manual, ..config };
                let source: Arc<dyn PayloadSource> = Arc::clone(pool) as _;
                let solo = Solo::start(Arc::clone(ledger), source, Arc::new(SystemClock), config);
                let failed =
                    |error: io::Error| NodeError::Threads { kind: "sequencer", reason: error.to_string() };
                Ok(Orderer::Solo(Arc::new(solo.map_err(failed)?), mining))
            }
        }
    }
}

impl Orderer {
    /// What the rest of the node sees of it.
    pub(crate) fn sequencer(&self) -> Arc<dyn Sequencer> {
        match self {
            Self::Solo(solo, _) => Arc::clone(solo) as _,
        }
    }

    /// The one that can be steered.
    pub(crate) const fn solo(&self) -> Option<&Arc<Solo>> {
        match self {
            Self::Solo(solo, _) => Some(solo),
        }
    }

    /// From here on it makes blocks.
    pub(crate) fn begin(&self) {
        match self {
            Self::Solo(solo, mining) => solo.set_mining(*mining),
        }
    }
}

//! Who orders the node's blocks.

use crate::{consensus_figures, error::NodeError, threads::Threads};
use alloy_primitives::{Address, B256};
use mundi_chain::{Ledger, PayloadSource, Sequencer};
use mundi_consensus::{
    Archive, GroupKey, Mining, NetworkFile, Rules, Solo, SoloConfig, SystemClock, Validator, ValidatorConfig,
    ValidatorFile,
    bft::{Progress, Tuning},
    follow::{self, Follower, FollowerConfig, FoundState, HttpUpstream, Snapshots, StateSync, Upstream},
};
use mundi_mempool::Mempool;
use mundi_rpc_context::{Consensus, Role};
use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Who orders the node's blocks.
#[derive(Clone, Debug)]
pub enum Ordering {
    /// The node, alone.
    Solo(SoloConfig),
    /// The validators of a network, of whom the node is one.
    Validator(Box<ValidatorOrdering>),
    /// The validators of a network, of whom the node is none: it takes what they have ordered from other nodes.
    Follow(Box<FollowOrdering>),
}

/// What makes a node a validator.
#[derive(Clone, Debug)]
pub struct ValidatorOrdering {
    /// The network.
    pub network: NetworkFile,
    /// Which of its validators the node is.
    pub secrets: ValidatorFile,
    /// Where it listens for the others. Default: at the address that the network has of it.
    pub listen: Option<SocketAddr>,
    /// Who gets the fees of what it proposes.
    pub beneficiary: Address,
    /// Folder of its votes, payloads and certificates. It belongs to the chain's: without it the validator could sign twice.
    pub directory: PathBuf,
    /// Heights after which the state that it offers to others is made anew; zero: it offers none.
    pub snapshots: u64,
}

/// What makes a node a follower.
#[derive(Clone, Debug)]
pub struct FollowOrdering {
    /// Where the nodes are that it asks, by JSON-RPC; the first one first.
    pub upstreams: Vec<String>,
    /// What certificates are checked with.
    pub group_key: GroupKey,
    /// Folder of final payloads and certificates.
    pub directory: PathBuf,
    /// Heights after which the state that it offers to others is made anew; zero: it offers none.
    pub snapshots: u64,
    /// Heights that a node without a chain executes rather than beginning with a state; `None`: all of them.
    pub state_sync: Option<u64>,
}

/// Most bytes of a state that is fetched.
const MOST_STATE_BYTES: u64 = 1 << 42;

/// How long those who are followed have to answer a node that starts for the first time.
const PATIENCE: Duration = Duration::from_secs(30);

impl Default for Ordering {
    fn default() -> Self {
        Self::Solo(SoloConfig::default())
    }
}

/// Who orders, at work.
pub(crate) enum Orderer {
    /// With when it shall make blocks, once everything else is there.
    Solo(Arc<Solo>, Mining),
    /// With what methods and figures are told of it.
    Validator(Arc<Validator>, Consensus),
    /// Likewise.
    Follow(Arc<Follower>, Consensus),
}

impl Ordering {
    /// Whether blocks can be steered, as developers do.
    pub(crate) const fn is_solo(&self) -> bool {
        matches!(self, Self::Solo(_))
    }

    /// Starts it. A solo sequencer makes no block before it is [let go](Orderer::begin).
    pub(crate) fn start(
        self,
        ledger: &Arc<Ledger>,
        pool: &Arc<Mempool>,
        threads: &Threads,
    ) -> Result<Orderer, NodeError> {
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
            Self::Validator(ordering) => ordering.start(ledger, pool, threads),
            Self::Follow(ordering) => ordering.start(ledger, pool, threads),
        }
    }
}

/// Refuses a chain that many cannot order.
fn check(ledger: &Ledger) -> Result<(), NodeError> {
    if ledger.spec().least_interval() > 0 {
        let why = "the genesis does not allow that blocks share a second, and validators make several in one: it needs `\"equalTimestamps\": true` in its config";
        return Err(NodeError::Settings(why.into()));
    }
    Ok(())
}

/// Where states are kept that are offered to others.
fn offered(directory: &Path) -> PathBuf {
    directory.with_file_name("snapshots")
}

fn make_snapshots(
    directory: PathBuf,
    every: u64,
    ledger: &Arc<Ledger>,
    archive: &Arc<dyn Archive>,
    progress: &Progress,
) -> Result<Option<Arc<Snapshots>>, NodeError> {
    if every == 0 {
        return Ok(None);
    }
    let (ledger, archive) = (Arc::clone(ledger), Arc::clone(archive));
    let snapshots = Snapshots::new(directory.clone(), every, ledger, archive, progress.clone());
    Ok(Some(Arc::new(snapshots.map_err(NodeError::file("make", directory))?)))
}

impl ValidatorOrdering {
    fn start(
        self,
        ledger: &Arc<Ledger>,
        pool: &Arc<Mempool>,
        threads: &Threads,
    ) -> Result<Orderer, NodeError> {
        let Self { network, secrets, listen, beneficiary, directory, snapshots } = self;
        check(ledger)?;
        let max_lag = network.max_lag;
        let offered = offered(&directory);
        let started = ledger.head().block.header.number;
        let config = ValidatorConfig {
            network,
            secrets,
            listen,
            beneficiary,
            directory,
            threads: threads.config.network,
            tuning: Tuning::default(),
        };
        let validator = Arc::new(Validator::start(config, ledger, pool, &threads.background)?);
        let snapshots =
            make_snapshots(offered, snapshots, ledger, validator.archive(), validator.progress())?;
        let (peers, times) = (Arc::downgrade(&validator), Arc::downgrade(&validator));
        let consensus = Consensus {
            role: Role::Validator,
            progress: validator.progress().clone(),
            archive: Arc::clone(validator.archive()),
            started,
            group_key: validator.committee().group_key,
            max_lag,
            snapshots,
            peers: Arc::new(move || peers.upgrade().map_or(0, |validator| validator.peers())),
            finality: Arc::new(move || consensus_figures::finality(&times.upgrade()?.figures())),
        };
        Ok(Orderer::Validator(validator, consensus))
    }
}

impl FollowOrdering {
    /// Those whom it asks.
    pub(crate) fn upstreams(&self) -> Result<Vec<Arc<dyn Upstream>>, NodeError> {
        let upstream = |url: &String| {
            let upstream = HttpUpstream::new(url).map_err(|error| NodeError::Settings(error.to_string()))?;
            Ok(Arc::new(upstream) as Arc<dyn Upstream>)
        };
        self.upstreams.iter().map(upstream).collect()
    }

    /// States to begin with, the newest first, if the others are far ahead of the genesis.
    pub(crate) fn states(&self, genesis: B256, upstreams: Vec<Arc<dyn Upstream>>) -> Vec<FoundState> {
        let Some(distance) = self.state_sync else { return Vec::new() };
        let group_key = self.group_key;
        let sync = StateSync { group_key, genesis, upstreams, distance, most_bytes: MOST_STATE_BYTES };
        sync.find(0)
    }

    fn start(
        self,
        ledger: &Arc<Ledger>,
        pool: &Arc<Mempool>,
        threads: &Threads,
    ) -> Result<Orderer, NodeError> {
        check(ledger)?;
        let started = ledger.head().block.header.number;
        let upstreams = self.upstreams()?;
        let peers = upstreams.len();
        let offered = offered(&self.directory);
        let config = FollowerConfig {
            group_key: self.group_key,
            upstreams,
            directory: self.directory,
            threads: threads.config.network,
            patience: PATIENCE,
            tuning: follow::Tuning::default(),
        };
        let follower = Arc::new(Follower::start(config, ledger, pool, &threads.background)?);
        let snapshots =
            make_snapshots(offered, self.snapshots, ledger, follower.archive(), follower.progress())?;
        let consensus = Consensus {
            role: Role::Follower,
            progress: follower.progress().clone(),
            archive: Arc::clone(follower.archive()),
            started,
            group_key: self.group_key,
            max_lag: Rules::new(0).max_lag,
            snapshots,
            peers: Arc::new(move || peers),
            // It sees payloads when they have been final for some time.
            finality: Arc::new(|| None),
        };
        Ok(Orderer::Follow(follower, consensus))
    }
}

impl Orderer {
    /// What the rest of the node sees of it.
    pub(crate) fn sequencer(&self) -> Arc<dyn Sequencer> {
        match self {
            Self::Solo(solo, _) => Arc::clone(solo) as _,
            Self::Validator(validator, _) => Arc::clone(validator) as _,
            Self::Follow(follower, _) => Arc::clone(follower) as _,
        }
    }

    /// The one that can be steered.
    pub(crate) const fn solo(&self) -> Option<&Arc<Solo>> {
        match self {
            Self::Solo(solo, _) => Some(solo),
            Self::Validator(..) | Self::Follow(..) => None,
        }
    }

    /// What is known of ordering, if the node does not order alone.
    pub(crate) const fn consensus(&self) -> Option<&Consensus> {
        match self {
            Self::Solo(..) => None,
            Self::Validator(_, consensus) | Self::Follow(_, consensus) => Some(consensus),
        }
    }

    /// How far the node is, if it does not order alone.
    pub(crate) fn progress(&self) -> Option<&Progress> {
        self.consensus().map(|consensus| &consensus.progress)
    }

    /// Figures of all its parts, as Prometheus reads them.
    pub(crate) fn figures(&self) -> Option<Box<dyn Fn() -> String + Send + Sync>> {
        match self {
            Self::Solo(..) => None,
            Self::Validator(validator, _) => {
                let validator = Arc::downgrade(validator);
                Some(Box::new(move || {
                    validator.upgrade().map(|validator| validator.figures()).unwrap_or_default()
                }))
            }
            Self::Follow(follower, _) => {
                let follower = Arc::downgrade(follower);
                Some(Box::new(move || {
                    follower.upgrade().map(|follower| follower.figures()).unwrap_or_default()
                }))
            }
        }
    }

    /// From here on it makes blocks.
    pub(crate) fn begin(&self) {
        if let Self::Solo(solo, mining) = self {
            solo.set_mining(*mining);
        }
    }
}

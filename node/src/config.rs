//! What a node is told.

use crate::{datadir::DataDir, error::NodeError, ordering::Ordering};
use alloy_signer_local::PrivateKeySigner;
use mundi_chain::{DeveloperGenesis, Genesis, LedgerConfig};
use mundi_consensus::NextBlock;
use mundi_rpc_context::Limits;
use mundi_rpc_dev::Fork;
use mundi_rpc_server::ServerConfig;
use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};

/// Where the chain is.
#[derive(Debug)]
pub enum ChainSource {
    /// In memory: it ends with the node.
    Memory(Box<Genesis>),
    /// In a folder. Without a genesis there has to be a chain already.
    Folder(DataDir, Option<Box<Genesis>>),
    /// In a folder, with a genesis file: it is kept in the folder as it is.
    File(DataDir, Option<PathBuf>),
    /// On top of a block of a remote chain, in memory; developers' only.
    Fork {
        /// The remote chain.
        fork: Arc<Fork>,
        /// The rules of the blocks to come, and who is rich.
        preset: Box<DeveloperGenesis>,
    },
}

/// What developers' chains have and others do not.
#[derive(Clone, Debug, Default)]
pub struct Developer {
    /// Keys that the node signs with.
    pub signers: Vec<PrivateKeySigner>,
    /// What is decided of the blocks to come.
    pub next: NextBlock,
    /// Whether transactions of every account are sent without its key.
    pub impersonate_all: bool,
    /// Whether developers' methods may be reached from other machines.
    pub allow_public: bool,
    /// A dump of a chain to load before anything else.
    pub load: Option<Vec<u8>>,
    /// Where to dump the chain to at the end.
    pub dump: Option<PathBuf>,
}

/// What a node is told.
pub struct NodeConfig {
    /// Where the chain is.
    pub chain: ChainSource,
    /// How the store is opened.
    pub state: mundi_state::Config,
    /// How blocks are executed. Its number of threads is that of [`Threads`](crate::Threads), its gas limit the one below.
    pub ledger: LedgerConfig,
    /// The gas limit that blocks move to. Default: that of the genesis.
    pub gas_limit: Option<u64>,
    /// What the pool takes.
    pub pool: mundi_mempool::Config,
    /// Who orders its blocks. Default: the node, alone.
    pub ordering: Ordering,
    /// How much a request may ask for.
    pub limits: Limits,
    /// Requests that wait for a thread at most. Default: 4,096.
    pub most_waiting: usize,
    /// Where it listens, for whom, and how much it takes. Who submits batches and which version it is the node fills in.
    pub server: ServerConfig,
    /// Where figures and health are served (see the [crate](crate)). Default: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Bytes that the pool's journal may have, in a chain's folder. Default: 256 MiB.
    pub journal_bytes: u64,
    /// For developers' chains.
    pub developer: Option<Developer>,
    /// What `web3_clientVersion` says. Default: `mundi/v0.1.0/linux-x86_64` and the like.
    pub client_version: String,
}

impl NodeConfig {
    /// Everything but the chain by default.
    pub fn new(chain: ChainSource) -> Self {
        Self {
            chain,
            state: mundi_state::Config::default(),
            ledger: LedgerConfig::default(),
            gas_limit: None,
            pool: mundi_mempool::Config::default(),
            ordering: Ordering::default(),
            limits: Limits::default(),
            most_waiting: 4096,
            server: ServerConfig::default(),
            metrics: None,
            journal_bytes: 256 << 20,
            developer: None,
            client_version: client_version(),
        }
    }

    /// Refuses what must not be.
    pub(crate) fn check(&self) -> Result<(), NodeError> {
        let in_folder = matches!(self.chain, ChainSource::Folder(..) | ChainSource::File(..));
        if !self.ordering.is_solo() && !in_folder {
            let why = "a chain that is ordered by many has to be in a folder: what was agreed is not undone by a restart";
            return Err(NodeError::Settings(why.into()));
        }
        let Some(developer) = &self.developer else { return Ok(()) };
        if !self.ordering.is_solo() {
            let why = "a developers' chain is ordered by its node alone: developers' methods steer blocks, which others would have to agree to";
            return Err(NodeError::Settings(why.into()));
        }
        if developer.allow_public {
            return Ok(());
        }
        let public = [self.server.http, self.server.ws].into_iter().flatten();
        let public = public.into_iter().find(|address| !address.ip().to_canonical().is_loopback());
        public.map_or(Ok(()), |address| Err(NodeError::Public { address }))
    }
}

impl fmt::Debug for NodeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeConfig")
            .field("chain", &self.chain)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

fn client_version() -> String {
    format!("mundi/v{}/{}-{}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH)
}

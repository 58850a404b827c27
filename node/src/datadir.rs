//! Where a chain lives: a folder with the store, the genesis file that it began with, and what the pool had.

use crate::{error::NodeError, genesis_file};
use mundi_chain::{Genesis, MAX_GENESIS_BYTES};
use mundi_state::{Config, Store, StoreError};
use rayon::ThreadPool;
use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

/// The name of the genesis file in the folder.
const GENESIS: &str = "genesis.json";
/// The name of the pool's journal in the folder.
const JOURNAL: &str = "pool.journal";
/// The name of the folder with what consensus keeps.
const CONSENSUS: &str = "consensus";

/// The folder of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir(PathBuf);

/// A chain that is open.
#[derive(Debug)]
pub struct Chain {
    /// Its blocks and states.
    pub store: Store,
    /// How it began, and its fork schedule.
    pub genesis: Genesis,
}

impl DataDir {
    /// A folder, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the pool's journal is.
    pub fn journal(&self) -> PathBuf {
        self.0.join(JOURNAL)
    }

    /// Where a validator keeps its votes, and all who order with others keep payloads and certificates.
    pub fn consensus(&self) -> PathBuf {
        self.0.join(CONSENSUS)
    }

    /// Whether there is a chain.
    pub fn is_begun(&self) -> bool {
        Store::exists(&self.0)
    }

    /// Opens the chain, or begins it if there is none. The genesis file may be left out if the chain is there; one that is
    /// given has to be of this chain, and replaces the one there: it may schedule more forks.
    pub fn open_or_create(
        &self,
        genesis: Option<&Path>,
        config: &Config,
        pool: &ThreadPool,
    ) -> Result<Chain, NodeError> {
        let given =
            genesis.map(|path| read(path).and_then(|json| parse(path, &json).map(|genesis| (json, genesis))));
        self.open(given.transpose()?, config, pool)
    }

    /// The same with a genesis that need not come from a file.
    pub fn open_or_begin(
        &self,
        genesis: Genesis,
        config: &Config,
        pool: &ThreadPool,
    ) -> Result<Chain, NodeError> {
        let json = genesis_file::to_json(&genesis);
        self.open(Some((json, genesis)), config, pool)
    }

    /// Begins a chain with a genesis file from elsewhere, and closes it again.
    pub(crate) fn begin(&self, json: Vec<u8>, config: &Config, pool: &ThreadPool) -> Result<(), NodeError> {
        let genesis = self.parse_genesis(&json)?;
        self.open(Some((json, genesis)), config, pool).map(drop)
    }

    /// Reads a genesis file from elsewhere.
    pub(crate) fn parse_genesis(&self, json: &[u8]) -> Result<Genesis, NodeError> {
        parse(&self.0.join(GENESIS), json)
    }

    /// Keeps a genesis file in the folder, which is made.
    pub(crate) fn keep_genesis(&self, json: &[u8]) -> Result<(), NodeError> {
        fs::create_dir_all(&self.0).map_err(NodeError::file("make", &self.0))?;
        self.keep(json)
    }

    fn open(
        &self,
        given: Option<(Vec<u8>, Genesis)>,
        config: &Config,
        pool: &ThreadPool,
    ) -> Result<Chain, NodeError> {
        let opened = match Store::exists(&self.0) {
            true => Store::open(&self.0, config, pool),
            false => Err(StoreError::Missing(self.0.clone())),
        };
        let (store, created) = match (opened, &given) {
            (Ok(store), _) => (store, false),
            // The first run ended before the first block was written, or there was none.
            (Err(StoreError::Missing(_)), Some((json, genesis))) => {
                fs::create_dir_all(&self.0).map_err(NodeError::file("make", &self.0))?;
                self.keep(json)?;
                (Store::create(&self.0, config, &genesis.record(), &genesis.alloc, pool)?, true)
            }
            (Err(StoreError::Missing(_)), None) => return Err(NodeError::NoChain(self.0.clone())),
            (Err(error), _) => return Err(NodeError::Open { path: self.0.clone(), error }),
        };
        let genesis = match given {
            Some((json, genesis)) => {
                self.check(&store, &genesis, "the genesis file")?;
                if !created {
                    // Without the file there, this is the first time that the chain is told its id.
                    if let Ok(kept) = self.genesis() {
                        let (expected, got) = (kept.spec.chain_id(), genesis.spec.chain_id());
                        if expected != got {
                            return Err(NodeError::OtherChainId { path: self.0.clone(), expected, got });
                        }
                    }
                    self.keep(&json)?;
                }
                genesis
            }
            None => {
                let genesis = self.genesis()?;
                self.check(&store, &genesis, "its genesis.json")?;
                genesis
            }
        };
        Ok(Chain { store, genesis })
    }

    /// The genesis that the chain began with.
    pub fn genesis(&self) -> Result<Genesis, NodeError> {
        read_genesis(&self.0.join(GENESIS))
    }

    fn check(&self, store: &Store, genesis: &Genesis, which: &'static str) -> Result<(), NodeError> {
        let (expected, got) = (store.genesis(), genesis.hash);
        match expected == got {
            true => Ok(()),
            false => Err(NodeError::OtherChain { path: self.0.clone(), which, expected, got }),
        }
    }

    /// Keeps the genesis file, with its fork schedule, for the next time.
    fn keep(&self, json: &[u8]) -> Result<(), NodeError> {
        let (new, path) = (self.0.join("genesis.json.new"), self.0.join(GENESIS));
        if fs::read(&path).is_ok_and(|kept| kept == json) {
            return Ok(());
        }
        File::create(&new)
            .and_then(|mut file| file.write_all(json).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&new, &path))
            .map_err(NodeError::file("write", path))
    }
}

/// Reads a genesis file.
pub fn read_genesis(path: &Path) -> Result<Genesis, NodeError> {
    parse(path, &read(path)?)
}

fn read(path: &Path) -> Result<Vec<u8>, NodeError> {
    let mut json = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_GENESIS_BYTES + 1).read_to_end(&mut json))
        .map_err(NodeError::file("read the genesis file", path))?;
    Ok(json)
}

fn parse(path: &Path, json: &[u8]) -> Result<Genesis, NodeError> {
    Genesis::from_json(json).map_err(|error| NodeError::Genesis { path: path.into(), error })
}

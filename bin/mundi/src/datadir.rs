//! Where a chain lives: a folder with the store and the genesis file that it began with.

use crate::console;
use alloy_primitives::B256;
use eyre::WrapErr as _;
use mundi_chain::{Genesis, MAX_GENESIS_BYTES};
use mundi_state::{Config, Store, StoreError};
use rayon::ThreadPool;
use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

/// The name of the genesis file in the folder.
const GENESIS: &str = "genesis.json";

/// The folder of a chain.
#[derive(Debug)]
pub(crate) struct DataDir(PathBuf);

/// A chain that is open.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) store: Store,
    pub(crate) genesis: Genesis,
}

impl DataDir {
    /// The folder that was asked for, or the one where programs of this user keep their data.
    pub(crate) fn new(asked: Option<&Path>) -> eyre::Result<Self> {
        let variable = |name: &str| env::var_os(name).map(PathBuf::from);
        let folder = asked
            .map(Path::to_path_buf)
            // A relative path there is to be ignored, says the XDG Base Directory Specification.
            .or_else(|| {
                variable("XDG_DATA_HOME").filter(|path| path.is_absolute()).map(|data| data.join("mundi"))
            })
            .or_else(|| {
                variable("HOME")
                    .filter(|path| path != OsStr::new(""))
                    .map(|home| home.join(".local/share/mundi"))
            });
        folder
            .map(Self)
            .ok_or_else(|| eyre::eyre!("there is no home folder for the chain: name one with --datadir"))
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Opens the chain, or begins it if there is none. The genesis file may be left out if the chain is there; one that is
    /// given has to be of this chain, and replaces the one there: it may schedule more forks.
    pub(crate) fn open_or_create(
        &self,
        genesis: Option<&Path>,
        config: &Config,
        pool: &ThreadPool,
    ) -> eyre::Result<Chain> {
        let given =
            genesis.map(|path| read(path).and_then(|json| parse(path, &json).map(|genesis| (json, genesis))));
        let given = given.transpose()?;
        let opened = match Store::exists(&self.0) {
            true => Store::open(&self.0, config, pool),
            false => Err(StoreError::Missing(self.0.clone())),
        };
        let (store, created) = match (opened, &given) {
            (Ok(store), _) => (store, false),
            // The first import ended before the first block was written, or there was none.
            (Err(StoreError::Missing(_)), Some((json, genesis))) => {
                fs::create_dir_all(&self.0).wrap_err_with(|| format!("cannot make {}", self.0.display()))?;
                self.keep(json)?;
                (Store::create(&self.0, config, &genesis.record(), &genesis.alloc, pool)?, true)
            }
            (Err(StoreError::Missing(_)), None) => {
                eyre::bail!(
                    "there is no chain in {} yet: begin it with --genesis GENESIS.json",
                    self.0.display()
                )
            }
            (Err(error), _) => {
                return Err(error).wrap_err_with(|| format!("cannot open {}", self.0.display()));
            }
        };
        let genesis = match given {
            Some((json, genesis)) => {
                self.check(&store, &genesis, "the genesis file")?;
                if !created {
                    self.keep(&json)?;
                }
                genesis
            }
            None => {
                let path = self.0.join(GENESIS);
                let genesis = parse(&path, &read(&path)?)?;
                self.check(&store, &genesis, "its genesis.json")?;
                genesis
            }
        };
        for key in &genesis.ignored {
            console::warn(&format!("warning: genesis: config.{key} means nothing here and is passed over"));
        }
        Ok(Chain { store, genesis })
    }

    fn check(&self, store: &Store, genesis: &Genesis, which: &str) -> eyre::Result<()> {
        let (expected, got) = (store.genesis(), genesis.hash);
        eyre::ensure!(
            expected == got,
            "the chain in {} begins with {expected}, {which} with {got}; another --datadir holds another chain",
            self.0.display()
        );
        Ok(())
    }

    /// Keeps the genesis file, with its fork schedule, for the next time.
    fn keep(&self, json: &[u8]) -> eyre::Result<()> {
        let (new, path) = (self.0.join("genesis.json.new"), self.0.join(GENESIS));
        if fs::read(&path).is_ok_and(|kept| kept == json) {
            return Ok(());
        }
        console::write_file(&new, json)?;
        File::open(&new)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&new, &path))
            .wrap_err_with(|| format!("cannot write {}", path.display()))
    }
}

/// The hash of the first block that a genesis file makes.
pub(crate) fn hash_of(path: &Path) -> eyre::Result<B256> {
    Ok(parse(path, &read(path)?)?.hash)
}

fn read(path: &Path) -> eyre::Result<Vec<u8>> {
    let mut json = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_GENESIS_BYTES + 1).read_to_end(&mut json))
        .wrap_err_with(|| format!("cannot read the genesis file {}", path.display()))?;
    Ok(json)
}

fn parse(path: &Path, json: &[u8]) -> eyre::Result<Genesis> {
    Genesis::from_json(json)
        .wrap_err_with(|| format!("{} is no genesis file that can be used", path.display()))
}

//! What the state store asks of a key-value engine, and nothing more.
//!
//! A [`Store`] holds four [`Table`]s of byte strings. [`Store::commit`] is atomic over all of them and durable when it returns;
//! [`Store::reader`] is a view of the last commit, and later commits do not change it. Errors are values: an adapter turns no
//! error of its engine into a panic, so a panic that is seen is the engine's own.

use crate::engines;
use eyre::{Result, bail, eyre};
use std::{path::Path, str::FromStr};

/// The tables of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// 32 bytes of hash to an account.
    Account,
    /// 8 + 32 bytes of hash to a slot's value.
    Slot,
    /// Path of a trie node to the node.
    Node,
    /// What is written once per block.
    Block,
}

impl Table {
    /// All tables, in the order of their index.
    pub const ALL: [Self; 4] = [Self::Account, Self::Slot, Self::Node, Self::Block];

    /// The table's name inside an engine.
    pub const fn name(self) -> &'static str {
        ["account", "slot", "node", "block"][self as usize]
    }
}

/// One value to put.
#[derive(Clone, Debug)]
pub struct Put {
    pub table: Table,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// What a scan does with each key and its value.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<()> + 'a;

/// An open database.
pub trait Store: Send + Sync {
    /// A view of the last commit.
    fn reader(&self) -> Result<Box<dyn Reader + '_>>;

    /// Writes all of `batch` or nothing, and returns when it is on disk.
    fn commit(&self, batch: &[Put]) -> Result<()>;

    /// Fills an empty table from items that come in ascending order of their keys.
    fn load(&self, table: Table, items: &mut dyn Iterator<Item = Pair>) -> Result<()>;

    /// Waits until the engine's own threads have nothing left to do.
    fn settle(&self) -> Result<()> {
        Ok(())
    }
}

/// A view of one commit.
pub trait Reader {
    /// The value of `key`.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// The first item whose key is `from` or greater.
    fn seek(&self, table: Table, from: &[u8]) -> Result<Option<Pair>>;

    /// Visits every item in ascending order.
    fn scan(&self, table: Table, visit: &mut Visit<'_>) -> Result<()>;
}

/// An engine and its settings, written `name` or `name:key=value,key=value`.
#[derive(Clone, Debug)]
pub struct Spec {
    /// As it was written.
    pub text: String,
    name: String,
    settings: Vec<(String, f64)>,
}

impl FromStr for Spec {
    type Err = eyre::Report;

    fn from_str(text: &str) -> Result<Self> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let settings = rest
            .split(',')
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (key, value) = part.split_once('=').ok_or_else(|| eyre!("`{part}` is not key=value"))?;
                Ok((key.to_owned(), value.parse::<f64>()?))
            })
            .collect::<Result<_>>()?;
        Ok(Self { text: text.to_owned(), name: name.to_owned(), settings })
    }
}

impl Spec {
    /// The setting `key`, or `default`.
    pub fn get(&self, key: &str, default: f64) -> f64 {
        self.settings.iter().rev().find(|(k, _)| k == key).map_or(default, |(_, value)| *value)
    }

    /// The same engine with another setting.
    pub fn with(&self, key: &str, value: f64) -> Self {
        let mut spec = self.clone();
        spec.settings.push((key.to_owned(), value));
        spec
    }

    /// The size of the engine's own cache in bytes: `cache`, in MiB.
    pub fn cache_bytes(&self) -> u64 {
        (self.get("cache", 128.0) * 1_048_576.0) as u64
    }

    /// The engine's name without settings.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens the database in the folder `dir`, and creates it if there is none.
    pub fn open(&self, dir: &Path) -> Result<Box<dyn Store>> {
        std::fs::create_dir_all(dir)?;
        Ok(match self.name.as_str() {
            "fjall" => Box::new(engines::fjall::Fjall::open(self, dir)?),
            "redb" => Box::new(engines::redb::Redb::open(self, dir)?),
            "lmdb" => Box::new(engines::lmdb::Lmdb::open(self, dir)?),
            "canopy" => Box::new(engines::canopy::Canopy::open(self, dir)?),
            other => bail!("no engine `{other}`; there are fjall, redb, lmdb and canopy"),
        })
    }
}

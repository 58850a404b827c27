//! How a store is opened.

use std::{fmt, str::FromStr};

/// Settings of a store. They may change from one opening to the next.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes of all caches: a quarter for blocks of the key-value engine's files, the rest for warm accounts, slots, trie
    /// nodes and code. Default 512 MiB.
    pub cache_bytes: u64,
    /// Blocks whose values are kept for questions about the past. Default: the last 128.
    pub history: History,
    /// Blocks whose trie nodes are kept, for proofs of the past and for dropping blocks. Default: the last 128.
    pub proofs: History,
    /// Blocks that may wait in memory before they are moved into the tables, beyond those that are kept there for
    /// questions about the past. Default 64.
    pub max_layers: usize,
    /// Bytes that such blocks may take. Default 256 MiB.
    pub layer_bytes: u64,
    /// Threads of the key-value engine for compaction. Default 2.
    pub compaction_threads: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cache_bytes: 512 << 20,
            history: History::Last(128),
            proofs: History::Last(128),
            max_layers: 64,
            layer_bytes: 256 << 20,
            compaction_threads: 2,
        }
    }
}

/// How much of the past is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Every block.
    Full,
    /// The last so many blocks.
    Last(u64),
}

impl History {
    /// The oldest height that has to be kept when `newest` is the newest.
    pub(crate) const fn oldest(self, newest: u64) -> u64 {
        match self {
            Self::Full => 0,
            Self::Last(blocks) => newest.saturating_sub(blocks),
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::Last(blocks) => write!(f, "{blocks}"),
        }
    }
}

impl FromStr for History {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "full" => Ok(Self::Full),
            _ => text
                .parse()
                .map(Self::Last)
                .map_err(|_| format!("`{text}` is neither `full` nor a number of blocks")),
        }
    }
}

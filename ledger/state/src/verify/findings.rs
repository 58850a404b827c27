//! What does not agree, by name.

use crate::{
    error::StoreError,
    trie::{ACCOUNTS, TrieId},
};
use alloy_primitives::B256;
use alloy_trie::Nibbles;
use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// Something on disk that contradicts something else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inconsistency {
    /// Where.
    pub place: Place,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// Where something is wrong. Accounts and slots are named by the hashes of their addresses and numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The state as a whole.
    State,
    /// An account.
    Account(B256),
    /// The storage with this id.
    Storage {
        /// Its id.
        storage: u64,
        /// Whose it is, if it is somebody's.
        account: Option<B256>,
    },
    /// A slot of a storage.
    Slot {
        /// Id of the storage.
        storage: u64,
        /// Whose it is.
        account: Option<B256>,
        /// Hash of the slot's number.
        slot: B256,
    },
    /// Code with this hash.
    Code(B256),
    /// A node of a trie.
    Node {
        /// Id of the storage; 0 for the trie of accounts.
        storage: u64,
        /// Whose storage it is.
        account: Option<B256>,
        /// Its position: nibbles as hexadecimal digits, none at the top.
        path: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of =
            |account: &Option<B256>| account.map_or_else(String::new, |hash| format!(" of account {hash}"));
        match self {
            Self::State => f.write_str("state"),
            Self::Account(hash) => write!(f, "account {hash}"),
            Self::Storage { storage, account } => write!(f, "storage {storage}{}", of(account)),
            Self::Slot { storage, account, slot } => {
                write!(f, "slot {slot} in storage {storage}{}", of(account))
            }
            Self::Code(hash) => write!(f, "code {hash}"),
            Self::Node { storage: ACCOUNTS, path, .. } => write!(f, "node '{path}' of the trie of accounts"),
            Self::Node { storage, account, path } => {
                write!(f, "node '{path}' of the trie of storage {storage}{}", of(account))
            }
        }
    }
}

/// Which trie, and whose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) storage: TrieId,
    pub(super) account: Option<B256>,
}

impl Owner {
    pub(super) fn node(self, path: &Nibbles) -> Place {
        let digit = |nibble| char::from_digit(u32::from(nibble), 16).expect("a nibble is a digit");
        let path = path.iter().map(digit).collect();
        Place::Node { storage: self.storage, account: self.account, path }
    }

    /// The place of a leaf.
    pub(super) fn leaf(self, key: B256) -> Place {
        let Self { storage, account } = self;
        if storage == ACCOUNTS { Place::Account(key) } else { Place::Slot { storage, account, slot: key } }
    }
}

/// A list with a bound; who fills it ends the work.
pub(super) struct Findings {
    limit: usize,
    list: Mutex<Vec<Inconsistency>>,
    full: AtomicBool,
}

impl Findings {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), list: Mutex::default(), full: AtomicBool::new(false) }
    }

    /// Notes a problem; an error says that there are enough of them.
    pub(super) fn add(&self, place: Place, problem: String) -> Result<(), StoreError> {
        let mut list = self.list.lock().expect("no holder panics");
        if list.len() < self.limit {
            list.push(Inconsistency { place, problem });
            return Ok(());
        }
        self.full.store(true, Ordering::Relaxed);
        Err(StoreError::Cancelled)
    }

    /// Whether there were more than there is room for.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    pub(super) fn into_list(self) -> (Vec<Inconsistency>, bool) {
        let more = self.is_full();
        let mut list = self.list.into_inner().expect("no holder panics");
        list.sort_unstable();
        (list, more)
    }
}

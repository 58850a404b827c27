//! Assembles a running node: a chain, its pool, who orders, who answers.
//!
//! ## What it promises
//! * [`Node::start`] opens a chain, or begins it, and serves it; [`Node::stop`] ends it so that nothing that was told to anybody is
//!   lost, in this order: servers finish what they are at, the sequencer stops, the ledger writes what was ordered, the pool's
//!   journal is saved, the store is closed. A node that is killed instead loses none of its blocks.
//! * Nothing is global. A process may run several nodes, over several chains; [`Threads`] may be shared between them.
//! * Threads that make blocks are not those that answer requests, and go first where there are not enough cores.
//! * Developers' methods are only there if [`NodeConfig::developer`] is, and never on an address that others can reach unless
//!   that was allowed.
//!
//! ## What happens when things fail
//! A node that cannot start leaves no thread and no lock behind. A ledger that halts ([`Node::halted`]) goes on answering
//! questions, is no longer healthy, and says why.
//!
//! ## Limits
//! All queues, caches and pools are bounded by their own settings, which [`NodeConfig`] gathers.

mod beginning;
mod config;
mod consensus_figures;
mod datadir;
mod decided_heads;
mod error;
mod files;
mod genesis_file;
mod metrics;
mod monitor;
mod narrate;
mod node;
mod ordering;
mod serve;
mod settings;
mod threads;

pub use config::{ChainSource, Developer, NodeConfig};
pub use datadir::{Chain, DataDir, read_genesis};
pub use error::NodeError;
pub use files::raise_file_limit;
pub use genesis_file::to_json as genesis_to_json;
pub use node::{Addresses, Node};
pub use ordering::{FollowOrdering, Ordering, ValidatorOrdering};
pub use settings::{
    KEYS, Kind, MAX_SETTINGS_BYTES, Setting, Settings, SettingsError, Source, default_file, parse_size,
};
pub use threads::{ThreadConfig, Threads};

//! Developers' JSON-RPC: the methods of Anvil, Hardhat and Ganache with which tests steer a chain, and chains that continue a
//! remote one.
//!
//! ## What it promises
//! * Methods answer as Anvil 1.7 does, where tools depend on it. They are there only on developers' chains
//!   ([`Context::developer`](mundi_rpc_context::Context::developer)).
//! * What developers change is visible at once at the newest block, becomes part of the next block, and stays an Ethereum
//!   block: only the state that it begins with is not that of the block before.
//! * A snapshot costs nothing that grows with the state; going back costs time in proportion to the blocks dropped.
//! * A chain can be dumped with its history and loaded elsewhere: [`Dump`].
//! * A chain can continue a remote one: [`Fork`].
//!
//! ```no_run
//! # fn run(ctx: mundi_rpc_context::Ctx) -> Option<()> {
//! use mundi_rpc_dev::{Setup, Workbench};
//!
//! let bench = Workbench::new(ctx, Setup::default())?;
//! let methods = bench.methods();
//! assert!(methods.specs().iter().any(|method| method.name == "evm_snapshot"));
//! # Some(()) }
//! ```
//!
//! ## What happens when things fail
//! A change that the ledger refuses has no effect. What steers the chain by several steps (reverting, reorganising, loading) stops at the
//! first step that fails and leaves a chain that is shorter than wanted, but whole.
//!
//! ## Limits
//! Numbers of snapshots, blocks per call, remembered edits and bytes of dumps are bounded by named constants. Going back reaches
//! as far as the store keeps states: developers' chains keep all of them. The chain id and the first block of a running chain
//! cannot change; see [`Replace`].

mod accounts;
mod compose;
mod declare;
mod dump;
mod edits;
mod fork;
mod methods;
mod number;
mod snapshot;
mod token;
mod workbench;

pub use accounts::{
    AccountsError, DEFAULT_DERIVATION_PATH, DEFAULT_MNEMONIC, MAX_ACCOUNTS, developer_accounts,
};
pub use dump::{Dump, DumpError, MAX_DUMP_BYTES};
pub use fork::{CacheConfig, Fork, ForkConfig, ForkError, ForkState, ForkedChain, RemoteError};
pub use workbench::Workbench;

use mundi_chain::Genesis;
use mundi_rpc_context::{Ctx, Methods};
use std::{fmt, sync::Arc};

/// What is known of a chain besides its context.
#[derive(Clone, Default)]
pub struct Setup {
    /// How it began, so that dumps of it can begin a chain. Not for chains that continue a remote one.
    pub genesis: Option<Arc<Genesis>>,
    /// The remote chain that it continues.
    pub fork: Option<Arc<Fork>>,
    /// Who can put another chain in its place.
    pub replace: Option<Arc<dyn Replace>>,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("fork", &self.fork).finish_non_exhaustive()
    }
}

/// Who assembles a chain, and can put another one in the place of the running one, as `anvil_reset` with another remote block wants.
pub trait Replace: Send + Sync {
    /// Continues the remote chain at `url` after `block`, or after its newest one. An error says why not.
    fn replace(&self, url: &str, block: Option<u64>) -> Result<(), String>;
}

/// All developers' methods on a chain of which nothing else is known; none if it is not a developer's.
pub fn methods(ctx: Ctx) -> Methods {
    match Workbench::new(Ctx::clone(&ctx), Setup::default()) {
        Some(bench) => bench.methods(),
        None => Methods::new(ctx),
    }
}

//! What every JSON-RPC method is given, and how it is declared.
//!
//! ## What it promises
//! * A method is declared once, with its name, parameters, result and [`Cost`]: [`Methods`] makes the handler, and the OpenRPC
//!   document, of that one declaration.
//! * Methods never run on the threads that execute blocks. What reads little answers at once; everything else runs on
//!   [`Workers`], which bound how much runs and how much waits, and say so when there is too much.
//! * A parameter that does not parse is error −32602 and names the parameter; nothing that a client sends panics.
//!
//! [`Context`] is all that a method may use: there is nothing global, and a process may serve several chains.

mod accounts;
mod args;
mod blocks;
mod consensus;
mod error;
mod limits;
mod methods;
mod schema;
#[cfg(feature = "test")]
pub mod test;
mod workers;

pub use accounts::Accounts;
pub use args::Args;
pub use consensus::{Behind, Consensus, FinalityTimes, Role};
pub use error::{RpcError, code};
pub use limits::Limits;
pub use methods::{MethodSpec, Methods, Param, optional, required};
pub use schema::Schema;
pub use workers::{Cost, Workers};

use mundi_chain::{Ledger, Sequencer};
use mundi_consensus::Solo;
use mundi_mempool::Mempool;
use std::sync::Arc;

/// What a method is given. Shared; cheap to clone.
pub type Ctx = Arc<Context>;

/// All that a method may use.
pub struct Context {
    /// The chain.
    pub ledger: Arc<Ledger>,
    /// Transactions that wait.
    pub pool: Arc<Mempool>,
    /// Who orders them.
    pub sequencer: Arc<dyn Sequencer>,
    /// With whom, and how far they are; `None` where the node orders alone.
    pub consensus: Option<Consensus>,
    /// Where work is done.
    pub workers: Workers,
    /// How much is allowed.
    pub limits: Limits,
    /// Keys that the node signs with; none outside developers' chains.
    pub accounts: Accounts,
    /// What `web3_clientVersion` says, as in `mundi/v0.1.0/linux-x86_64`.
    pub client_version: String,
    /// What developers' methods steer; `None` outside developers' chains.
    pub developer: Option<Arc<Solo>>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

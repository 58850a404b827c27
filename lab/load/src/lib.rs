//! Load on a running node, and what becomes of it: accepted and committed transactions per second, latencies, what the node spends.
//!
//! ## What it measures
//! A [`Round`] funds fresh senders, deploys a token if the workload needs one, signs all transactions beforehand, and sends them in
//! batches over a few connections, each waiting for the answer to one batch before it sends the next. A watcher asks for new blocks all
//! the while and notes when each transaction is in one.
//!
//! * *accepted*: transactions whose batch was answered with hashes, per second of sending;
//! * *committed*: transactions in blocks, per second from the first batch to the last block;
//! * *latency*: from sending a batch to seeing the block with the transaction. Watching is by polling, so it is at most
//!   [`watch::POLL`] too long;
//! * *ceiling*: how many senders the cores that the generator leaves to the node could recover, if they did nothing else.
//!
//! Nothing but standard JSON-RPC is used, so any node can be measured.
//!
//! A [`Light`] load is one transfer at a time: how long until its receipt, and until it is final.
//!
//! A [`FloodBench`] measures something else: what becomes of the making of blocks while a node is flooded with expensive requests. It
//! needs developers' methods and figures that are Mundi's.
//!
//! ## Limits
//! Everything shares one machine: the generator's own use of it is reported. Signed transactions are held in memory, about 250 bytes
//! each.

mod connection;
mod flood;
mod light;
mod process;
mod report;
mod round;
mod senders;
mod watch;

pub use connection::{Connection, LoadError, Transport};
pub use flood::{
    FloodBench, FloodReport, FloodTally, Heavy, KindTally, Machine, RatioReport, Spread, Stages, stand_back,
};
pub use light::{Light, LightReport};
pub use process::{Child, Usage};
pub use report::{Latency, LoadReport, NodeReport, Summary};
pub use round::{Outcome, Round};
pub use senders::{Senders, Workload, recovery_rate};
pub use watch::POLL;

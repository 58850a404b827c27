//! A network of nodes: its files, its processes, its faults.
//!
//! ## Files
//! [`create`](NewNetwork::write) makes the folder of a network, [`Layout`] reads it:
//!
//! ```text
//! DIR/genesis.json            the first block
//! DIR/network.json            who the validators are and where; the same for all, no secret
//! DIR/nodeI/mundi.toml        the node's settings (I = 0 … N − 1)
//! DIR/nodeI/validator.json    its secret keys; only its owner may read it
//! DIR/nodeI/data/             its chain
//! DIR/run/                    while it runs here: log lines, control socket, locks
//! ```
//!
//! ## Processes
//! A [`Supervisor`] runs the nodes of a folder as processes of this machine: it starts them, keeps their log lines (one file each, and
//! one with those of all), asks them once a second how they are, and takes [orders](control) over a Unix socket: kill a node, restart
//! it, pause it, separate nodes from each other. It never restarts what ended by itself: a node that failed is shown as failed.
//!
//! ## Faults
//! Between the nodes is a TCP proxy that can delay, lose, hold and cut what they say to each other: [`faults`].
//!
//! ## Drawing
//! What there is to know is a [`Snapshot`]; [`dashboard`] draws it as text.

pub mod control;
pub mod dashboard;
pub mod faults;

mod create;
mod journal;
mod layout;
mod lines;
mod lock;
mod ports;
mod shell;
mod snapshot;
mod supervisor;

pub use create::{CreateError, Dealt, DealtNode, NewNetwork, Placement};
pub use journal::{Shown, ShownLine};
pub use layout::{Layout, LayoutError, NodePlace};
pub use lock::{LockError, Orphan, OrphanEnd};
pub use ports::{DEFAULT_PORTS, InvalidPorts, MAX_NODES, Ports};
pub use shell::quoted;
pub use snapshot::{ChainView, NodeState, NodeView, Reading, Snapshot};
pub use supervisor::{Supervisor, SupervisorConfig, SupervisorError};

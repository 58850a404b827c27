//! Faults of a network, made on purpose: a TCP proxy in front of each node of one machine.
//!
//! ```text
//!  node 0 ──dials node 1──►  public address of node 1        node 1
//!                            ┌───────────────────────┐
//!                            │ who dials? (the key)  │
//!                            │ link 0→1 ───────────► │ ───►  the address it listens on
//!                            │ ◄─────────── link 1→0 │ ◄───
//!                            └───────────────────────┘
//! ```
//!
//! Peers know each other by their public addresses, and on these the proxy listens. A dialer says who it is in the first bytes of its
//! handshake, in the clear ([`prelude`]); the proxy reads that much, passes it on unchanged, and knows which ordered pair of nodes
//! each direction belongs to.
//!
//! ## What it promises
//! * Bytes arrive unchanged, in order and once, or the connection ends: what a fault does to them is what it does to TCP.
//! * Each ordered pair has a [`Link`] that can be changed at any time ([`Links`]) and takes effect on connections that exist.
//!   - *delay*, *jitter*: a segment arrives later, never before the one ahead of it;
//!   - *bandwidth*: what is sent faster waits its turn;
//!   - *loss*: each lost packet of [`PACKET`] bytes holds everything behind it up for one retransmission timeout ([`RETRANSMISSION`]
//!     and a round trip), which is what a loss is to those who read a TCP stream;
//!   - *stalled*: bytes are held, nothing is closed: a silent partition, seen by timeouts only;
//!   - *cut*: connections are closed, new ones are refused.
//! * Each fault is counted ([`Counts`]), so that a test can prove that it happened.
//! * Which packets are lost and how much jitter there is follows from a seed, the pair and the number of its connection. The clock
//!   is the system's, so runs are alike and not identical.
//!
//! ## Limits
//! A connection is shaped by itself: two connections of one pair have its bandwidth each. A direction holds at most
//! [`ProxyConfig::window`] bytes, then it is read no further, and the sender feels it as it would feel a full network. A listener
//! has at most [`MAX_CONNECTIONS`] connections; more are closed at once. Who does not say who it is within [`PRELUDE_TIME`] is cut
//! off, and so is who is no node of the network.

mod link;
mod links;
mod prelude;
mod proxy;
mod relay;
mod shaper;

pub use link::{Gate, InvalidLink, Link, Quality};
pub use links::{Counts, Links};
pub use prelude::{PRELUDE_TIME, PeerKey};
pub use proxy::{MAX_CONNECTIONS, ProxiedNode, Proxy, ProxyConfig, ProxyError};
pub use shaper::{PACKET, RETRANSMISSION};

//! JSON-RPC over HTTP, WebSocket and IPC, with limits.
//!
//! ```text
//!  TCP ── Host, Origin, token ──► POST ─────────────┐
//!                             └─► WebSocket ─┐      ├─► Dispatcher ──► methods
//!  Unix socket ──────────────────────────────┴─ Session ┘     └──► raw transactions of a batch, together
//! ```
//!
//! ## What it promises
//! * [`start`] opens everything that [`ServerConfig`] asks for, or nothing, and its errors say what to do. [`ServerHandle::stop`]
//!   ends everything: calls in flight are answered within a grace, and nothing is left running.
//! * A request is treated the same on every transport: one object or a batch, answered in order. A call without an id is not
//!   answered and does nothing. Parameters are a list. Nesting is as deep as the parser of a parameter goes (128), however deep the
//!   request is.
//! * In a batch, `eth_sendRawTransaction` calls that stand next to each other go to [`ServerConfig::submit`] together, so that their
//!   signatures are recovered in parallel. Everything else of a batch runs one after another. When the answers exceed what an answer
//!   may have, the calls that follow are not run, and each is told so.
//! * A fault of a method, even a panic, is error −32603 of its call and harms no other.
//!
//! ## Who is let in
//! Web pages and foreign names are kept out as the module `access` says. A listener that is not on a loopback address does not have
//! the methods of developers and operators ([`privilege`]), unless [`ServerConfig::privileged_in_public`] says so. The admin
//! listener takes requests with a token ([`JwtSecret`]) only. The Unix socket belongs to its owner (mode 0600).
//!
//! ## Limits
//! All are in [`TransportLimits`]. What a client can make the server hold is bounded: by connections, by the size of a request and of an
//! answer, by the requests of a connection that are in flight, by its notifications that wait, and by all requests and answers
//! together. Who sends too slowly, or reads too slowly what is ready for it, is dropped. A client of HTTP that closes its side of
//! the connection is taken to have left, and what it asked for is given up; on the Unix socket it still gets its answers.
//!
//! ## What is counted
//! `rpc_requests_total{method}`, `rpc_request_seconds{method}`, `rpc_errors_total{code}`, `rpc_rejected_total{reason}`,
//! `rpc_connections{transport}`, `rpc_subscriptions`, by the `metrics` recorder that is in force when the server starts.

mod access;
mod answer;
mod batch;
mod body;
mod budget;
mod codes;
mod config;
mod dispatch;
mod error;
mod face;
mod filter;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod ipc;
mod jwt;
mod listen;
mod metrics;
mod openrpc;
mod patience;
mod server;
mod session;
mod split;
mod subscriber;
mod ws;

pub use access::{Hosts, Origins};
pub use codes::{KNOWN_CODES, is_known_code};
pub use config::{AdminConfig, BatchSubmit, ServerConfig, TransportLimits};
pub use error::ServerError;
pub use filter::{MethodFilter, Privilege, privilege};
pub use jwt::{JwtError, JwtSecret, JwtSecretError, MAX_AGE};
pub use openrpc::openrpc;
pub use server::{ServerHandle, start};

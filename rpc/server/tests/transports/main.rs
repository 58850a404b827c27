//! A server as its clients meet it: over real sockets, well-behaved and not.

mod abuse;
mod access;
mod batch;
mod client;
mod http;
mod ipc;
mod limits;
mod metrics;
mod probe;
mod start;
mod ws;

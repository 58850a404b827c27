//! Tracing JSON-RPC: debug, trace and Otterscan.
//!
//! ## What it promises
//! * A trace is what happened: a block's transactions run again on the state of its parent, by the rules of its fork, system calls
//!   and all.
//! * Forms, messages and codes are those that tools know: geth's for `debug`, OpenEthereum's for `trace`, Erigon's for `ots`.
//! * Nothing is traced into memory without bound. While a transaction runs, [`Limits::call_time`] and what is left of
//!   [`Limits::response_bytes`] are watched, and it is stopped when either is used up. Struct logs are written as text at once.
//!
//! ## How
//! `replay` executes a block's transactions one after another; `above` executes calls on top of a block. Each transaction has
//! an inspector in a `watch`: the struct logger of this crate, or one of revm-inspectors. Results are appended to an
//! `answer`.
//!
//! ## What happens when things fail
//! A trace that takes too long or grows too big is an error of the whole request: there are no partial traces. JavaScript is not
//! run; a tracer of that kind is refused by name. What is older than the states that the store keeps is refused with the oldest
//! block that can be traced.
//!
//! [`Limits::call_time`]: mundi_rpc_context::Limits::call_time
//! [`Limits::response_bytes`]: mundi_rpc_context::Limits::response_bytes

mod above;
mod answer;
mod debug;
mod declare;
mod duration;
mod filter;
mod otterscan;
mod parity;
mod replay;
mod reward;
mod search;
mod struct_log;
mod tracer;
mod watch;

pub use declare::methods;

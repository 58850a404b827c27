//! The methods on small chains, and Ethereum's conformance cases.

mod conformance;
mod contracts;
mod debug;
mod otterscan;
mod trace;

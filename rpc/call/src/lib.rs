//! Ethereum JSON-RPC that executes: calls, estimates, simulations, building.
//!
//! ## What it promises
//! * A call sees one state and one block, from its beginning to its end, and changes neither.
//! * Results, messages and codes are those of geth, where clients depend on them.
//! * A call ends: [`Limits`](mundi_rpc_context::Limits) bound its gas, its time and its memory.
//!
//! ## For other crates
//! What calls are made of serves tracing and developers' methods too:
//!
//! * [`View`]: a state with changes on top, as a revm database;
//! * [`Environment`]: what transactions see of a block, and its rules; [`Environment::for_calls`] drops the checks that calls need
//!   not pass;
//! * [`machine`], [`transact`], [`inspect`]: the virtual machine over both, with a [`Budget`] of time;
//! * [`replay_before`]: the state in the middle of a block.
//!
//! ## What happens when things fail
//! A state that cannot be read is an internal error of the method. Everything else is an error of the request, or a result that
//! says so.

mod access_list;
mod block_access_list;
mod budget;
mod build;
mod call;
mod environment;
mod estimate;
mod fill;
mod machine;
mod message;
mod methods;
mod outcome;
mod overrides;
mod precompiles;
mod refusal;
mod simulate;
mod steps;
mod view;

pub use block_access_list::executed_again;
pub use budget::Budget;
pub use environment::Environment;
pub use estimate::estimate;
pub use fill::fill_request;
pub use machine::{CallContext, Machine, MachineError, inspect, machine, machine_error, transact};
pub use message::Message;
pub use methods::methods;
pub use outcome::{halt_message, returned, revert_message, reverted};
pub use overrides::{apply_state_overrides, overridden_environment};
pub use precompiles::Precompiles;
pub use refusal::{CheckError, Refusal, check};
pub use steps::{before_transactions, replay_before};
pub use view::View;

#[cfg(test)]
mod tests;

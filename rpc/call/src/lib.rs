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
mod budget;
mod call;
mod deposits;
mod eip1283;
mod environment;
mod estimate;
mod machine;
mod message;
mod outcome;
mod overrides;
mod precompiles;
mod refusal;
mod steps;
mod view;

pub use budget::Budget;
pub use environment::{Environment, cfg_env};
pub use estimate::estimate;
pub use machine::{CallContext, Machine, MachineError, inspect, machine, machine_error, transact};
pub use message::Message;
pub use outcome::{halt_message, returned, revert_message, reverted};
pub use overrides::{apply_state_overrides, overridden_environment};
pub use precompiles::Precompiles;
pub use refusal::{CheckError, Refusal, check};
pub use steps::{after_transactions, before_transactions, replay_before};
pub use view::View;

use mundi_rpc_context::{Cost, Ctx, Methods, Schema, optional, required};

/// The methods of this crate.
pub fn methods(ctx: Ctx) -> Methods {
    let mut methods = Methods::new(ctx);
    let call = [
        required("transaction", Schema::Any),
        optional("block", Schema::BlockId),
        optional("stateOverrides", Schema::Any),
        optional("blockOverrides", Schema::Any),
    ];
    methods.add(
        Cost::Execute,
        "eth_call",
        "Runs a call and gives what it returns; nothing is changed.",
        &call,
        Schema::Bytes,
        call::call,
    );
    methods.add(
        Cost::Execute,
        "eth_estimateGas",
        "Finds a gas limit with which a transaction succeeds, at most 1.5 % above the least.",
        &call,
        Schema::Quantity,
        estimate::estimate_gas,
    );
    methods.add(
        Cost::Execute,
        "eth_createAccessList",
        "Gives the access list of a transaction (EIP-2930), and the gas that it uses with it.",
        &call,
        ACCESS_LIST_RESULT,
        access_list::create,
    );
    methods.add(
        Cost::Execute,
        "eth_callMany",
        "Runs bundles of calls, each on the state that the one before left.",
        &[
            required("bundles", Schema::Array(&Schema::Any)),
            optional("simulateContext", Schema::Any),
            optional("stateOverrides", Schema::Any),
        ],
        Schema::Array(&Schema::Array(&Schema::Object(&[
            ("value", Schema::Bytes, false),
            ("error", Schema::Text, false),
        ]))),
        call::call_many,
    );
    methods
}

const ACCESS_LIST: Schema = Schema::Array(&Schema::Object(&[
    ("address", Schema::Address, true),
    ("storageKeys", Schema::Array(&Schema::Hash), true),
]));

const ACCESS_LIST_RESULT: Schema = Schema::Object(&[
    ("accessList", ACCESS_LIST, true),
    ("gasUsed", Schema::Quantity, true),
    ("error", Schema::Text, false),
]);

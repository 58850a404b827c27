//! The methods, declared.

use crate::{access_list, block_access_list, build, call, estimate, fill, simulate};
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
    methods.add(
        Cost::Execute,
        "eth_simulateV1",
        "Simulates blocks with calls in them, after a block.",
        &[required("payload", Schema::Any), optional("block", Schema::BlockId)],
        Schema::Array(&SIMULATED_BLOCK),
        simulate::simulate,
    );
    methods.add(
        Cost::Execute,
        "eth_fillTransaction",
        "Fills in fees, nonce, gas and chain id of a transaction; it only lacks a signature then.",
        &[required("transaction", Schema::Any)],
        Schema::Object(&[("raw", Schema::Bytes, true), ("tx", Schema::Object(&[]), true)]),
        fill::fill,
    );
    methods.add(
        Cost::Execute,
        "testing_buildBlockV1",
        "Builds a block after a block, with given transactions or those of the pool; it is not added to the chain.",
        &[
            required("parentHash", Schema::Hash),
            required("payloadAttributes", Schema::Any),
            optional("transactions", Schema::Array(&Schema::Bytes)),
            optional("extraData", Schema::Bytes),
        ],
        BUILT_BLOCK,
        build::build,
    );
    methods.add(
        Cost::Execute,
        "eth_getBlockAccessList",
        "Gives what a block accessed (EIP-7928); the block is executed again for it.",
        &[required("block", Schema::BlockId)],
        Schema::Nullable(&Schema::Array(&Schema::Object(&[("address", Schema::Address, true)]))),
        block_access_list::list,
    );
    methods.add(
        Cost::Execute,
        "debug_getRawBlockAccessList",
        "Gives what a block accessed (EIP-7928) as RLP; the block is executed again for it.",
        &[required("block", Schema::BlockId)],
        Schema::Nullable(&Schema::Bytes),
        block_access_list::raw,
    );
    methods
}

const BUILT_BLOCK: Schema = Schema::Object(&[
    (
        "executionPayload",
        Schema::Object(&[
            ("parentHash", Schema::Hash, true),
            ("blockHash", Schema::Hash, true),
            ("stateRoot", Schema::Hash, true),
            ("blockNumber", Schema::Quantity, true),
            ("timestamp", Schema::Quantity, true),
            ("gasLimit", Schema::Quantity, true),
            ("gasUsed", Schema::Quantity, true),
            ("transactions", Schema::Array(&Schema::Bytes), true),
        ]),
        true,
    ),
    ("blockValue", Schema::Quantity, true),
    (
        "blobsBundle",
        Schema::Object(&[
            ("commitments", Schema::Array(&Schema::Bytes), true),
            ("proofs", Schema::Array(&Schema::Bytes), true),
            ("blobs", Schema::Array(&Schema::Bytes), true),
        ]),
        true,
    ),
    ("executionRequests", Schema::Array(&Schema::Bytes), true),
    ("shouldOverrideBuilder", Schema::Bool, true),
]);

const SIMULATED_BLOCK: Schema = Schema::Object(&[
    ("number", Schema::Quantity, true),
    ("hash", Schema::Hash, true),
    ("parentHash", Schema::Hash, true),
    ("stateRoot", Schema::Hash, true),
    ("timestamp", Schema::Quantity, true),
    ("gasLimit", Schema::Quantity, true),
    ("gasUsed", Schema::Quantity, true),
    ("transactions", Schema::Array(&Schema::Any), true),
    ("calls", Schema::Array(&SIMULATED_CALL), true),
]);

const SIMULATED_CALL: Schema = Schema::Object(&[
    ("returnData", Schema::Bytes, true),
    ("logs", Schema::Array(&Schema::Any), true),
    ("gasUsed", Schema::Quantity, true),
    ("maxUsedGas", Schema::Quantity, true),
    ("status", Schema::Enum(&["0x0", "0x1"]), true),
    (
        "error",
        Schema::Object(&[
            ("code", Schema::Number, true),
            ("message", Schema::Text, true),
            ("data", Schema::Bytes, false),
        ]),
        false,
    ),
]);

const ACCESS_LIST: Schema = Schema::Array(&Schema::Object(&[
    ("address", Schema::Address, true),
    ("storageKeys", Schema::Array(&Schema::Hash), true),
]));

const ACCESS_LIST_RESULT: Schema = Schema::Object(&[
    ("accessList", ACCESS_LIST, true),
    ("gasUsed", Schema::Quantity, true),
    ("error", Schema::Text, false),
]);

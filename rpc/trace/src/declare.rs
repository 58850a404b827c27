//! The methods with their parameters and results.

use crate::{debug, filter, otterscan, parity, search};
use mundi_rpc_context::{Cost, Ctx, Methods, Schema, optional, required};

const NUMBER: Schema = Schema::OneOf(&[Schema::Number, Schema::Quantity]);
const HEIGHT: Schema = Schema::OneOf(&[Schema::Number, Schema::BlockTag]);
const CALL: Schema = Schema::Object(&[
    ("from", Schema::Nullable(&Schema::Address), false),
    ("to", Schema::Nullable(&Schema::Address), false),
    ("gas", Schema::Nullable(&Schema::Quantity), false),
    ("value", Schema::Nullable(&Schema::Quantity), false),
    ("input", Schema::Nullable(&Schema::Bytes), false),
    ("data", Schema::Nullable(&Schema::Bytes), false),
]);
const TRACE_OPTIONS: Schema = Schema::Object(&[
    ("tracer", Schema::Text, false),
    ("tracerConfig", Schema::Any, false),
    ("timeout", Schema::Text, false),
    ("enableMemory", Schema::Bool, false),
    ("disableStack", Schema::Bool, false),
    ("disableStorage", Schema::Bool, false),
    ("enableReturnData", Schema::Bool, false),
    ("limit", Schema::Number, false),
]);
const BLOCK_TRACES: Schema =
    Schema::Array(&Schema::Object(&[("txHash", Schema::Hash, true), ("result", Schema::Any, true)]));
const TRACE_TYPES: Schema = Schema::Array(&Schema::Enum(&["trace", "vmTrace", "stateDiff"]));
const TRACE_RESULTS: Schema = Schema::Object(&[
    ("output", Schema::Bytes, true),
    ("stateDiff", Schema::Nullable(&Schema::Map(&Schema::Any)), true),
    ("trace", Schema::Array(&Schema::Any), true),
    ("vmTrace", Schema::Nullable(&Schema::Any), true),
]);
const LOCAL_TRACE: Schema = Schema::Object(&[
    ("action", Schema::Any, true),
    ("blockHash", Schema::Hash, true),
    ("blockNumber", Schema::Number, true),
    ("result", Schema::Any, true),
    ("subtraces", Schema::Number, true),
    ("traceAddress", Schema::Array(&Schema::Number), true),
    ("transactionHash", Schema::Nullable(&Schema::Hash), true),
    ("transactionPosition", Schema::Nullable(&Schema::Number), true),
    ("type", Schema::Enum(&["call", "create", "suicide", "reward"]), true),
]);
const LOCAL_TRACES: Schema = Schema::Array(&LOCAL_TRACE);
const FILTER: Schema = Schema::Object(&[
    ("fromBlock", Schema::Nullable(&Schema::BlockTag), false),
    ("toBlock", Schema::Nullable(&Schema::BlockTag), false),
    ("fromAddress", Schema::Nullable(&Schema::Array(&Schema::Address)), false),
    ("toAddress", Schema::Nullable(&Schema::Array(&Schema::Address)), false),
    ("mode", Schema::Nullable(&Schema::Enum(&["union", "intersection"])), false),
    ("after", Schema::Nullable(&Schema::Number), false),
    ("count", Schema::Nullable(&Schema::Number), false),
]);
const OPERATION: Schema = Schema::Object(&[
    ("type", Schema::Number, true),
    ("from", Schema::Address, true),
    ("to", Schema::Address, true),
    ("value", Schema::Quantity, true),
]);
const TRACE_ENTRY: Schema = Schema::Object(&[
    ("type", Schema::Text, true),
    ("depth", Schema::Number, true),
    ("from", Schema::Address, true),
    ("to", Schema::Address, true),
    ("value", Schema::Nullable(&Schema::Quantity), true),
    ("input", Schema::Bytes, true),
    ("output", Schema::Bytes, true),
]);
const DETAILS: Schema = Schema::Object(&[
    ("block", Schema::Object(&[("transactionCount", Schema::Number, true)]), true),
    (
        "issuance",
        Schema::Object(&[
            ("blockReward", Schema::Quantity, true),
            ("uncleReward", Schema::Quantity, true),
            ("issuance", Schema::Quantity, true),
        ]),
        true,
    ),
    ("totalFees", Schema::Quantity, true),
]);
const BLOCK_PAGE: Schema = Schema::Object(&[
    ("fullblock", Schema::Object(&[("transactionCount", Schema::Number, true)]), true),
    ("receipts", Schema::Array(&Schema::Any), true),
]);
const SEARCH_PAGE: Schema = Schema::Object(&[
    ("txs", Schema::Array(&Schema::Any), true),
    ("receipts", Schema::Array(&Schema::Any), true),
    ("firstPage", Schema::Bool, true),
    ("lastPage", Schema::Bool, true),
]);
const CREATOR: Schema = Schema::Object(&[("hash", Schema::Hash, true), ("creator", Schema::Address, true)]);

/// The methods of all three kinds.
pub fn methods(ctx: Ctx) -> Methods {
    let mut methods = Methods::new(ctx);
    debug_methods(&mut methods);
    trace_methods(&mut methods);
    ots_methods(&mut methods);
    methods
}

fn debug_methods(methods: &mut Methods) {
    let cost = Cost::Execute;
    let options = optional("options", TRACE_OPTIONS);
    methods.add(
        cost,
        "debug_traceTransaction",
        "Executes a transaction again and traces it.",
        &[required("hash", Schema::Hash), options],
        Schema::Any,
        debug::transaction,
    );
    methods.add(
        cost,
        "debug_traceBlockByNumber",
        "Executes a block's transactions again and traces each.",
        &[required("block", Schema::BlockTag), options],
        BLOCK_TRACES,
        debug::block_by_number,
    );
    methods.add(
        cost,
        "debug_traceBlockByHash",
        "Executes a block's transactions again and traces each.",
        &[required("hash", Schema::Hash), options],
        BLOCK_TRACES,
        debug::block_by_hash,
    );
    methods.add(
        cost,
        "debug_traceBlock",
        "Executes the transactions of an RLP-encoded block, whose parent is known, and traces each.",
        &[required("block", Schema::Bytes), options],
        BLOCK_TRACES,
        debug::block,
    );
    methods.add(
        cost,
        "debug_traceCall",
        "Executes a call on top of a block, or in the middle of one, and traces it.",
        &[required("call", CALL), optional("block", Schema::BlockId), options],
        Schema::Any,
        debug::call,
    );
    methods.add(
        cost,
        "debug_traceCallMany",
        "Executes bundles of calls, each on top of those before it, and traces each.",
        &[
            required(
                "bundles",
                Schema::Array(&Schema::Object(&[("transactions", Schema::Array(&CALL), true)])),
            ),
            optional("context", Schema::Object(&[("blockNumber", Schema::BlockId, false)])),
            options,
        ],
        Schema::Array(&Schema::Array(&Schema::Any)),
        debug::call_many,
    );
}

fn trace_methods(methods: &mut Methods) {
    let cost = Cost::Execute;
    let types = required("types", TRACE_TYPES);
    let block = optional("block", Schema::BlockId);
    methods.add(
        cost,
        "trace_block",
        "The calls and creations of a block's transactions, and its rewards.",
        &[required("block", Schema::BlockId)],
        Schema::Nullable(&LOCAL_TRACES),
        parity::block,
    );
    methods.add(
        cost,
        "trace_transaction",
        "The calls and creations of a transaction.",
        &[required("hash", Schema::Hash)],
        Schema::Nullable(&LOCAL_TRACES),
        parity::transaction,
    );
    methods.add(
        cost,
        "trace_get",
        "One of the calls and creations of a transaction, by its number.",
        &[required("hash", Schema::Hash), required("indices", Schema::Array(&NUMBER))],
        Schema::Nullable(&LOCAL_TRACE),
        parity::get,
    );
    methods.add(
        cost,
        "trace_filter",
        "Calls, creations and rewards of many blocks, chosen by who takes part.",
        &[required("filter", FILTER)],
        LOCAL_TRACES,
        filter::filter,
    );
    methods.add(
        cost,
        "trace_call",
        "Executes a call on top of a block and traces it.",
        &[
            required("call", CALL),
            types,
            block,
            optional("stateOverrides", Schema::Map(&Schema::Any)),
            optional("blockOverrides", Schema::Map(&Schema::Any)),
        ],
        TRACE_RESULTS,
        parity::call,
    );
    methods.add(
        cost,
        "trace_callMany",
        "Executes calls on top of each other and traces each.",
        &[required("calls", Schema::Array(&Schema::Array(&Schema::Any))), block],
        Schema::Array(&TRACE_RESULTS),
        parity::call_many,
    );
    methods.add(
        cost,
        "trace_rawTransaction",
        "Executes a signed transaction on top of a block, without sending it, and traces it.",
        &[required("transaction", Schema::Bytes), types, block],
        TRACE_RESULTS,
        parity::raw_transaction,
    );
    methods.add(
        cost,
        "trace_replayTransaction",
        "Executes a transaction again and traces it.",
        &[required("hash", Schema::Hash), types],
        TRACE_RESULTS,
        parity::replay_transaction,
    );
    methods.add(
        cost,
        "trace_replayBlockTransactions",
        "Executes a block's transactions again and traces each.",
        &[required("block", Schema::BlockId), types],
        Schema::Nullable(&Schema::Array(&TRACE_RESULTS)),
        parity::replay_block,
    );
}

fn ots_methods(methods: &mut Methods) {
    let hash = [required("hash", Schema::Hash)];
    methods.add(
        Cost::Light,
        "ots_getApiLevel",
        "The version of these methods.",
        &[],
        Schema::Number,
        otterscan::api_level,
    );
    methods.add(
        Cost::Read,
        "ots_hasCode",
        "Whether an account has code.",
        &[required("address", Schema::Address), optional("block", Schema::BlockId)],
        Schema::Bool,
        otterscan::has_code,
    );
    methods.add(
        Cost::Execute,
        "ots_getInternalOperations",
        "Transfers, creations and destructions inside a transaction.",
        &hash,
        Schema::Array(&OPERATION),
        otterscan::internal_operations,
    );
    methods.add(
        Cost::Execute,
        "ots_getTransactionError",
        "What a transaction reverted with; empty if it did not.",
        &hash,
        Schema::Bytes,
        otterscan::transaction_error,
    );
    methods.add(
        Cost::Execute,
        "ots_traceTransaction",
        "The calls and creations of a transaction as a list.",
        &hash,
        Schema::Nullable(&Schema::Array(&TRACE_ENTRY)),
        otterscan::trace_transaction,
    );
    methods.add(
        Cost::Read,
        "ots_getBlockDetails",
        "A block without transactions, what it issued and the fees of its transactions.",
        &[required("block", HEIGHT)],
        Schema::Nullable(&DETAILS),
        otterscan::block_details,
    );
    methods.add(
        Cost::Read,
        "ots_getBlockDetailsByHash",
        "A block without transactions, what it issued and the fees of its transactions.",
        &hash,
        Schema::Nullable(&DETAILS),
        otterscan::block_details_by_hash,
    );
    methods.add(
        Cost::Read,
        "ots_getBlockTransactions",
        "A page of a block's transactions, shortened.",
        &[required("block", HEIGHT), required("page", NUMBER), required("size", NUMBER)],
        Schema::Nullable(&BLOCK_PAGE),
        otterscan::block_transactions,
    );
    let page = [required("address", Schema::Address), required("block", NUMBER), required("size", NUMBER)];
    methods.add(
        Cost::Execute,
        "ots_searchTransactionsBefore",
        "Transactions that an address takes part in, from a block down.",
        &page,
        SEARCH_PAGE,
        search::before,
    );
    methods.add(
        Cost::Execute,
        "ots_searchTransactionsAfter",
        "Transactions that an address takes part in, from a block up.",
        &page,
        SEARCH_PAGE,
        search::after,
    );
    methods.add(
        Cost::Read,
        "ots_getTransactionBySenderAndNonce",
        "The transaction that used a sender's nonce.",
        &[required("address", Schema::Address), required("nonce", NUMBER)],
        Schema::Nullable(&Schema::Hash),
        search::by_sender_and_nonce,
    );
    methods.add(
        Cost::Execute,
        "ots_getContractCreator",
        "Who created a contract, and in which transaction.",
        &[required("address", Schema::Address)],
        Schema::Nullable(&CREATOR),
        search::contract_creator,
    );
}

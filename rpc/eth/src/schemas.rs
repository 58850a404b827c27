//! What results look like.

use mundi_rpc_context::Schema;

/// A quantity or nothing.
pub(crate) const MAYBE_QUANTITY: Schema = Schema::Nullable(&Schema::Quantity);
const MAYBE_HASH: Schema = Schema::Nullable(&Schema::Hash);
const MAYBE_ADDRESS: Schema = Schema::Nullable(&Schema::Address);
pub(crate) const MAYBE_BYTES: Schema = Schema::Nullable(&Schema::Bytes);

pub(crate) const TRANSACTION: Schema = Schema::Object(&[
    ("hash", Schema::Hash, true),
    ("type", Schema::Quantity, true),
    ("nonce", Schema::Quantity, true),
    ("from", Schema::Address, true),
    ("to", MAYBE_ADDRESS, true),
    ("value", Schema::Quantity, true),
    ("input", Schema::Bytes, true),
    ("gas", Schema::Quantity, true),
    ("gasPrice", Schema::Quantity, true),
    ("maxFeePerGas", Schema::Quantity, false),
    ("maxPriorityFeePerGas", Schema::Quantity, false),
    ("maxFeePerBlobGas", Schema::Quantity, false),
    ("blobVersionedHashes", Schema::Array(&Schema::Hash), false),
    ("accessList", Schema::Array(&Schema::Any), false),
    ("authorizationList", Schema::Array(&Schema::Any), false),
    ("chainId", Schema::Quantity, false),
    ("v", Schema::Quantity, true),
    ("r", Schema::Quantity, true),
    ("s", Schema::Quantity, true),
    ("yParity", Schema::Quantity, false),
    ("blockHash", MAYBE_HASH, true),
    ("blockNumber", MAYBE_QUANTITY, true),
    ("blockTimestamp", MAYBE_QUANTITY, false),
    ("transactionIndex", MAYBE_QUANTITY, true),
]);

pub(crate) const LOG: Schema = Schema::Object(&[
    ("address", Schema::Address, true),
    ("topics", Schema::Array(&Schema::Hash), true),
    ("data", Schema::Bytes, true),
    ("blockHash", MAYBE_HASH, true),
    ("blockNumber", MAYBE_QUANTITY, true),
    ("blockTimestamp", MAYBE_QUANTITY, false),
    ("transactionHash", MAYBE_HASH, true),
    ("transactionIndex", MAYBE_QUANTITY, true),
    ("logIndex", MAYBE_QUANTITY, true),
    ("removed", Schema::Bool, true),
]);

pub(crate) const RECEIPT: Schema = Schema::Object(&[
    ("transactionHash", Schema::Hash, true),
    ("transactionIndex", Schema::Quantity, true),
    ("type", Schema::Quantity, true),
    ("blockHash", MAYBE_HASH, true),
    ("blockNumber", Schema::Quantity, true),
    ("from", Schema::Address, true),
    ("to", MAYBE_ADDRESS, true),
    ("contractAddress", MAYBE_ADDRESS, true),
    ("gasUsed", Schema::Quantity, true),
    ("cumulativeGasUsed", Schema::Quantity, true),
    ("effectiveGasPrice", Schema::Quantity, true),
    ("status", Schema::Quantity, false),
    ("root", Schema::Hash, false),
    ("logs", Schema::Array(&LOG), true),
    ("logsBloom", Schema::Bytes, true),
    ("blobGasUsed", Schema::Quantity, false),
    ("blobGasPrice", Schema::Quantity, false),
]);

macro_rules! header_fields {
    ($($more:tt)*) => {
        &[
            ("number", Schema::Quantity, true),
            ("hash", MAYBE_HASH, true),
            ("parentHash", Schema::Hash, true),
            ("sha3Uncles", Schema::Hash, true),
            ("miner", MAYBE_ADDRESS, true),
            ("stateRoot", Schema::Hash, true),
            ("transactionsRoot", Schema::Hash, true),
            ("receiptsRoot", Schema::Hash, true),
            ("logsBloom", Schema::Bytes, true),
            ("difficulty", Schema::Quantity, true),
            ("gasLimit", Schema::Quantity, true),
            ("gasUsed", Schema::Quantity, true),
            ("timestamp", Schema::Quantity, true),
            ("extraData", Schema::Bytes, true),
            ("mixHash", Schema::Hash, true),
            ("nonce", MAYBE_BYTES, true),
            ("baseFeePerGas", Schema::Quantity, false),
            ("withdrawalsRoot", Schema::Hash, false),
            ("blobGasUsed", Schema::Quantity, false),
            ("excessBlobGas", Schema::Quantity, false),
            ("parentBeaconBlockRoot", Schema::Hash, false),
            ("requestsHash", Schema::Hash, false),
            $($more)*
        ]
    };
}

const WITHDRAWAL: Schema = Schema::Object(&[
    ("index", Schema::Quantity, true),
    ("validatorIndex", Schema::Quantity, true),
    ("address", Schema::Address, true),
    ("amount", Schema::Quantity, true),
]);

pub(crate) const HEADER: Schema = Schema::Object(header_fields!());

pub(crate) const UNCLE: Schema = Schema::Object(header_fields!(
    ("size", Schema::Quantity, true),
    ("uncles", Schema::Array(&Schema::Hash), true),
));

pub(crate) const BLOCK: Schema = Schema::Object(header_fields!(
    ("size", Schema::Quantity, true),
    ("uncles", Schema::Array(&Schema::Hash), true),
    ("transactions", Schema::OneOf(&[Schema::Array(&Schema::Hash), Schema::Array(&TRANSACTION)]), true),
    ("withdrawals", Schema::Array(&WITHDRAWAL), false),
));

pub(crate) const FEE_HISTORY: Schema = Schema::Object(&[
    ("oldestBlock", Schema::Quantity, true),
    ("baseFeePerGas", Schema::Array(&Schema::Quantity), false),
    ("gasUsedRatio", Schema::Array(&Schema::Number), true),
    ("baseFeePerBlobGas", Schema::Array(&Schema::Quantity), false),
    ("blobGasUsedRatio", Schema::Array(&Schema::Number), false),
    ("reward", Schema::Array(&Schema::Array(&Schema::Quantity)), false),
]);

pub(crate) const PROOF: Schema = Schema::Object(&[
    ("address", Schema::Address, true),
    ("accountProof", Schema::Array(&Schema::Bytes), true),
    ("balance", Schema::Quantity, true),
    ("codeHash", Schema::Hash, true),
    ("nonce", Schema::Quantity, true),
    ("storageHash", Schema::Hash, true),
    (
        "storageProof",
        Schema::Array(&Schema::Object(&[
            ("key", Schema::Text, true),
            ("value", Schema::Quantity, true),
            ("proof", Schema::Array(&Schema::Bytes), true),
        ])),
        true,
    ),
]);

const RESOURCE: Schema = Schema::Object(&[
    ("disabled", Schema::Bool, true),
    ("oldestBlock", Schema::Quantity, false),
    (
        "deleteStrategy",
        Schema::Object(&[
            ("type", Schema::Enum(&["window"]), true),
            ("retentionBlocks", Schema::Quantity, true),
        ]),
        false,
    ),
]);

pub(crate) const CAPABILITIES: Schema = Schema::Object(&[
    ("head", Schema::Object(&[("number", Schema::Quantity, true), ("hash", Schema::Hash, true)]), true),
    ("state", RESOURCE, true),
    ("tx", RESOURCE, true),
    ("logs", RESOURCE, true),
    ("receipts", RESOURCE, true),
    ("blocks", RESOURCE, true),
    ("stateproofs", RESOURCE, true),
]);

pub(crate) const SYNCING: Schema = Schema::OneOf(&[
    Schema::Bool,
    Schema::Object(&[
        ("startingBlock", Schema::Quantity, true),
        ("currentBlock", Schema::Quantity, true),
        ("highestBlock", Schema::Quantity, true),
    ]),
]);

const FORK_CONFIG: Schema = Schema::Object(&[
    ("activationTime", Schema::Number, true),
    (
        "blobSchedule",
        Schema::Object(&[
            ("baseFeeUpdateFraction", Schema::Number, true),
            ("max", Schema::Number, true),
            ("target", Schema::Number, true),
        ]),
        true,
    ),
    ("chainId", Schema::Quantity, true),
    ("forkId", Schema::Bytes, true),
    ("precompiles", Schema::Map(&Schema::Address), true),
    ("systemContracts", Schema::Map(&Schema::Address), true),
]);

pub(crate) const CONFIG: Schema = Schema::Object(&[
    ("current", FORK_CONFIG, true),
    ("next", Schema::Nullable(&FORK_CONFIG), true),
    ("last", Schema::Nullable(&FORK_CONFIG), true),
]);

const BY_NONCE: Schema = Schema::Map(&TRANSACTION);

pub(crate) const POOL_OF_SENDER: Schema =
    Schema::Object(&[("pending", BY_NONCE, true), ("queued", BY_NONCE, true)]);

pub(crate) const POOL_CONTENT: Schema =
    Schema::Object(&[("pending", Schema::Map(&BY_NONCE), true), ("queued", Schema::Map(&BY_NONCE), true)]);

const LINES: Schema = Schema::Map(&Schema::Map(&Schema::Text));

pub(crate) const POOL_LINES: Schema = Schema::Object(&[("pending", LINES, true), ("queued", LINES, true)]);

pub(crate) const POOL_STATUS: Schema =
    Schema::Object(&[("pending", Schema::Quantity, true), ("queued", Schema::Quantity, true)]);

pub(crate) const SIDECARS: Schema = Schema::Array(&SIDECAR);

pub(crate) const SIDECAR: Schema = Schema::Object(&[
    (
        "blobSidecar",
        Schema::Object(&[
            ("blobs", Schema::Array(&Schema::Bytes), true),
            ("commitments", Schema::Array(&Schema::Bytes), true),
            ("proofs", Schema::Array(&Schema::Bytes), true),
        ]),
        true,
    ),
    ("blockHash", Schema::Hash, true),
    ("blockNumber", Schema::Quantity, true),
    ("txHash", Schema::Hash, true),
    ("txIndex", Schema::Quantity, true),
]);

pub(crate) const BLOBS: Schema = Schema::Array(&Schema::Nullable(&Schema::Object(&[
    ("blob", Schema::Bytes, true),
    ("commitment", Schema::Bytes, true),
    ("proofs", Schema::Array(&Schema::Bytes), true),
])));

pub(crate) const SIGNED: Schema =
    Schema::Object(&[("raw", Schema::Bytes, true), ("tx", TRANSACTION_UNPLACED, true)]);

/// A transaction that was never sent anywhere.
const TRANSACTION_UNPLACED: Schema = Schema::Object(&[
    ("hash", Schema::Hash, true),
    ("type", Schema::Quantity, true),
    ("nonce", Schema::Quantity, true),
    ("gas", Schema::Quantity, true),
    ("r", Schema::Quantity, true),
    ("s", Schema::Quantity, true),
]);

pub(crate) const ACCOUNT: Schema = Schema::Nullable(&Schema::Object(&[
    ("nonce", Schema::Quantity, true),
    ("balance", Schema::Quantity, true),
    ("storageRoot", Schema::Hash, true),
    ("codeHash", Schema::Hash, true),
]));

pub(crate) const ACCOUNT_INFO: Schema = Schema::Object(&[
    ("balance", Schema::Quantity, true),
    ("nonce", Schema::Quantity, true),
    ("code", Schema::Bytes, true),
]);

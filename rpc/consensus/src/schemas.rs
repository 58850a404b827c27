//! What results look like.

use mundi_rpc_context::Schema;

const LIST: Schema = Schema::Array(&Schema::Bytes);

pub(crate) const STATUS: Schema = Schema::Object(&[
    ("role", Schema::Enum(&["solo", "validator", "follower"]), true),
    ("chainId", Schema::Quantity, true),
    ("genesisHash", Schema::Hash, true),
    ("coded", Schema::Nullable(&Schema::Bool), true),
    ("groupKey", Schema::Nullable(&Schema::Bytes), true),
    ("ordered", Schema::Quantity, true),
    ("executed", Schema::Quantity, true),
    ("executedHash", Schema::Hash, true),
    ("finalized", Schema::Quantity, true),
    ("lag", Schema::Quantity, true),
    ("view", Schema::Quantity, true),
    ("peers", Schema::Quantity, true),
    (
        "finality",
        Schema::Nullable(&Schema::Object(&[
            ("payloads", Schema::Quantity, true),
            ("meanSeconds", Schema::Number, true),
        ])),
        true,
    ),
    ("caughtUp", Schema::Bool, true),
    ("fault", Schema::Nullable(&Schema::Text), true),
]);

pub(crate) const SERVED: Schema = Schema::Array(&Schema::Object(&[
    ("payload", Schema::Bytes, true),
    ("certificate", Schema::Nullable(&Schema::Bytes), false),
]));

pub(crate) const FINALIZED_PAYLOAD: Schema = Schema::Object(&[
    ("genesisHash", Schema::Hash, true),
    ("coded", Schema::Bool, true),
    ("height", Schema::Quantity, true),
    ("certificate", Schema::Bytes, true),
    ("payloadHeaders", LIST, true),
]);

pub(crate) const FINALIZED_HEADER: Schema = Schema::Object(&[
    ("genesisHash", Schema::Hash, true),
    ("coded", Schema::Bool, true),
    ("certificate", Schema::Bytes, true),
    ("payloadHeaders", LIST, true),
    ("headers", LIST, true),
]);

pub(crate) const OFFER: Schema =
    Schema::Object(&[("finalizedHeader", FINALIZED_HEADER, true), ("bytes", Schema::Quantity, true)]);

pub(crate) const FINALIZED_ACCOUNT: Schema = Schema::Object(&[
    ("finalizedHeader", FINALIZED_HEADER, true),
    (
        "proof",
        Schema::Object(&[
            ("address", Schema::Address, true),
            ("balance", Schema::Quantity, true),
            ("codeHash", Schema::Hash, true),
            ("nonce", Schema::Quantity, true),
            ("storageHash", Schema::Hash, true),
            ("accountProof", LIST, true),
            (
                "storageProof",
                Schema::Array(&Schema::Object(&[
                    ("key", Schema::Text, true),
                    ("value", Schema::Quantity, true),
                    ("proof", LIST, true),
                ])),
                true,
            ),
        ]),
        true,
    ),
]);

pub(crate) const RECEIPT_PROOF: Schema = Schema::Object(&[
    ("transactionIndex", Schema::Quantity, true),
    ("transaction", Schema::Bytes, true),
    ("transactionProof", LIST, true),
    ("receipt", Schema::Bytes, true),
    ("receiptProof", LIST, true),
]);

pub(crate) const FINALIZED_RECEIPT: Schema =
    Schema::Object(&[("finalizedHeader", FINALIZED_HEADER, true), ("proof", RECEIPT_PROOF, true)]);

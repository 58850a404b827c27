//! What there is to ask.

use crate::{
    GenesisFile, payloads,
    proofs::{self, header_of},
    schemas,
    status::Status,
};
use alloy_primitives::{B256, U64};
use mundi_rpc_context::{Args, Consensus, Cost, Ctx, Methods, RpcError, Schema, code, optional, required};
use serde_json::value::RawValue;

pub(crate) fn add(methods: &mut Methods, genesis: Option<GenesisFile>) {
    methods.add(
        Cost::Read,
        "mundi_status",
        "What part the node has in ordering, and how far it is.",
        &[],
        schemas::STATUS,
        |ctx, _| Ok(Status::of(ctx)),
    );
    methods.add(
        Cost::Read,
        "mundi_getGenesis",
        "The genesis file of the chain, with which another node can follow it.",
        &[],
        Schema::Map(&Schema::Any),
        move |_, _| {
            let Some(genesis) = &genesis else {
                return Err(unsupported("this chain continues a foreign one, and has no genesis of its own"));
            };
            let text = String::from_utf8(genesis()).map_err(RpcError::internal)?;
            RawValue::from_string(text).map_err(RpcError::internal)
        },
    );
    methods.add(
        Cost::Read,
        "mundi_getFinalized",
        "Final payloads from a height on, as many as fit into so many bytes and one at least, each with its certificate if it has \
         one: for those who follow. None if there is nothing new.",
        &[required("from", Schema::Quantity), required("bytes", Schema::Quantity)],
        schemas::SERVED,
        |ctx, mut args| {
            let (from, bytes): (U64, U64) = (args.next()?, args.next()?);
            payloads::finalized(ctx, consensus(ctx)?, from.to(), bytes.to())
        },
    );
    methods.add(
        Cost::Read,
        "mundi_getSnapshot",
        "The newest state that is offered to those who begin: of which block, and that it is final; null if there is none. If it is \
         old, a new one is made meanwhile.",
        &[],
        Schema::Nullable(&schemas::OFFER),
        |ctx, _| consensus(ctx).map(payloads::snapshot),
    );
    methods.add(
        Cost::Read,
        "mundi_getSnapshotChunk",
        "A part of the state file of a height that is offered, all but the last of the same length.",
        &[required("height", Schema::Quantity), required("index", Schema::Quantity)],
        Schema::Bytes,
        |ctx, mut args| {
            let (height, index): (U64, U64) = (args.next()?, args.next()?);
            payloads::chunk(consensus(ctx)?, height.to(), index.to())
        },
    );
    proofs(methods);
}

fn proofs(methods: &mut Methods) {
    methods.add(
        Cost::Read,
        "mundi_getCertificate",
        "The certificate of the payload at a height, or of one after it with the payload headers in between.",
        &[required("height", Schema::BlockTag)],
        schemas::FINALIZED_PAYLOAD,
        |ctx, mut args: Args<'_>| {
            let height = ctx.height(args.next()?)?;
            proofs::payload(ctx, consensus(ctx)?, height)
        },
    );
    methods.add(
        Cost::Read,
        "mundi_getFinalizedHeader",
        "The header of a block, and all that proves to anybody who knows the group key that it is final.",
        &[required("block", Schema::BlockId)],
        schemas::FINALIZED_HEADER,
        |ctx, mut args: Args<'_>| {
            let block = header_of(ctx, args.next()?)?;
            proofs::header(ctx, consensus(ctx)?, block.header.number)
        },
    );
    methods.add(
        Cost::Read,
        "mundi_getFinalizedAccount",
        "An account and slots of it after a block, and all that proves them.",
        &[
            required("address", Schema::Address),
            required("slots", Schema::Array(&Schema::Text)),
            optional("block", Schema::BlockId),
        ],
        schemas::FINALIZED_ACCOUNT,
        |ctx, mut args: Args<'_>| {
            let (address, slots) = (args.next()?, args.next()?);
            proofs::account(ctx, consensus(ctx)?, address, slots, args.optional()?)
        },
    );
    methods.add(
        Cost::Read,
        "mundi_getFinalizedReceipt",
        "A transaction and its receipt, and all that proves them.",
        &[required("hash", Schema::Hash)],
        Schema::Nullable(&schemas::FINALIZED_RECEIPT),
        |ctx, mut args: Args<'_>| {
            let hash: B256 = args.next()?;
            proofs::receipt(ctx, consensus(ctx)?, &hash)
        },
    );
    methods.add(
        Cost::Read,
        "mundi_getReceiptProof",
        "The proof that a transaction and its receipt are in their block, without that of the block.",
        &[required("hash", Schema::Hash)],
        Schema::Nullable(&schemas::RECEIPT_PROOF),
        |ctx, mut args: Args<'_>| {
            let hash: B256 = args.next()?;
            let found = ctx.ledger.transaction(&hash)?;
            found.map(|(block, index)| proofs::receipt_proof(&block, index)).transpose()
        },
    );
}

/// What is known of ordering, where there are certificates.
fn consensus(ctx: &Ctx) -> Result<&Consensus, RpcError> {
    ctx.consensus.as_ref().ok_or_else(|| {
        unsupported(
            "this node orders alone, so there are no certificates; ask a node of a network of validators",
        )
    })
}

fn unsupported(message: &str) -> RpcError {
    RpcError::new(code::UNSUPPORTED, message)
}

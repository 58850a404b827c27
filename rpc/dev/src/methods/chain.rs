//! About the chain, and settings that change little.

use crate::{
    Workbench,
    declare::Declare,
    dump,
    number::{NUMBER, Number},
};
use alloy_primitives::{B256, Bytes, U64, U256};
use mundi_mempool::Order;
use mundi_rpc_context::{RpcError, Schema, code, required};
use mundi_rpc_eth::next_fees;
use serde_json::{Value, json};

/// Tip that is added to the base fee for the suggested price: 1 gwei.
const SUGGESTED_TIP: u64 = 1_000_000_000;

const INFO: Schema = Schema::Object(&[
    ("currentBlockNumber", Schema::Quantity, true),
    ("currentBlockTimestamp", Schema::Number, true),
    ("currentBlockHash", Schema::Hash, true),
    ("hardFork", Schema::Text, true),
    ("transactionOrder", Schema::Enum(&["fees", "fifo"]), true),
    (
        "environment",
        Schema::Object(&[
            ("baseFee", Schema::Quantity, true),
            ("chainId", Schema::Number, true),
            ("gasLimit", Schema::Quantity, true),
            ("gasPrice", Schema::Quantity, true),
        ]),
        true,
    ),
    ("forkConfig", Schema::Object(&[("forkUrl", Schema::Nullable(&Schema::Text), true)]), true),
]);

const METADATA: Schema = Schema::Object(&[
    ("clientVersion", Schema::Text, true),
    ("chainId", Schema::Number, true),
    ("instanceId", Schema::Hash, true),
    ("latestBlockNumber", Schema::Number, true),
    ("latestBlockHash", Schema::Hash, true),
    ("forkedNetwork", Schema::Nullable(&Schema::Object(&[])), true),
    ("snapshots", Schema::Map(&Schema::Array(&Schema::Any)), true),
]);

pub(super) fn declare(declare: &mut Declare<'_>) {
    declare.add(
        &["anvil_nodeInfo"],
        "The newest block, the rules, the fees and what the chain continues.",
        &[],
        INFO,
        |bench, _| Ok(bench.info()),
    );
    declare.add(
        &["anvil_metadata", "hardhat_metadata"],
        "The client, the newest block, what the chain continues, and the saves of it.",
        &[],
        METADATA,
        |bench, _| Ok(bench.metadata()),
    );
    declare.add(
        &["anvil_getGenesisTime"],
        "Time of the first block, in seconds since 1970.",
        &[],
        Schema::Number,
        |bench, _| {
            let first = bench.ctx.ledger.block(bench.origin)?;
            let first = first.ok_or_else(|| RpcError::not_found("the first block is not kept"))?;
            Ok(first.header.timestamp)
        },
    );
    settings(declare);
    blobs(declare);
    dumps(declare);
}

fn settings(declare: &mut Declare<'_>) {
    declare.add(
        &["anvil_setChainId"],
        "Not supported, unless it is the chain's: the id is part of every block's rules.",
        &[required("chainId", NUMBER)],
        Schema::Null,
        |bench, mut args| {
            let (given, own) = (args.next::<Number>()?.0, bench.ctx.ledger.spec().chain_id());
            if given == U256::from(own) {
                return Ok(());
            }
            let message =
                format!("the chain id stays {own} while the chain runs: start it with --chain-id {given}");
            Err(RpcError::new(code::UNSUPPORTED, message))
        },
    );
    declare.add(
        &["anvil_setRpcUrl"],
        "From where the remote chain is read from here on. Without a remote chain it does nothing.",
        &[required("url", Schema::Text)],
        Schema::Null,
        |bench, mut args| {
            let url = args.next::<String>()?;
            match &bench.setup.fork {
                Some(fork) => fork.set_url(&url).map_err(|error| RpcError::invalid_params(error.to_string())),
                None => Ok(()),
            }
        },
    );
    declare.add(
        &["anvil_setLoggingEnabled", "hardhat_setLoggingEnabled"],
        "Accepted, and without effect: what is logged is for whoever runs the node to say.",
        &[required("enabled", Schema::Bool)],
        Schema::Null,
        |_, mut args| args.next::<bool>().map(drop),
    );
    declare.add(
        &["anvil_enableTraces"],
        "Accepted, and without effect: every transaction can be traced at any time.",
        &[],
        Schema::Null,
        |_, _| Ok(()),
    );
    declare.add(
        &["hardhat_addCompilationResult"],
        "Accepted, and without effect; gives whether the result is used, which it is not.",
        &[
            required("solcVersion", Schema::Text),
            required("input", Schema::Any),
            required("output", Schema::Any),
        ],
        Schema::Bool,
        |_, _| Ok(false),
    );
}

fn blobs(declare: &mut Declare<'_>) {
    declare.add(
        &["anvil_getBlobByHash"],
        "A blob by its versioned hash, if it waits or was included lately.",
        &[required("hash", Schema::Hash)],
        Schema::Nullable(&Schema::Bytes),
        |bench, mut args| {
            let hash = args.next::<B256>()?;
            let found = bench.ctx.pool.blobs(&[hash]).into_iter().next().flatten();
            Ok(found.map(|found| Bytes::copy_from_slice(found.blob().as_slice())))
        },
    );
    declare.add(
        &["anvil_getBlobsByTransactionHash"],
        "The blobs of a transaction that waits or was included lately.",
        &[required("hash", Schema::Hash)],
        Schema::Nullable(&Schema::Array(&Schema::Bytes)),
        |bench, mut args| {
            let sidecar = bench.ctx.pool.sidecar(&args.next::<B256>()?);
            Ok(sidecar.map(|sidecar| -> Vec<Bytes> {
                sidecar.blobs().iter().map(|blob| Bytes::copy_from_slice(blob.as_slice())).collect()
            }))
        },
    );
}

fn dumps(declare: &mut Declare<'_>) {
    declare.add_long(
        &["anvil_dumpState", "hardhat_dumpState"],
        "The chain with its blocks and everything that its states follow from, compressed.",
        &[],
        Schema::Bytes,
        |_| Ok(()),
        |bench, ()| bench.dump().map(Bytes::from).map_err(dump::to_rpc),
    );
    declare.add_long(
        &["anvil_loadState", "hardhat_loadState"],
        "Puts a dumped chain in the place of this one; of Anvil's dumps the accounts are taken over.",
        &[required("state", Schema::Bytes)],
        Schema::Bool,
        |mut args| args.next::<Bytes>(),
        |bench, bytes| bench.load(&bytes).map(|()| true).map_err(dump::to_rpc),
    );
}

impl Workbench {
    fn info(&self) -> Value {
        let head = self.ctx.ledger.head();
        let header = &head.block.header;
        let fork = self.setup.fork.as_ref();
        let base_fee = next_fees(&self.ctx).base_fee.unwrap_or_default();
        let gas_limit = self.solo.next_block().gas_limit.unwrap_or(header.gas_limit);
        json!({
            "currentBlockNumber": U64::from(header.number),
            "currentBlockTimestamp": header.timestamp,
            "currentBlockHash": head.block.hash,
            "hardFork": self.ctx.ledger.spec().fork_at(self.ctx.ledger.point(&head.block)).to_string(),
            "transactionOrder": match self.ctx.pool.config().order { Order::Fees => "fees", Order::Fifo => "fifo" },
            "environment": {
                "baseFee": U64::from(base_fee),
                "chainId": self.ctx.ledger.spec().chain_id(),
                "gasLimit": U64::from(gas_limit),
                "gasPrice": U64::from(base_fee.saturating_add(SUGGESTED_TIP)),
            },
            "forkConfig": {
                "forkUrl": fork.map(|fork| fork.shown_url()),
                "forkBlockNumber": fork.map(|fork| fork.height()),
                "forkRetryBackoff": fork.map(|fork| fork.backoff().as_millis() as u64),
            },
        })
    }

    fn metadata(&self) -> Value {
        let notes = self.notes();
        let head = self.ctx.ledger.head();
        let snapshots: serde_json::Map<_, _> = notes
            .snapshots
            .iter()
            .map(|(id, saved)| (format!("{id:#x}"), json!([saved.height, saved.hash])))
            .collect();
        json!({
            "clientVersion": self.ctx.client_version,
            "clientSemver": null,
            "clientCommitSha": "",
            "chainId": self.ctx.ledger.spec().chain_id(),
            "instanceId": self.instance(&notes),
            "latestBlockNumber": head.block.header.number,
            "latestBlockHash": head.block.hash,
            "forkedNetwork": self.setup.fork.as_ref().map(|fork| json!({
                "chainId": fork.chain_id(),
                "forkBlockNumber": fork.height(),
                "forkBlockHash": fork.hash(),
            })),
            "snapshots": snapshots,
        })
    }
}

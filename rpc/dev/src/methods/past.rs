//! Going back: snapshots, resets, rollbacks, reorganisations.

use crate::{
    Workbench, compose,
    declare::Declare,
    methods::mining::not_produced,
    number::{NUMBER, Number},
};
use alloy_primitives::Bytes;
use alloy_rpc_types_eth::TransactionRequest;
use mundi_chain::{OrderedTransaction, Sequencer as _};
use mundi_consensus::Mining;
use mundi_rpc_context::{Args, RpcError, Schema, code, optional, required};
use serde::Deserialize;
use std::sync::Arc;

/// Blocks that one call replaces at most.
const MAX_DEPTH: u64 = 10_000;
/// Transactions that one call puts into the new blocks at most.
const MAX_TRANSACTIONS: usize = 100_000;

/// Where a chain is to go on from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Forking {
    json_rpc_url: Option<String>,
    block_number: Option<Number>,
}

/// What a reset takes: Hardhat's form, or Anvil's.
#[derive(Deserialize)]
struct ResetOptions {
    #[serde(default)]
    forking: Option<Forking>,
    #[serde(flatten)]
    plain: Forking,
}

/// A transaction of a reorganisation.
#[derive(Deserialize)]
#[serde(untagged)]
enum Replacement {
    Raw(Bytes),
    Request(Box<TransactionRequest>),
}

pub(super) fn declare(declare: &mut Declare<'_>) {
    declare.add(
        &["evm_snapshot", "anvil_snapshot"],
        "Saves the chain as it is, with what waits and what is decided; gives the number of the save.",
        &[],
        Schema::Quantity,
        |bench, _| bench.snapshot().map(|id| format!("{id:#x}")),
    );
    declare.add_long(
        &["evm_revert", "anvil_revert"],
        "Goes back to a save, and drops it with all later ones. Whether there was one.",
        &[required("snapshot", NUMBER)],
        Schema::Bool,
        |mut args| args.next::<Number>(),
        |bench, id| u64::try_from(id.0).map_or(Ok(false), |id| bench.revert(id)),
    );
    declare.add_long(
        &["anvil_rollback"],
        "Drops the newest blocks, one unless said otherwise. Their transactions do not come back.",
        &[optional("depth", NUMBER)],
        Schema::Null,
        |mut args| args.optional::<Number>()?.map_or(Ok(1), |depth| depth.at_most(u64::MAX, "depth")),
        |bench, depth| {
            let mut notes = bench.notes();
            bench.solo.pause(|| bench.roll_back(&mut notes, depth))
        },
    );
    declare.add_long(
        &["anvil_reorg"],
        "Replaces the newest blocks by as many others, which hold the given transactions.",
        &[required("depth", NUMBER), optional("transactions", Schema::Array(&Schema::Array(&Schema::Any)))],
        Schema::Null,
        |mut args| {
            let depth = args.next::<Number>()?.at_most(MAX_DEPTH, "depth")?;
            Ok((depth, args.optional::<Vec<(Replacement, Number)>>()?.unwrap_or_default()))
        },
        |bench, (depth, transactions)| bench.reorganise(depth, transactions),
    );
    declare.add_long(
        &["anvil_reset", "hardhat_reset"],
        "Begins the chain anew; a chain that continues a remote one may name its origin.",
        &[optional(
            "options",
            Schema::Object(&[
                (
                    "forking",
                    Schema::Object(&[("jsonRpcUrl", Schema::Text, false), ("blockNumber", NUMBER, false)]),
                    false,
                ),
                ("jsonRpcUrl", Schema::Text, false),
                ("blockNumber", NUMBER, false),
            ]),
        )],
        Schema::Null,
        parse_reset,
        |bench, origin| bench.reset_to(origin),
    );
}

fn parse_reset(mut args: Args<'_>) -> Result<Option<Forking>, RpcError> {
    let Some(ResetOptions { forking, plain }) = args.optional::<ResetOptions>()? else { return Ok(None) };
    Ok(match forking {
        Some(forking) => Some(forking),
        None if plain.json_rpc_url.is_some() || plain.block_number.is_some() => Some(plain),
        None => None,
    })
}

impl Workbench {
    /// Begins anew where it began, or where whoever assembled the chain can begin another one.
    fn reset_to(&self, origin: Option<Forking>) -> Result<(), RpcError> {
        let Some(Forking { json_rpc_url, block_number }) = origin else { return self.reset() };
        let block = block_number.map(|number| number.at_most(u64::MAX, "blockNumber")).transpose()?;
        let here = self.setup.fork.as_ref().is_some_and(|fork| {
            json_rpc_url.as_ref().is_none_or(|url| *url == fork.url())
                && block.is_none_or(|block| block == fork.height())
        });
        if here {
            return self.reset();
        }
        let url = json_rpc_url.or_else(|| self.setup.fork.as_ref().map(|fork| fork.url()));
        match (&self.setup.replace, url) {
            (_, None) => Err(RpcError::invalid_params(
                "forking.jsonRpcUrl is missing, and the chain does not continue a remote one",
            )),
            (Some(replace), Some(url)) => replace.replace(&url, block).map_err(RpcError::invalid_input),
            (None, Some(_)) => Err(RpcError::new(
                code::UNSUPPORTED,
                "a running chain cannot continue another one: start a chain with --fork-url URL --fork-block-number N",
            )),
        }
    }

    fn reorganise(&self, depth: u64, transactions: Vec<(Replacement, Number)>) -> Result<(), RpcError> {
        if transactions.len() > MAX_TRANSACTIONS {
            return Err(RpcError::limit(format!(
                "transactions: expected at most {MAX_TRANSACTIONS}, got {}",
                transactions.len()
            )));
        }
        let blocks = usize::try_from(depth).unwrap_or(usize::MAX);
        let mut by_block: Vec<Vec<Replacement>> = (0..blocks).map(|_| Vec::new()).collect();
        for (transaction, at) in transactions {
            let at = usize::try_from(at.0).unwrap_or(usize::MAX);
            let place = by_block.get_mut(at).ok_or_else(|| {
                RpcError::invalid_params(format!("block {at}: expected less than the depth of {depth}"))
            })?;
            place.push(transaction);
        }
        let mut notes = self.notes();
        // What waits is not for these blocks.
        let mining = self.solo.mining();
        self.solo.set_mining(Mining::Manual);
        let result = self.replace_blocks(&mut notes, depth, by_block);
        self.solo.set_mining(mining);
        self.solo.wake();
        result
    }

    fn replace_blocks(
        &self,
        notes: &mut crate::workbench::Notes,
        depth: u64,
        by_block: Vec<Vec<Replacement>>,
    ) -> Result<(), RpcError> {
        self.solo.pause(|| self.roll_back(notes, depth))?;
        for replacements in by_block {
            let mut block: Vec<Arc<OrderedTransaction>> = Vec::with_capacity(replacements.len());
            for replacement in replacements {
                let (envelope, sender) = match replacement {
                    Replacement::Raw(bytes) => compose::decoded(self, &bytes)?,
                    Replacement::Request(request) => {
                        let from = request.from;
                        let earlier = |tx: &&Arc<OrderedTransaction>| Some(tx.sender) == from;
                        let used = block.iter().filter(earlier).count() as u64;
                        compose::composed(self, *request, used)?
                    }
                };
                block.push(Arc::new(OrderedTransaction::new(envelope, sender)));
            }
            let sealed = self.solo.produce_of(block).map_err(not_produced)?;
            if let Some((hash, reason)) = sealed.skipped.first() {
                return Err(RpcError::invalid_input(format!(
                    "transaction {hash} is not valid in its block: {reason}"
                )));
            }
        }
        Ok(())
    }
}

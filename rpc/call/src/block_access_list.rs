//! `eth_getBlockAccessList`: what a block accessed (EIP-7928), found by executing it again.

use alloy_eips::BlockId;
use alloy_primitives::Bytes;
use mundi_chain::block_env;
use mundi_execution::{Block, BlockOutput, Mode, NoSink, Ommer, Options, Transaction, execute};
use mundi_rpc_context::{Args, Context, Ctx, RpcError};
use mundi_state::BlockRecord;
use serde::Serialize;
use std::num::NonZeroUsize;

/// `eth_getBlockAccessList`.
pub(crate) fn list(
    ctx: &Ctx,
    mut args: Args<'_>,
) -> Result<Option<impl Serialize + Clone + Send + use<>>, RpcError> {
    match block(ctx, &mut args)? {
        Some(block) => Ok(Some(executed_again(ctx, &block)?.access_list.unwrap_or_default())),
        None => Ok(None),
    }
}

/// `debug_getRawBlockAccessList`: the same as RLP.
pub(crate) fn raw(ctx: &Ctx, mut args: Args<'_>) -> Result<Option<Bytes>, RpcError> {
    match block(ctx, &mut args)? {
        Some(block) => {
            let list = executed_again(ctx, &block)?.access_list.unwrap_or_default();
            Ok(Some(alloy_rlp::encode(&list).into()))
        }
        None => Ok(None),
    }
}

fn block(ctx: &Ctx, args: &mut Args<'_>) -> Result<Option<std::sync::Arc<BlockRecord>>, RpcError> {
    let id: BlockId = args.next()?;
    ctx.block(id)
}

/// Executes a block of the chain again, with its access list.
pub fn executed_again(ctx: &Context, block: &BlockRecord) -> Result<BlockOutput, RpcError> {
    let header = &block.header;
    if header.number == 0 {
        return Err(RpcError::invalid_input("the genesis block accesses nothing: it is not executed"));
    }
    let state = ctx.ledger.state_before(header.number)?;
    let (spec, point) = (ctx.ledger.spec(), ctx.ledger.point(block));
    let transactions = block.body.transactions.iter().zip(&block.senders);
    let executable = Block {
        env: block_env(spec, point, header),
        rules: spec.rules_at(point),
        parent_hash: header.parent_hash,
        parent_beacon_block_root: header.parent_beacon_block_root,
        transactions: transactions.map(|(tx, sender)| Transaction::from_envelope(tx, *sender)).collect(),
        ommers: block
            .body
            .ommers
            .iter()
            .map(|ommer| Ommer { beneficiary: ommer.beneficiary, number: ommer.number })
            .collect(),
        withdrawals: block.body.withdrawals.as_ref().map(|list| list.to_vec()),
    };
    // On this thread alone: other requests want theirs.
    let options =
        Options { collect_access_list: true, ..Options::new(NonZeroUsize::MIN).with_mode(Mode::Sequential) };
    execute(&executable, &state, ctx.workers.pool(), &options, &mut NoSink).map_err(|error| {
        RpcError::internal(format!("block {} cannot be executed again: {error}", header.number))
    })
}

//! What waits.

use crate::{compose, declare::Declare};
use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::TransactionRequest;
use mundi_chain::Sequencer as _;
use mundi_rpc_context::{RpcError, Schema, code, required};

pub(super) fn declare(declare: &mut Declare<'_>) {
    declare.add(
        &["anvil_dropTransaction", "hardhat_dropTransaction"],
        "Takes a transaction that waits out of the pool; gives its hash, or null if there is none.",
        &[required("hash", Schema::Hash)],
        Schema::Nullable(&Schema::Hash),
        |bench, mut args| {
            let hash = args.next::<B256>()?;
            // While nothing is under way, what is taken out is in no block.
            Ok(bench.solo.pause(|| bench.ctx.pool.remove(&hash)).map(|transaction| transaction.hash()))
        },
    );
    declare.add(
        &["anvil_dropAllTransactions", "hardhat_dropAllTransactions"],
        "Takes everything that waits out of the pool.",
        &[],
        Schema::Null,
        |bench, _| {
            bench.solo.pause(|| bench.ctx.pool.clear());
            Ok(())
        },
    );
    declare.add(
        &["anvil_removePoolTransactions"],
        "Takes everything that an account sent and that waits out of the pool.",
        &[required("address", Schema::Address)],
        Schema::Null,
        |bench, mut args| {
            let address = args.next::<Address>()?;
            bench.solo.pause(|| bench.ctx.pool.remove_sender(&address));
            Ok(())
        },
    );
    declare.add_long(
        &["eth_sendUnsignedTransaction"],
        "Sends a transaction in the name of any account, without a signature.",
        &[required("transaction", Schema::Object(&[("from", Schema::Address, true)]))],
        Schema::Hash,
        |mut args| args.next::<TransactionRequest>(),
        |bench, request| {
            if request.from.is_none() {
                return Err(RpcError::invalid_params("transaction.from is missing"));
            }
            let (envelope, sender) = compose::unsigned(bench, request)?;
            let hash = bench.ctx.pool.submit_unsigned(envelope, sender);
            let hash = hash.map_err(|error| RpcError::new(code::REJECTED, error.to_string()))?;
            bench.solo.wake();
            Ok(hash)
        },
    );
}

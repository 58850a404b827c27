//! `eth_fillTransaction`: a request with everything that it did not say.

use crate::{environment::Environment, estimate::estimate, message::Message, simulate::Unsigned};
use alloy_eips::BlockId;
use alloy_primitives::Bytes;
use alloy_rpc_types_eth::{TransactionInput, TransactionRequest};
use mundi_execution::StateSnapshot as _;
use mundi_rpc_context::{Args, Context, Ctx, RpcError};
use revm::primitives::hardfork::SpecId;
use serde::Serialize;
use serde_json::Value;

/// What the proposer is offered when the request does not say: a gigawei.
const TIP: u128 = 1_000_000_000;

/// A transaction that only lacks a signature.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Filled {
    raw: Bytes,
    tx: Value,
}

/// `eth_fillTransaction`.
pub(crate) fn fill(ctx: &Ctx, mut args: Args<'_>) -> Result<Filled, RpcError> {
    let request: TransactionRequest = args.next()?;
    let request = fill_request(ctx, request)?;
    let (environment, header) = Environment::pending(ctx);
    let nonce = request.nonce.unwrap_or_default();
    let legacy = request.gas_price.is_some() || header.base_fee_per_gas.is_none();
    let message = Message::new(request, &environment, u64::MAX)?;
    let unsigned = Unsigned::new(&message, nonce, legacy);
    let mut tx = unsigned.to_json(|_| {}).map_err(RpcError::internal)?;
    if let Value::Object(fields) = &mut tx {
        for place in ["blockHash", "blockNumber", "transactionIndex", "from"] {
            fields.remove(place);
        }
    }
    Ok(Filled { raw: unsigned.encoded, tx })
}

/// Fills in fees, nonce, gas and chain id, as they are right for the next block.
pub fn fill_request(ctx: &Context, mut request: TransactionRequest) -> Result<TransactionRequest, RpcError> {
    let invalid = |message: &str| Err(RpcError::invalid_input(message));
    if let TransactionInput { input: Some(input), data: Some(data) } = &request.input
        && input != data
    {
        return invalid(
            "both \"data\" and \"input\" are set and not equal. Please use \"input\" to pass transaction call data",
        );
    }
    if request.to.is_none_or(|to| to.is_create())
        && request.input.input().is_none_or(|input| input.is_empty())
    {
        return invalid("contract creation without any data provided");
    }
    let (environment, _) = Environment::pending(ctx);
    fill_fees(&environment, &mut request)?;
    let chain_id = environment.rules.chain_id;
    if let Some(have) = request.chain_id.filter(|have| *have != chain_id) {
        return invalid(&format!("chainId does not match node's (have={have}, want={chain_id})"));
    }
    request.chain_id = Some(chain_id);
    request.value.get_or_insert_default();
    let from = request.from.unwrap_or_default();
    if request.nonce.is_none() {
        let in_state = ctx.ledger.head().state.account(&from)?.unwrap_or_default().nonce;
        request.nonce = Some(ctx.pool.next_nonce(&from).unwrap_or(in_state));
    }
    if request.gas.is_none() {
        request.gas = Some(estimate(ctx, request.clone(), Some(BlockId::pending()), None, None)?);
    }
    Ok(request)
}

fn fill_fees(environment: &Environment, request: &mut TransactionRequest) -> Result<(), RpcError> {
    let invalid = |message: String| Err(RpcError::invalid_input(message));
    let london = environment.spec().is_enabled_in(SpecId::LONDON);
    if request.blob_versioned_hashes.is_some() && request.max_fee_per_blob_gas.is_none() {
        let price = environment.block.blob_excess_gas_and_price.map_or(1, |blobs| blobs.blob_gasprice);
        request.max_fee_per_blob_gas = Some(price.saturating_mul(2));
    }
    let has_1559 = request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
    match request.gas_price {
        Some(_) if has_1559 => {
            return invalid("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified".into());
        }
        Some(0) if london => return invalid("gasPrice must be non-zero after london fork".into()),
        Some(_) => return Ok(()),
        None if !london && has_1559 => {
            return invalid(
                "maxFeePerGas and maxPriorityFeePerGas are not valid before London is active".into(),
            );
        }
        None if !london => {
            request.gas_price = Some(TIP);
            return Ok(());
        }
        None => {}
    }
    if request.max_fee_per_gas == Some(0) && request.max_priority_fee_per_gas.is_some() {
        return invalid("maxFeePerGas must be non-zero".into());
    }
    let base_fee = u128::from(environment.block.basefee);
    let tip = *request.max_priority_fee_per_gas.get_or_insert(match request.max_fee_per_gas {
        Some(fee) => TIP.min(fee),
        None => TIP,
    });
    let fee = *request.max_fee_per_gas.get_or_insert(base_fee.saturating_mul(2).saturating_add(tip));
    if fee < tip {
        return invalid(format!("maxFeePerGas ({fee:#x}) < maxPriorityFeePerGas ({tip:#x})"));
    }
    Ok(())
}

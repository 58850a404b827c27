//! What the node signs and sends for its own accounts, and sends for accounts that a developer impersonates.

use super::{fees::suggested_tip, send::rejected, sign};
use crate::prefixed::hex;
use crate::{next::next_fees, schemas};
use alloy_consensus::{SignableTransaction, TxEnvelope, TypedTransaction};
use alloy_eips::{BlockId, BlockNumberOrTag, eip2718::Encodable2718};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_signer::SignerSync as _;
use mundi_execution::StateSnapshot as _;
use mundi_mempool::Origin;
use mundi_rpc_context::{Args, Cost, Ctx, Methods, Param, RpcError, Schema, required};
use serde::Serialize;
use std::sync::{Arc, Mutex};

const TRANSACTION: Param = required("transaction", Schema::Any);
const ADDRESS: Param = required("address", Schema::Address);
const DATA: Param = required("data", Schema::Bytes);

pub(super) fn add(methods: &mut Methods) {
    // Nonces are given out one after the other.
    let one_at_a_time = Arc::new(Mutex::new(()));
    methods.add(
        Cost::Execute,
        "eth_sendTransaction",
        "Signs a transaction with a key of the node, or sends it for an impersonated account; gives its hash.",
        &[TRANSACTION],
        Schema::Hash,
        move |ctx, mut args| {
            let request: TransactionRequest = args.next()?;
            let from = sender(&request)?;
            if ctx.accounts.signer(from).is_none() && !ctx.accounts.is_impersonated(&from) {
                return Err(sign::no_key(&from));
            }
            let filled = fill(ctx, request)?;
            let _one_at_a_time = one_at_a_time.lock().expect("no holder panics");
            send(ctx, from, fill_nonce(ctx, from, filled)?)
        },
    );
    methods.add(
        Cost::Execute,
        "eth_signTransaction",
        "Signs a transaction with a key of the node, without sending it.",
        &[TRANSACTION],
        schemas::SIGNED,
        |ctx, mut args| {
            let request: TransactionRequest = args.next()?;
            let from = sender(&request)?;
            let filled = fill_nonce(ctx, from, fill(ctx, request)?)?;
            let tx = sign_transaction(ctx, from, filled)?;
            Ok(SignedTransaction { raw: tx.encoded_2718().into(), tx })
        },
    );
    methods.add(
        Cost::Read,
        "eth_sign",
        "Signs a message (EIP-191) with a key of the node.",
        &[ADDRESS, DATA],
        Schema::Bytes,
        |ctx, mut args| {
            let address: Address = hex(&mut args)?;
            sign::message(ctx, &address, &hex::<Bytes>(&mut args)?)
        },
    );
    methods.add(
        Cost::Read,
        "personal_sign",
        "Signs a message (EIP-191) with a key of the node.",
        &[DATA, ADDRESS],
        Schema::Bytes,
        |ctx, mut args| {
            let data: Bytes = hex(&mut args)?;
            sign::message(ctx, &hex(&mut args)?, &data)
        },
    );
    methods.add(
        Cost::Read,
        "eth_signTypedData_v4",
        "Signs typed data (EIP-712) with a key of the node.",
        &[ADDRESS, required("typedData", Schema::Any)],
        Schema::Bytes,
        |ctx, mut args: Args<'_>| {
            let address: Address = hex(&mut args)?;
            sign::typed_data(ctx, &address, args.next()?)
        },
    );
}

#[derive(Clone, Debug, Serialize)]
struct SignedTransaction {
    raw: Bytes,
    tx: TxEnvelope,
}

fn sender(request: &TransactionRequest) -> Result<Address, RpcError> {
    request.from.ok_or_else(|| {
        RpcError::invalid_params("missing 'from': whose account shall the transaction be sent from?")
    })
}

fn send(ctx: &Ctx, from: Address, filled: TransactionRequest) -> Result<B256, RpcError> {
    let sent = if ctx.accounts.signer(from).is_some() {
        let tx = sign_transaction(ctx, from, filled)?;
        ctx.pool.submit_raw(&tx.encoded_2718(), Origin::Local)
    } else {
        // Depends on the sender, so that no two senders' transactions have one hash.
        let signature = Signature::new(U256::from_be_slice(from.as_slice()), U256::ONE, false);
        let tx = build(filled)?.into_envelope(signature);
        let tx = TxEnvelope::try_from(tx).map_err(|error| RpcError::invalid_params(error.to_string()))?;
        ctx.pool.submit_unsigned(tx, from)
    };
    let hash = sent.map_err(|error| rejected(&error))?;
    ctx.sequencer.wake();
    Ok(hash)
}

/// Gives a request everything that it leaves open, but the nonce.
fn fill(ctx: &Ctx, mut request: TransactionRequest) -> Result<TransactionRequest, RpcError> {
    let chain_id = ctx.ledger.spec().chain_id();
    if let Some(given) = request.chain_id
        && given != chain_id
    {
        let message = format!("chainId does not match node's (have={given}, want={chain_id})");
        return Err(RpcError::invalid_input(message));
    }
    request.chain_id = Some(chain_id);
    if request.to.is_none() {
        if request.input.input().is_none_or(|code| code.is_empty()) {
            let message = "contract creation without any data provided; or is 'to' missing?";
            return Err(RpcError::invalid_input(message));
        }
        request.to = Some(TxKind::Create);
    }
    request.value.get_or_insert_default();
    request.input = request.input.input().cloned().unwrap_or_default().into();
    request.populate_blob_hashes();
    fill_fees(ctx, &mut request)?;
    if request.gas.is_none() {
        let pending = Some(BlockId::Number(BlockNumberOrTag::Pending));
        let mut question = request.clone();
        question.nonce = None;
        request.gas = Some(mundi_rpc_call::estimate(ctx, question, pending, None, None)?);
    }
    check_fee_cap(ctx, &request)?;
    Ok(request)
}

/// The next nonce that neither the chain nor the pool has used, unless the request has one.
fn fill_nonce(
    ctx: &Ctx,
    from: Address,
    mut request: TransactionRequest,
) -> Result<TransactionRequest, RpcError> {
    if request.nonce.is_none() {
        request.nonce = Some(match ctx.pool.next_nonce(&from) {
            Some(nonce) => nonce,
            None => ctx.ledger.head().state.account(&from)?.map_or(0, |account| account.nonce),
        });
    }
    Ok(request)
}

fn fill_fees(ctx: &Ctx, request: &mut TransactionRequest) -> Result<(), RpcError> {
    let fees = next_fees(ctx);
    if request.has_eip4844_blob_data() && request.max_fee_per_blob_gas.is_none() {
        // Twice what it costs now, so that it survives some full blocks.
        request.max_fee_per_blob_gas = Some(fees.blob_base_fee.unwrap_or_default().saturating_mul(2));
    }
    if request.gas_price.is_some() {
        if request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some() {
            let message = "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified";
            return Err(RpcError::invalid_input(message));
        }
        return Ok(());
    }
    let Some(base_fee) = fees.base_fee.map(u128::from) else {
        request.gas_price = Some(suggested_tip(ctx)?);
        return Ok(());
    };
    if request.max_priority_fee_per_gas.is_none() {
        let tip = suggested_tip(ctx)?;
        request.max_priority_fee_per_gas = Some(request.max_fee_per_gas.map_or(tip, |cap| tip.min(cap)));
    }
    let tip = request.max_priority_fee_per_gas.unwrap_or_default();
    let cap = *request.max_fee_per_gas.get_or_insert(base_fee.saturating_mul(2).saturating_add(tip));
    if cap < tip {
        let message = format!("maxFeePerGas ({cap}) < maxPriorityFeePerGas ({tip})");
        return Err(RpcError::invalid_input(message));
    }
    Ok(())
}

/// A guard against typing errors.
fn check_fee_cap(ctx: &Ctx, request: &TransactionRequest) -> Result<(), RpcError> {
    let price = request.gas_price.or(request.max_fee_per_gas).unwrap_or_default();
    let fee = U256::from(request.gas.unwrap_or_default()) * U256::from(price);
    let cap = ctx.limits.fee_cap;
    if cap > 0 && fee > U256::from(cap) {
        let message = format!("tx fee ({fee} wei) exceeds the configured cap ({cap} wei)");
        return Err(RpcError::invalid_input(message));
    }
    Ok(())
}

fn build(request: TransactionRequest) -> Result<TypedTransaction, RpcError> {
    request.build_typed_tx().map_err(|request| {
        let missing = format!("the transaction is not complete: {request:?}");
        RpcError::invalid_params(missing)
    })
}

fn sign_transaction(ctx: &Ctx, from: Address, request: TransactionRequest) -> Result<TxEnvelope, RpcError> {
    let signer = ctx.accounts.signer(from).ok_or_else(|| sign::no_key(&from))?;
    let tx = build(request)?;
    let signature = signer.sign_hash_sync(&tx.signature_hash()).map_err(RpcError::internal)?;
    Ok(tx.into_envelope(signature))
}

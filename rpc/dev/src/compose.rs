//! Making transactions of requests.

use crate::Workbench;
use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, Signature, TxKind, U256};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_signer::SignerSync as _;
use mundi_chain::{decode_transaction, recover_sender};
use mundi_execution::StateSnapshot as _;
use mundi_rpc_call::estimate;
use mundi_rpc_context::RpcError;
use mundi_rpc_eth::next_fees;

/// Tip of a transaction that says nothing of it: 1 gwei, as tools expect.
const DEFAULT_TIP: u128 = 1_000_000_000;

/// A signed transaction in its EIP-2718 form, without blobs, and who sent it.
pub(crate) fn decoded(bench: &Workbench, bytes: &[u8]) -> Result<(TxEnvelope, Address), RpcError> {
    let wrong = |error: &dyn std::fmt::Display| RpcError::invalid_params(format!("transaction: {error}"));
    let envelope = decode_transaction(bytes).map_err(|error| wrong(&error))?;
    let ledger = &bench.ctx.ledger;
    let fork = ledger.spec().fork_at(ledger.point(&ledger.head().block));
    let sender = recover_sender(fork, &envelope).map_err(|error| wrong(&error))?;
    Ok((envelope, sender))
}

/// A request as a transaction in the name of its sender: signed if there is a key, else without a valid signature. `earlier`
/// transactions of the sender come before it.
pub(crate) fn composed(
    bench: &Workbench,
    mut request: TransactionRequest,
    earlier: u64,
) -> Result<(TxEnvelope, Address), RpcError> {
    let from = match request.from {
        Some(from) => from,
        None => {
            let first = bench.ctx.accounts.addresses().first().copied();
            first.ok_or_else(|| RpcError::invalid_params("transaction.from is missing"))?
        }
    };
    request.from = Some(from);
    if request.nonce.is_none() {
        let account = bench.ctx.ledger.head().state.account(&from)?.unwrap_or_default();
        request.nonce = Some(account.nonce.saturating_add(earlier));
    }
    let filled = filled(bench, request)?;
    match bench.ctx.accounts.signer(from) {
        None => Ok((envelope(filled, stand_in(from))?, from)),
        Some(signer) => {
            let unsigned = envelope(filled.clone(), stand_in(from))?;
            let signature = signer.sign_hash_sync(&unsigned.signature_hash()).map_err(RpcError::internal)?;
            Ok((envelope(filled, signature)?, from))
        }
    }
}

/// A request as a transaction without a valid signature, after all that its sender has waiting.
pub(crate) fn unsigned(
    bench: &Workbench,
    mut request: TransactionRequest,
) -> Result<(TxEnvelope, Address), RpcError> {
    let from = request.from.unwrap_or_default();
    request.from = Some(from);
    if request.nonce.is_none() {
        request.nonce = Some(bench.next_nonce(from)?);
    }
    Ok((envelope(filled(bench, request)?, stand_in(from))?, from))
}

/// What stands where a signature would: it depends on the sender, so that equal transactions of different senders have different
/// hashes.
fn stand_in(sender: Address) -> Signature {
    Signature::new(U256::from_be_slice(sender.as_slice()), U256::ONE, false)
}

/// The request with everything that it leaves open.
fn filled(bench: &Workbench, mut request: TransactionRequest) -> Result<TransactionRequest, RpcError> {
    let ctx = &bench.ctx;
    let chain_id = ctx.ledger.spec().chain_id();
    if let Some(other) = request.chain_id.filter(|given| *given != chain_id) {
        return Err(RpcError::invalid_params(format!("chainId: expected {chain_id}, got {other}")));
    }
    request.chain_id = Some(chain_id);
    request.to.get_or_insert(TxKind::Create);
    if request.gas_price.is_none() {
        match next_fees(ctx).base_fee {
            None => request.gas_price = Some(DEFAULT_TIP),
            Some(base_fee) => {
                let tip = *request.max_priority_fee_per_gas.get_or_insert(DEFAULT_TIP);
                request.max_fee_per_gas.get_or_insert(u128::from(base_fee) * 2 + tip);
            }
        }
    }
    if request.gas.is_none() {
        request.gas = Some(estimate(ctx, request.clone(), None, None, None)?);
    }
    Ok(request)
}

fn envelope(request: TransactionRequest, signature: Signature) -> Result<TxEnvelope, RpcError> {
    if request.sidecar.is_some() {
        return Err(RpcError::invalid_params(
            "a transaction with blobs has to be signed: use eth_sendRawTransaction",
        ));
    }
    let typed = request
        .build_consensus_tx()
        .map_err(|error| RpcError::invalid_params(format!("transaction: {}", error.error)))?;
    Ok(typed.into_envelope(signature))
}

//! Signatures with the node's keys.

use alloy_dyn_abi::TypedData;
use alloy_primitives::{Address, Bytes};
use alloy_signer::SignerSync as _;
use mundi_rpc_context::{Ctx, RpcError};
use serde_json::Value;

/// What is said when the node cannot sign for an account.
pub(super) fn no_key(address: &Address) -> RpcError {
    RpcError::invalid_input(format!("unknown account: the node has no key of {address}"))
}

/// An EIP-191 signature of a message.
pub(super) fn message(ctx: &Ctx, address: &Address, message: &[u8]) -> Result<Bytes, RpcError> {
    let signer = ctx.accounts.signer(*address).ok_or_else(|| no_key(address))?;
    let signature = signer.sign_message_sync(message).map_err(RpcError::internal)?;
    Ok(signature.as_bytes().into())
}

/// An EIP-712 signature. The data may come as an object or as its text.
pub(super) fn typed_data(ctx: &Ctx, address: &Address, data: Value) -> Result<Bytes, RpcError> {
    let invalid =
        |error: &dyn std::fmt::Display| RpcError::invalid_params(format!("invalid typed data: {error}"));
    let data: TypedData = match data {
        Value::String(text) => serde_json::from_str(&text),
        data => serde_json::from_value(data),
    }
    .map_err(|error| invalid(&error))?;
    let signer = ctx.accounts.signer(*address).ok_or_else(|| no_key(address))?;
    let hash = data.eip712_signing_hash().map_err(|error| invalid(&error))?;
    let signature = signer.sign_hash_sync(&hash).map_err(RpcError::internal)?;
    Ok(signature.as_bytes().into())
}

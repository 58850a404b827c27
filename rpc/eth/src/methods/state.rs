//! Accounts and their storage, at any state that is kept.

use crate::prefixed::hex;
use crate::schemas;
use alloy_consensus::TrieAccount;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256, map::B256Map};
use alloy_rpc_types_eth::{AccountInfo, EIP1186AccountProofResponse, EIP1186StorageProof};
use alloy_serde::JsonStorageKey;
use mundi_chain::LedgerState;
use mundi_execution::{Account, StateSnapshot as _};
use mundi_rpc_context::{Args, Cost, Ctx, Methods, Param, RpcError, Schema, optional, required};
use std::collections::BTreeMap;

/// What geth answers when a request asks for more than a client may.
const CLIENT_LIMIT_EXCEEDED: i32 = -38026;

const ADDRESS: Param = required("address", Schema::Address);
const BLOCK: Param = optional("block", Schema::BlockId);

pub(super) fn add(methods: &mut Methods) {
    methods.add(
        Cost::Read,
        "eth_getBalance",
        "The balance of an account, in wei.",
        &[ADDRESS, BLOCK],
        Schema::Quantity,
        |ctx, mut args| {
            let (address, state) = at(ctx, &mut args)?;
            Ok(account(&state, &address)?.balance)
        },
    );
    methods.add(
        Cost::Read,
        "eth_getCode",
        "The code of an account.",
        &[ADDRESS, BLOCK],
        Schema::Bytes,
        |ctx, mut args| {
            let (address, state) = at(ctx, &mut args)?;
            code(&state, &address)
        },
    );
    methods.add(
        Cost::Read,
        "eth_getTransactionCount",
        "The nonce of an account. At `pending` the pool's transactions count.",
        &[ADDRESS, BLOCK],
        Schema::Quantity,
        |ctx, args| transaction_count(ctx, args).map(U64::from),
    );
    methods.add(
        Cost::Read,
        "eth_getStorageAt",
        "The value of a slot.",
        &[ADDRESS, required("slot", Schema::Text), BLOCK],
        Schema::Hash,
        |ctx, mut args| {
            let address: Address = hex(&mut args)?;
            let slot = StorageKey::parse(&args.next::<String>()?)?.value();
            let (_, state) = ctx.state(args.optional()?)?;
            Ok(B256::from(state.storage(&address, &slot)?))
        },
    );
    methods.add(
        Cost::Read,
        "eth_getStorageValues",
        "The values of slots of several accounts.",
        &[required("slots", Schema::Map(&Schema::Array(&Schema::Hash))), BLOCK],
        Schema::Map(&Schema::Array(&Schema::Hash)),
        storage_values,
    );
    methods.add(
        Cost::Read,
        "eth_getProof",
        "An account and slots of it with Merkle proofs (EIP-1186).",
        &[ADDRESS, required("slots", Schema::Array(&Schema::Text)), BLOCK],
        schemas::PROOF,
        proof,
    );
    methods.add(
        Cost::Read,
        "eth_getAccount",
        "An account as the state trie holds it; null if there is none.",
        &[ADDRESS, BLOCK],
        schemas::ACCOUNT,
        |ctx, mut args| {
            let (address, state) = at(ctx, &mut args)?;
            let (_, proof) = state.proof(ctx.ledger.store(), address, &[], ctx.workers.pool())?;
            Ok::<Option<TrieAccount>, _>(proof.account)
        },
    );
    methods.add(
        Cost::Read,
        "eth_getAccountInfo",
        "Balance, nonce and code of an account.",
        &[ADDRESS, BLOCK],
        schemas::ACCOUNT_INFO,
        |ctx, mut args| {
            let (address, state) = at(ctx, &mut args)?;
            let Account { nonce, balance, .. } = account(&state, &address)?;
            Ok(AccountInfo { balance, nonce, code: code(&state, &address)? })
        },
    );
}

/// An address, and the state that the next parameter names.
fn at(ctx: &Ctx, args: &mut Args<'_>) -> Result<(Address, LedgerState), RpcError> {
    let address = hex(args)?;
    let (_, state) = ctx.state(args.optional()?)?;
    Ok((address, state))
}

fn account(state: &LedgerState, address: &Address) -> Result<Account, RpcError> {
    Ok(state.account(address)?.unwrap_or_default())
}

fn code(state: &LedgerState, address: &Address) -> Result<Bytes, RpcError> {
    match account(state, address)?.code_hash {
        KECCAK256_EMPTY => Ok(Bytes::new()),
        hash => Ok(state.code(&hash)?.original_bytes()),
    }
}

fn transaction_count(ctx: &Ctx, mut args: Args<'_>) -> Result<u64, RpcError> {
    let address: Address = hex(&mut args)?;
    let id: Option<BlockId> = args.optional()?;
    if id == Some(BlockId::Number(BlockNumberOrTag::Pending))
        && let Some(nonce) = ctx.pool.next_nonce(&address)
    {
        return Ok(nonce);
    }
    let (_, state) = ctx.state(id)?;
    Ok(account(&state, &address)?.nonce)
}

fn storage_values(ctx: &Ctx, mut args: Args<'_>) -> Result<BTreeMap<Address, Vec<B256>>, RpcError> {
    let slots: BTreeMap<Address, Vec<B256>> = args.next()?;
    let count: usize = slots.values().map(Vec::len).sum();
    if count > ctx.limits.slots {
        let message = format!("too many slots (max {}): {count}", ctx.limits.slots);
        return Err(RpcError::new(CLIENT_LIMIT_EXCEEDED, message));
    }
    if count == 0 {
        return Err(RpcError::invalid_params("empty request"));
    }
    let (_, state) = ctx.state(args.optional()?)?;
    let value = |address: &Address, slot: &B256| -> Result<B256, RpcError> {
        Ok(B256::from(state.storage(address, &U256::from_be_bytes(slot.0))?))
    };
    let values = slots.iter().map(|(address, slots)| {
        let values = slots.iter().map(|slot| value(address, slot)).collect::<Result<_, _>>()?;
        Ok((*address, values))
    });
    values.collect()
}

fn proof(ctx: &Ctx, mut args: Args<'_>) -> Result<EIP1186AccountProofResponse, RpcError> {
    let address: Address = hex(&mut args)?;
    let keys: Vec<String> = args.next()?;
    if keys.len() > ctx.limits.slots {
        let message = format!("too many slots (max {}): {}", ctx.limits.slots, keys.len());
        return Err(RpcError::new(CLIENT_LIMIT_EXCEEDED, message));
    }
    let keys: Vec<StorageKey> = keys.iter().map(|key| StorageKey::parse(key)).collect::<Result<_, _>>()?;
    let (_, state) = ctx.state(args.optional()?)?;
    let mut slots: Vec<B256> = keys.iter().map(|key| key.0).collect();
    slots.sort_unstable();
    slots.dedup();
    let (_, proof) = state.proof(ctx.ledger.store(), address, &slots, ctx.workers.pool())?;
    let proven: B256Map<_> = proof.storage_proof.into_iter().map(|slot| (slot.key, slot)).collect();
    let storage_proof = keys.iter().filter_map(|key| {
        let slot = proven.get(&key.0)?;
        Some(EIP1186StorageProof { key: key.shown(), value: slot.value, proof: slot.proof.clone() })
    });
    let absent = TrieAccount { storage_root: B256::ZERO, code_hash: B256::ZERO, ..TrieAccount::default() };
    let account = proof.account.unwrap_or(absent);
    Ok(EIP1186AccountProofResponse {
        address,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: account.nonce,
        storage_hash: account.storage_root,
        account_proof: proof.account_proof,
        storage_proof: storage_proof.collect(),
    })
}

/// The name of a slot: hexadecimal, at most 32 bytes, with `0x` or without. The second is its length in bytes as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StorageKey(B256, usize);

impl StorageKey {
    fn parse(text: &str) -> Result<Self, RpcError> {
        const MOST_DIGITS: usize = 64;
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        if digits.len() > MOST_DIGITS {
            let shown: String = text.chars().take(MOST_DIGITS + 8).collect();
            let message = format!("storage key too long (want at most 32 bytes): {shown:?}");
            return Err(RpcError::invalid_params(message));
        }
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(RpcError::invalid_params(format!("invalid hex in storage key: {text:?}")));
        }
        let value =
            if digits.is_empty() { U256::ZERO } else { U256::from_str_radix(digits, 16).unwrap_or_default() };
        Ok(Self(B256::from(value), digits.len().div_ceil(2)))
    }

    fn value(self) -> U256 {
        self.0.into()
    }

    /// As the answer repeats it: whole if it was whole, else as a quantity.
    fn shown(self) -> JsonStorageKey {
        if self.1 == B256::len_bytes() {
            JsonStorageKey::Hash(self.0)
        } else {
            JsonStorageKey::Number(self.value())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_keys_may_be_short_and_odd_but_not_long() {
        let key = |text: &str| StorageKey::parse(text).map(|key| (key.value(), key.shown().to_string()));
        assert_eq!(key("0x1").unwrap(), (U256::from(1), "0x1".into()));
        assert_eq!(key("0x0001").unwrap(), (U256::from(1), "0x1".into()));
        assert_eq!(key("ff").unwrap(), (U256::from(255), "0xff".into()));
        assert_eq!(key("0x").unwrap().0, U256::ZERO);
        let whole = format!("0x{:064x}", 7);
        assert_eq!(key(&whole).unwrap(), (U256::from(7), whole));
        for wrong in [format!("0x{:065x}", 7), "0xasdf".into(), "0xé".into()] {
            assert_eq!(key(&wrong).unwrap_err().code, mundi_rpc_context::code::INVALID_PARAMS, "{wrong}");
        }
    }
}

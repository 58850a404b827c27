//! Anvil's dumps: of them the accounts are read.

use super::{DumpError, malformed};
use crate::{number::Number, workbench::update};
use alloy_primitives::{Address, B256, Bytes, U256};
use mundi_rpc_call::View;
use mundi_rpc_context::RpcError;
use revm::bytecode::Bytecode;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct State {
    accounts: BTreeMap<Address, Account>,
}

#[derive(Deserialize)]
pub(super) struct Account {
    nonce: Number,
    balance: Number,
    #[serde(default)]
    code: Bytes,
    #[serde(default)]
    storage: BTreeMap<Number, B256>,
}

/// The accounts of a dump.
pub(super) fn accounts(json: &[u8]) -> Result<BTreeMap<Address, Account>, DumpError> {
    let State { accounts } = serde_json::from_slice(json).map_err(malformed)?;
    if let Some((address, account)) =
        accounts.iter().find(|(_, account)| account.nonce.0 > U256::from(u64::MAX))
    {
        return Err(DumpError::Malformed(format!("the nonce of {address} is {}", account.nonce.0)));
    }
    Ok(accounts)
}

/// Makes accounts what they are in a dump. Storage that is not in it stays.
pub(super) fn take_over(view: &mut View, accounts: BTreeMap<Address, Account>) -> Result<(), RpcError> {
    for (address, Account { nonce, balance, code, storage }) in accounts {
        update(view, address, |account| {
            account.nonce = nonce.0.saturating_to();
            account.balance = balance.0;
        })?;
        if !code.is_empty() || view.account(address)?.is_some_and(|account| account.has_code()) {
            let code = Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code));
            view.set_code(address, code)?;
        }
        for (slot, value) in storage {
            view.set_slot(address, slot.0, U256::from_be_bytes(value.0))?;
        }
    }
    Ok(())
}

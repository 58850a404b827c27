//! Changing accounts.

use crate::{
    declare::Declare,
    number::{NUMBER, Number},
    token,
    workbench::{slot, update},
};
use alloy_primitives::{Address, B256, Bytes};
use mundi_rpc_context::{Schema, required};
use revm::bytecode::Bytecode;

/// EIP-2681: the nonce after which nothing can be sent.
const MAX_NONCE: u64 = u64::MAX - 1;

pub(super) fn declare(declare: &mut Declare<'_>) {
    let address = required("address", Schema::Address);
    declare.add(
        &["anvil_setBalance", "hardhat_setBalance", "tenderly_setBalance"],
        "Sets the balance of an account, in wei.",
        &[address, required("balance", NUMBER)],
        Schema::Null,
        |bench, mut args| {
            let (address, balance) = (args.next::<Address>()?, args.next::<Number>()?);
            bench.edit(|view| update(view, address, |account| account.balance = balance.0))
        },
    );
    declare.add(
        &["anvil_addBalance", "hardhat_addBalance", "tenderly_addBalance"],
        "Adds wei to the balance of an account; more than fits is all that fits.",
        &[address, required("amount", NUMBER)],
        Schema::Null,
        |bench, mut args| {
            let (address, amount) = (args.next::<Address>()?, args.next::<Number>()?);
            bench.edit(|view| {
                update(view, address, |account| account.balance = account.balance.saturating_add(amount.0))
            })
        },
    );
    declare.add(
        &["anvil_setCode", "hardhat_setCode"],
        "Puts code at an address. Its storage stays.",
        &[address, required("code", Schema::Bytes)],
        Schema::Null,
        |bench, mut args| {
            let (address, code) = (args.next::<Address>()?, args.next::<Bytes>()?);
            // What begins like a delegation and is none is data until it runs.
            let code = Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code));
            bench.edit(|view| {
                if code.is_empty() && view.account(address)?.is_none() {
                    return Ok(());
                }
                Ok(view.set_code(address, code)?)
            })
        },
    );
    declare.add(
        &["anvil_setNonce", "hardhat_setNonce", "evm_setAccountNonce"],
        "Sets the nonce of an account.",
        &[address, required("nonce", NUMBER)],
        Schema::Null,
        |bench, mut args| {
            let (address, nonce) = (args.next::<Address>()?, args.next::<Number>()?);
            let nonce = nonce.at_most(MAX_NONCE, "nonce")?;
            bench.edit(|view| update(view, address, |account| account.nonce = nonce))
        },
    );
    declare.add(
        &["anvil_setStorageAt", "hardhat_setStorageAt"],
        "Writes a slot of an account's storage; the value has 32 bytes.",
        &[address, required("slot", NUMBER), required("value", Schema::Hash)],
        Schema::Bool,
        |bench, mut args| {
            let (address, at) = (args.next::<Address>()?, args.next::<Number>()?);
            let value = slot(args.next::<B256>()?);
            bench.edit(|view| {
                if value.is_zero() && view.account(address)?.is_none() {
                    return Ok(());
                }
                Ok(view.set_slot(address, at.0, value)?)
            })?;
            Ok(true)
        },
    );
    tokens(declare);
}

fn tokens(declare: &mut Declare<'_>) {
    declare.add(
        &["anvil_dealERC20", "anvil_setERC20Balance", "hardhat_dealERC20"],
        "Sets the balance of an account in an ERC-20 token, by finding the slot that holds it.",
        &[
            required("address", Schema::Address),
            required("token", Schema::Address),
            required("balance", NUMBER),
        ],
        Schema::Null,
        |bench, mut args| {
            let (owner, contract) = (args.next::<Address>()?, args.next::<Address>()?);
            let balance = args.next::<Number>()?.0;
            let question = token::balance_of(owner);
            bench.edit(|view| token::set(&bench.ctx, view, contract, &question, balance))
        },
    );
    declare.add(
        &["anvil_setERC20Allowance"],
        "Sets how much of an ERC-20 token one account may spend for another, by finding the slot that holds it.",
        &[
            required("owner", Schema::Address),
            required("spender", Schema::Address),
            required("token", Schema::Address),
            required("amount", NUMBER),
        ],
        Schema::Null,
        |bench, mut args| {
            let (owner, spender) = (args.next::<Address>()?, args.next::<Address>()?);
            let (contract, amount) = (args.next::<Address>()?, args.next::<Number>()?.0);
            let question = token::allowance(owner, spender);
            bench.edit(|view| token::set(&bench.ctx, view, contract, &question, amount))
        },
    );
}

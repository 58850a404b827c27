//! What a client wants to be otherwise: accounts, and fields of the block.

use crate::{environment::Environment, view::View};
use alloy_consensus::Header;
use alloy_primitives::U256;
use alloy_rpc_types_eth::{
    BlockOverrides,
    state::{AccountOverride, StateOverride},
};
use mundi_chain::ForkPoint;
use mundi_execution::StateSnapshot;
use mundi_rpc_context::{Context, RpcError};
use revm::{
    bytecode::Bytecode, context_interface::block::BlobExcessGasAndPrice, primitives::hardfork::SpecId,
};

/// Changes accounts, as if a transaction before had done it. An account that is named gets by without its precompiled contract,
/// which may be moved elsewhere.
pub fn apply_state_overrides<S: StateSnapshot>(
    overrides: &StateOverride,
    environment: &mut Environment,
    view: &mut View<S>,
) -> Result<(), RpcError> {
    let mut addresses: Vec<_> = overrides.keys().copied().collect();
    addresses.sort_unstable();
    let precompiles = environment.precompiles.clone();
    for address in addresses {
        let AccountOverride { balance, nonce, code, state, state_diff, move_precompile_to } =
            &overrides[&address];
        if let Some(to) = *move_precompile_to {
            if !precompiles.is_at(&address) {
                return Err(RpcError::invalid_input(format!("account {address} is not a precompile")));
            }
            if overrides.contains_key(&to) {
                return Err(RpcError::invalid_input(format!("account {to} is already overridden")));
            }
            environment.precompiles.copy(&address, to);
        }
        environment.precompiles.remove(&address);
        if state.is_some() && state_diff.is_some() {
            return Err(RpcError::invalid_input(format!(
                "account {address} has both 'state' and 'stateDiff'"
            )));
        }
        if let Some(nonce) = nonce {
            view.update(address, |account| account.nonce = *nonce)?;
        }
        if let Some(code) = code {
            let code = Bytecode::new_raw_checked(code.clone())
                .unwrap_or_else(|_| Bytecode::new_legacy(code.clone()));
            view.set_code(address, code)?;
        }
        if let Some(balance) = balance {
            view.update(address, |account| account.balance = *balance)?;
        }
        if state.is_some() {
            view.wipe_storage(address)?;
        }
        for (slot, value) in [state, state_diff].into_iter().flatten().flatten() {
            view.set_slot(address, (*slot).into(), (*value).into())?;
        }
    }
    Ok(())
}

/// The environment of a call in a block whose header is `header`, with overrides. Hashes of blocks go to `view`.
pub fn overridden_environment<S>(
    ctx: &Context,
    point: ForkPoint,
    header: &Header,
    overrides: Option<&BlockOverrides>,
    view: &mut View<S>,
) -> Result<Environment, RpcError>
where
    S: StateSnapshot,
{
    let Some(overrides) = overrides else { return Ok(Environment::of_header(ctx, point, header)) };
    if overrides.beacon_root.is_some() {
        return Err(RpcError::invalid_input(
            "block override \"beaconRoot\" is not supported for this RPC method",
        ));
    }
    let mut point = point;
    if let Some(number) = overrides.number {
        point.number = number.saturating_to();
    }
    if let Some(time) = overrides.time {
        point.timestamp = time;
    }
    let mut environment = Environment::of_header(ctx, point, header);
    let spec = environment.spec();
    let block = &mut environment.block;
    block.number = overrides.number.unwrap_or(block.number);
    block.timestamp = overrides.time.map_or(block.timestamp, U256::from);
    block.difficulty = overrides.difficulty.unwrap_or(block.difficulty);
    block.gas_limit = overrides.gas_limit.unwrap_or(block.gas_limit);
    block.beneficiary = overrides.coinbase.unwrap_or(block.beneficiary);
    block.basefee = overrides.base_fee.map_or(block.basefee, |fee| fee.saturating_to());
    if spec.is_enabled_in(SpecId::MERGE) {
        block.prevrandao = overrides.random.or(block.prevrandao).or(Some(header.mix_hash));
    }
    if spec.is_enabled_in(SpecId::CANCUN) {
        let blobs = block
            .blob_excess_gas_and_price
            .get_or_insert(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 });
        if let Some(fee) = overrides.blob_base_fee {
            blobs.blob_gasprice = fee.saturating_to();
        }
    }
    for (number, hash) in overrides.block_hash.iter().flatten() {
        view.set_block_hash(*number, *hash);
    }
    Ok(environment)
}

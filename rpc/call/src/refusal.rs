//! Why a transaction cannot run at all, in the words and by the order of geth.

use crate::{environment::Environment, message::Message, view::View};
use alloy_eips::eip4844::{DATA_GAS_PER_BLOB, VERSIONED_HASH_VERSION_KZG};
use alloy_primitives::{Address, U256};
use mundi_execution::{StateError, StateSnapshot};
use mundi_rpc_context::{RpcError, code};
use revm::{context_interface::Cfg, primitives::hardfork::SpecId};

/// Why a transaction cannot run at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The sender has a smaller nonce.
    #[error("nonce too high: address {address}, tx: {tx} state: {state}")]
    NonceTooHigh {
        /// The sender.
        address: Address,
        /// The transaction's.
        tx: u64,
        /// The sender's.
        state: u64,
    },
    /// The sender has a greater nonce.
    #[error("nonce too low: address {address}, tx: {tx} state: {state}")]
    NonceTooLow {
        /// The sender.
        address: Address,
        /// The transaction's.
        tx: u64,
        /// The sender's.
        state: u64,
    },
    /// No nonce comes after the sender's.
    #[error("nonce has max value: address {0}, nonce: {max}", max = u64::MAX)]
    NonceMax(Address),
    /// More for the proposer than in all.
    #[error(
        "max priority fee per gas higher than max fee per gas: address {address}, maxPriorityFeePerGas: {tip}, maxFeePerGas: {fee}"
    )]
    TipAboveFeeCap {
        /// The sender.
        address: Address,
        /// For the proposer.
        tip: u128,
        /// In all.
        fee: u128,
    },
    /// Less than the base fee.
    #[error(
        "max fee per gas less than block base fee: address {address}, maxFeePerGas: {fee}, baseFee: {base_fee}"
    )]
    FeeCapTooLow {
        /// The sender.
        address: Address,
        /// What it offers.
        fee: u128,
        /// What it has to.
        base_fee: u64,
    },
    /// Blobs come with calls only.
    #[error("blob transaction of type create")]
    BlobCreate,
    /// A blob transaction has at least one blob.
    #[error("blob transaction missing blob hashes")]
    NoBlobs,
    /// The hash of a blob begins with its version.
    #[error("blob {0} has invalid hash version")]
    BlobVersion(usize),
    /// Less than the price of blobs.
    #[error(
        "max fee per blob gas less than block blob gas fee: address {address} blobGasFeeCap: {fee}, blobBaseFee: {blob_base_fee}"
    )]
    BlobFeeCapTooLow {
        /// The sender.
        address: Address,
        /// What it offers.
        fee: u128,
        /// What it has to.
        blob_base_fee: u128,
    },
    /// Authorizations come with calls only.
    #[error("EIP-7702 transaction cannot be used to create contract (sender {0})")]
    SetCodeCreate(Address),
    /// There is at least one authorization.
    #[error("EIP-7702 transaction with empty auth list (sender {0})")]
    NoAuthorizations(Address),
    /// The sender cannot pay.
    #[error("insufficient funds for gas * price + value: address {address} have {have} want {want}")]
    Funds {
        /// The sender.
        address: Address,
        /// Its balance.
        have: U256,
        /// The most that the transaction costs.
        want: U256,
    },
    /// Less gas than is used before anything runs.
    #[error("intrinsic gas too low: have {have}, want {want}")]
    IntrinsicGas {
        /// The limit.
        have: u64,
        /// The least.
        want: u64,
    },
    /// Less gas than the input costs (EIP-7623).
    #[error("insufficient gas for floor data gas cost: have {have}, want {want}")]
    FloorGas {
        /// The limit.
        have: u64,
        /// The least.
        want: u64,
    },
    /// Too much code to create a contract with (EIP-3860).
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitCode {
        /// The size.
        size: usize,
        /// The most.
        limit: usize,
    },
}

impl Refusal {
    /// The code that `eth_simulateV1` gives it.
    pub const fn simulation_code(&self) -> i32 {
        match self {
            Self::NonceTooLow { .. } => -38010,
            Self::NonceTooHigh { .. } => -38011,
            Self::FeeCapTooLow { .. } => -38012,
            Self::IntrinsicGas { .. } => -38013,
            Self::Funds { .. } => -38014,
            Self::InitCode { .. } => -38025,
            Self::TipAboveFeeCap { .. } => code::INVALID_PARAMS,
            _ => code::INTERNAL,
        }
    }
}

/// A refusal, or a state that cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CheckError {
    /// The transaction is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
}

impl CheckError {
    /// As the error of a call with so much gas.
    pub fn of_call(self, gas: u64) -> RpcError {
        match self {
            Self::Refused(refusal) => RpcError::invalid_input(format!("err: {refusal} (supplied gas {gas})")),
            Self::State(error) => error.into(),
        }
    }

    /// As the error of a simulated call with so much gas.
    pub fn of_simulation(self, gas: u64) -> RpcError {
        match self {
            Self::Refused(refusal) => {
                RpcError::new(refusal.simulation_code(), format!("err: {refusal} (supplied gas {gas})"))
            }
            Self::State(error) => error.into(),
        }
    }
}

/// Checks what can be said before anything runs. With `strict`, the nonce has to be the sender's, and a price of zero has to
/// be enough too.
pub fn check<S: StateSnapshot>(
    message: &Message,
    environment: &Environment,
    view: &mut View<S>,
    strict: bool,
) -> Result<(), CheckError> {
    let sender = view.account(message.tx.caller)?.unwrap_or_default();
    if let (true, Some(nonce)) = (strict, message.nonce) {
        check_nonce(message.tx.caller, nonce, sender.nonce)?;
    }
    check_fees(message, environment, strict)?;
    check_funds(message, sender.balance)?;
    check_gas(message, environment)?;
    Ok(())
}

const fn check_nonce(address: Address, tx: u64, state: u64) -> Result<(), Refusal> {
    if tx > state {
        return Err(Refusal::NonceTooHigh { address, tx, state });
    }
    if tx < state {
        return Err(Refusal::NonceTooLow { address, tx, state });
    }
    if tx == u64::MAX { Err(Refusal::NonceMax(address)) } else { Ok(()) }
}

fn check_fees(message: &Message, environment: &Environment, strict: bool) -> Result<(), Refusal> {
    let tx = &message.tx;
    let (address, fee, tip) = (tx.caller, tx.gas_price, message.tip_cap);
    let spec = environment.spec();
    if spec.is_enabled_in(SpecId::LONDON) && (strict || fee > 0 || tip > 0) {
        if fee < tip {
            return Err(Refusal::TipAboveFeeCap { address, tip, fee });
        }
        let base_fee = environment.block.basefee;
        if fee < u128::from(base_fee) {
            return Err(Refusal::FeeCapTooLow { address, fee, base_fee });
        }
    }
    if message.has_blobs && spec.is_enabled_in(SpecId::CANCUN) {
        if tx.kind.is_create() {
            return Err(Refusal::BlobCreate);
        }
        if tx.tx_type == 3 && tx.blob_hashes.is_empty() {
            return Err(Refusal::NoBlobs);
        }
        if let Some(index) = tx.blob_hashes.iter().position(|hash| hash[0] != VERSIONED_HASH_VERSION_KZG) {
            return Err(Refusal::BlobVersion(index));
        }
        let blob_base_fee =
            environment.block.blob_excess_gas_and_price.map_or(0, |blobs| blobs.blob_gasprice);
        let fee = tx.max_fee_per_blob_gas;
        if tx.tx_type == 3 && (strict || fee > 0) && fee < blob_base_fee {
            return Err(Refusal::BlobFeeCapTooLow { address, fee, blob_base_fee });
        }
    }
    if message.has_authorizations && spec.is_enabled_in(SpecId::PRAGUE) {
        if tx.kind.is_create() {
            return Err(Refusal::SetCodeCreate(address));
        }
        if tx.authorization_list.is_empty() {
            return Err(Refusal::NoAuthorizations(address));
        }
    }
    Ok(())
}

fn check_funds(message: &Message, have: U256) -> Result<(), Refusal> {
    let tx = &message.tx;
    let blob_gas = tx.blob_hashes.len() as u64 * DATA_GAS_PER_BLOB;
    let gas = U256::from(tx.gas_limit) * U256::from(tx.gas_price);
    let want = gas
        .saturating_add(tx.value)
        .saturating_add(U256::from(blob_gas) * U256::from(tx.max_fee_per_blob_gas));
    if have < want { Err(Refusal::Funds { address: tx.caller, have, want }) } else { Ok(()) }
}

fn check_gas(message: &Message, environment: &Environment) -> Result<(), Refusal> {
    let (tx, spec) = (&message.tx, environment.spec());
    let gas = environment.cfg.gas_params.initial_tx_gas_for_tx(tx, None);
    let (have, want) = (tx.gas_limit, gas.initial_total_gas());
    if have < want {
        return Err(Refusal::IntrinsicGas { have, want });
    }
    if spec.is_enabled_in(SpecId::PRAGUE) && have < gas.floor_gas() {
        return Err(Refusal::FloorGas { have, want: gas.floor_gas() });
    }
    let (size, limit) = (tx.data.len(), environment.cfg.max_initcode_size());
    if spec.is_enabled_in(SpecId::SHANGHAI) && tx.kind.is_create() && size > limit {
        return Err(Refusal::InitCode { size, limit });
    }
    Ok(())
}

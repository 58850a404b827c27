//! From the request of a client to a transaction for the virtual machine.

use crate::environment::Environment;
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Bytes, TxKind};
use alloy_rpc_types_eth::TransactionRequest;
use mundi_rpc_context::RpcError;
use revm::{context::TxEnv, context_interface::either::Either, primitives::hardfork::SpecId};

/// A call that is ready to run.
#[derive(Clone, Debug)]
pub struct Message {
    /// For the virtual machine. `gas_price` is the most that is paid.
    pub tx: TxEnv,
    /// The most that is paid to the proposer.
    pub tip_cap: u128,
    /// The nonce that was asked for.
    pub nonce: Option<u64>,
    /// Blobs were asked for, be it none.
    pub has_blobs: bool,
    /// Authorizations were asked for, be it none.
    pub has_authorizations: bool,
}

impl Message {
    /// Fills in what a call need not say. Gas defaults to `gas_cap`, and is cut to it.
    pub fn new(
        request: TransactionRequest,
        environment: &Environment,
        gas_cap: u64,
    ) -> Result<Self, RpcError> {
        let spec = environment.spec();
        let TransactionRequest { gas_price, max_fee_per_gas, max_priority_fee_per_gas, .. } = request;
        if gas_price.is_some() && (max_fee_per_gas.is_some() || max_priority_fee_per_gas.is_some()) {
            return Err(RpcError::invalid_input(
                "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
            ));
        }
        let chain_id = environment.rules.chain_id;
        if let Some(have) = request.chain_id.filter(|have| *have != chain_id) {
            return Err(RpcError::invalid_input(format!(
                "chainId does not match node's (have={have}, want={chain_id})"
            )));
        }
        let input = request.input.into_input().unwrap_or_default();
        let has_blobs = request.blob_versioned_hashes.is_some();
        let has_authorizations = request.authorization_list.is_some();
        let mut tx = TxEnv {
            caller: request.from.unwrap_or_default(),
            kind: request.to.unwrap_or(TxKind::Create),
            gas_limit: request.gas.map_or(gas_cap, |gas| gas.min(gas_cap)),
            value: request.value.unwrap_or_default(),
            data: input,
            chain_id: Some(chain_id),
            access_list: request.access_list.unwrap_or_default(),
            ..TxEnv::default()
        };
        let tip_cap = match gas_price {
            Some(price) => price,
            None if spec.is_enabled_in(SpecId::LONDON) => max_priority_fee_per_gas.unwrap_or_default(),
            None => 0,
        };
        tx.gas_price = match gas_price {
            Some(price) => price,
            None if spec.is_enabled_in(SpecId::LONDON) => max_fee_per_gas.unwrap_or_default(),
            None => 0,
        };
        tx.tx_type = if has_authorizations && spec.is_enabled_in(SpecId::PRAGUE) {
            4
        } else if has_blobs && spec.is_enabled_in(SpecId::CANCUN) {
            3
        } else if gas_price.is_none() && spec.is_enabled_in(SpecId::LONDON) {
            2
        } else {
            u8::from(!tx.access_list.0.is_empty() && spec.is_enabled_in(SpecId::BERLIN))
        };
        tx.gas_priority_fee = (tx.tx_type >= 2).then_some(tip_cap);
        if tx.tx_type == 3 {
            tx.blob_hashes = request.blob_versioned_hashes.unwrap_or_default();
            tx.max_fee_per_blob_gas = request.max_fee_per_blob_gas.unwrap_or_default();
        }
        if tx.tx_type == 4 {
            let authorizations = request.authorization_list.into_iter().flatten();
            tx.authorization_list = authorizations.map(Either::Left).collect();
        }
        Ok(Self { tx, tip_cap, nonce: request.nonce, has_blobs, has_authorizations })
    }

    /// What a unit of gas costs at a base fee.
    pub fn price(&self, base_fee: u64) -> u128 {
        match self.tx.tx_type {
            0 | 1 => self.tx.gas_price,
            _ => self.tx.gas_price.min(self.tip_cap.saturating_add(base_fee.into())),
        }
    }

    /// A call that offers nothing is not asked for the base fee, of gas and of blobs: contracts see zero.
    pub fn waive_fees(&self, environment: &mut Environment) {
        if self.price(environment.block.basefee) == 0 {
            environment.block.basefee = 0;
        }
        if self.has_blobs
            && self.tx.max_fee_per_blob_gas == 0
            && let Some(blobs) = &mut environment.block.blob_excess_gas_and_price
        {
            blobs.blob_gasprice = 0;
        }
    }

    /// The input.
    pub const fn input(&self) -> &Bytes {
        &self.tx.data
    }

    /// The same with an access list, from the fork on that has them.
    pub(crate) fn set_access_list(&mut self, access_list: AccessList, spec: SpecId) {
        if !spec.is_enabled_in(SpecId::BERLIN) {
            return;
        }
        if self.tx.tx_type == 0 && !access_list.0.is_empty() {
            self.tx.tx_type = 1;
        }
        self.tx.access_list = access_list;
    }
}

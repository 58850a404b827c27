//! A simulated block as clients see it.

use super::unsigned::Unsigned;
use alloy_consensus::{Header, Transaction as _};
use alloy_eips::eip4895::{Withdrawal, Withdrawals};
use alloy_primitives::{B256, U256};
use alloy_rlp::Encodable;
use alloy_rpc_types_eth::simulate::SimCallResult;
use mundi_rpc_context::RpcError;
use serde_json::{Value, json};

/// A block that is not part of the chain.
#[derive(Debug)]
pub(super) struct SimulatedBlock {
    pub(super) header: Header,
    pub(super) hash: B256,
    pub(super) transactions: Vec<Unsigned>,
    pub(super) calls: Vec<SimCallResult>,
    pub(super) withdrawals: Option<Vec<Withdrawal>>,
}

impl SimulatedBlock {
    /// Length of the encoded block.
    fn size(&self) -> usize {
        let list = |length: usize| alloy_rlp::Header { list: true, payload_length: length }.length() + length;
        let transactions = self.transactions.iter().map(Unsigned::length_in_block).sum();
        let withdrawals = self.withdrawals.as_ref().map_or(0, |all| Withdrawals::new(all.clone()).length());
        list(self.header.length() + list(transactions) + list(0) + withdrawals)
    }

    /// The block as `eth_getBlockByNumber` would show it, with the results of its calls.
    pub(super) fn answer(mut self, full: bool) -> Result<Value, RpcError> {
        self.place_logs();
        let size = U256::from(self.size());
        let Self { header, hash, transactions, calls, withdrawals } = self;
        let (number, timestamp, base_fee) = (header.number, header.timestamp, header.base_fee_per_gas);
        let transactions: Vec<Value> = transactions
            .iter()
            .enumerate()
            .map(|(index, transaction)| {
                if !full {
                    return serde_json::to_value(transaction.hash());
                }
                transaction.to_json(|seen| {
                    seen.block_hash = Some(hash);
                    seen.block_number = Some(number);
                    seen.block_timestamp = Some(timestamp);
                    seen.transaction_index = Some(index as u64);
                    seen.effective_gas_price = Some(transaction.envelope.effective_gas_price(base_fee));
                })
            })
            .collect::<Result<_, _>>()
            .map_err(RpcError::internal)?;
        let header =
            alloy_rpc_types_eth::Header { hash, inner: header, total_difficulty: None, size: Some(size) };
        let mut answer = serde_json::to_value(header).map_err(RpcError::internal)?;
        answer["transactions"] = Value::Array(transactions);
        answer["uncles"] = json!([]);
        answer["calls"] = serde_json::to_value(calls).map_err(RpcError::internal)?;
        if let Some(withdrawals) = withdrawals {
            answer["withdrawals"] = serde_json::to_value(withdrawals).map_err(RpcError::internal)?;
        }
        Ok(answer)
    }

    /// Says of logs where they are, now that it is known.
    fn place_logs(&mut self) {
        let mut index = 0;
        for (position, (call, transaction)) in self.calls.iter_mut().zip(&self.transactions).enumerate() {
            for log in &mut call.logs {
                log.block_hash = Some(self.hash);
                log.block_number = Some(self.header.number);
                log.block_timestamp = Some(self.header.timestamp);
                log.transaction_hash = Some(transaction.hash());
                log.transaction_index = Some(position as u64);
                log.log_index = Some(index);
                index += 1;
            }
        }
    }
}

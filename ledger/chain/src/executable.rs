//! From a block of the chain to the engine's input.

use crate::forks::{ChainSpec, ForkPoint};
use alloy_consensus::{Block, Header, TxEnvelope, transaction::Recovered};
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::U256;
use mundi_execution::{Ommer, Transaction};
use revm::{context::BlockEnv, context_interface::block::BlobExcessGasAndPrice};

/// The engine's input for a block at `point` whose senders are known.
///
/// The header is taken at its word: validate it first.
pub fn executable_block(
    spec: &ChainSpec,
    point: ForkPoint,
    block: &Block<Recovered<TxEnvelope>>,
) -> mundi_execution::Block {
    let (header, body) = (&block.header, &block.body);
    mundi_execution::Block {
        env: block_env(spec, point, header),
        rules: spec.rules_at(point),
        parent_hash: header.parent_hash,
        parent_beacon_block_root: header.parent_beacon_block_root,
        transactions: body
            .transactions
            .iter()
            .map(|tx| Transaction::from_envelope(tx.inner(), tx.signer()))
            .collect(),
        ommers: body
            .ommers
            .iter()
            .map(|ommer| Ommer { beneficiary: ommer.beneficiary, number: ommer.number })
            .collect(),
        withdrawals: body.withdrawals.as_ref().map(|withdrawals| withdrawals.to_vec()),
    }
}

/// What transactions see of the header of a block at `point`.
pub fn block_env(spec: &ChainSpec, point: ForkPoint, header: &Header) -> BlockEnv {
    let blobs = spec.blob_params_at(point).zip(header.excess_blob_gas);
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: header.difficulty,
        prevrandao: spec.is_active(EthereumHardfork::Paris, point).then_some(header.mix_hash),
        blob_excess_gas_and_price: blobs.map(|(params, excess_blob_gas)| BlobExcessGasAndPrice {
            excess_blob_gas,
            blob_gasprice: params.calc_blob_fee(excess_blob_gas),
        }),
        slot_num: header.slot_number.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[test]
    fn randomness_and_blob_price_come_with_their_forks() {
        let header = Header {
            mix_hash: B256::repeat_byte(3),
            excess_blob_gas: Some(3_338_477),
            base_fee_per_gas: Some(7),
            ..Default::default()
        };
        let env = |network| block_env(&ChainSpec::at_fork(network).unwrap(), ForkPoint::new(1, 1), &header);
        assert_eq!(env("London").prevrandao, None);
        assert_eq!(env("Paris").prevrandao, Some(B256::repeat_byte(3)));
        assert_eq!(env("Shanghai").blob_excess_gas_and_price, None);
        // e¹ rounded down; the later fork divides by more.
        assert_eq!(env("Cancun").blob_excess_gas_and_price.unwrap().blob_gasprice, 2);
        assert_eq!(env("Prague").blob_excess_gas_and_price.unwrap().blob_gasprice, 1);
    }
}

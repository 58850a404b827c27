//! `eth_config` (EIP-7910): the rules in force and those to come.

use alloy_eips::{
    eip2124::{ForkFilter, ForkFilterKey, Head},
    eip7910::{EthConfig, EthForkConfig, SystemContract},
};
use alloy_primitives::{Address, Bytes};
use mundi_chain::{ChainSpec, EthereumHardfork, ForkCondition, ForkPoint};
use mundi_rpc_context::{Ctx, RpcError};
use std::collections::BTreeMap;

/// The chain id of mainnet.
const MAINNET: u64 = 1;

/// Precompiles by the name that EIP-7910 gives them, the fork that brought them, and their address.
const PRECOMPILES: [(&str, EthereumHardfork, u16); 18] = [
    ("ECREC", EthereumHardfork::Frontier, 0x01),
    ("SHA256", EthereumHardfork::Frontier, 0x02),
    ("RIPEMD160", EthereumHardfork::Frontier, 0x03),
    ("ID", EthereumHardfork::Frontier, 0x04),
    ("MODEXP", EthereumHardfork::Byzantium, 0x05),
    ("BN254_ADD", EthereumHardfork::Byzantium, 0x06),
    ("BN254_MUL", EthereumHardfork::Byzantium, 0x07),
    ("BN254_PAIRING", EthereumHardfork::Byzantium, 0x08),
    ("BLAKE2F", EthereumHardfork::Istanbul, 0x09),
    ("KZG_POINT_EVALUATION", EthereumHardfork::Cancun, 0x0a),
    ("BLS12_G1ADD", EthereumHardfork::Prague, 0x0b),
    ("BLS12_G1MSM", EthereumHardfork::Prague, 0x0c),
    ("BLS12_G2ADD", EthereumHardfork::Prague, 0x0d),
    ("BLS12_G2MSM", EthereumHardfork::Prague, 0x0e),
    ("BLS12_PAIRING_CHECK", EthereumHardfork::Prague, 0x0f),
    ("BLS12_MAP_FP_TO_G1", EthereumHardfork::Prague, 0x10),
    ("BLS12_MAP_FP2_TO_G2", EthereumHardfork::Prague, 0x11),
    ("P256VERIFY", EthereumHardfork::Osaka, 0x100),
];

/// The configurations in force at the newest block, after the next change, and after the last one that is planned.
pub(super) fn eth_config(ctx: &Ctx) -> Result<EthConfig, RpcError> {
    let head = &ctx.ledger.head().block.header;
    let spec = ctx.ledger.spec();
    let mut times: Vec<u64> = spec.forks().filter_map(|(_, condition)| condition.as_timestamp()).collect();
    times.sort_unstable();
    times.dedup();
    let at = |time| {
        let ids = ForkIds { spec, genesis: ctx.ledger.store().genesis() };
        configuration(&ids, head.number, time)
    };
    let current = times.iter().copied().take_while(|time| *time <= head.timestamp).last();
    let current = current.and_then(at).ok_or_else(|| {
        RpcError::invalid_input("eth_config describes forks from Cancun on; none of them is active")
    })?;
    let later = || times.iter().copied().filter(|time| *time > head.timestamp);
    Ok(EthConfig { current, next: later().next().and_then(at), last: later().last().and_then(at) })
}

fn configuration(ids: &ForkIds<'_>, number: u64, time: u64) -> Option<EthForkConfig> {
    let spec = ids.spec;
    let point = ForkPoint::new(number, time);
    let fork = spec.fork_at(point);
    let mut contracts = BTreeMap::from(SystemContract::cancun());
    if fork >= EthereumHardfork::Prague {
        contracts.extend(SystemContract::prague(Some(spec.rules_at(point).deposit_contract)));
    }
    let precompiles = PRECOMPILES.iter().filter(|(_, since, _)| fork >= *since);
    let address = |short: u16| {
        let mut address = Address::ZERO;
        address[18..].copy_from_slice(&short.to_be_bytes());
        address
    };
    Some(EthForkConfig {
        activation_time: time,
        blob_schedule: spec.blob_params_at(point)?,
        chain_id: spec.chain_id(),
        fork_id: ids.at(number, time),
        precompiles: precompiles.map(|(name, _, short)| ((*name).to_owned(), address(*short))).collect(),
        system_contracts: contracts,
    })
}

/// EIP-6122 identifiers of a chain's forks.
struct ForkIds<'a> {
    spec: &'a ChainSpec,
    genesis: alloy_primitives::B256,
}

impl ForkIds<'_> {
    fn at(&self, number: u64, timestamp: u64) -> Bytes {
        let keys = self.spec.forks().filter_map(|(_, condition)| match condition {
            ForkCondition::Block(block) => Some(ForkFilterKey::Block(block)),
            // Genesis files give a block of the network's split as the height of the Merge, or none: zero or the greatest number.
            // Mainnet's Merge has a height and split nothing.
            ForkCondition::TTD { fork_block, activation_block_number, .. } => {
                let split = (self.spec.chain_id() != MAINNET).then_some(activation_block_number);
                fork_block.or(split).map(ForkFilterKey::Block)
            }
            ForkCondition::Timestamp(time) => Some(ForkFilterKey::Time(time)),
            ForkCondition::Never => None,
        });
        let head = Head { number, timestamp, ..Head::default() };
        let id = ForkFilter::new(head, self.genesis, 0, keys).current();
        Bytes::copy_from_slice(&id.hash.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{b256, bytes};

    /// The examples of EIP-2124 and of EIP-6122, and what clients say for Prague.
    #[test]
    fn forks_of_mainnet_have_their_identifiers() {
        let spec = ChainSpec::mainnet();
        let genesis = b256!("0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");
        let ids = ForkIds { spec: &spec, genesis };
        for (number, time, id) in [
            (0, 0, bytes!("0xfc64ec04")),
            (12_965_000, 1_628_166_822, bytes!("0xb715077d")),
            (17_034_870, 1_681_338_455, bytes!("0xdce96c2d")),
            (19_426_587, 1_710_338_135, bytes!("0x9f3d2254")),
            (22_431_084, 1_746_612_311, bytes!("0xc376cf8b")),
        ] {
            assert_eq!(ids.at(number, time), id, "{number}");
        }
    }
}

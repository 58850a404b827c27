//! Which forks happen where.
//!
//! Heights are planned. Times and the total difficulty of the Merge are not known before the blocks are there, so the
//! schedule grows with the chain: a fork gets its place when the chain reaches it, and every earlier block is before that place.

use crate::{
    config::{Config, Forks, SUPPORTED},
    contracts::DEPOSIT_DESK,
};
use alloy_eips::eip7840::BlobParams;
use mundi_chain::{ChainSpec, EthereumHardfork, ForkCondition, ForkPoint};
use serde_json::{Map, Value, json};

/// A height that no chain reaches.
const NEVER: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Schedule {
    spec: ChainSpec,
    /// Forks to come with their heights, the next one last.
    planned: Vec<(u64, EthereumHardfork)>,
}

impl Schedule {
    /// The schedule before the genesis.
    pub(crate) fn new(config: &Config) -> Self {
        let spec = ChainSpec::frontier(config.chain_id).with_deposit_contract(DEPOSIT_DESK);
        let mut planned: Vec<_> = match config.forks {
            Forks::All { every } => (0..).map(|index| index * every).zip(SUPPORTED).collect(),
            Forks::Only(last) => SUPPORTED.into_iter().filter(|f| *f <= last).map(|f| (0, f)).collect(),
        };
        planned.reverse();
        Self { spec, planned }
    }

    /// Gives their places to the forks that happen at `point`, whose total difficulty is known.
    pub(crate) fn reach(&mut self, point: ForkPoint) {
        while let Some((_, fork)) = self.planned.pop_if(|(height, _)| *height <= point.number) {
            let condition = match fork {
                // Together with the genesis they need no clock.
                _ if fork > EthereumHardfork::Paris && point.number == 0 => ForkCondition::ZERO_TIMESTAMP,
                _ if fork > EthereumHardfork::Paris => ForkCondition::Timestamp(point.timestamp),
                EthereumHardfork::Paris => ForkCondition::TTD {
                    activation_block_number: point.number,
                    fork_block: None,
                    total_difficulty: point.parent_total_difficulty.unwrap_or_default(),
                },
                _ => ForkCondition::Block(point.number),
            };
            self.spec = self.spec.clone().with_fork(fork, condition);
        }
    }

    /// The forks reached so far.
    pub(crate) const fn spec(&self) -> &ChainSpec {
        &self.spec
    }

    /// The `config` of a genesis file.
    pub(crate) fn to_json(&self) -> Value {
        let mut config = Map::new();
        config.insert("chainId".into(), json!(self.spec.chain_id()));
        let mut blobs = Map::new();
        for (fork, condition) in self.spec.forks() {
            let place = match condition {
                ForkCondition::Block(height) => json!(height),
                ForkCondition::Timestamp(time) => json!(time),
                ForkCondition::TTD { total_difficulty, .. } => {
                    // It fits: difficulties begin low and hardly grow.
                    json!(total_difficulty.saturating_to::<u64>())
                }
                ForkCondition::Never => continue,
            };
            for key in keys(fork) {
                config.insert((*key).into(), place.clone());
            }
            if let Some((name, params)) = blob_params(fork) {
                let entry = json!({
                    "target": params.target_blob_count,
                    "max": params.max_blob_count,
                    "baseFeeUpdateFraction": u64::try_from(params.update_fraction).unwrap_or(u64::MAX),
                });
                blobs.insert(name.into(), entry);
            }
        }
        if config.contains_key("constantinopleBlock") {
            // Without a height of its own Petersburg would come with Constantinople.
            config.entry("petersburgBlock").or_insert_with(|| json!(NEVER));
        }
        config.insert("depositContractAddress".into(), json!(DEPOSIT_DESK));
        config.insert("ethash".into(), json!({}));
        if !blobs.is_empty() {
            config.insert("blobSchedule".into(), Value::Object(blobs));
        }
        Value::Object(config)
    }
}

/// What a genesis file calls a fork.
const fn keys(fork: EthereumHardfork) -> &'static [&'static str] {
    use EthereumHardfork as Fork;
    match fork {
        Fork::Homestead => &["homesteadBlock"],
        Fork::Tangerine => &["eip150Block"],
        Fork::SpuriousDragon => &["eip155Block", "eip158Block"],
        Fork::Byzantium => &["byzantiumBlock"],
        Fork::Constantinople => &["constantinopleBlock"],
        Fork::Petersburg => &["petersburgBlock"],
        Fork::Istanbul => &["istanbulBlock"],
        Fork::MuirGlacier => &["muirGlacierBlock"],
        Fork::Berlin => &["berlinBlock"],
        Fork::London => &["londonBlock"],
        Fork::ArrowGlacier => &["arrowGlacierBlock"],
        Fork::GrayGlacier => &["grayGlacierBlock"],
        Fork::Paris => &["terminalTotalDifficulty"],
        Fork::Shanghai => &["shanghaiTime"],
        Fork::Cancun => &["cancunTime"],
        Fork::Prague => &["pragueTime"],
        Fork::Osaka => &["osakaTime"],
        Fork::Bpo1 => &["bpo1Time"],
        Fork::Bpo2 => &["bpo2Time"],
        _ => &[],
    }
}

fn blob_params(fork: EthereumHardfork) -> Option<(&'static str, BlobParams)> {
    use EthereumHardfork as Fork;
    Some(match fork {
        Fork::Cancun => ("cancun", BlobParams::cancun()),
        Fork::Prague => ("prague", BlobParams::prague()),
        Fork::Osaka => ("osaka", BlobParams::osaka()),
        Fork::Bpo1 => ("bpo1", BlobParams::bpo1()),
        Fork::Bpo2 => ("bpo2", BlobParams::bpo2()),
        _ => return None,
    })
}

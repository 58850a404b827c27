//! The `config` object of a genesis file.

use super::{
    file::BlobEntry,
    quantity::{Quantity, Small},
    unique::UniqueMap,
};
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::Address;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess},
};
use std::fmt;

/// A key that schedules a fork.
#[derive(Clone, Copy, Debug)]
pub(super) struct ForkKey {
    pub(super) name: &'static str,
    /// What it schedules; nothing for the fork identifier's netsplit block.
    pub(super) fork: Option<EthereumHardfork>,
    /// Whether a later fork may be scheduled without this one.
    pub(super) optional: bool,
    /// By time, and not by height.
    pub(super) by_time: bool,
}

const fn block(name: &'static str, fork: EthereumHardfork, optional: bool) -> ForkKey {
    ForkKey { name, fork: Some(fork), optional, by_time: false }
}

const fn time(name: &'static str, fork: EthereumHardfork, optional: bool) -> ForkKey {
    ForkKey { name, fork: Some(fork), optional, by_time: true }
}

/// All of them, in the order of the forks.
pub(super) const FORK_KEYS: [ForkKey; 25] = {
    use EthereumHardfork as Fork;
    [
        block("homesteadBlock", Fork::Homestead, false),
        block("daoForkBlock", Fork::Dao, true),
        block("eip150Block", Fork::Tangerine, false),
        block("eip155Block", Fork::SpuriousDragon, false),
        block("eip158Block", Fork::SpuriousDragon, false),
        block("byzantiumBlock", Fork::Byzantium, false),
        block("constantinopleBlock", Fork::Constantinople, false),
        block("petersburgBlock", Fork::Petersburg, false),
        block("istanbulBlock", Fork::Istanbul, false),
        block("muirGlacierBlock", Fork::MuirGlacier, true),
        block("berlinBlock", Fork::Berlin, false),
        block("londonBlock", Fork::London, false),
        block("arrowGlacierBlock", Fork::ArrowGlacier, true),
        block("grayGlacierBlock", Fork::GrayGlacier, true),
        ForkKey { name: "mergeNetsplitBlock", fork: None, optional: true, by_time: false },
        time("shanghaiTime", Fork::Shanghai, false),
        time("cancunTime", Fork::Cancun, false),
        time("pragueTime", Fork::Prague, false),
        time("osakaTime", Fork::Osaka, false),
        time("bpo1Time", Fork::Bpo1, true),
        time("bpo2Time", Fork::Bpo2, true),
        time("bpo3Time", Fork::Bpo3, true),
        time("bpo4Time", Fork::Bpo4, true),
        time("bpo5Time", Fork::Bpo5, true),
        time("amsterdamTime", Fork::Amsterdam, true),
    ]
};

/// Keys that are known and change nothing here: seals are not checked, and whether the Merge has passed follows from
/// the total difficulty.
const WITHOUT_EFFECT: [&str; 5] =
    ["ethash", "eip150Hash", "terminalTotalDifficultyPassed", "isDev", "enableVerkleAtGenesis"];

/// `config`, as it is written.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) chain_id: Small,
    /// Heights and times, by the place of the key in [`FORK_KEYS`].
    pub(super) forks: [Option<u64>; FORK_KEYS.len()],
    pub(super) dao_fork_support: bool,
    pub(super) terminal_total_difficulty: Option<Quantity>,
    pub(super) deposit_contract: Option<Address>,
    /// Whether a block may have the time of its parent.
    pub(super) equal_timestamps: bool,
    pub(super) blob_schedule: Vec<(String, BlobEntry)>,
    /// Whether blocks are sealed by authorities before the Merge.
    pub(super) clique: bool,
    /// Keys that mean nothing here.
    pub(super) unknown: Vec<String>,
}

impl Config {
    /// The height or time that a key gives.
    pub(super) fn fork(&self, name: &str) -> Option<u64> {
        FORK_KEYS.iter().position(|key| key.name == name).and_then(|at| self.forks[at])
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Config;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Config, A::Error> {
        let mut seen = Vec::<String>::new();
        let mut chain_id = None;
        let mut config = Config {
            chain_id: Small(0),
            forks: [None; FORK_KEYS.len()],
            dao_fork_support: false,
            terminal_total_difficulty: None,
            deposit_contract: None,
            equal_timestamps: false,
            blob_schedule: Vec::new(),
            clique: false,
            unknown: Vec::new(),
        };
        while let Some(name) = map.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(de::Error::custom("this key was there before"));
            }
            match name.as_str() {
                "chainId" => chain_id = Some(map.next_value()?),
                "daoForkSupport" => {
                    config.dao_fork_support = map.next_value::<Option<bool>>()?.unwrap_or_default();
                }
                "terminalTotalDifficulty" => config.terminal_total_difficulty = map.next_value()?,
                "depositContractAddress" => config.deposit_contract = map.next_value()?,
                "equalTimestamps" => {
                    config.equal_timestamps = map.next_value::<Option<bool>>()?.unwrap_or_default();
                }
                "blobSchedule" => {
                    let schedule: Option<UniqueMap<String, BlobEntry>> = map.next_value()?;
                    config.blob_schedule = schedule.into_iter().flat_map(|schedule| schedule.0).collect();
                }
                "clique" => config.clique = map.next_value::<Option<IgnoredAny>>()?.is_some(),
                other => match FORK_KEYS.iter().position(|key| key.name == other) {
                    Some(at) => {
                        config.forks[at] = map.next_value::<Option<Small>>()?.map(|small| small.0);
                    }
                    None => {
                        let null = map.next_value::<Option<IgnoredAny>>()?.is_none();
                        if !null && !WITHOUT_EFFECT.contains(&other) {
                            config.unknown.push(name.clone());
                        }
                    }
                },
            }
            seen.push(name);
            if seen.len() > MAX_KEYS {
                return Err(de::Error::custom(format_args!("more than {MAX_KEYS} keys")));
            }
        }
        config.chain_id = chain_id.ok_or_else(|| de::Error::missing_field("chainId"))?;
        Ok(config)
    }
}

/// More keys than any configuration has.
const MAX_KEYS: usize = 1_000;

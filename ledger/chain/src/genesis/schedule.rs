//! From the `config` of a genesis file to a fork schedule.

use super::{
    GenesisError,
    config::{Config, FORK_KEYS, ForkKey},
};
use crate::forks::ChainSpec;
use alloy_hardforks::{EthereumHardfork, ForkCondition};

/// More blobs in a block than any schedule will ever ask for.
const MAX_BLOBS: u64 = 1 << 20;

/// The fork schedule, checked for order and completeness.
pub(super) fn chain_spec(config: &Config) -> Result<ChainSpec, GenesisError> {
    refuse_foreign(config)?;
    check_order(config)?;
    let mut spec = ChainSpec::frontier(config.chain_id.0).with_equal_timestamps(config.equal_timestamps);
    for (key, place) in FORK_KEYS.iter().zip(config.forks) {
        let (Some(fork), Some(place)) = (key.fork, place) else { continue };
        let condition = match key.by_time {
            true => ForkCondition::Timestamp(place),
            // The side that did not take part has the name, and nothing else.
            false if fork == EthereumHardfork::Dao && !config.dao_fork_support => continue,
            false => ForkCondition::Block(place),
        };
        spec = spec.with_fork(fork, condition);
    }
    if let (Some(height), None) = (config.fork("constantinopleBlock"), config.fork("petersburgBlock")) {
        // Without a height of its own the repair comes with what it repairs.
        spec = spec.with_fork(EthereumHardfork::Petersburg, ForkCondition::Block(height));
    }
    if let Some(condition) = merge(config)? {
        spec = spec.with_fork(EthereumHardfork::Paris, condition);
    }
    if let Some(address) = config.deposit_contract {
        spec = spec.with_deposit_contract(address);
    }
    with_blobs(spec, config)
}

/// Rules of other chains, and misspelt forks: to pass over them would make another chain of this one.
fn refuse_foreign(config: &Config) -> Result<(), GenesisError> {
    if config.clique && config.terminal_total_difficulty.is_none_or(|total| !total.0.is_zero()) {
        return Err(field("clique", "blocks sealed by authorities are not supported".into()));
    }
    match config.unknown.iter().find(|key| key.ends_with("Block") || key.ends_with("Time")) {
        Some(key) => Err(field(key, "this fork is not known here".into())),
        None => Ok(()),
    }
}

/// Forks come one after another, and none that later ones build on is left out.
fn check_order(config: &Config) -> Result<(), GenesisError> {
    let mut before: Option<(&ForkKey, Option<u64>)> = None;
    for (key, place) in FORK_KEYS.iter().zip(config.forks) {
        if let (Some((earlier, reached)), Some(place)) = (before, place) {
            match reached {
                None => return Err(field(key.name, format!("{} is missing before it", earlier.name))),
                Some(reached) if earlier.by_time == key.by_time && reached > place => {
                    return Err(field(
                        key.name,
                        format!("{place} is before {}, which is {reached}", earlier.name),
                    ));
                }
                Some(_) => {}
            }
        }
        if place.is_some() || !key.optional {
            before = Some((key, place));
        }
    }
    match (config.fork("eip155Block"), config.fork("eip158Block")) {
        (eip155, eip158) if eip155 == eip158 => Ok(()),
        (eip155, _) => {
            let at = eip155.map_or("absent".into(), |height| height.to_string());
            Err(field("eip158Block", format!("expected as eip155Block, which is {at}: they are one fork")))
        }
    }
}

/// When the Merge happens.
fn merge(config: &Config) -> Result<Option<ForkCondition>, GenesisError> {
    let Some(total_difficulty) = config.terminal_total_difficulty else {
        return match FORK_KEYS.iter().zip(config.forks).find(|(key, place)| key.by_time && place.is_some()) {
            Some((key, _)) => Err(field(key.name, "terminalTotalDifficulty is missing before it".into())),
            None => Ok(None),
        };
    };
    let total_difficulty = total_difficulty.0;
    // Asked only where the total difficulty is not known.
    let otherwise = if total_difficulty.is_zero() { 0 } else { u64::MAX };
    let activation_block_number = config.fork("mergeNetsplitBlock").unwrap_or(otherwise);
    Ok(Some(ForkCondition::TTD { activation_block_number, fork_block: None, total_difficulty }))
}

/// Blob parameters. Without an entry Cancun, Prague and Osaka have those of mainnet; the forks that change nothing else
/// need one.
fn with_blobs(mut spec: ChainSpec, config: &Config) -> Result<ChainSpec, GenesisError> {
    for (name, entry) in &config.blob_schedule {
        let Some(fork) = blob_fork(name) else {
            return Err(field(&format!("blobSchedule.{name}"), "this fork is not known here".into()));
        };
        let [target, max, fraction] = [entry.target, entry.max, entry.base_fee_update_fraction].map(|n| n.0);
        let wrong = if max > MAX_BLOBS {
            Some(format!("max: expected at most {MAX_BLOBS}, got {max}"))
        } else if target > max {
            Some(format!("target: expected at most the max of {max}, got {target}"))
        } else if fraction == 0 {
            Some("baseFeeUpdateFraction: it is a divisor, got 0".to_owned())
        } else {
            None
        };
        if let Some(reason) = wrong {
            return Err(field(&format!("blobSchedule.{name}"), reason));
        }
        spec = spec.with_blob_schedule(fork, target, max, fraction);
    }
    for (key, place) in FORK_KEYS.iter().zip(config.forks) {
        let name = key.name.strip_suffix("Time").unwrap_or_default();
        let listed = config.blob_schedule.iter().any(|(entry, _)| entry == name);
        if place.is_some() && name.starts_with("bpo") && !listed {
            return Err(field(
                key.name,
                format!("blobSchedule.{name} is missing, which is all that it changes"),
            ));
        }
    }
    Ok(spec)
}

fn blob_fork(name: &str) -> Option<EthereumHardfork> {
    let key = FORK_KEYS.iter().find(|key| key.by_time && key.name.strip_suffix("Time") == Some(name))?;
    key.fork.filter(|fork| *fork >= EthereumHardfork::Cancun)
}

fn field(name: &str, reason: String) -> GenesisError {
    GenesisError::Field { path: format!("config.{name}"), reason }
}

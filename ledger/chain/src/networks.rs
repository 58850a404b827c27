//! The networks of Ethereum's test files, by the names the files use.
//!
//! A name is a fork (`"Shanghai"`: that fork and all before it from genesis on) or a transition
//! `<From>To<Fork>At<Where>`, where the place is a height (`5`), a time (`Time15k`) or, for the Merge, a
//! total difficulty (`DiffC0000`, hexadecimal).

use crate::forks::ChainSpec;
use alloy_hardforks::{EthereumHardfork, ForkCondition};
use alloy_primitives::U256;

/// A network name that means nothing here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown network '{0}': expected a fork such as 'Cancun' or a transition such as 'ShanghaiToCancunAtTime15k'"
)]
pub struct UnknownNetwork(pub String);

impl ChainSpec {
    /// The test network called `name`, with chain id 1.
    ///
    /// ```
    /// use mundi_chain::{ChainSpec, ForkPoint};
    ///
    /// let spec = ChainSpec::at_fork("ShanghaiToCancunAtTime15k")?;
    /// assert!(spec.rules_at(ForkPoint::new(1, 14_999)).blobs.is_none());
    /// assert!(spec.rules_at(ForkPoint::new(1, 15_000)).blobs.is_some());
    /// # Ok::<(), mundi_chain::UnknownNetwork>(())
    /// ```
    pub fn at_fork(name: &str) -> Result<Self, UnknownNetwork> {
        parse(name).ok_or_else(|| UnknownNetwork(name.to_owned()))
    }
}

/// The fork that the test files call `name`.
pub fn network_fork(name: &str) -> Result<EthereumHardfork, UnknownNetwork> {
    fork_named(name).ok_or_else(|| UnknownNetwork(name.to_owned()))
}

fn parse(name: &str) -> Option<ChainSpec> {
    if let Some(fork) = fork_named(name) {
        return Some(from_genesis(fork));
    }
    let (forks, place) = name.rsplit_once("At")?;
    let (from, to) = forks.split_once("To")?;
    let (from, to) = (fork_named(from)?, fork_named(to)?);
    if to <= from {
        return None;
    }
    let spec = from_genesis(from);
    match condition(place)? {
        // Difficulty decides the Merge only; bomb delays between the two forks stay unscheduled.
        condition @ ForkCondition::TTD { .. } if to == EthereumHardfork::Paris => {
            Some(spec.with_fork(to, condition))
        }
        ForkCondition::TTD { .. } => None,
        condition => Some(
            EthereumHardfork::VARIANTS
                .iter()
                .filter(|fork| **fork > from && **fork <= to && is_implied(**fork, to))
                .fold(spec, |spec, fork| spec.with_fork(*fork, condition)),
        ),
    }
}

/// A network on which `fork` and all before it are active from genesis on.
pub(crate) fn from_genesis(fork: EthereumHardfork) -> ChainSpec {
    EthereumHardfork::VARIANTS.iter().filter(|earlier| **earlier <= fork && is_implied(**earlier, fork)).fold(
        ChainSpec::frontier(1),
        |spec, fork| {
            let condition = match *fork {
                EthereumHardfork::Paris => ForkCondition::TTD {
                    activation_block_number: 0,
                    fork_block: None,
                    total_difficulty: U256::ZERO,
                },
                fork if fork > EthereumHardfork::Paris => ForkCondition::ZERO_TIMESTAMP,
                _ => ForkCondition::ZERO_BLOCK,
            };
            spec.with_fork(*fork, condition)
        },
    )
}

/// Whether a network that reaches `target` passes through `fork`: the DAO fork is an event of one height, so
/// it happens only where it is named.
fn is_implied(fork: EthereumHardfork, target: EthereumHardfork) -> bool {
    fork != EthereumHardfork::Dao || target == EthereumHardfork::Dao
}

fn condition(place: &str) -> Option<ForkCondition> {
    if let Some(time) = place.strip_prefix("Time") {
        return Some(ForkCondition::Timestamp(match time.strip_suffix('k') {
            Some(thousands) => thousands.parse::<u64>().ok()?.checked_mul(1000)?,
            None => time.parse().ok()?,
        }));
    }
    if let Some(difficulty) = place.strip_prefix("Diff") {
        return Some(ForkCondition::TTD {
            activation_block_number: u64::MAX,
            fork_block: None,
            total_difficulty: U256::from_str_radix(difficulty, 16).ok()?,
        });
    }
    Some(ForkCondition::Block(place.parse().ok()?))
}

/// Forks by the names of the test files, old and new.
fn fork_named(name: &str) -> Option<EthereumHardfork> {
    use EthereumHardfork as Fork;
    Some(match name {
        "Frontier" => Fork::Frontier,
        "Homestead" => Fork::Homestead,
        "Dao" | "DAO" | "DAOFork" => Fork::Dao,
        "EIP150" | "Tangerine" | "TangerineWhistle" => Fork::Tangerine,
        "EIP158" | "SpuriousDragon" => Fork::SpuriousDragon,
        "Byzantium" => Fork::Byzantium,
        "Constantinople" => Fork::Constantinople,
        "ConstantinopleFix" | "Petersburg" | "StPetersburg" => Fork::Petersburg,
        "Istanbul" => Fork::Istanbul,
        "MuirGlacier" => Fork::MuirGlacier,
        "Berlin" => Fork::Berlin,
        "London" => Fork::London,
        "ArrowGlacier" => Fork::ArrowGlacier,
        "GrayGlacier" => Fork::GrayGlacier,
        "Merge" | "Paris" => Fork::Paris,
        "Shanghai" => Fork::Shanghai,
        "Cancun" => Fork::Cancun,
        "Prague" => Fork::Prague,
        "Osaka" => Fork::Osaka,
        "BPO1" => Fork::Bpo1,
        "BPO2" => Fork::Bpo2,
        "BPO3" => Fork::Bpo3,
        "BPO4" => Fork::Bpo4,
        "BPO5" => Fork::Bpo5,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forks::ForkPoint;

    #[test]
    fn transitions_happen_where_their_name_says() {
        use EthereumHardfork::*;
        for (name, before, after) in [
            ("FrontierToHomesteadAt5", Frontier, Homestead),
            ("HomesteadToEIP150At5", Homestead, Tangerine),
            ("HomesteadToDaoAt5", Homestead, Dao),
            ("EIP158ToByzantiumAt5", SpuriousDragon, Byzantium),
            ("ByzantiumToConstantinopleAt5", Byzantium, Constantinople),
            ("ByzantiumToConstantinopleFixAt5", Byzantium, Petersburg),
            ("BerlinToLondonAt5", Berlin, London),
        ] {
            let spec = ChainSpec::at_fork(name).unwrap();
            assert_eq!(spec.fork_at(ForkPoint::new(4, 0)), before, "{name}");
            assert_eq!(spec.fork_at(ForkPoint::new(5, 0)), after, "{name}");
        }
        for (name, before, after) in [
            ("MergeToShanghaiAtTime15k", Paris, Shanghai),
            ("ParisToShanghaiAtTime15k", Paris, Shanghai),
            ("ShanghaiToCancunAtTime15k", Shanghai, Cancun),
            ("CancunToPragueAtTime15k", Cancun, Prague),
            ("PragueToOsakaAtTime15k", Prague, Osaka),
            ("OsakaToBPO1AtTime15k", Osaka, Bpo1),
            ("BPO1ToBPO2AtTime15k", Bpo1, Bpo2),
        ] {
            let spec = ChainSpec::at_fork(name).unwrap();
            assert_eq!(spec.fork_at(ForkPoint::new(4, 14_999)), before, "{name}");
            assert_eq!(spec.fork_at(ForkPoint::new(4, 15_000)), after, "{name}");
        }
    }

    #[test]
    fn the_merge_waits_for_its_difficulty() {
        for name in ["ArrowGlacierToMergeAtDiffC0000", "ArrowGlacierToParisAtDiffC0000"] {
            let spec = ChainSpec::at_fork(name).unwrap();
            let point = ForkPoint::new(7, 0);
            let below = point.with_parent_total_difficulty(U256::from(0xbffff));
            let reached = point.with_parent_total_difficulty(U256::from(0xc0000));
            assert_eq!(spec.fork_at(below), EthereumHardfork::ArrowGlacier);
            assert_eq!(spec.fork_at(reached), EthereumHardfork::Paris);
        }
    }

    #[test]
    fn the_dao_fork_happens_only_where_it_is_named() {
        assert_eq!(ChainSpec::at_fork("EIP150").unwrap().dao_fork_block(), None);
        assert_eq!(ChainSpec::at_fork("HomesteadToEIP150At5").unwrap().dao_fork_block(), None);
        assert_eq!(ChainSpec::at_fork("HomesteadToDaoAt5").unwrap().dao_fork_block(), Some(5));
    }

    #[test]
    fn nonsense_is_an_error() {
        for name in [
            "",
            "At",
            "ToAt",
            "Cancun2",
            "CancunToShanghaiAt5",
            "LondonToCancunAtDiff5",
            "BerlinToLondonAtTimek",
        ] {
            assert!(ChainSpec::at_fork(name).is_err(), "{name}");
        }
    }
}

//! The difficulty of proof-of-work blocks (Yellow Paper §4.3.4; EIP-2, EIP-100 and the bomb's delays).

use alloy_consensus::Header;
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::U256;

/// Least difficulty of a block.
const MIN_DIFFICULTY: U256 = U256::from_limbs([131_072, 0, 0, 0]);
/// Divisor of the parent's difficulty that gives one step.
const BOUND_DIVISOR: U256 = U256::from_limbs([2_048, 0, 0, 0]);
/// Most steps down at once, from Homestead on.
const MAX_STEPS_DOWN: u64 = 99;
/// Blocks from one doubling of the bomb to the next.
const BOMB_PERIOD: u64 = 100_000;
/// Frontier raises the difficulty if the block comes within this many seconds.
const FRONTIER_DURATION_LIMIT: u64 = 13;

/// The difficulty of the block after `parent` at `timestamp`, under the rules of `fork`; zero from the Merge on.
///
/// Whether the parent has ommers matters from Byzantium on (EIP-100). The arithmetic saturates: no input makes it
/// overflow.
pub fn next_difficulty(fork: EthereumHardfork, parent: &Header, timestamp: u64) -> U256 {
    if fork >= EthereumHardfork::Paris {
        return U256::ZERO;
    }
    let step = parent.difficulty / BOUND_DIVISOR;
    let elapsed = timestamp.saturating_sub(parent.timestamp);
    let stepped = if fork >= EthereumHardfork::Byzantium {
        let with_ommers = !parent.ommers_hash_is_empty();
        adjust(parent.difficulty, step, 1 + u64::from(with_ommers), elapsed / 9)
    } else if fork >= EthereumHardfork::Homestead {
        adjust(parent.difficulty, step, 1, elapsed / 10)
    } else if elapsed < FRONTIER_DURATION_LIMIT {
        parent.difficulty.saturating_add(step)
    } else {
        parent.difficulty.saturating_sub(step)
    };
    let number = parent.number.saturating_add(1).saturating_sub(bomb_delay(fork));
    stepped.max(MIN_DIFFICULTY).saturating_add(bomb(number))
}

/// `difficulty + step × max(up − down, −99)`.
fn adjust(difficulty: U256, step: U256, up: u64, down: u64) -> U256 {
    if down <= up {
        difficulty.saturating_add(step.saturating_mul(U256::from(up - down)))
    } else {
        difficulty.saturating_sub(step.saturating_mul(U256::from((down - up).min(MAX_STEPS_DOWN))))
    }
}

/// The exponential term at a height from which the delay is taken off already.
fn bomb(number: u64) -> U256 {
    match (number / BOMB_PERIOD).checked_sub(2) {
        None => U256::ZERO,
        Some(exponent) if exponent < 256 => U256::from(1) << exponent,
        Some(_) => U256::MAX,
    }
}

/// How many blocks the bomb has been set back.
fn bomb_delay(fork: EthereumHardfork) -> u64 {
    match fork {
        // EIP-5133
        f if f >= EthereumHardfork::GrayGlacier => 11_400_000,
        // EIP-4345
        f if f >= EthereumHardfork::ArrowGlacier => 10_700_000,
        // EIP-3554
        f if f >= EthereumHardfork::London => 9_700_000,
        // EIP-2384
        f if f >= EthereumHardfork::MuirGlacier => 9_000_000,
        // EIP-1234
        f if f >= EthereumHardfork::Constantinople => 5_000_000,
        // EIP-649
        f if f >= EthereumHardfork::Byzantium => 3_000_000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forks::{ChainSpec, ForkPoint};
    use alloy_consensus::EMPTY_OMMER_ROOT_HASH;
    use alloy_primitives::B256;

    fn parent(number: u64, timestamp: u64, difficulty: u128, ommers: bool) -> Header {
        Header {
            number,
            timestamp,
            difficulty: U256::from(difficulty),
            ommers_hash: if ommers { B256::repeat_byte(1) } else { EMPTY_OMMER_ROOT_HASH },
            ..Default::default()
        }
    }

    #[test]
    fn mainnet_blocks_have_the_computed_difficulty() {
        // (parent's number, time, difficulty, ommers) and (time, difficulty) of the block itself.
        for (parent, timestamp, difficulty) in [
            // Blocks 1 and 2 of mainnet.
            (parent(0, 0, 17_179_869_184, false), 1_438_269_988, 17_171_480_576_u128),
            (parent(1, 1_438_269_988, 17_171_480_576, false), 1_438_270_017, 17_163_096_064),
        ] {
            let fork = ChainSpec::mainnet().fork_at(ForkPoint::new(parent.number + 1, timestamp));
            assert_eq!(next_difficulty(fork, &parent, timestamp), U256::from(difficulty));
        }
    }

    #[test]
    fn the_bomb_doubles_every_period_and_is_set_back_by_its_delays() {
        let at = |fork, number: u64| {
            let parent = parent(number - 1, 0, 1 << 40, false);
            next_difficulty(fork, &parent, 10) - next_difficulty(fork, &Header { number: 1, ..parent }, 10)
        };
        assert_eq!(at(EthereumHardfork::Homestead, 199_999), U256::ZERO);
        assert_eq!(at(EthereumHardfork::Homestead, 200_000), U256::from(1));
        assert_eq!(at(EthereumHardfork::Homestead, 500_000), U256::from(8));
        assert_eq!(at(EthereumHardfork::Byzantium, 3_500_000), U256::from(8));
        assert_eq!(at(EthereumHardfork::GrayGlacier, 11_899_999), U256::from(4));
        assert_eq!(at(EthereumHardfork::GrayGlacier, 11_900_000), U256::from(8));
    }

    #[test]
    fn ommers_of_the_parent_raise_it_from_byzantium_on() {
        let (without, with) = (parent(9, 0, 1 << 20, false), parent(9, 0, 1 << 20, true));
        let homestead = |p| next_difficulty(EthereumHardfork::Homestead, p, 10);
        let byzantium = |p| next_difficulty(EthereumHardfork::Byzantium, p, 10);
        assert_eq!(homestead(&with), homestead(&without));
        assert_eq!(byzantium(&with) - byzantium(&without), U256::from((1 << 20) / 2048));
    }

    #[test]
    fn no_input_overflows() {
        let mut parent = parent(u64::MAX, 0, 0, true);
        parent.difficulty = U256::MAX;
        for fork in EthereumHardfork::VARIANTS {
            next_difficulty(*fork, &parent, 0);
            next_difficulty(*fork, &parent, u64::MAX);
        }
    }
}

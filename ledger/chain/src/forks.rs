//! Fork schedules: which rules hold at which height, time and total difficulty.
//!
//! ## Invariants
//! * Forks are ordered as in [`EthereumHardfork`]; a fork that is not scheduled is never active.
//! * Rules are those of the *latest* active fork: a schedule may skip forks, and a later fork includes all
//!   earlier ones except the irregular state change of the DAO fork.

use alloy_eips::{eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS, eip7840::BlobParams};
use alloy_hardforks::{
    EthereumHardfork, ForkCondition,
    mainnet::{
        MAINNET_BPO1_TIMESTAMP, MAINNET_BPO2_TIMESTAMP, MAINNET_CANCUN_TIMESTAMP, MAINNET_OSAKA_TIMESTAMP,
        MAINNET_PARIS_BLOCK, MAINNET_PARIS_TTD, MAINNET_PRAGUE_TIMESTAMP, MAINNET_SHANGHAI_TIMESTAMP,
    },
};
use alloy_primitives::{Address, U256};
use mundi_execution::{BlobRules, Rules};
use revm::primitives::hardfork::SpecId;
use std::collections::BTreeMap;

/// Where a block stands: all that decides which forks are active in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkPoint {
    /// Height of the block.
    pub number: u64,
    /// Its time, in seconds.
    pub timestamp: u64,
    /// Sum of the difficulties of all its ancestors, if it is known. The Merge is decided by it; without it, by
    /// the height that the schedule gives for the Merge.
    pub parent_total_difficulty: Option<U256>,
}

impl ForkPoint {
    /// A block of which the total difficulty is not known.
    pub const fn new(number: u64, timestamp: u64) -> Self {
        Self { number, timestamp, parent_total_difficulty: None }
    }

    /// The same with the total difficulty of the parent.
    pub const fn with_parent_total_difficulty(self, total_difficulty: U256) -> Self {
        Self { parent_total_difficulty: Some(total_difficulty), ..self }
    }
}

/// The fork schedule of a chain and the constants that go with it.
///
/// ```
/// use mundi_chain::{ChainSpec, ForkPoint};
///
/// let mainnet = ChainSpec::mainnet();
/// assert!(mainnet.rules_at(ForkPoint::new(1_920_000, 1_469_020_840)).dao_fork);
/// let rules = mainnet.rules_at(ForkPoint::new(19_426_587, 1_710_338_135));
/// assert_eq!(rules.blobs.unwrap().max, 6);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSpec {
    chain_id: u64,
    forks: BTreeMap<EthereumHardfork, ForkCondition>,
    blobs: BTreeMap<EthereumHardfork, BlobParams>,
    deposit_contract: Address,
    equal_timestamps: bool,
    code_senders: bool,
}

impl ChainSpec {
    /// A chain on which only Frontier is active, with the blob parameters and the deposit contract of mainnet.
    pub fn frontier(chain_id: u64) -> Self {
        Self {
            chain_id,
            forks: BTreeMap::from([(EthereumHardfork::Frontier, ForkCondition::ZERO_BLOCK)]),
            blobs: BTreeMap::from([
                (EthereumHardfork::Cancun, BlobParams::cancun()),
                (EthereumHardfork::Prague, BlobParams::prague()),
                (EthereumHardfork::Osaka, BlobParams::osaka()),
                (EthereumHardfork::Bpo1, BlobParams::bpo1()),
                (EthereumHardfork::Bpo2, BlobParams::bpo2()),
            ]),
            deposit_contract: MAINNET_DEPOSIT_CONTRACT_ADDRESS,
            equal_timestamps: false,
            code_senders: false,
        }
    }

    /// Ethereum mainnet, Frontier to BPO2.
    pub fn mainnet() -> Self {
        let mut spec = Self::frontier(1);
        for fork in EthereumHardfork::VARIANTS {
            if *fork < EthereumHardfork::Paris
                && let Some(block) = fork.mainnet_activation_block()
            {
                spec = spec.with_fork(*fork, ForkCondition::Block(block));
            }
        }
        spec.with_fork(
            EthereumHardfork::Paris,
            ForkCondition::TTD {
                activation_block_number: MAINNET_PARIS_BLOCK,
                fork_block: None,
                total_difficulty: MAINNET_PARIS_TTD,
            },
        )
        .with_fork(EthereumHardfork::Shanghai, ForkCondition::Timestamp(MAINNET_SHANGHAI_TIMESTAMP))
        .with_fork(EthereumHardfork::Cancun, ForkCondition::Timestamp(MAINNET_CANCUN_TIMESTAMP))
        .with_fork(EthereumHardfork::Prague, ForkCondition::Timestamp(MAINNET_PRAGUE_TIMESTAMP))
        .with_fork(EthereumHardfork::Osaka, ForkCondition::Timestamp(MAINNET_OSAKA_TIMESTAMP))
        .with_fork(EthereumHardfork::Bpo1, ForkCondition::Timestamp(MAINNET_BPO1_TIMESTAMP))
        .with_fork(EthereumHardfork::Bpo2, ForkCondition::Timestamp(MAINNET_BPO2_TIMESTAMP))
    }

    /// Schedules a fork, or reschedules it.
    pub fn with_fork(mut self, fork: EthereumHardfork, condition: ForkCondition) -> Self {
        self.forks.insert(fork, condition);
        self
    }

    /// Sets the blob parameters that come into force with a fork (EIP-7840, EIP-7892).
    pub fn with_blob_params(mut self, fork: EthereumHardfork, params: BlobParams) -> Self {
        self.blobs.insert(fork, params);
        self
    }

    /// Sets the three blob parameters that genesis files give for a fork; what else there is to a blob follows from
    /// the fork: from Osaka on the reserve price (EIP-7918) and the limit for one transaction (EIP-7594).
    ///
    /// # Panics
    /// If `update_fraction` is zero: it is a divisor. Check input first.
    pub fn with_blob_schedule(
        self,
        fork: EthereumHardfork,
        target: u64,
        max: u64,
        update_fraction: u64,
    ) -> Self {
        assert!(update_fraction > 0, "the update fraction is a divisor");
        let base = if fork >= EthereumHardfork::Osaka { BlobParams::osaka() } else { BlobParams::cancun() };
        let params = BlobParams {
            target_blob_count: target,
            max_blob_count: max,
            update_fraction: update_fraction.into(),
            max_blobs_per_tx: if fork >= EthereumHardfork::Osaka { base.max_blobs_per_tx } else { max },
            ..base
        };
        self.with_blob_params(fork, params)
    }

    /// Sets the chain id.
    pub fn with_chain_id(mut self, chain_id: u64) -> Self {
        self.chain_id = chain_id;
        self
    }

    /// Sets the deposit contract whose logs become requests (EIP-6110).
    pub fn with_deposit_contract(mut self, address: Address) -> Self {
        self.deposit_contract = address;
        self
    }

    /// Lets a block have the time of its parent. Ethereum's blocks are at least a second apart; several blocks a second need
    /// this, or run ahead of the clock.
    pub fn with_equal_timestamps(mut self, allowed: bool) -> Self {
        self.equal_timestamps = allowed;
        self
    }

    /// Lets accounts with code send, as developers want who send in the name of contracts. Blocks of such a chain are none to other
    /// nodes.
    pub fn with_code_senders(mut self, allowed: bool) -> Self {
        self.code_senders = allowed;
        self
    }

    /// Least number of seconds between a block and its parent: 1, as in Ethereum, or 0.
    pub fn least_interval(&self) -> u64 {
        u64::from(!self.equal_timestamps)
    }

    /// The earliest time of a block whose parent has the time `parent`, in seconds.
    pub fn earliest_after(&self, parent: u64) -> u64 {
        parent.saturating_add(self.least_interval())
    }

    /// EIP-155 chain id.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The condition on which a fork activates.
    pub fn condition(&self, fork: EthereumHardfork) -> ForkCondition {
        self.forks.get(&fork).copied().unwrap_or(ForkCondition::Never)
    }

    /// All scheduled forks in order.
    pub fn forks(&self) -> impl Iterator<Item = (EthereumHardfork, ForkCondition)> + '_ {
        self.forks.iter().map(|(fork, condition)| (*fork, *condition))
    }

    /// The latest fork that is active at `point`.
    pub fn fork_at(&self, point: ForkPoint) -> EthereumHardfork {
        self.forks
            .iter()
            .rev()
            .find(|(_, condition)| is_met(condition, point))
            .map_or(EthereumHardfork::Frontier, |(fork, _)| *fork)
    }

    /// Whether the rules of `fork` hold at `point`: it, or a later fork, is active.
    pub fn is_active(&self, fork: EthereumHardfork, point: ForkPoint) -> bool {
        self.fork_at(point) >= fork
    }

    /// The height at which the DAO fork's irregular state change happens, on a chain that takes part in it.
    pub fn dao_fork_block(&self) -> Option<u64> {
        match self.condition(EthereumHardfork::Dao) {
            ForkCondition::Block(number) => Some(number),
            _ => None,
        }
    }

    /// Whether the DAO fork's irregular state change (EIP-779) is carried out in this block.
    pub fn is_dao_fork_block(&self, number: u64) -> bool {
        self.dao_fork_block() == Some(number)
    }

    /// Blob parameters in force at `point`; `None` before Cancun.
    pub fn blob_params_at(&self, point: ForkPoint) -> Option<BlobParams> {
        let fork = self.fork_at(point);
        if fork < EthereumHardfork::Cancun {
            return None;
        }
        self.blobs.range(..=fork).next_back().map(|(_, params)| *params)
    }

    /// The fork rules for the block at `point`.
    pub fn rules_at(&self, point: ForkPoint) -> Rules {
        let fork = self.fork_at(point);
        let blobs = self.blob_params_at(point).map(|params| BlobRules {
            target: params.target_blob_count,
            max: params.max_blob_count,
            max_per_tx: (fork >= EthereumHardfork::Osaka).then_some(params.max_blobs_per_tx),
            update_fraction: u64::try_from(params.update_fraction).unwrap_or(u64::MAX),
        });
        Rules {
            spec: spec_id(fork),
            eip1283: fork == EthereumHardfork::Constantinople,
            chain_id: self.chain_id,
            blobs,
            block_reward: block_reward(fork),
            dao_fork: self.is_dao_fork_block(point.number),
            deposit_contract: self.deposit_contract,
            code_senders: self.code_senders,
        }
    }
}

/// Whether a condition is met in the block at `point`.
fn is_met(condition: &ForkCondition, point: ForkPoint) -> bool {
    match condition {
        ForkCondition::Block(number) => point.number >= *number,
        ForkCondition::Timestamp(time) => point.timestamp >= *time,
        ForkCondition::TTD { activation_block_number, total_difficulty, .. } => {
            match point.parent_total_difficulty {
                Some(parent) => parent >= *total_difficulty,
                None => point.number >= *activation_block_number,
            }
        }
        ForkCondition::Never => false,
    }
}

/// revm's name for the rules of a fork. revm has no Constantinople, because no public chain ever ran it: it is
/// Petersburg with [`Rules::eip1283`].
fn spec_id(fork: EthereumHardfork) -> SpecId {
    use EthereumHardfork as Fork;
    match fork {
        Fork::Frontier => SpecId::FRONTIER,
        Fork::Homestead | Fork::Dao => SpecId::HOMESTEAD,
        Fork::Tangerine => SpecId::TANGERINE,
        Fork::SpuriousDragon => SpecId::SPURIOUS_DRAGON,
        Fork::Byzantium => SpecId::BYZANTIUM,
        Fork::Constantinople | Fork::Petersburg => SpecId::PETERSBURG,
        Fork::Istanbul | Fork::MuirGlacier => SpecId::ISTANBUL,
        Fork::Berlin => SpecId::BERLIN,
        Fork::London | Fork::ArrowGlacier | Fork::GrayGlacier => SpecId::LONDON,
        Fork::Paris => SpecId::MERGE,
        Fork::Shanghai => SpecId::SHANGHAI,
        Fork::Cancun => SpecId::CANCUN,
        Fork::Prague => SpecId::PRAGUE,
        // The engine refuses it.
        Fork::Amsterdam => SpecId::AMSTERDAM,
        // Osaka, and the forks after it that change blob parameters only.
        _ => SpecId::OSAKA,
    }
}

/// The static block reward in wei (Yellow Paper §11.3, EIP-649, EIP-1234, EIP-3675).
fn block_reward(fork: EthereumHardfork) -> U256 {
    const ETHER: u128 = alloy_consensus::constants::ETH_TO_WEI;
    U256::from(match fork {
        f if f >= EthereumHardfork::Paris => 0,
        f if f >= EthereumHardfork::Constantinople => 2 * ETHER,
        f if f >= EthereumHardfork::Byzantium => 3 * ETHER,
        _ => 5 * ETHER,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mainnet(number: u64, timestamp: u64) -> (EthereumHardfork, Rules) {
        let spec = ChainSpec::mainnet();
        let point = ForkPoint::new(number, timestamp);
        (spec.fork_at(point), spec.rules_at(point))
    }

    #[test]
    fn mainnet_forks_begin_at_their_heights() {
        use EthereumHardfork::*;
        for (number, before, after) in [
            (1_150_000, Frontier, Homestead),
            (1_920_000, Homestead, Dao),
            (2_463_000, Dao, Tangerine),
            (2_675_000, Tangerine, SpuriousDragon),
            (4_370_000, SpuriousDragon, Byzantium),
            (7_280_000, Byzantium, Petersburg),
            (9_069_000, Petersburg, Istanbul),
            (9_200_000, Istanbul, MuirGlacier),
            (12_244_000, MuirGlacier, Berlin),
            (12_965_000, Berlin, London),
            (13_773_000, London, ArrowGlacier),
            (15_050_000, ArrowGlacier, GrayGlacier),
            (15_537_394, GrayGlacier, Paris),
        ] {
            assert_eq!(mainnet(number - 1, 0).0, before);
            assert_eq!(mainnet(number, 0).0, after);
        }
    }

    #[test]
    fn mainnet_forks_begin_at_their_times() {
        use EthereumHardfork::*;
        for (timestamp, before, after, max_blobs) in [
            (1_681_338_455, Paris, Shanghai, None),
            (1_710_338_135, Shanghai, Cancun, Some(6)),
            (1_746_612_311, Cancun, Prague, Some(9)),
            (1_764_798_551, Prague, Osaka, Some(9)),
            (1_765_290_071, Osaka, Bpo1, Some(15)),
            (1_767_747_671, Bpo1, Bpo2, Some(21)),
        ] {
            assert_eq!(mainnet(24_000_000, timestamp - 1).0, before);
            let (fork, rules) = mainnet(24_000_000, timestamp);
            assert_eq!(fork, after);
            assert_eq!(rules.blobs.map(|blobs| blobs.max), max_blobs);
        }
    }

    #[test]
    fn total_difficulty_decides_the_merge_where_it_is_known() {
        let spec = ChainSpec::mainnet();
        let early = ForkPoint::new(15_000_000, 0);
        assert_eq!(
            spec.fork_at(early.with_parent_total_difficulty(MAINNET_PARIS_TTD)),
            EthereumHardfork::Paris
        );
        let late = ForkPoint::new(15_600_000, 0);
        let below = MAINNET_PARIS_TTD - U256::from(1);
        assert_eq!(spec.fork_at(late.with_parent_total_difficulty(below)), EthereumHardfork::GrayGlacier);
    }

    #[test]
    fn rewards_follow_the_forks() {
        let ether = U256::from(1_000_000_000_000_000_000_u128);
        assert_eq!(mainnet(1, 0).1.block_reward, ether * U256::from(5));
        assert_eq!(mainnet(4_370_000, 0).1.block_reward, ether * U256::from(3));
        assert_eq!(mainnet(7_280_000, 0).1.block_reward, ether * U256::from(2));
        assert!(mainnet(15_537_394, 0).1.block_reward.is_zero());
    }
}

//! What a chain is to be like.

use mundi_chain::EthereumHardfork;

/// What a chain is to be like. The same configuration gives the same chain, byte for byte, on every machine.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Where all choices come from.
    pub seed: u64,
    /// Blocks after the genesis, 0 to [`Config::MAX_BLOCKS`].
    pub blocks: u64,
    /// Transactions of an average block, 1 to [`Config::MAX_TRANSACTIONS`].
    pub transactions: u64,
    /// By how many percent of `transactions` a block may have more or less, 0 to 100.
    pub spread: u64,
    /// EIP-155 chain id, 1 to [`Config::MAX_CHAIN_ID`].
    pub chain_id: u64,
    /// Which forks happen where.
    pub forks: Forks,
    /// What transactions do.
    pub shares: Shares,
    /// Accounts with money that send all transactions, 1 to [`Config::MAX_SENDERS`].
    pub senders: u64,
    /// After how many blocks the root of the whole state is computed from scratch and compared, and after the last one. At
    /// least 1.
    pub check_every: u64,
}

impl Config {
    /// Most transactions of an average block.
    pub const MAX_TRANSACTIONS: u64 = 5_000;
    /// Most senders.
    pub const MAX_SENDERS: u64 = 100_000;

    /// A chain of this many blocks through all forks.
    pub const fn new(blocks: u64) -> Self {
        Self {
            seed: 1,
            blocks,
            transactions: 100,
            spread: 50,
            chain_id: 1_337,
            forks: Forks::spread_over(blocks),
            shares: Shares::TYPICAL,
            senders: 256,
            check_every: 1_000,
        }
    }

    /// Greatest chain id: signatures with one (EIP-155) have a number of 64 bits.
    pub const MAX_CHAIN_ID: u64 = u64::MAX / 2 - 36;
    /// Most blocks: heights fit 32 bits.
    pub const MAX_BLOCKS: u64 = u32::MAX as u64 - 1;

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let within = |name, value, least, most| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err(ConfigError::Range { name, value, least, most }),
        };
        within("blocks", self.blocks, 0, Self::MAX_BLOCKS)?;
        within("transactions", self.transactions, 1, Self::MAX_TRANSACTIONS)?;
        within("spread", self.spread, 0, 100)?;
        within("chain_id", self.chain_id, 1, Self::MAX_CHAIN_ID)?;
        within("senders", self.senders, 1, Self::MAX_SENDERS)?;
        within("check_every", self.check_every, 1, u64::MAX)?;
        if let Forks::All { every } = self.forks {
            within("forks.every", every, 1, u64::MAX / 64)?;
        }
        if self.shares.parts().iter().all(|(_, part)| *part == 0) {
            return Err(ConfigError::NoShares);
        }
        match self.forks {
            Forks::Only(fork) if !SUPPORTED.contains(&fork) => Err(ConfigError::Fork(fork)),
            _ => Ok(()),
        }
    }
}

/// A configuration that describes no chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A number out of its range.
    #[error("{name}: expected {least} to {most}, got {value}")]
    Range {
        /// Which.
        name: &'static str,
        /// As given.
        value: u64,
        /// Least.
        least: u64,
        /// Most.
        most: u64,
    },
    /// Transactions that may do nothing.
    #[error("shares: all are zero, expected at least one that is not")]
    NoShares,
    /// A fork that no chain can be generated for.
    #[error("no chain can be generated for the fork {0}")]
    Fork(EthereumHardfork),
}

/// The forks that chains go through. The DAO fork is left out: it moves the money of accounts that are not there.
pub(crate) const SUPPORTED: [EthereumHardfork; 20] = {
    use EthereumHardfork::*;
    [
        Frontier,
        Homestead,
        Tangerine,
        SpuriousDragon,
        Byzantium,
        Constantinople,
        Petersburg,
        Istanbul,
        MuirGlacier,
        Berlin,
        London,
        ArrowGlacier,
        GrayGlacier,
        Paris,
        Shanghai,
        Cancun,
        Prague,
        Osaka,
        Bpo1,
        Bpo2,
    ]
};

/// Which forks happen where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forks {
    /// All from Frontier to BPO2 but the DAO fork, the first one after the genesis at height `every`, and each `every` blocks
    /// after the one before. A chain too short for all of them ends before the rest.
    All {
        /// Blocks of each fork.
        every: u64,
    },
    /// This one and all before it, from the genesis on.
    Only(EthereumHardfork),
}

impl Forks {
    /// All forks within the first tenth of a long chain, or within as few blocks as it takes.
    pub const fn spread_over(blocks: u64) -> Self {
        let every = blocks / (10 * SUPPORTED.len() as u64);
        Self::All { every: if every < 2 { 2 } else { every } }
    }
}

/// What a transaction does. What the fork has no means for falls to the next simpler thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    NewAccount,
    Payment,
    Token,
    Swap,
    Write,
    Clear,
    Create,
    Destroy,
    Rebirth,
    Fail,
}

/// How many parts of all transactions do what. Only ratios matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Plain transfers to accounts that are not there: the state grows by one.
    pub new_accounts: u64,
    /// Plain transfers to accounts that are, older ones far more often than younger ones. Some are of nothing.
    pub payments: u64,
    /// Token transfers, between holders old and new.
    pub tokens: u64,
    /// Swaps on constant-product pairs and concentrated-liquidity pools, from Cancun on; token transfers before.
    pub swaps: u64,
    /// Calls that write 1 to 12 new slots of a contract.
    pub writes: u64,
    /// Calls that set 1 to 12 slots to zero.
    pub clears: u64,
    /// Contract creations, with storage and mostly code of their own.
    pub creations: u64,
    /// Destructions: of older contracts before Cancun, of such as live within one transaction from then on.
    pub destructions: u64,
    /// Contracts that are destroyed and created again at the same address, often within a block, between Constantinople and
    /// Cancun; creations by CREATE2 only from then on.
    pub rebirths: u64,
    /// Transactions that fail and are included all the same.
    pub failures: u64,
}

impl Shares {
    /// A state that grows with every block, and every kind of change.
    pub const TYPICAL: Self = Self {
        new_accounts: 30,
        payments: 22,
        tokens: 16,
        swaps: 8,
        writes: 8,
        clears: 4,
        creations: 5,
        destructions: 3,
        rebirths: 2,
        failures: 2,
    };

    pub(crate) const fn parts(&self) -> [(Deed, u64); 10] {
        [
            (Deed::NewAccount, self.new_accounts),
            (Deed::Payment, self.payments),
            (Deed::Token, self.tokens),
            (Deed::Swap, self.swaps),
            (Deed::Write, self.writes),
            (Deed::Clear, self.clears),
            (Deed::Create, self.creations),
            (Deed::Destroy, self.destructions),
            (Deed::Rebirth, self.rebirths),
            (Deed::Fail, self.failures),
        ]
    }

    /// About how much gas an average transaction uses.
    pub(crate) fn average_gas(&self) -> u64 {
        let gas = |deed| match deed {
            Deed::NewAccount | Deed::Payment => 21_000_u128,
            Deed::Token => 48_000,
            Deed::Swap => 110_000,
            Deed::Write => 175_000,
            Deed::Clear => 40_000,
            Deed::Create => 210_000,
            Deed::Destroy => 50_000,
            Deed::Rebirth => 110_000,
            Deed::Fail => 60_000,
        };
        let (mut sum, mut all) = (0_u128, 0_u128);
        for (deed, part) in self.parts() {
            sum += gas(deed) * u128::from(part);
            all += u128::from(part);
        }
        u64::try_from(sum / all.max(1)).expect("an average is no more than the most")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_describes_no_chain_is_refused() {
        let good = Config::new(10);
        assert_eq!(good.check(), Ok(()));
        assert!(Config { transactions: 0, ..good }.check().is_err());
        assert!(Config { spread: 101, ..good }.check().is_err());
        assert!(Config { chain_id: 0, ..good }.check().is_err());
        assert!(Config { forks: Forks::All { every: 0 }, ..good }.check().is_err());
        let fork = EthereumHardfork::Amsterdam;
        assert_eq!(Config { forks: Forks::Only(fork), ..good }.check(), Err(ConfigError::Fork(fork)));
        let nothing = Shares {
            new_accounts: 0,
            payments: 0,
            tokens: 0,
            swaps: 0,
            writes: 0,
            clears: 0,
            creations: 0,
            destructions: 0,
            rebirths: 0,
            failures: 0,
        };
        assert_eq!(Config { shares: nothing, ..good }.check(), Err(ConfigError::NoShares));
    }
}

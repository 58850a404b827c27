//! Chains that are built in: how a developer's chain begins.

use super::{Genesis, alloc};
use crate::{forks::ChainSpec, networks::from_genesis};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::{
    eip1559::INITIAL_BASE_FEE,
    eip2935::{HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE},
    eip4788::{BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE},
    eip7002::{WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, WITHDRAWAL_REQUEST_PREDEPLOY_CODE},
    eip7251::{CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, CONSOLIDATION_REQUEST_PREDEPLOY_CODE},
    eip7685::EMPTY_REQUESTS_HASH,
};
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, address, bytes, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use mundi_execution::{Account, AccountChange, StateChanges};
use revm::bytecode::Bytecode;
use std::{collections::BTreeMap, str::FromStr as _};

/// The deterministic deployer that Foundry and others send `CREATE2` deployments to.
pub const CREATE2_DEPLOYER: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");
static CREATE2_DEPLOYER_CODE: Bytes = bytes!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);

/// The first fork whose receipts have a status, which is what the ledger makes.
const FIRST: EthereumHardfork = EthereumHardfork::Byzantium;
/// The last fork whose rules are known.
const LAST: EthereumHardfork = EthereumHardfork::Bpo5;

/// How a developer's chain begins.
///
/// ```
/// use mundi_chain::{DeveloperGenesis, Genesis};
///
/// let genesis = Genesis::developer(&DeveloperGenesis::default())?;
/// assert_eq!(genesis.spec.chain_id(), 31337);
/// assert_eq!(genesis.header.gas_limit, 1_000_000_000);
/// # Ok::<(), mundi_chain::PresetError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeveloperGenesis {
    /// EIP-155 chain id. Default: 31337.
    pub chain_id: u64,
    /// Who has money. Default: nobody.
    pub accounts: Vec<Address>,
    /// What each of them has, in wei. Default: 10,000 ether.
    pub balance: U256,
    /// Time of the genesis, in seconds since 1970. Default: 0.
    pub timestamp: u64,
    /// Gas limit of the genesis. Default: a gigagas.
    pub gas_limit: u64,
    /// Base fee of the genesis in wei, from London on. Default: 1 gwei.
    pub base_fee: u64,
    /// The fork in force from the beginning, Byzantium or later. Default: BPO2, which is Osaka with as many blobs as mainnet has.
    pub fork: EthereumHardfork,
    /// Whether several blocks may have the same time, as blocks do that are made whenever a transaction arrives: otherwise they
    /// run ahead of the clock. Default: yes, as on other developers' chains.
    pub equal_timestamps: bool,
}

impl Default for DeveloperGenesis {
    fn default() -> Self {
        const ETHER: u64 = alloy_consensus::constants::ETH_TO_WEI as u64;
        Self {
            chain_id: 31337,
            accounts: Vec::new(),
            balance: U256::from(ETHER) * U256::from(10_000),
            timestamp: 0,
            gas_limit: 1_000_000_000,
            base_fee: INITIAL_BASE_FEE,
            fork: EthereumHardfork::Bpo2,
            equal_timestamps: true,
        }
    }
}

/// A preset that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PresetError {
    /// A fork whose rules or receipts are not supported from the beginning.
    #[error("a chain cannot begin with {0}: expected one from {FIRST} to {LAST}")]
    Fork(EthereumHardfork),
    /// No fork has this name.
    #[error("unknown hardfork '{0}': expected one such as 'london', 'cancun', 'osaka' or 'latest'")]
    UnknownFork(String),
    /// No preset has this name.
    #[error("unknown chain '{0}': expected 'dev'")]
    UnknownChain(String),
}

impl DeveloperGenesis {
    /// The fork called `name` on command lines: as Ethereum calls it, in any case, with or without spaces and dashes; `latest` is the
    /// default one.
    pub fn fork_named(name: &str) -> Result<EthereumHardfork, PresetError> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let fork = match plain.to_ascii_lowercase().as_str() {
            "latest" => Self::default().fork,
            "merge" => EthereumHardfork::Paris,
            "petersburg" | "stpetersburg" | "constantinoplefix" => EthereumHardfork::Petersburg,
            plain => EthereumHardfork::from_str(plain)
                .map_err(|_| PresetError::UnknownFork(name.chars().take(80).collect()))?,
        };
        if (FIRST..=LAST).contains(&fork) { Ok(fork) } else { Err(PresetError::Fork(fork)) }
    }

    fn spec(&self) -> ChainSpec {
        from_genesis(self.fork).with_chain_id(self.chain_id).with_equal_timestamps(self.equal_timestamps)
    }

    /// The accounts: those with money, the contracts that the rules speak of, and the `CREATE2` deployer.
    fn alloc(&self) -> StateChanges {
        use EthereumHardfork::{Cancun, Prague};
        let contracts: [(Address, &Bytes, EthereumHardfork); 5] = [
            (CREATE2_DEPLOYER, &CREATE2_DEPLOYER_CODE, FIRST),
            (BEACON_ROOTS_ADDRESS, &BEACON_ROOTS_CODE, Cancun),
            (HISTORY_STORAGE_ADDRESS, &HISTORY_STORAGE_CODE, Prague),
            (WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, &WITHDRAWAL_REQUEST_PREDEPLOY_CODE, Prague),
            (CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, &CONSOLIDATION_REQUEST_PREDEPLOY_CODE, Prague),
        ];
        let mut accounts: BTreeMap<Address, Account> = BTreeMap::new();
        let mut code = Vec::new();
        for (address, bytes, since) in contracts {
            if self.fork >= since {
                let code_hash = keccak256(bytes);
                code.push((code_hash, Bytecode::new_legacy(bytes.clone())));
                accounts.insert(address, Account { nonce: 1, balance: U256::ZERO, code_hash });
            }
        }
        let nobody = Account { nonce: 0, balance: U256::ZERO, code_hash: KECCAK256_EMPTY };
        for address in &self.accounts {
            accounts.entry(*address).or_insert(nobody).balance = self.balance;
        }
        let change = |(address, account)| AccountChange {
            address,
            account: Some(account),
            storage_wiped: false,
            storage: Vec::new(),
        };
        let mut changes = StateChanges { accounts: accounts.into_iter().map(change).collect(), code };
        changes.sort();
        changes
    }
}

impl Genesis {
    /// A developer's chain.
    pub fn developer(preset: &DeveloperGenesis) -> Result<Self, PresetError> {
        if !(FIRST..=LAST).contains(&preset.fork) {
            return Err(PresetError::Fork(preset.fork));
        }
        let alloc = preset.alloc();
        let has = |since| preset.fork >= since;
        let header = Header {
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            state_root: alloc::root(&alloc),
            transactions_root: EMPTY_ROOT_HASH,
            receipts_root: EMPTY_ROOT_HASH,
            gas_limit: preset.gas_limit,
            timestamp: preset.timestamp,
            base_fee_per_gas: has(EthereumHardfork::London).then_some(preset.base_fee),
            withdrawals_root: has(EthereumHardfork::Shanghai).then_some(EMPTY_ROOT_HASH),
            blob_gas_used: has(EthereumHardfork::Cancun).then_some(0),
            excess_blob_gas: has(EthereumHardfork::Cancun).then_some(0),
            parent_beacon_block_root: has(EthereumHardfork::Cancun).then_some(B256::ZERO),
            requests_hash: has(EthereumHardfork::Prague).then_some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        };
        let hash = header.hash_slow();
        Ok(Self { spec: preset.spec(), header, hash, alloc, ignored: Vec::new() })
    }

    /// The preset called `name`: so far there is `dev`, a developer's chain without rich accounts.
    pub fn preset(name: &str) -> Result<Self, PresetError> {
        match name {
            "dev" => Self::developer(&DeveloperGenesis::default()),
            _ => Err(PresetError::UnknownChain(name.chars().take(80).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ForkPoint, Parent, draft_header, validate_header};

    #[test]
    fn every_fork_that_is_supported_begins_a_chain() {
        for fork in EthereumHardfork::VARIANTS {
            let preset = DeveloperGenesis { fork: *fork, ..DeveloperGenesis::default() };
            if !(FIRST..=LAST).contains(fork) {
                assert_eq!(Genesis::developer(&preset).unwrap_err(), PresetError::Fork(*fork));
                continue;
            }
            let genesis = Genesis::developer(&preset).unwrap();
            assert_eq!(genesis.spec.fork_at(ForkPoint::new(0, 0)), *fork);
            let parent =
                Parent { header: &genesis.header, hash: genesis.hash, total_difficulty: Some(U256::ZERO) };
            let payload = crate::Payload { height: 1, timestamp: 1, ..crate::Payload::default() };
            let mut child = draft_header(&genesis.spec, &crate::LedgerConfig::default(), parent, &payload);
            if *fork >= EthereumHardfork::Prague {
                child.requests_hash = Some(EMPTY_REQUESTS_HASH);
            }
            validate_header(&genesis.spec, &child, parent).unwrap_or_else(|error| panic!("{fork}: {error}"));
        }
    }

    #[test]
    fn the_default_has_the_blobs_of_mainnet_and_the_contracts_of_the_rules() {
        let rich = Address::repeat_byte(1);
        let preset = DeveloperGenesis { accounts: vec![rich, rich], ..DeveloperGenesis::default() };
        let genesis = Genesis::developer(&preset).unwrap();
        assert_eq!(genesis.spec.rules_at(ForkPoint::new(0, 0)).blobs.unwrap().max, 21);
        assert_eq!(genesis.alloc.accounts.len(), 6);
        let account = genesis.alloc.accounts.iter().find(|change| change.address == rich).unwrap();
        assert_eq!(account.account.unwrap().balance, preset.balance);
        assert_eq!(genesis.hash, genesis.record().header.hash_slow());
    }

    #[test]
    fn forks_are_found_by_the_names_that_people_use() {
        use EthereumHardfork::*;
        for (name, fork) in [
            ("latest", Bpo2),
            ("osaka", Osaka),
            ("Prague", Prague),
            ("merge", Paris),
            ("muir-glacier", MuirGlacier),
            ("bpo1", Bpo1),
        ] {
            assert_eq!(DeveloperGenesis::fork_named(name), Ok(fork));
        }
        assert_eq!(DeveloperGenesis::fork_named("frontier"), Err(PresetError::Fork(Frontier)));
        assert_eq!(DeveloperGenesis::fork_named("x"), Err(PresetError::UnknownFork("x".into())));
    }
}

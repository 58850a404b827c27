//! Genesis files: the `genesis.json` in which geth and those that follow it describe a chain.
//!
//! ## What it promises
//! [`Genesis::from_json`] gives the fork schedule, the genesis header with its hash, and the first state, as geth has them.
//! A file either has one meaning or is refused with the path of what is wrong in it:
//!
//! * Forks are in order, and none that a later one builds on is missing. Unknown forks, rules of other chains and a second
//!   value for one key are errors. Other unknown keys of `config` are listed in [`Genesis::ignored`].
//! * Numbers are JSON numbers of any size, decimal or `0x` text; addresses have `0x` or not.
//! * Fields that come with a fork are in the header exactly if the fork holds at the genesis: `baseFeePerGas` (1 gwei
//!   unless given), `withdrawalsRoot`, `blobGasUsed` and `excessBlobGas` (zero unless given), `parentBeaconBlockRoot`
//!   (zero), `requestsHash`. Giving one without its fork is an error.
//!
//! ## Limits
//! Files have at most [`MAX_GENESIS_BYTES`]. Time and memory are linear in the file. A schedule may name Amsterdam, whose
//! rules are not known here: the chain then ends before it.

mod alloc;
mod config;
mod file;
mod preset;
mod quantity;
mod schedule;
mod unique;

use crate::forks::{ChainSpec, ForkPoint};
use alloy_consensus::{BlockBody, EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::{eip1559::INITIAL_BASE_FEE, eip4895::Withdrawals, eip7685::EMPTY_REQUESTS_HASH};
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::{B64, B256, Bloom};
use alloy_trie::EMPTY_ROOT_HASH;
use file::GenesisFile;
use mundi_execution::StateChanges;
use mundi_state::BlockRecord;
pub use preset::{CREATE2_DEPLOYER, DeveloperGenesis, PresetError};
use quantity::Small;

/// Most bytes of a genesis file.
pub const MAX_GENESIS_BYTES: u64 = 512 << 20;
/// The gas limit of a genesis that gives none, or zero.
const DEFAULT_GAS_LIMIT: u64 = 4_712_388;

/// How a chain begins.
///
/// ```
/// use mundi_chain::Genesis;
///
/// let genesis = Genesis::from_json(br#"{
///     "config": {"chainId": 7, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0},
///     "gasLimit": "0x1c9c380",
///     "difficulty": "0x20000",
///     "alloc": {"00000000000000000000000000000000000000aa": {"balance": "1000"}}
/// }"#)?;
/// assert_eq!(genesis.spec.chain_id(), 7);
/// assert_eq!(genesis.alloc.accounts.len(), 1);
/// # Ok::<(), mundi_chain::GenesisError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Genesis {
    /// The fork schedule.
    pub spec: ChainSpec,
    /// The header of block 0.
    pub header: Header,
    /// Its hash.
    pub hash: B256,
    /// The first state, as changes of the empty one: accounts, slots and code in ascending order.
    pub alloc: StateChanges,
    /// Keys of `config` that mean nothing here.
    pub ignored: Vec<String>,
}

/// A genesis file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// More than [`MAX_GENESIS_BYTES`].
    #[error("larger than {MAX_GENESIS_BYTES} bytes; no genesis file is that large")]
    TooLarge,
    /// Not JSON, or not of the form of a genesis file.
    #[error("{path}: {reason}")]
    Json {
        /// Where in the file, as in `config.chainId`.
        path: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// A value that contradicts the rules or the rest of the file.
    #[error("{path}: {reason}")]
    Field {
        /// Where in the file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

impl Genesis {
    /// Reads a genesis file.
    pub fn from_json(json: &[u8]) -> Result<Self, GenesisError> {
        if json.len() as u64 > MAX_GENESIS_BYTES {
            return Err(GenesisError::TooLarge);
        }
        let file = parse(json)?;
        let spec = schedule::chain_spec(&file.config)?;
        let mut header = header(&file, &spec)?;
        let GenesisFile { config, alloc, state_root, .. } = file;
        let alloc = alloc::changes(alloc);
        header.state_root = alloc::root(&alloc);
        if let Some(given) = state_root.filter(|given| *given != header.state_root) {
            return Err(field("stateRoot", format!("that of alloc is {}, got {given}", header.state_root)));
        }
        let hash = header.hash_slow();
        Ok(Self { spec, header, hash, alloc, ignored: config.unknown })
    }

    /// Block 0, as a store takes it.
    pub fn record(&self) -> BlockRecord {
        let withdrawals = self.header.withdrawals_root.map(|_| Withdrawals::default());
        BlockRecord {
            header: self.header.clone(),
            hash: self.hash,
            total_difficulty: self.header.difficulty,
            body: BlockBody { withdrawals, ..BlockBody::default() },
            senders: Vec::new(),
            receipts: Vec::new(),
        }
    }
}

fn parse(json: &[u8]) -> Result<GenesisFile, GenesisError> {
    let error = |path: String, error: serde_json::Error| {
        // The file as a whole is called "." there.
        let path = if path == "." { "the file".to_owned() } else { path };
        GenesisError::Json { path, reason: error.to_string() }
    };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let file = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|bad| error(bad.path().to_string(), bad.into_inner()))?;
    deserializer.end().map_err(|bad| error(".".into(), bad))?;
    Ok(file)
}

/// The header of the genesis, but for the state root.
fn header(file: &GenesisFile, spec: &ChainSpec) -> Result<Header, GenesisError> {
    let small = |number: Option<Small>| number.map_or(0, |number| number.0);
    let timestamp = small(file.timestamp);
    if small(file.number) != 0 {
        return Err(field("number", format!("expected 0, got {}", small(file.number))));
    }
    let fork = fork(file, spec, timestamp)?;
    let since = |name, since: EthereumHardfork, given: Option<Small>, default: u64| match given {
        Some(value) if fork < since => {
            Err(field(name, format!("{} begins with {since}, which the genesis is before", value.0)))
        }
        _ if fork < since => Ok(None),
        given => Ok(Some(given.map_or(default, |value| value.0))),
    };
    let has = |since| fork >= since;
    Ok(Header {
        parent_hash: file.parent_hash.unwrap_or_default(),
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: file.coinbase.unwrap_or_default(),
        state_root: B256::ZERO,
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        logs_bloom: Bloom::ZERO,
        difficulty: file.difficulty.0,
        number: 0,
        gas_limit: if file.gas_limit.0 == 0 { DEFAULT_GAS_LIMIT } else { file.gas_limit.0 },
        gas_used: small(file.gas_used),
        timestamp,
        extra_data: file.extra_data.clone().unwrap_or_default(),
        mix_hash: file.mix_hash.unwrap_or_default(),
        nonce: B64::from(small(file.nonce)),
        base_fee_per_gas: since(
            "baseFeePerGas",
            EthereumHardfork::London,
            file.base_fee_per_gas,
            INITIAL_BASE_FEE,
        )?,
        withdrawals_root: has(EthereumHardfork::Shanghai).then_some(EMPTY_ROOT_HASH),
        blob_gas_used: since("blobGasUsed", EthereumHardfork::Cancun, file.blob_gas_used, 0)?,
        excess_blob_gas: since("excessBlobGas", EthereumHardfork::Cancun, file.excess_blob_gas, 0)?,
        parent_beacon_block_root: has(EthereumHardfork::Cancun).then_some(B256::ZERO),
        requests_hash: has(EthereumHardfork::Prague).then_some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    })
}

/// The fork in force at the genesis.
fn fork(file: &GenesisFile, spec: &ChainSpec, timestamp: u64) -> Result<EthereumHardfork, GenesisError> {
    let fork = spec.fork_at(ForkPoint::new(0, timestamp));
    if fork >= EthereumHardfork::Amsterdam {
        return Err(field(
            "config.amsterdamTime",
            "the genesis is in Amsterdam, which is not supported".into(),
        ));
    }
    if fork >= EthereumHardfork::Shanghai && file.config.fork("londonBlock") != Some(0) {
        return Err(field(
            "config.shanghaiTime",
            "the genesis is in it, but not in London: expected londonBlock 0".into(),
        ));
    }
    Ok(fork)
}

fn field(path: &str, reason: String) -> GenesisError {
    GenesisError::Field { path: path.to_owned(), reason }
}

#[cfg(test)]
#[path = "genesis_tests.rs"]
mod tests;

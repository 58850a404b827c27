//! Header validity against the parent (Yellow Paper §4.3.4 and the EIPs named at each rule).

use crate::{
    difficulty::next_difficulty,
    forks::{ChainSpec, ForkPoint},
};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header, constants::MAXIMUM_EXTRA_DATA_SIZE};
use alloy_eips::{
    eip1559::{BaseFeeParams, DEFAULT_ELASTICITY_MULTIPLIER, GAS_LIMIT_BOUND_DIVISOR, INITIAL_BASE_FEE},
    eip7840::BlobParams,
};
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::{B64, B256, Bytes, U256};

/// Least gas limit of a block.
pub const MIN_GAS_LIMIT: u64 = 5_000;
/// Greatest gas limit of a block.
pub const MAX_GAS_LIMIT: u64 = i64::MAX as u64;
/// What blocks say in `extraData` on the side that took part in the DAO fork (EIP-779).
pub const DAO_EXTRA_DATA: &[u8] = b"dao-hard-fork";
/// How many blocks from the DAO fork on have to say so.
pub const DAO_EXTRA_RANGE: u64 = 10;

/// A parent that is known to be valid.
#[derive(Clone, Copy, Debug)]
pub struct Parent<'a> {
    /// Its header.
    pub header: &'a Header,
    /// Its hash.
    pub hash: B256,
    /// Sum of the difficulties up to and with it, if it is known. Needed where the Merge is decided by it.
    pub total_difficulty: Option<U256>,
}

impl Parent<'_> {
    /// Where a child with this header stands in the fork schedule.
    pub const fn point_of_child(&self, child: &Header) -> ForkPoint {
        ForkPoint {
            number: child.number,
            timestamp: child.timestamp,
            parent_total_difficulty: self.total_difficulty,
        }
    }
}

/// A header that breaks a rule. Names are those of the JSON form of a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A field has another value than its rule says.
    #[error("{field}: expected {expected}, got {got}")]
    Field {
        /// Which.
        field: &'static str,
        /// What the rule says.
        expected: String,
        /// What the header says.
        got: String,
    },
    /// A field that the fork has not introduced yet.
    #[error("{field}: not allowed in {fork}, got {got}")]
    Unexpected {
        /// Which.
        field: &'static str,
        /// The fork in force.
        fork: EthereumHardfork,
        /// What the header says.
        got: String,
    },
    /// A field that the fork asks for.
    #[error("{field}: required in {fork} and absent")]
    Missing {
        /// Which.
        field: &'static str,
        /// The fork in force.
        fork: EthereumHardfork,
    },
    /// The block is too near to its parent.
    #[error("timestamp: expected at least {least}, got {got}")]
    Timestamp {
        /// The earliest time that the parent leaves.
        least: u64,
        /// Time of the block.
        got: u64,
    },
    /// The gas limit moves too far from the parent's, or leaves the bounds.
    #[error("gasLimit: expected {least} to {greatest}, got {got}")]
    GasLimit {
        /// Least allowed.
        least: u64,
        /// Greatest allowed.
        greatest: u64,
        /// Of the block.
        got: u64,
    },
    /// More gas than the limit.
    #[error("gasUsed: expected at most the gasLimit of {limit}, got {got}")]
    GasUsed {
        /// The block's gas limit.
        limit: u64,
        /// Of the block.
        got: u64,
    },
    /// Too much free text.
    #[error("extraData: expected at most {MAXIMUM_EXTRA_DATA_SIZE} bytes, got {got}")]
    ExtraData {
        /// Number of bytes.
        got: usize,
    },
    /// More blob gas than the fork allows.
    #[error("blobGasUsed: expected at most {max}, got {got}")]
    BlobGas {
        /// Greatest allowed.
        max: u64,
        /// Of the block.
        got: u64,
    },
    /// The parent cannot have children, which a validated parent never is: a hostile genesis.
    #[error("the parent block {number} cannot have a child: {reason}")]
    BarrenParent {
        /// Height of the parent.
        number: u64,
        /// Why.
        reason: &'static str,
    },
}

/// Checks `header` as a child of `parent`.
///
/// Everything that follows from the two headers is checked, except the proof-of-work seal and the clock. What
/// follows from the body is in [`validate_body`](crate::validate_body), and what follows from execution in
/// [`validate_output`](crate::validate_output).
pub fn validate_header(spec: &ChainSpec, header: &Header, parent: Parent<'_>) -> Result<(), HeaderError> {
    let point = parent.point_of_child(header);
    let fork = spec.fork_at(point);
    expect("parentHash", parent.hash, header.parent_hash)?;
    let number = parent.header.number.checked_add(1).ok_or(barren(parent, "its number is the greatest"))?;
    expect("number", number, header.number)?;
    let least = spec.earliest_after(parent.header.timestamp);
    if header.timestamp < least {
        return Err(HeaderError::Timestamp { least, got: header.timestamp });
    }
    validate_gas(fork, header, parent)?;
    validate_extra_data(spec, header)?;
    validate_work(fork, header, parent)?;
    validate_base_fee(fork, header, parent)?;
    presence("withdrawalsRoot", fork, EthereumHardfork::Shanghai, header.withdrawals_root)?;
    validate_blobs(spec, point, header, parent)?;
    presence("parentBeaconBlockRoot", fork, EthereumHardfork::Cancun, header.parent_beacon_block_root)?;
    presence("requestsHash", fork, EthereumHardfork::Prague, header.requests_hash)?;
    presence("blockAccessListHash", fork, EthereumHardfork::Amsterdam, header.block_access_list_hash)?;
    presence("slotNumber", fork, EthereumHardfork::Amsterdam, header.slot_number)
}

/// The least and the greatest gas limit of a child in `fork`. A hostile parent leaves nothing between them.
pub(crate) fn gas_limits(fork: EthereumHardfork, parent: &Header) -> (u64, u64) {
    let mut limit = parent.gas_limit;
    if fork >= EthereumHardfork::London && parent.base_fee_per_gas.is_none() {
        // EIP-1559: the first block's target is the old limit.
        limit = limit.saturating_mul(DEFAULT_ELASTICITY_MULTIPLIER);
    }
    // The change is *less* than the bound.
    let step = (limit / GAS_LIMIT_BOUND_DIVISOR).saturating_sub(1);
    (limit.saturating_sub(step).max(MIN_GAS_LIMIT), limit.saturating_add(step).min(MAX_GAS_LIMIT))
}

/// The base fee after `parent` by EIP-1559.
pub fn next_base_fee(parent: &Header) -> u64 {
    parent.next_block_base_fee(BaseFeeParams::ethereum()).unwrap_or(INITIAL_BASE_FEE)
}

/// The excess blob gas after `parent`, by the parameters of the child (EIP-4844, EIP-7691, EIP-7892, EIP-7918).
pub fn next_excess_blob_gas(params: &BlobParams, parent: &Header) -> u64 {
    params.next_block_excess_blob_gas_osaka(
        parent.excess_blob_gas.unwrap_or_default(),
        parent.blob_gas_used.unwrap_or_default(),
        parent.base_fee_per_gas.unwrap_or_default(),
    )
}

/// What a block at this height has to say in `extraData`, if the rules say anything (EIP-779).
pub(crate) fn required_extra_data(spec: &ChainSpec, number: u64) -> Option<Bytes> {
    let since = number.checked_sub(spec.dao_fork_block()?)?;
    (since < DAO_EXTRA_RANGE).then(|| Bytes::from_static(DAO_EXTRA_DATA))
}

fn validate_gas(fork: EthereumHardfork, header: &Header, parent: Parent<'_>) -> Result<(), HeaderError> {
    let (least, greatest) = gas_limits(fork, parent.header);
    if !(least..=greatest).contains(&header.gas_limit) {
        return Err(HeaderError::GasLimit { least, greatest, got: header.gas_limit });
    }
    if header.gas_used > header.gas_limit {
        return Err(HeaderError::GasUsed { limit: header.gas_limit, got: header.gas_used });
    }
    Ok(())
}

fn validate_extra_data(spec: &ChainSpec, header: &Header) -> Result<(), HeaderError> {
    if header.extra_data.len() > MAXIMUM_EXTRA_DATA_SIZE {
        return Err(HeaderError::ExtraData { got: header.extra_data.len() });
    }
    match required_extra_data(spec, header.number) {
        Some(text) => expect("extraData", &text, &header.extra_data),
        None => Ok(()),
    }
}

/// Difficulty, and what the Merge left of proof of work (EIP-3675).
fn validate_work(fork: EthereumHardfork, header: &Header, parent: Parent<'_>) -> Result<(), HeaderError> {
    expect("difficulty", next_difficulty(fork, parent.header, header.timestamp), header.difficulty)?;
    if fork >= EthereumHardfork::Paris {
        expect("nonce", B64::ZERO, header.nonce)?;
        expect("sha3Uncles", EMPTY_OMMER_ROOT_HASH, header.ommers_hash)?;
    }
    Ok(())
}

/// EIP-1559.
fn validate_base_fee(fork: EthereumHardfork, header: &Header, parent: Parent<'_>) -> Result<(), HeaderError> {
    presence("baseFeePerGas", fork, EthereumHardfork::London, header.base_fee_per_gas)?;
    let Some(got) = header.base_fee_per_gas else { return Ok(()) };
    if parent.header.gas_used > parent.header.gas_limit {
        return Err(barren(parent, "its gasUsed exceeds its gasLimit"));
    }
    if parent.header.base_fee_per_gas.is_some_and(|fee| fee > u64::MAX / 2) {
        return Err(barren(parent, "its baseFeePerGas leaves no room for an increase"));
    }
    expect("baseFeePerGas", next_base_fee(parent.header), got)
}

/// EIP-4844, and its parameters by EIP-7691, EIP-7892 and EIP-7918.
fn validate_blobs(
    spec: &ChainSpec,
    point: ForkPoint,
    header: &Header,
    parent: Parent<'_>,
) -> Result<(), HeaderError> {
    let fork = spec.fork_at(point);
    presence("blobGasUsed", fork, EthereumHardfork::Cancun, header.blob_gas_used)?;
    presence("excessBlobGas", fork, EthereumHardfork::Cancun, header.excess_blob_gas)?;
    let (Some(params), Some(used), Some(excess)) =
        (spec.blob_params_at(point), header.blob_gas_used, header.excess_blob_gas)
    else {
        return Ok(());
    };
    if used > params.max_blob_gas_per_block() {
        return Err(HeaderError::BlobGas { max: params.max_blob_gas_per_block(), got: used });
    }
    let before = parent.header.excess_blob_gas.unwrap_or_default();
    let spent = parent.header.blob_gas_used.unwrap_or_default();
    if before > u64::MAX / 2 || spent > u64::from(u32::MAX) {
        return Err(barren(parent, "its excessBlobGas or blobGasUsed is out of all bounds"));
    }
    expect("excessBlobGas", next_excess_blob_gas(&params, parent.header), excess)
}

fn barren(parent: Parent<'_>, reason: &'static str) -> HeaderError {
    HeaderError::BarrenParent { number: parent.header.number, reason }
}

fn expect<T: PartialEq + ToString>(field: &'static str, expected: T, got: T) -> Result<(), HeaderError> {
    if expected == got {
        return Ok(());
    }
    Err(HeaderError::Field { field, expected: expected.to_string(), got: got.to_string() })
}

/// Checks that a field is there exactly from the fork `since` on.
fn presence<T: ToString>(
    field: &'static str,
    fork: EthereumHardfork,
    since: EthereumHardfork,
    value: Option<T>,
) -> Result<(), HeaderError> {
    match value {
        Some(value) if fork < since => Err(HeaderError::Unexpected { field, fork, got: value.to_string() }),
        None if fork >= since => Err(HeaderError::Missing { field, fork }),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;

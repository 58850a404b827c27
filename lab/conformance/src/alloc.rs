//! World states as test files write them.

use crate::{failure::Reason, quantity::Quantity};
use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY, keccak256};
use mundi_chain::{ChainSpec, network_fork};
use mundi_execution::{Account, AccountChange, StateChanges};
use revm::bytecode::Bytecode;
use serde::Deserialize;
use std::collections::BTreeMap;

/// More blobs in a block than any schedule will ever ask for.
const MAX_BLOBS: u64 = 1 << 20;

/// Accounts by address.
pub(crate) type Alloc = BTreeMap<Address, AllocAccount>;

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct AllocAccount {
    #[serde(default)]
    pub(crate) nonce: Quantity,
    #[serde(default)]
    pub(crate) balance: Quantity,
    #[serde(default)]
    pub(crate) code: Bytes,
    #[serde(default)]
    pub(crate) storage: BTreeMap<Quantity, Quantity>,
}

/// What brings forth, out of nothing, the world that an allocation describes.
pub(crate) fn changes(alloc: &Alloc) -> StateChanges {
    let mut changes = StateChanges::default();
    for (address, AllocAccount { nonce, balance, code, storage }) in alloc {
        let code_hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(code) };
        if !code.is_empty() {
            // Code in a state need not be well formed: it is data until it runs.
            let code = Bytecode::new_raw_checked(code.clone())
                .unwrap_or_else(|_| Bytecode::new_legacy(code.clone()));
            changes.code.push((code_hash, code));
        }
        changes.accounts.push(AccountChange {
            address: *address,
            account: Some(Account { nonce: nonce.saturating_u64(), balance: balance.0, code_hash }),
            storage_wiped: false,
            storage: storage.iter().map(|(slot, value)| (slot.0, value.0)).collect(),
        });
    }
    changes.code.sort_unstable_by_key(|(hash, _)| *hash);
    changes.code.dedup_by_key(|(hash, _)| *hash);
    changes
}

/// Chain constants that newer files carry along.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct ChainConfig {
    #[serde(default, alias = "chainId")]
    pub(crate) chainid: Option<Quantity>,
    #[serde(default, rename = "blobSchedule")]
    blob_schedule: BTreeMap<String, BlobEntry>,
}

#[derive(Clone, Debug, Deserialize)]
struct BlobEntry {
    target: Quantity,
    max: Quantity,
    #[serde(rename = "baseFeeUpdateFraction")]
    update_fraction: Quantity,
}

/// The fork schedule that a file asks for.
pub(crate) fn chain_spec(network: &str, config: Option<&ChainConfig>) -> Result<ChainSpec, Reason> {
    let mut spec = ChainSpec::at_fork(network).map_err(Reason::malformed)?;
    let Some(config) = config else { return Ok(spec) };
    if let Some(chain_id) = config.chainid {
        spec = spec.with_chain_id(chain_id.saturating_u64());
    }
    for (name, entry) in &config.blob_schedule {
        let fork = network_fork(name).map_err(Reason::malformed)?;
        let [target, max, fraction] =
            [entry.target, entry.max, entry.update_fraction].map(Quantity::saturating_u64);
        if fraction == 0 || target > max || max > MAX_BLOBS {
            return Err(Reason::malformed(format_args!(
                "blobSchedule of {name}: target {target}, max {max}, baseFeeUpdateFraction {fraction}"
            )));
        }
        spec = spec.with_blob_schedule(fork, target, max, fraction);
    }
    Ok(spec)
}

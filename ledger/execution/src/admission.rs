//! Whether a transaction fits into what the block has left, and the running totals.

use crate::{
    block::Block,
    output::{SkipReason, TxReceipt},
};
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_primitives::{Address, Log};
use revm::context::TxEnv;

/// Gas and blobs used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) gas_used: u64,
    pub(crate) blobs: u64,
}

/// What an execution says about itself, before the totals are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TxResult {
    pub(crate) success: bool,
    pub(crate) gas_used: u64,
    pub(crate) logs: Vec<Log>,
    pub(crate) created: Option<Address>,
}

impl Totals {
    /// Whether `tx` may still be included.
    pub(crate) fn admit(&self, block: &Block, tx: &TxEnv) -> Result<(), SkipReason> {
        let left = block.env.gas_limit.saturating_sub(self.gas_used);
        if tx.gas_limit > left {
            return Err(SkipReason::BlockGas { limit: tx.gas_limit, left });
        }
        let blobs = tx.blob_hashes.len() as u64;
        if blobs > 0 {
            let left = block.rules.blobs.map_or(0, |rules| rules.max).saturating_sub(self.blobs);
            if blobs > left {
                return Err(SkipReason::BlockBlobs { blobs, left });
            }
        }
        Ok(())
    }

    /// Counts an executed transaction and writes its receipt.
    pub(crate) fn include(&mut self, tx: &TxEnv, result: TxResult) -> TxReceipt {
        self.gas_used += result.gas_used;
        self.blobs += tx.blob_hashes.len() as u64;
        TxReceipt {
            tx_type: tx.tx_type,
            success: result.success,
            gas_used: result.gas_used,
            cumulative_gas_used: self.gas_used,
            logs: result.logs,
            created: result.created,
        }
    }

    /// Blob gas used so far.
    pub(crate) const fn blob_gas_used(&self) -> u64 {
        self.blobs * DATA_GAS_PER_BLOB
    }
}

impl From<revm::context_interface::result::ExecutionResult> for TxResult {
    fn from(result: revm::context_interface::result::ExecutionResult) -> Self {
        let success = result.is_success();
        Self {
            success,
            gas_used: result.tx_gas_used(),
            created: result.created_address().filter(|_| success),
            logs: result.into_logs(),
        }
    }
}

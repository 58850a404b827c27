//! The read-only world a block is executed on.

use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256};
use revm::bytecode::Bytecode;

/// Nonce, balance and code hash of an account that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Account {
    /// Number of transactions sent, or contracts created.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Keccak-256 of the code; [`KECCAK256_EMPTY`] without code.
    pub code_hash: B256,
}

impl Default for Account {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK256_EMPTY }
    }
}

impl Account {
    /// EIP-161 emptiness: no nonce, no balance, no code.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK256_EMPTY
    }

    /// Whether the account has code (a delegation designator counts).
    pub fn has_code(&self) -> bool {
        self.code_hash != KECCAK256_EMPTY
    }
}

/// A consistent, read-only view of the world state.
///
/// It is read by many threads at once and may fail: a failed read ends the block with an
/// [`ExecutionError`](crate::ExecutionError) that names the transaction, never with a wrong result.
pub trait StateSnapshot: Send + Sync {
    /// The account at `address`, `None` if it does not exist.
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError>;
    /// The value of a storage slot; zero if never written.
    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError>;
    /// The code with this Keccak-256 hash.
    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError>;
    /// The hash of an ancestor block. Asked only for the 256 blocks before the executed one.
    fn block_hash(&self, number: u64) -> Result<B256, StateError>;
}

/// A read that the state could not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("state read failed: {0}")]
pub struct StateError(pub String);

impl revm::database_interface::DBErrorMarker for StateError {}

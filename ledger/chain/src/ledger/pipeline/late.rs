//! A state whose newest block hashes are still being computed.
//!
//! Whoever asks for such a hash waits for it: `BLOCKHASH`, and the history contract (EIP-2935), for whose newest entries this
//! state answers. So a block executes while the root of the one before is computed, unless it looks at the hash.

use super::promise::Promise;
use crate::ledger::beneath::Above;
use alloy_eips::eip2935::{HISTORY_SERVE_WINDOW, HISTORY_STORAGE_ADDRESS, HISTORY_STORAGE_CODE};
use alloy_primitives::{Address, B256, U256, keccak256};
use mundi_execution::{Account, Block, StateError, StateSnapshot};
use mundi_state::Pending;
use revm::{bytecode::Bytecode, primitives::hardfork::SpecId};

/// See the module.
pub(super) struct Late {
    state: Above<Pending>,
    hashes: Vec<(u64, Promise)>,
    /// Whether it answers for the history contract.
    history: bool,
}

impl Late {
    /// `hashes` are those from the newest published block to the parent of `block`.
    ///
    /// It answers for the history contract if there is no foreign state below, and the contract is the one of EIP-2935.
    pub(super) fn new(
        state: Above<Pending>,
        hashes: Vec<(u64, Promise)>,
        block: &Block,
    ) -> Result<Self, StateError> {
        let history = state.beneath.is_none()
            && block.rules.spec.is_enabled_in(SpecId::PRAGUE)
            && state
                .account(&HISTORY_STORAGE_ADDRESS)?
                .is_some_and(|contract| contract.code_hash == keccak256(&HISTORY_STORAGE_CODE));
        Ok(Self { state, hashes, history })
    }

    /// Whether the engine shall leave the history contract's newest entry to this state.
    pub(super) const fn is_late(&self) -> bool {
        self.history
    }
}

/// The slot in which the history contract keeps the hash of a block.
pub(super) fn history_slot(height: u64) -> U256 {
    U256::from(height % HISTORY_SERVE_WINDOW as u64)
}

fn wait(hash: &Promise) -> Result<B256, StateError> {
    hash.wait().ok_or_else(|| StateError("the block before was not finished".into()))
}

impl StateSnapshot for Late {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        self.state.account(address)
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        if self.history && *address == HISTORY_STORAGE_ADDRESS {
            let newest = self.hashes.iter().rev();
            if let Some((_, hash)) = newest.clone().find(|(height, _)| history_slot(*height) == *slot) {
                return Ok(wait(hash)?.into());
            }
        }
        self.state.storage(address, slot)
    }

    fn code(&self, code_hash: &B256) -> Result<Bytecode, StateError> {
        self.state.code(code_hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        match self.hashes.iter().find(|(height, _)| *height == number) {
            Some((_, hash)) => wait(hash),
            None => self.state.block_hash(number),
        }
    }
}

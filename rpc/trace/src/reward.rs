//! What miners got for blocks before the Merge.

use alloy_primitives::{Address, U256};
use alloy_rpc_types_trace::parity::{LocalizedTransactionTrace, RewardAction, RewardType};
use mundi_rpc_context::Ctx;
use mundi_state::BlockRecord;

/// The reward of a block, and of its ommers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rewards {
    /// The block's own miner's, with what it got for including ommers.
    pub(crate) block: U256,
    /// Who mined the ommers, and for how much.
    pub(crate) ommers: Vec<(Address, U256)>,
}

impl Rewards {
    /// What a block gave; nothing from the Merge on, and nothing for the first block.
    pub(crate) fn of(ctx: &Ctx, block: &BlockRecord) -> Self {
        let number = block.header.number;
        let base = ctx.ledger.spec().rules_at(ctx.ledger.point(block)).block_reward;
        if base.is_zero() || number == 0 {
            return Self::default();
        }
        let ommers: Vec<_> = block
            .body
            .ommers
            .iter()
            .map(|ommer| {
                let eighths = ommer.number.saturating_add(8).saturating_sub(number);
                (ommer.beneficiary, base * U256::from(eighths) / U256::from(8))
            })
            .collect();
        Self { block: base + base / U256::from(32) * U256::from(ommers.len()), ommers }
    }

    /// All ommers' together.
    pub(crate) fn of_ommers(&self) -> U256 {
        self.ommers.iter().fold(U256::ZERO, |sum, (_, value)| sum + value)
    }
}

/// A block's rewards as traces.
pub(crate) fn traces(ctx: &Ctx, block: &BlockRecord) -> Vec<LocalizedTransactionTrace> {
    let rewards = Rewards::of(ctx, block);
    if rewards.block.is_zero() {
        return Vec::new();
    }
    let trace = |author, reward_type, value| {
        RewardAction { author, reward_type, value }
            .into_localized_trace((block.header.number, block.hash).into())
    };
    let own = trace(block.header.beneficiary, RewardType::Block, rewards.block);
    let ommers = rewards.ommers.iter().map(|(author, value)| trace(*author, RewardType::Uncle, *value));
    std::iter::once(own).chain(ommers).collect()
}

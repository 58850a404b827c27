//! What transactions see of their block, and the rules they run by.

use mundi_chain::{ForkPoint, Payload, block_env};
use mundi_execution::{Rules, cfg_env};
use mundi_rpc_context::{Context, Limits};
use mundi_state::BlockRecord;
use revm::{
    context::{BlockEnv, CfgEnv},
    primitives::hardfork::SpecId,
};

use crate::precompiles::Precompiles;
use alloy_consensus::Header;

/// What transactions see of their block, and the rules they run by.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The block.
    pub block: BlockEnv,
    /// The rules of its fork.
    pub rules: Rules,
    /// The same for the virtual machine.
    pub cfg: CfgEnv,
    /// Precompiled contracts.
    pub precompiles: Precompiles,
}

impl Environment {
    /// As transactions of a block at `point` see it. Every check is made as in a block.
    pub fn of_header(ctx: &Context, point: ForkPoint, header: &Header) -> Self {
        let spec = ctx.ledger.spec();
        Self::new(block_env(spec, point, header), spec.rules_at(point))
    }

    /// As transactions of a block of the chain see it.
    pub fn of_block(ctx: &Context, block: &BlockRecord) -> Self {
        Self::of_header(ctx, ctx.ledger.point(block), &block.header)
    }

    /// As transactions of the block after the newest see it, by what is known of that block; with its header.
    pub fn pending(ctx: &Context) -> (Self, Header) {
        let (header, point) = Self::header_after(ctx, &ctx.ledger.head().block);
        (Self::of_header(ctx, point, &header), header)
    }

    /// The header of the block after a block, as far as it is known, and where it stands in the fork schedule.
    pub fn header_after(ctx: &Context, parent: &BlockRecord) -> (Header, ForkPoint) {
        let payload = match &ctx.developer {
            Some(solo) => solo.preview(),
            None => Payload {
                timestamp: parent.header.timestamp.saturating_add(1),
                prev_randao: parent.header.mix_hash,
                ..Payload::default()
            },
        };
        let payload = Payload { height: parent.header.number + 1, ..payload };
        let header = ctx.ledger.draft(parent, &payload);
        let point = ForkPoint::new(header.number, header.timestamp)
            .with_parent_total_difficulty(parent.total_difficulty);
        (header, point)
    }

    /// A block by the rules of a fork.
    pub fn new(block: BlockEnv, rules: Rules) -> Self {
        let (cfg, precompiles) = (cfg_env(&rules), Precompiles::new(rules.spec));
        Self { block, rules, cfg, precompiles }
    }

    /// The fork.
    pub const fn spec(&self) -> SpecId {
        self.rules.spec
    }

    /// Drops the checks that a call need not pass: nonces, senders that are contracts, gas limits of blocks and transactions,
    /// a price below the base fee. Limits memory.
    pub fn for_calls(mut self, limits: &Limits) -> Self {
        let cfg = &mut self.cfg;
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        cfg.disable_block_gas_limit = true;
        cfg.disable_base_fee = true;
        cfg.tx_gas_limit_cap = Some(u64::MAX);
        cfg.clear_max_blobs_per_tx();
        cfg.memory_limit = limits.call_memory as u64;
        self
    }
}

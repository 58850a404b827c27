//! Which blocks there will be.

use super::{BlockRequest, SimulatedOverrides, codes, too_many_blocks};
use alloy_consensus::Header;
use alloy_primitives::U256;
use alloy_rpc_types_eth::{TransactionRequest, state::StateOverride};
use mundi_rpc_context::RpcError;

/// Seconds between simulated blocks.
const INTERVAL: u64 = 12;

/// A block with number and time.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) number: u64,
    pub(super) timestamp: u64,
    pub(super) overrides: SimulatedOverrides,
    pub(super) state: Option<StateOverride>,
    pub(super) calls: Vec<TransactionRequest>,
}

/// Gives all blocks numbers and times, and fills gaps with empty blocks.
pub(super) fn blocks(
    base: &Header,
    requests: Vec<BlockRequest>,
    most: usize,
) -> Result<Vec<Planned>, RpcError> {
    let (mut number, mut timestamp) = (base.number, base.timestamp);
    let mut blocks = Vec::with_capacity(requests.len());
    for request in requests {
        let BlockRequest { block_overrides, state_overrides, calls } = request;
        let overrides = block_overrides.unwrap_or_default();
        let wanted = overrides.header.number.unwrap_or(U256::from(number) + U256::ONE);
        if wanted <= U256::from(number) {
            return Err(RpcError::new(
                codes::BLOCK_NUMBER,
                format!("block numbers must be in order: {wanted} <= {number}"),
            ));
        }
        let wanted: u64 = match wanted.try_into() {
            Ok(wanted) if wanted - base.number <= most as u64 => wanted,
            _ => return Err(too_many_blocks()),
        };
        while number + 1 < wanted {
            (number, timestamp) = (number + 1, timestamp.saturating_add(INTERVAL));
            let (overrides, calls) = (SimulatedOverrides::default(), Vec::new());
            blocks.push(Planned { number, timestamp, overrides, state: None, calls });
        }
        let time = overrides.header.time.unwrap_or(timestamp.saturating_add(INTERVAL));
        if time <= timestamp {
            return Err(RpcError::new(
                codes::BLOCK_TIME,
                format!("block timestamps must be in order: {time} <= {timestamp}"),
            ));
        }
        (number, timestamp) = (wanted, time);
        let (state, calls) = (state_overrides, calls.unwrap_or_default());
        blocks.push(Planned { number, timestamp, overrides, state, calls });
    }
    Ok(blocks)
}

//! What makes a chain of blocks: fork schedules and header rules.

mod forks;
mod networks;

pub use alloy_hardforks::{EthereumHardfork, ForkCondition};
pub use forks::{ChainSpec, ForkPoint};
pub use networks::UnknownNetwork;

//! What the pool knows of the chain.

use alloy_primitives::{Address, B256};
use mundi_chain::{ChainSpec, EthereumHardfork, ForkPoint, OrderedTransaction};
use mundi_execution::{Account, Rules, SkipReason, StateSnapshot};
use revm::context_interface::cfg::GasParams;
use std::{fmt, sync::Arc};

/// The state after the newest block, and what is known of the next one.
#[derive(Clone)]
pub struct Head {
    /// Where the next block stands.
    pub point: ForkPoint,
    /// Its base fee in wei; zero before London.
    pub base_fee: u64,
    /// Its price of blob gas; zero before Cancun.
    pub blob_base_fee: u128,
    /// Its gas limit.
    pub gas_limit: u64,
    /// The state that it begins with.
    pub state: Arc<dyn StateSnapshot>,
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("point", &self.point)
            .field("base_fee", &self.base_fee)
            .field("blob_base_fee", &self.blob_base_fee)
            .field("gas_limit", &self.gas_limit)
            .finish_non_exhaustive()
    }
}

/// A new block on top of the last one.
#[derive(Clone, Debug)]
pub struct NewHead {
    /// What the chain is now.
    pub head: Head,
    /// All accounts that the block changed, as they are afterwards; `None` is gone.
    pub accounts: Vec<(Address, Option<Account>)>,
    /// Transactions in the block.
    pub included: Vec<B256>,
    /// Transactions that were handed out for the block and left out of it.
    pub skipped: Vec<(B256, SkipReason)>,
}

/// The chain is another one: blocks were dropped, or the state was edited.
#[derive(Clone, Debug)]
pub struct Reorganised {
    /// What the chain is now.
    pub head: Head,
    /// Transactions of dropped blocks, in order. They come back where they are valid.
    pub removed: Vec<Arc<OrderedTransaction>>,
}

/// A head with what follows from it.
pub(crate) struct Context {
    pub(crate) head: Head,
    /// How many heads came before; those of the shards never overtake it.
    pub(crate) generation: u64,
    pub(crate) fork: EthereumHardfork,
    pub(crate) rules: Rules,
    pub(crate) gas: GasParams,
    /// Most blobs of a transaction; zero before Cancun.
    pub(crate) max_blobs: u64,
}

impl Context {
    pub(crate) fn new(spec: &ChainSpec, head: Head, generation: u64) -> Self {
        let rules = spec.rules_at(head.point);
        let max_blobs = rules.blobs.map_or(0, |blobs| blobs.max_per_tx.unwrap_or(blobs.max).min(blobs.max));
        Self {
            generation,
            fork: spec.fork_at(head.point),
            gas: GasParams::new_spec(rules.spec),
            max_blobs,
            rules,
            head,
        }
    }

    /// The cap on a transaction's gas, if there is one.
    pub(crate) fn gas_cap(&self) -> Option<u64> {
        (self.fork >= EthereumHardfork::Osaka).then_some(alloy_eips::eip7825::MAX_TX_GAS_LIMIT_OSAKA)
    }

    /// Whether what was valid under the rules of another context may be invalid under these.
    pub(crate) fn is_stricter_than(&self, before: &Self) -> bool {
        self.rules.spec != before.rules.spec
            || self.fork != before.fork
            || self.max_blobs < before.max_blobs
            || self.head.gas_limit < before.head.gas_limit
    }

    /// The account of an address in this state.
    pub(crate) fn account(&self, address: &Address) -> Result<Account, mundi_execution::StateError> {
        Ok(self.head.state.account(address)?.unwrap_or_default())
    }
}

//! How much a validator keeps, and how large its buffers are.

use crate::dice::Dice;
use commonware_utils::NZUsize;
use mundi_chain::LedgerConfig;
use mundi_consensus::bft::{Tuning, Waiting};
use mundi_state::{Config, History};
use std::num::{NonZeroU64, NonZeroUsize};

/// How much a validator keeps, and how large its buffers are.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    pub(crate) state: Config,
    pub(crate) ledger: LedgerConfig,
    pub(crate) pool: mundi_mempool::Config,
    pub(crate) tuning: Tuning,
}

impl Default for Sizes {
    fn default() -> Self {
        let bytes = 4 << 20;
        Self {
            state: Config { cache_bytes: bytes, ..Config::default() },
            ledger: LedgerConfig {
                threads: NonZeroUsize::MIN,
                block_cache_bytes: bytes,
                ..LedgerConfig::default()
            },
            pool: mundi_mempool::Config::default(),
            tuning: Tuning { waiting: Waiting::InPlace, ..Tuning::default() },
        }
    }
}

impl Sizes {
    /// Small ones that are drawn, so that what happens only when something is full or old happens in short runs: layers are moved
    /// into the tables, history is deleted, views are forgotten, mailboxes overflow.
    pub(crate) fn drawn(dice: &mut Dice) -> Self {
        let mut sizes = Self::default();
        sizes.state.history = History::Last(dice.between(1, 8));
        sizes.state.proofs = History::Last(dice.between(1, 8));
        sizes.state.max_layers = dice.index(5);
        let tuning = &mut sizes.tuning;
        tuning.views = 8 << dice.below(6);
        tuning.section = NonZeroU64::new(4 << dice.below(5)).unwrap_or(NonZeroU64::MIN);
        tuning.depth = 1 << dice.below(5);
        tuning.repair = power(dice, 6);
        tuning.mailbox = power(dice, 7).saturating_mul(NZUsize!(8));
        sizes
    }

    /// As small as can be for many validators with large payloads, of whom none falls behind.
    pub(crate) fn crowd() -> Self {
        let kept = History::Last(2);
        let state = Config {
            cache_bytes: 1 << 20,
            history: kept,
            proofs: kept,
            max_layers: 2,
            layer_bytes: 8 << 20,
            compaction_threads: 1,
        };
        let mut sizes = Self { state, ..Self::default() };
        sizes.ledger.events = 16;
        sizes.ledger.block_cache_bytes = 1 << 20;
        sizes.pool.events = 1024;
        sizes.tuning.page_cache = 256 << 10;
        sizes.tuning.mailbox = NZUsize!(256);
        sizes.tuning.records = NZUsize!(8);
        sizes.tuning.views = 16;
        sizes
    }
}

/// A power of two, up to that with this exponent.
fn power(dice: &mut Dice, most: u64) -> NonZeroUsize {
    NonZeroUsize::new(1 << dice.below(most + 1)).unwrap_or(NonZeroUsize::MIN)
}

//! Whether the node is behind, as Ethereum's clients ask for it.

use alloy_primitives::U64;
use mundi_rpc_context::{Behind, Consensus};
use serde::Serialize;

/// `false`, or how far the node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum SyncStatus {
    /// `false`.
    UpToDate(bool),
    /// It is behind.
    #[serde(rename_all = "camelCase")]
    Behind {
        /// Where it was when it started.
        starting_block: U64,
        /// Where it is.
        current_block: U64,
        /// Where the others are.
        highest_block: U64,
    },
}

impl SyncStatus {
    /// Of a node that orders alone: it is never behind.
    pub(crate) const ALONE: Self = Self::UpToDate(false);

    /// Of a node that may order with others.
    pub(crate) fn of(consensus: Option<&Consensus>) -> Self {
        let Some((consensus, behind)) = consensus.and_then(|of| Some((of, of.behind()?))) else {
            return Self::ALONE;
        };
        let Behind { executed, ordered } = behind;
        Self::Behind {
            starting_block: U64::from(consensus.started),
            current_block: U64::from(executed),
            highest_block: U64::from(ordered),
        }
    }

    /// Whether the node is behind.
    pub(crate) const fn is_behind(&self) -> bool {
        matches!(self, Self::Behind { .. })
    }
}

//! What a store begins with: a block and its state, or a block whose state is elsewhere.

use crate::{
    blocks::{self, StoredHeader},
    error::StoreError,
    kv::{Table, View},
};
use alloy_consensus::EMPTY_ROOT_HASH;
use alloy_primitives::B256;

/// What a store begins with.
pub(crate) enum Origin {
    /// A block with the state after it.
    Whole,
    /// A header of another chain's block, as it was given, and no state.
    Foreign(Box<StoredHeader>),
}

impl Origin {
    /// The header of a block.
    pub(crate) fn header(&self, tables: &View, height: u64) -> Result<Option<StoredHeader>, StoreError> {
        match self {
            Self::Foreign(first) if first.header.number == height => Ok(Some((**first).clone())),
            _ => blocks::header(tables, height),
        }
    }

    /// The header of a block that has to be there.
    pub(crate) fn present_header(&self, tables: &View, height: u64) -> Result<StoredHeader, StoreError> {
        self.header(tables, height)?.ok_or_else(|| blocks::absent(Table::Headers, height))
    }

    /// The root that the tables have after a block, which has to be there.
    pub(crate) fn root(&self, tables: &View, height: u64) -> Result<B256, StoreError> {
        match self {
            Self::Foreign(first) if first.header.number == height => Ok(EMPTY_ROOT_HASH),
            _ => Ok(self.present_header(tables, height)?.header.state_root),
        }
    }
}

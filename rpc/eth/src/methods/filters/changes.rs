//! What happened to the chain of late.

use alloy_primitives::B256;
use mundi_state::BlockRecord;
use std::{collections::VecDeque, sync::Arc};

/// Most changes that are kept.
const MAX_CHANGES: usize = 65_536;
/// Most blocks among them that were taken back; they are nowhere else any more.
const MAX_REMOVED: usize = 1_024;

/// A block came or went.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Its height and hash.
    Added(u64, B256),
    /// The whole of it.
    Removed(Arc<BlockRecord>),
}

/// The last changes, numbered from the first one on.
#[derive(Debug, Default)]
pub(super) struct Changes {
    changes: VecDeque<Change>,
    /// The number of the oldest one.
    first: u64,
    removed: usize,
}

impl Changes {
    /// The number that the next change will have.
    pub(super) fn end(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    pub(super) fn push(&mut self, change: Change) {
        self.removed += usize::from(matches!(change, Change::Removed(_)));
        self.changes.push_back(change);
        while self.changes.len() > MAX_CHANGES || self.removed > MAX_REMOVED {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(change) = self.changes.pop_front() {
            self.removed -= usize::from(matches!(change, Change::Removed(_)));
            self.first += 1;
        }
    }

    /// The changes from a number on; `None` if they are not all kept.
    pub(super) fn since(&self, number: u64) -> Option<Vec<Change>> {
        let skip = number.checked_sub(self.first)?;
        Some(self.changes.iter().skip(skip as usize).cloned().collect())
    }

    /// Forgets all that is kept; numbers go on.
    pub(super) fn forget(&mut self) {
        *self = Self { first: self.end(), ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_changes_are_forgotten_and_that_is_known() {
        let mut changes = Changes::default();
        for height in 0..MAX_CHANGES as u64 + 3 {
            changes.push(Change::Added(height, B256::ZERO));
        }
        assert!(changes.since(2).is_none());
        assert_eq!(changes.since(3).unwrap().len(), MAX_CHANGES);
        assert!(changes.since(changes.end()).unwrap().is_empty());
        changes.forget();
        assert_eq!((changes.end(), changes.since(7).is_none()), (MAX_CHANGES as u64 + 3, true));
        assert!(changes.since(changes.end()).unwrap().is_empty());
    }
}

//! What developers changed, by the block that it came into: a chain can be made again from this and its payloads.

use mundi_execution::StateChanges;
use std::collections::BTreeMap;

/// Changed accounts and slots that are remembered at most; beyond it nothing is any more, and the chain cannot be dumped.
const MAX_REMEMBERED: usize = 4_000_000;

/// Changes by the height of the block that they are part of.
#[derive(Debug, Default)]
pub(crate) struct EditLog {
    by_height: BTreeMap<u64, StateChanges>,
    remembered: usize,
    overflown: bool,
}

fn size(changes: &StateChanges) -> usize {
    changes.accounts.iter().map(|change| 1 + change.storage.len()).sum()
}

impl EditLog {
    /// Changes that the block at `height` begins with, after those that it has already.
    pub(crate) fn add(&mut self, height: u64, changes: StateChanges) {
        if self.overflown || self.remembered + size(&changes) > MAX_REMEMBERED {
            *self = Self { overflown: true, ..Self::default() };
            return;
        }
        let here = self.by_height.entry(height).or_default();
        self.remembered -= size(here);
        here.then(changes);
        self.remembered += size(here);
    }

    /// The chain ends at `height`, and the next block begins with `edits`.
    pub(crate) fn rewind(&mut self, height: u64, edits: Option<&StateChanges>) {
        for (_, changes) in self.by_height.split_off(&height.saturating_add(1)) {
            self.remembered -= size(&changes);
        }
        if let Some(edits) = edits {
            self.add(height.saturating_add(1), edits.clone());
        }
    }

    /// The changes that a block begins with.
    pub(crate) fn of(&self, height: u64) -> Option<&StateChanges> {
        self.by_height.get(&height)
    }

    /// Whether nothing was forgotten.
    pub(crate) const fn is_whole(&self) -> bool {
        !self.overflown
    }
}

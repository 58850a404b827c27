//! What a block writes: each account and slot once, noted by the worker that wrote it first.

use crate::cells::{AccountCell, AccountVersion, SlotCell, SlotVersion, WipeVersion};

/// Cells that one worker was the first to write. Some may have lost all their versions since.
#[derive(Debug, Default)]
pub(crate) struct Written<'a> {
    /// An account that was both written and wiped may be listed twice.
    pub(crate) accounts: Vec<&'a AccountCell<'a>>,
    pub(crate) slots: Vec<&'a SlotCell<'a>>,
}

impl<'a> Written<'a> {
    /// Publishes a version of an account.
    pub(crate) fn account(&mut self, cell: &'a AccountCell<'a>, version: &'a AccountVersion<'a>) {
        if cell.versions.insert(version) {
            self.accounts.push(cell);
        }
    }

    /// Publishes a version of a slot.
    pub(crate) fn slot(&mut self, cell: &'a SlotCell<'a>, version: &'a SlotVersion<'a>) {
        if cell.versions.insert(version) {
            self.slots.push(cell);
        }
    }

    /// Publishes the loss of an account's storage.
    pub(crate) fn wipe(&mut self, cell: &'a AccountCell<'a>, version: &'a WipeVersion<'a>) {
        if cell.wipes.insert(version) {
            self.accounts.push(cell);
        }
    }
}

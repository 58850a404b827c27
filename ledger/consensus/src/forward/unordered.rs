//! Transactions of this node's users that no payload holds for sure, and when to look at each again.

use alloy_primitives::{B256, map::B256Map};
use commonware_consensus::types::View;
use std::collections::BTreeSet;

/// Transactions in the order in which they came, each with the view in which it is looked at again.
#[derive(Debug)]
pub(super) struct Unordered {
    bound: usize,
    next: u64,
    /// Never listed, so that its order is nobody's business.
    places: B256Map<(View, u64)>,
    due: BTreeSet<(View, u64, B256)>,
}

impl Unordered {
    pub(super) fn new(bound: usize) -> Self {
        Self { bound, next: 0, places: B256Map::default(), due: BTreeSet::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.bound
    }

    pub(super) fn contains(&self, hash: &B256) -> bool {
        self.places.contains_key(hash)
    }

    /// Whether it is there, and nobody has dealt with it since this view or one before it, in which it was due.
    pub(super) fn is_due(&self, hash: &B256, view: View) -> bool {
        self.places.get(hash).is_some_and(|(due, _)| *due <= view)
    }

    /// Takes a new one, if there is room; `false` if there is none. One that is there already stays as it is.
    pub(super) fn insert(&mut self, hash: B256, due: View) -> bool {
        if self.contains(&hash) {
            return true;
        }
        if self.is_full() {
            return false;
        }
        self.places.insert(hash, (due, self.next));
        self.due.insert((due, self.next, hash));
        self.next += 1;
        true
    }

    /// It is looked at again in another view.
    pub(super) fn postpone(&mut self, hash: &B256, until: View) {
        if let Some((due, number)) = self.places.get_mut(hash) {
            self.due.remove(&(*due, *number, *hash));
            *due = until;
            self.due.insert((until, *number, *hash));
        }
    }

    pub(super) fn remove(&mut self, hash: &B256) {
        if let Some((due, number)) = self.places.remove(hash) {
            self.due.remove(&(due, number, *hash));
        }
    }

    /// Those to look at in a view: `limit` of them at most, those that have been due for longest first. They stay due.
    pub(super) fn due(&self, view: View, limit: usize) -> Vec<B256> {
        let due = self.due.iter().take_while(|(due, ..)| *due <= view);
        due.take(limit).map(|(_, _, hash)| *hash).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn hash(byte: u8) -> B256 {
        B256::repeat_byte(byte)
    }

    #[test]
    fn what_is_due_comes_in_order_until_it_is_postponed_or_gone() {
        let mut unordered = Unordered::new(3);
        for byte in [9, 5, 7] {
            assert!(unordered.insert(hash(byte), View::new(2)));
        }
        assert!(!unordered.insert(hash(1), View::new(0)), "there is no room");
        assert!(unordered.insert(hash(5), View::new(0)), "it is there");
        assert!(unordered.due(View::new(1), 10).is_empty());
        assert_eq!(unordered.due(View::new(2), 10), [hash(9), hash(5), hash(7)]);
        assert_eq!(unordered.due(View::new(9), 2), [hash(9), hash(5)]);
        assert!(unordered.is_due(&hash(9), View::new(2)) && !unordered.is_due(&hash(9), View::new(1)));
        unordered.postpone(&hash(9), View::new(4));
        assert!(!unordered.is_due(&hash(9), View::new(3)) && !unordered.is_due(&hash(1), View::new(9)));
        unordered.remove(&hash(5));
        assert_eq!(unordered.due(View::new(3), 10), [hash(7)]);
        assert_eq!(unordered.due(View::new(4), 10), [hash(7), hash(9)]);
        unordered.postpone(&hash(5), View::new(0));
        assert_eq!((unordered.len(), unordered.due.len()), (2, 2));
    }
}

//! A map that forgets the oldest.

use std::collections::BTreeMap;

/// A map of bounded size: when it is full, what was put in first goes first.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    bound: usize,
    entries: BTreeMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
    next: u64,
}

impl<K: Ord + Copy, V> Recent<K, V> {
    pub(super) const fn new(bound: usize) -> Self {
        Self { bound, entries: BTreeMap::new(), order: BTreeMap::new(), next: 0 }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// Puts a value in as the newest one, in the place of the old one if there is one.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if let Some((before, _)) = self.entries.insert(key, (self.next, value)) {
            self.order.remove(&before);
        }
        self.order.insert(self.next, key);
        self.next += 1;
        while self.entries.len() > self.bound
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
    }

    /// Takes a value out, and says when it was put in, counted in insertions.
    pub(super) fn remove(&mut self, key: &K) -> Option<(u64, V)> {
        let (at, value) = self.entries.remove(key)?;
        self.order.remove(&at);
        Some((at, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first() {
        let mut recent = Recent::new(2);
        recent.insert(1, "a");
        recent.insert(2, "b");
        recent.insert(1, "c");
        recent.insert(3, "d");
        assert_eq!((recent.get(&1), recent.get(&2), recent.get(&3)), (Some(&"c"), None, Some(&"d")));
        assert_eq!(recent.remove(&1), Some((2, "c")));
        recent.insert(4, "e");
        assert_eq!((recent.get(&3), recent.get(&4)), (Some(&"d"), Some(&"e")));
        assert_eq!(recent.order.len(), 2);
        assert_eq!(recent.remove(&9), None);
    }
}

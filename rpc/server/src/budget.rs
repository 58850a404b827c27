//! Bytes that are held for clients, all connections together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Bytes that are held for clients, against what may be.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    held: Arc<AtomicUsize>,
    most: usize,
}

impl Budget {
    pub(crate) fn new(most: usize) -> Self {
        Self { held: Arc::default(), most }
    }

    /// Holds `bytes` until the charge is dropped; `None` if there is no room.
    pub(crate) fn charge(&self, bytes: usize) -> Option<Charge> {
        let mut charge = Charge { held: Arc::clone(&self.held), bytes: 0 };
        self.grow(&mut charge, bytes).then_some(charge)
    }

    /// Makes a charge larger; `false` if there is no room, and then it is as it was.
    pub(crate) fn grow(&self, charge: &mut Charge, bytes: usize) -> bool {
        let fits = |held: usize| held.checked_add(bytes).filter(|held| *held <= self.most);
        let grown = self.held.fetch_update(Relaxed, Relaxed, fits).is_ok();
        if grown {
            charge.bytes += bytes;
        }
        grown
    }
}

/// Bytes held until dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    held: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_are_bounded_and_returned() {
        let budget = Budget::new(10);
        let mut six = budget.charge(6).unwrap();
        assert!(budget.charge(5).is_none());
        assert!(!budget.grow(&mut six, 5));
        assert!(budget.grow(&mut six, 4));
        assert!(budget.charge(1).is_none());
        assert!(budget.charge(usize::MAX).is_none());
        drop(six);
        assert!(budget.charge(10).is_some());
    }
}

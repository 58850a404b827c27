//! What a transaction pays for a unit of gas, and an order by it that survives changes of the base fee.

use std::{cmp::Reverse, collections::BTreeSet};

/// The two fees of EIP-1559 in wei; for older types both are the gas price. More than 2⁶⁴−1 counts as that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fees {
    /// Most for base fee and tip together.
    pub(crate) cap: u64,
    /// Most for the tip; not above the cap.
    pub(crate) tip: u64,
}

impl Fees {
    pub(crate) fn new(cap: u128, tip: u128) -> Self {
        let saturated = |fee: u128| u64::try_from(fee).unwrap_or(u64::MAX);
        Self { cap: saturated(cap), tip: saturated(tip.min(cap)) }
    }

    /// What is left for the tip at a base fee; negative if the cap does not reach the base fee.
    pub(crate) fn effective(self, base_fee: u64) -> i128 {
        i128::from(self.tip).min(i128::from(self.cap) - i128::from(base_fee))
    }

    /// Fees that are worth, at every base fee, what the poorer of both is worth.
    pub(crate) fn poorer(self, other: Self) -> Self {
        Self { cap: self.cap.min(other.cap), tip: self.tip.min(other.tip) }
    }

    /// The base fee above which the cap and not the tip decides.
    const fn turn(self) -> u64 {
        self.cap - if self.tip < self.cap { self.tip } else { self.cap }
    }
}

/// Which sender of a shard.
pub(crate) type Slot = u32;

/// Where something stands among all others: the greater, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// The effective tip; zero where only the arrival counts.
    pub(crate) tip: i128,
    /// The number of the arrival: earlier is better.
    pub(crate) arrival: Reverse<u64>,
}

type Key = (u64, Reverse<u64>, Slot);

/// Senders in the order of an effective tip.
///
/// The effective tip is the smaller of the tip and of what the base fee leaves of the cap. Those of the first kind are in
/// order by their tips whatever the base fee is, those of the second kind by their caps. So the order consists of two
/// sets, and only those between the old and the new base fee change from one to the other when it changes.
#[derive(Debug, Default)]
pub(crate) struct FeeIndex {
    base_fee: u64,
    by_tip: BTreeSet<Key>,
    by_cap: BTreeSet<Key>,
    /// By the base fee at which the kind changes, with the cap; only where it is not zero, because from zero on the cap
    /// decides for ever.
    by_turn: BTreeSet<(u64, u64, Reverse<u64>, Slot)>,
}

impl FeeIndex {
    pub(crate) fn insert(&mut self, fees: Fees, arrival: u64, slot: Slot) {
        let (turn, arrival) = (fees.turn(), Reverse(arrival));
        if turn > 0 {
            self.by_turn.insert((turn, fees.cap, arrival, slot));
        }
        if self.tip_decides(turn) {
            self.by_tip.insert((fees.tip, arrival, slot));
        } else {
            self.by_cap.insert((fees.cap, arrival, slot));
        }
    }

    pub(crate) fn remove(&mut self, fees: Fees, arrival: u64, slot: Slot) {
        let (turn, arrival) = (fees.turn(), Reverse(arrival));
        if turn > 0 {
            self.by_turn.remove(&(turn, fees.cap, arrival, slot));
        }
        let found = if self.tip_decides(turn) {
            self.by_tip.remove(&(fees.tip, arrival, slot))
        } else {
            self.by_cap.remove(&(fees.cap, arrival, slot))
        };
        debug_assert!(found, "what is removed has been inserted");
    }

    /// Moves to another base fee, in time proportional to how many change their kind.
    pub(crate) fn rebase(&mut self, base_fee: u64) {
        let old = std::mem::replace(&mut self.base_fee, base_fee);
        // At a turn the tip still decides. So the kind changes where the turn is in [lower, higher).
        let between =
            (old.min(base_fee), 0, Reverse(u64::MAX), 0)..(old.max(base_fee), 0, Reverse(u64::MAX), 0);
        for (turn, cap, arrival, slot) in self.by_turn.range(between) {
            let (by_tip, by_cap) = ((cap - turn, *arrival, *slot), (*cap, *arrival, *slot));
            if base_fee > old {
                self.by_tip.remove(&by_tip);
                self.by_cap.insert(by_cap);
            } else {
                self.by_cap.remove(&by_cap);
                self.by_tip.insert(by_tip);
            }
        }
    }

    /// The best, if there is any.
    pub(crate) fn best(&self) -> Option<(Rank, Slot)> {
        self.by_tip.last().map(|key| self.of_tip(key)).max(self.by_cap.last().map(|key| self.of_cap(key)))
    }

    /// All from the best on.
    pub(crate) fn descending(&self) -> impl Iterator<Item = (Rank, Slot)> {
        let mut by_tip = self.by_tip.iter().rev().map(|key| self.of_tip(key)).peekable();
        let mut by_cap = self.by_cap.iter().rev().map(|key| self.of_cap(key)).peekable();
        std::iter::from_fn(move || if by_tip.peek() > by_cap.peek() { by_tip.next() } else { by_cap.next() })
    }

    /// The worst, if there is any.
    pub(crate) fn worst(&self) -> Option<(Rank, Slot)> {
        let by_tip = self.by_tip.first().map(|key| self.of_tip(key));
        let by_cap = self.by_cap.first().map(|key| self.of_cap(key));
        by_tip.into_iter().chain(by_cap).min()
    }

    const fn tip_decides(&self, turn: u64) -> bool {
        self.base_fee <= turn && turn > 0
    }

    fn of_tip(&self, (tip, arrival, slot): &Key) -> (Rank, Slot) {
        (Rank { tip: i128::from(*tip), arrival: *arrival }, *slot)
    }

    fn of_cap(&self, (cap, arrival, slot): &Key) -> (Rank, Slot) {
        (Rank { tip: i128::from(*cap) - i128::from(self.base_fee), arrival: *arrival }, *slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_effective_tips_at_every_base_fee(
            fees in prop::collection::vec((0_u64..20, 0_u64..20), 1..40),
            steps in prop::collection::vec((0_u64..25, any::<prop::sample::Index>()), 1..30),
        ) {
            let mut index = FeeIndex::default();
            let mut model: Vec<(Fees, u64)> = Vec::new();
            for (arrival, (cap, tip)) in fees.into_iter().enumerate() {
                let fees = Fees::new(cap.into(), tip.into());
                index.insert(fees, arrival as u64, arrival as Slot);
                model.push((fees, arrival as u64));
            }
            for (base_fee, victim) in steps {
                index.rebase(base_fee);
                let rank = |(fees, arrival): &(Fees, u64)| (Rank { tip: fees.effective(base_fee), arrival: Reverse(*arrival) }, *arrival as Slot);
                prop_assert_eq!(index.best(), model.iter().map(rank).max());
                prop_assert_eq!(index.worst(), model.iter().map(rank).min());
                let mut all: Vec<_> = model.iter().map(rank).collect();
                all.sort_unstable_by_key(|place| Reverse(*place));
                prop_assert_eq!(index.descending().collect::<Vec<_>>(), all);
                if !model.is_empty() {
                    let (fees, arrival) = model.remove(victim.index(model.len()));
                    index.remove(fees, arrival, arrival as Slot);
                }
            }
        }
    }
}

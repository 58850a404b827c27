//! Where choices of a simulation come from: a generator whose whole state is one number, so that streams for different purposes are
//! made from one seed and do not disturb each other.

use std::time::Duration;

/// A stream of choices (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

/// The parts in which probabilities are counted.
pub(crate) const MILLION: u32 = 1_000_000;

impl Dice {
    /// The stream of a seed for a purpose.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        let mut dice = Self(seed);
        for byte in purpose.bytes() {
            dice.0 ^= u64::from(byte);
            dice.next();
        }
        dice
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is at least one.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// An index into something with so many elements.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    /// A number from the first to the second, both included.
    pub(crate) const fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// A time from the first to the second, in milliseconds.
    pub(crate) const fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.between(from, to))
    }

    /// Whether something happens that has so many chances in a million.
    pub(crate) const fn happens(&mut self, chances: u32) -> bool {
        chances > 0 && self.below(MILLION as u64) < chances as u64
    }

    /// A time up to `most`, mostly about half of it.
    pub(crate) fn around(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX).max(1);
        Duration::from_nanos((self.below(nanos) + self.below(nanos) + self.below(nanos)) / 3)
    }

    /// Some elements in a new order.
    pub(crate) fn shuffled<T: Clone>(&mut self, elements: &[T]) -> Vec<T> {
        let mut shuffled = elements.to_vec();
        for at in (1..shuffled.len()).rev() {
            let other = self.index(at + 1);
            shuffled.swap(at, other);
        }
        shuffled
    }
}

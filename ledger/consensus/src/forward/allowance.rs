//! How much may go between two peers in a time.

use std::time::{Duration, SystemTime};

/// How much may go between two peers in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Bytes in a second, of whole messages.
    pub bytes_per_second: u64,
    /// Transactions in a second.
    pub transactions_per_second: u64,
    /// What was not used in this time may go at once.
    pub burst: Duration,
}

/// What is left of a rate.
#[derive(Clone, Debug)]
pub(super) struct Allowance {
    bytes: Bucket,
    transactions: Bucket,
}

impl Allowance {
    /// A full one. However low the rate is, the largest message gets through: the bytes that may go at once are at least
    /// `least_bytes`, the transactions `least_transactions`.
    pub(super) fn new(rate: &Rate, least_bytes: u64, least_transactions: u64, now: SystemTime) -> Self {
        let bucket = |per_second, least| Bucket::new(per_second, rate.burst, least, now);
        Self {
            bytes: bucket(rate.bytes_per_second, least_bytes),
            transactions: bucket(rate.transactions_per_second, least_transactions),
        }
    }

    /// Takes this much, if all of it is there.
    pub(super) fn take(&mut self, bytes: u64, transactions: u64, now: SystemTime) -> bool {
        self.bytes.refill(now);
        self.transactions.refill(now);
        let enough = self.bytes.level >= bytes && self.transactions.level >= transactions;
        if enough {
            self.bytes.level -= bytes;
            self.transactions.level -= transactions;
        }
        enough
    }
}

/// Fills at a constant rate.
#[derive(Clone, Debug)]
struct Bucket {
    per_second: u64,
    capacity: u64,
    level: u64,
    /// What has come beyond whole drops, in parts of 10⁹.
    fraction: u128,
    /// Until when it is filled.
    filled: SystemTime,
}

impl Bucket {
    fn new(per_second: u64, burst: Duration, least: u64, now: SystemTime) -> Self {
        let burst = u128::from(per_second).saturating_mul(burst.as_nanos()) / NANOS;
        let capacity = u64::try_from(burst).unwrap_or(u64::MAX).max(least);
        Self { per_second, capacity, level: capacity, fraction: 0, filled: now }
    }

    fn refill(&mut self, now: SystemTime) {
        // A clock that goes back gives nothing, and nothing twice.
        let elapsed = now.duration_since(self.filled).unwrap_or_default().as_nanos();
        self.filled = self.filled.max(now);
        let come = elapsed.saturating_mul(u128::from(self.per_second)).saturating_add(self.fraction);
        let room = self.capacity - self.level;
        match u64::try_from(come / NANOS) {
            Ok(drops) if drops < room => {
                self.level += drops;
                self.fraction = come % NANOS;
            }
            _ => (self.level, self.fraction) = (self.capacity, 0),
        }
    }
}

const NANOS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const RATE: Rate =
        Rate { bytes_per_second: 1_000, transactions_per_second: 3, burst: Duration::from_secs(2) };

    fn at(millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(millis)
    }

    #[test]
    fn a_burst_goes_at_once_and_then_the_rate_holds() {
        let mut allowance = Allowance::new(&RATE, 0, 0, at(0));
        assert!(allowance.take(2_000, 1, at(0)));
        assert!(!allowance.take(1, 0, at(0)));
        assert!(!allowance.take(500, 0, at(499)));
        assert!(allowance.take(500, 0, at(500)));
        assert!(!allowance.take(2_001, 0, at(1_000_000)), "no more than the burst is saved");
        assert!(allowance.take(2_000, 6, at(1_000_000)));
        assert!(!allowance.take(0, 1, at(1_000_300)), "transactions are counted for themselves");
        assert!(allowance.take(0, 1, at(1_000_334)));
    }

    #[test]
    fn nothing_is_lost_by_asking_often_and_nothing_won_by_turning_the_clock() {
        let mut allowance = Allowance::new(&RATE, 0, 0, at(0));
        assert!(allowance.take(2_000, 6, at(0)));
        let got = (1..=10_000).filter(|millis| allowance.take(0, 1, at(*millis))).count();
        assert_eq!(got, 30);
        assert!(!allowance.take(0, 1, at(5_000)));
        assert!(!allowance.take(0, 1, at(10_000)));
    }

    #[test]
    fn the_largest_message_gets_through_at_any_rate() {
        let mut allowance = Allowance::new(&RATE, 5_000, 10, at(0));
        assert!(allowance.take(5_000, 10, at(0)));
        assert!(!allowance.take(5_000, 0, at(4_999)));
        assert!(allowance.take(5_000, 10, at(5_000)));
    }
}

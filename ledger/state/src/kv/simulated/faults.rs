//! What can happen to a simulated disk, and how often it did.

/// What happens to one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiskFault {
    /// The operating system reports an error after a part of the batch was written.
    Write,
    /// The batch was written, and the system reports an error when it is to be synced.
    Sync,
}

/// How often writes fail, of a million each. The default is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// For [`DiskFault::Write`].
    pub write: u32,
    /// For [`DiskFault::Sync`].
    pub sync: u32,
}

/// What becomes of the batch that was written and not synced, if there is one, when power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsynced {
    /// None of it had arrived.
    Lost,
    /// A part of it had, from its beginning on.
    Torn,
    /// All of it had.
    Kept,
}

impl Unsynced {
    /// One of them by a number that the caller draws.
    pub const fn drawn(number: u64) -> Self {
        match number % 3 {
            0 => Self::Lost,
            1 => Self::Torn,
            _ => Self::Kept,
        }
    }
}

/// How often each fault fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Writes that failed with an error of the device.
    pub failed_writes: u64,
    /// Writes that failed because the disk was full.
    pub full_disk: u64,
    /// Writes that failed when they were to be synced.
    pub failed_syncs: u64,
    /// Writes that the store refused because of an earlier fault.
    pub refused: u64,
    /// Power failures.
    pub crashes: u64,
    /// Batches of which a part was found, and cut off.
    pub torn: u64,
    /// Whole batches that were not synced, and were lost.
    pub lost: u64,
    /// Whole batches that were not synced, and were there nevertheless.
    pub kept: u64,
}

/// Writes in each rate.
const MILLION: u64 = 1_000_000;

/// What the rates make of a disk's write with this number: a function of nothing but its arguments.
pub(super) fn drawn(seed: u64, number: u64, rates: FaultRates) -> Option<DiskFault> {
    let drawn = mix(seed ^ mix(number)) % MILLION;
    let write = u64::from(rates.write);
    match drawn {
        drawn if drawn < write => Some(DiskFault::Write),
        drawn if drawn < write + u64::from(rates.sync) => Some(DiskFault::Sync),
        _ => None,
    }
}

/// How many bytes of a record there are when it is cut short: fewer than all.
pub(super) fn prefix(seed: u64, number: u64, record: u64) -> u64 {
    mix(seed.rotate_left(32) ^ mix(number)) % record.max(1)
}

/// The finaliser of SplitMix64.
const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_met_and_follow_from_the_seed() {
        let rates = FaultRates { write: 20_000, sync: 50_000 };
        let count = |seed, fault| (0..100_000).filter(|n| drawn(seed, *n, rates) == Some(fault)).count();
        assert!((1_800..2_200).contains(&count(1, DiskFault::Write)));
        assert!((4_700..5_300).contains(&count(1, DiskFault::Sync)));
        let all = |seed| (0..1000).map(|n| drawn(seed, n, rates)).collect::<Vec<_>>();
        assert!(all(1) == all(1) && all(1) != all(2));
        assert!((0..1000).all(|n| drawn(3, n, FaultRates::default()).is_none() && prefix(3, n, 7) < 7));
        assert_eq!(prefix(0, 0, 0), 0);
    }
}

//! Where validators are, and how far apart.
//!
//! Round-trip times are medians as <https://www.cloudping.co> publishes them of Amazon's regions (50th percentile, as of 2025), rounded to
//! milliseconds, the mean of both directions.

use std::time::Duration;

/// Where the times between regions come from.
pub const LATENCIES: &str =
    "median round trips between Amazon's regions, as https://www.cloudping.co published them in 2025";

/// The regions.
pub const REGIONS: [&str; 10] = [
    "us-west-1",
    "us-east-1",
    "eu-west-1",
    "ap-northeast-1",
    "eu-north-1",
    "ap-south-1",
    "sa-east-1",
    "eu-central-1",
    "ap-northeast-2",
    "ap-southeast-2",
];

/// Milliseconds from each region to those after it, and to itself before that.
const MILLIS: [&[u64]; 10] = [
    &[3, 64, 130, 108, 173, 232, 175, 153, 134, 139],
    &[5, 70, 150, 112, 191, 115, 93, 180, 200],
    &[3, 202, 40, 126, 178, 27, 233, 256],
    &[3, 247, 134, 259, 227, 36, 106],
    &[3, 149, 223, 23, 250, 271],
    &[3, 301, 129, 135, 155],
    &[3, 205, 290, 312],
    &[4, 231, 251],
    &[4, 146],
    &[4],
];

/// The time from one region to another and back, by their positions.
pub fn round_trip(from: usize, to: usize) -> Duration {
    let (first, second) = (from.min(to) % REGIONS.len(), from.max(to) % REGIONS.len());
    Duration::from_millis(MILLIS[first.min(second)][second.max(first) - first.min(second)])
}

/// How long a message takes between two of the validators that are spread over so many regions, one after the other.
pub(crate) fn one_way(regions: usize, from: usize, to: usize) -> Duration {
    let regions = regions.max(1);
    round_trip(from % regions, to % regions) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_a_time_that_is_the_same_both_ways() {
        for from in 0..REGIONS.len() {
            for to in 0..REGIONS.len() {
                assert_eq!(round_trip(from, to), round_trip(to, from));
                assert!(round_trip(from, from) <= round_trip(from, to));
            }
        }
        assert_eq!(round_trip(1, 2), Duration::from_millis(70));
    }
}

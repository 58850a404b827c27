//! When a segment arrives, given what the link is like.

use super::link::Quality;
use rand::{Rng as _, rngs::StdRng};
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of a packet: what an Ethernet frame of 1,500 bytes carries of a TCP stream.
pub const PACKET: usize = 1460;
/// What a lost packet costs beside a round trip: the least retransmission timeout of Linux.
pub const RETRANSMISSION: Duration = Duration::from_millis(200);

/// When the segments of one direction of one connection arrive.
///
/// ## Invariants
/// Segments arrive in the order in which they came, none before it came.
#[derive(Debug)]
pub(super) struct Shaper {
    random: StdRng,
    /// When the line has sent all that it was given.
    free: Instant,
    /// When the newest segment arrives.
    latest: Instant,
    /// Bytes of the packet that is not full yet.
    partial: usize,
}

/// What becomes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) arrives: Instant,
    /// Packets that were lost and sent again.
    pub(super) lost: u64,
}

impl Shaper {
    pub(super) fn new(random: StdRng, now: Instant) -> Self {
        Self { random, free: now, latest: now, partial: 0 }
    }

    /// Takes a segment that came now.
    pub(super) fn take(&mut self, now: Instant, bytes: usize, quality: &Quality) -> Passage {
        let mut sent = now;
        if let Some(bandwidth) = quality.bandwidth {
            let time = Duration::from_secs_f64(bytes as f64 / bandwidth.get() as f64);
            sent = self.free.max(now) + time;
            self.free = sent;
        }
        let lost = self.lost(bytes, quality.loss);
        let mut late = quality.delay;
        if !quality.jitter.is_zero() {
            late += quality.jitter.mul_f64(self.random.r#gen());
        }
        let retransmission = RETRANSMISSION + quality.delay * 2;
        late += retransmission.saturating_mul(u32::try_from(lost).unwrap_or(u32::MAX));
        self.latest = self.latest.max(sent + late);
        Passage { arrives: self.latest, lost }
    }

    /// How many packets of the segment are lost. A packet that the last segment did not fill was decided on with its first byte.
    fn lost(&mut self, bytes: usize, loss: f64) -> u64 {
        let room = if self.partial == 0 { 0 } else { PACKET - self.partial };
        let begun = bytes.saturating_sub(room).div_ceil(PACKET);
        self.partial = (self.partial + bytes) % PACKET;
        if loss <= 0.0 {
            return 0;
        }
        (0..begun).filter(|_| self.random.gen_bool(loss.min(1.0))).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use std::num::NonZeroU64;

    const MS: Duration = Duration::from_millis(1);

    fn shaper(now: Instant) -> Shaper {
        Shaper::new(StdRng::seed_from_u64(1), now)
    }

    #[test]
    fn a_perfect_link_takes_no_time() {
        let now = Instant::now();
        let mut shaper = shaper(now);
        for at in [now, now + MS] {
            assert_eq!(shaper.take(at, 100_000, &Quality::default()), Passage { arrives: at, lost: 0 });
        }
    }

    #[test]
    fn delay_is_added_and_jitter_never_reorders() {
        let now = Instant::now();
        let mut shaper = shaper(now);
        let quality = Quality { delay: 50 * MS, jitter: 20 * MS, ..Quality::default() };
        let mut last = now;
        for at in (0..200).map(|at| now + MS * at) {
            let arrives = shaper.take(at, 100, &quality).arrives;
            assert!(arrives >= at + 50 * MS && arrives >= last);
            assert!(arrives <= at + 70 * MS);
            last = arrives;
        }
        // A link that became better does not let later segments overtake.
        assert_eq!(shaper.take(now, 1, &Quality::default()).arrives, last);
    }

    #[test]
    fn bandwidth_makes_a_queue() {
        let now = Instant::now();
        let mut shaper = shaper(now);
        let quality = Quality { bandwidth: NonZeroU64::new(1_000_000), delay: MS, ..Quality::default() };
        assert_eq!(shaper.take(now, 10_000, &quality).arrives, now + 11 * MS);
        assert_eq!(shaper.take(now, 10_000, &quality).arrives, now + 21 * MS);
        let later = now + 500 * MS;
        assert_eq!(shaper.take(later, 10_000, &quality).arrives, later + 11 * MS);
    }

    #[test]
    fn losses_come_at_their_rate_and_hold_up_what_is_behind() {
        let now = Instant::now();
        let mut shaper = shaper(now);
        let quality = Quality { loss: 0.1, delay: 10 * MS, ..Quality::default() };
        let mut lost = 0;
        let mut arrives = now;
        for _ in 0..1000 {
            // Small segments fill packets together.
            for _ in 0..10 {
                let passage = shaper.take(now, PACKET / 10, &quality);
                assert!(passage.arrives >= arrives);
                (lost, arrives) = (lost + passage.lost, passage.arrives);
            }
        }
        assert!((70..130).contains(&lost), "{lost}");
        assert!(arrives >= now + RETRANSMISSION);
    }

    #[test]
    fn the_seed_decides() {
        let quality = Quality { loss: 0.3, jitter: 5 * MS, ..Quality::default() };
        let now = Instant::now();
        let run = |seed| {
            let mut shaper = Shaper::new(StdRng::seed_from_u64(seed), now);
            (0..50).map(|_| shaper.take(now, 5 * PACKET, &quality)).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}

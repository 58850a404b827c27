//! What the way from one node to another is like.

use serde::{Deserialize, Serialize};
use std::{fmt, num::NonZeroU64, time::Duration};

/// Longest delay and jitter that can be asked for.
const LONGEST: Duration = Duration::from_secs(60);

/// Whether anything passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// As if nothing were between the two.
    #[default]
    Open,
    /// Bytes are held; nothing is closed.
    Stalled,
    /// Connections are closed, new ones are refused.
    Cut,
}

/// How well it passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Quality {
    /// By how much everything is later.
    pub delay: Duration,
    /// By how much more at most; each segment draws its own.
    pub jitter: Duration,
    /// Which share of packets is lost, from 0 to less than 1.
    pub loss: f64,
    /// Bytes per second at most; without it there is no limit.
    pub bandwidth: Option<NonZeroU64>,
}

/// The way from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Whether anything passes.
    pub gate: Gate,
    /// How well.
    pub quality: Quality,
}

/// A link that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidLink {
    /// Everything would be lost, or less than nothing.
    #[error(
        "a loss of {0} is none: expected a share from 0 to 0.9 (0 % to 90 %); to lose everything, cut or stall the link"
    )]
    Loss(f64),
    /// Longer than anybody waits.
    #[error("a {what} of {} s is too long: at most {} s", got.as_secs_f64(), LONGEST.as_secs())]
    Time {
        /// Which.
        what: &'static str,
        /// How long.
        got: Duration,
    },
}

impl Quality {
    /// Whether it is the best there is.
    pub fn is_perfect(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses what cannot be.
    pub fn check(&self) -> Result<(), InvalidLink> {
        if !(0.0..=0.9).contains(&self.loss) {
            return Err(InvalidLink::Loss(self.loss));
        }
        for (what, got) in [("delay", self.delay), ("jitter", self.jitter)] {
            if got > LONGEST {
                return Err(InvalidLink::Time { what, got });
            }
        }
        Ok(())
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: Duration| (time.as_secs_f64() * 1e5).round() / 1e2;
        let mut parts = Vec::new();
        if !self.delay.is_zero() {
            parts.push(format!("delay {} ms", milliseconds(self.delay)));
        }
        if !self.jitter.is_zero() {
            parts.push(format!("jitter {} ms", milliseconds(self.jitter)));
        }
        if self.loss > 0.0 {
            parts.push(format!("loss {} %", (self.loss * 1e6).round() / 1e4));
        }
        if let Some(bandwidth) = self.bandwidth {
            parts.push(format!("{} kB/s", bandwidth.get() as f64 / 1e3));
        }
        if parts.is_empty() { f.write_str("perfect") } else { f.write_str(&parts.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        let lossy = |loss| Quality { loss, ..Quality::default() };
        assert_eq!(lossy(0.01).check(), Ok(()));
        for loss in [-0.1, 0.95, 1.0, f64::INFINITY] {
            assert_eq!(lossy(loss).check(), Err(InvalidLink::Loss(loss)));
        }
        assert!(lossy(f64::NAN).check().is_err());
        let long = Duration::from_secs(61);
        let slow = Quality { delay: long, ..Quality::default() };
        assert_eq!(slow.check(), Err(InvalidLink::Time { what: "delay", got: long }));
    }

    #[test]
    fn it_reads_well() {
        assert_eq!(Quality::default().to_string(), "perfect");
        let quality = Quality {
            delay: Duration::from_millis(50),
            jitter: Duration::from_micros(2500),
            loss: 0.01,
            bandwidth: NonZeroU64::new(1_250_000),
        };
        assert_eq!(quality.to_string(), "delay 50 ms, jitter 2.5 ms, loss 1 %, 1250 kB/s");
    }
}

//! What a link and an access to the network are like.

use crate::faults::Fault;
use std::time::{Duration, SystemTime};

/// The way from one validator to another. Chances are of a million.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// How long a message takes.
    pub(crate) latency: Duration,
    /// How much longer, because something is wrong.
    pub(crate) delay: Duration,
    /// How much longer at most, by chance.
    pub(crate) jitter: Duration,
    /// Chances that a message is lost.
    pub(crate) loss: u32,
    /// Chances that it comes twice.
    pub(crate) duplication: u32,
    /// Chances that it breaks the connection.
    pub(crate) corruption: u32,
    /// The fault that lets nothing through.
    pub(crate) cut: Option<Fault>,
    /// Until when the connection is not there.
    pub(super) broken_until: Option<SystemTime>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(10),
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0,
            duplication: 0,
            corruption: 0,
            cut: None,
            broken_until: None,
        }
    }
}

impl Link {
    /// Nothing is wrong with it any more.
    pub(crate) fn heal(&mut self) {
        *self = Self { latency: self.latency, ..Self::default() };
    }
}

/// How fast every machine's access to the network is, in bytes per second; zero is without limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bandwidth {
    pub(crate) upload: u64,
    pub(crate) download: u64,
}

impl Bandwidth {
    pub(super) fn upload_time(self, bytes: usize) -> Duration {
        time(bytes, self.upload)
    }

    pub(super) fn download_time(self, bytes: usize) -> Duration {
        time(bytes, self.download)
    }
}

fn time(bytes: usize, rate: u64) -> Duration {
    let nanos = (bytes as u64).saturating_mul(1_000_000_000).checked_div(rate);
    nanos.map_or(Duration::ZERO, Duration::from_nanos)
}

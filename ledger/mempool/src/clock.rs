//! Time, as the pool needs it: how long a transaction has been waiting.

use std::time::{Duration, Instant};

/// A clock that never goes back. Its zero is arbitrary.
pub trait Clock: Send + Sync {
    /// The time since its zero.
    fn now(&self) -> Duration;
}

/// The time since it was made.
#[derive(Clone, Copy, Debug)]
pub struct MonotonicClock(Instant);

impl Default for MonotonicClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

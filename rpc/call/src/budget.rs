//! How long a call may run.

use std::time::{Duration, Instant};

/// How long a call may run. The machine asks it at every jump destination, which every loop passes.
#[derive(Clone, Debug)]
pub struct Budget {
    deadline: Option<Instant>,
    allowed: Duration,
    asked: u32,
}

/// The clock is read once in so many questions.
const QUESTIONS_PER_LOOK: u32 = 1024;

impl Budget {
    /// Until this long from now.
    pub fn of(allowed: Duration) -> Self {
        Self { deadline: Instant::now().checked_add(allowed), allowed, asked: 0 }
    }

    /// As long as it takes: for what was executed before.
    pub const fn unlimited() -> Self {
        Self { deadline: None, allowed: Duration::MAX, asked: 0 }
    }

    /// Whether the time is over. Looks at the clock now and then only.
    pub fn is_over(&mut self) -> bool {
        self.asked = self.asked.wrapping_add(1);
        self.asked.is_multiple_of(QUESTIONS_PER_LOOK) && self.is_past()
    }

    /// Whether the time is over.
    pub fn is_past(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// What is said when it is.
    pub fn message(&self) -> String {
        format!("execution aborted (timeout = {:?})", self.allowed)
    }
}

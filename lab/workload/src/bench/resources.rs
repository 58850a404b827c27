//! What the operating system knows of this process.

use rustix::time::{ClockId, clock_gettime};
use std::{fs, time::Duration};

/// CPU time of all threads of the process since [`start`](Self::start).
pub(crate) struct CpuClock(Option<Duration>);

impl CpuClock {
    pub(crate) fn start() -> Self {
        Self(now())
    }

    pub(crate) fn elapsed(&self) -> Option<Duration> {
        now()?.checked_sub(self.0?)
    }
}

fn now() -> Option<Duration> {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
}

/// The most resident memory since [`reset`](Self::reset).
pub(crate) struct PeakMemory {
    was_reset: bool,
}

impl PeakMemory {
    /// Sets the kernel's high-water mark to what is resident now (proc(5), `clear_refs`).
    pub(crate) fn reset() -> Self {
        Self { was_reset: fs::write("/proc/self/clear_refs", "5").is_ok() }
    }

    /// Bytes; `None` where the kernel does not tell.
    pub(crate) fn read(&self) -> Option<u64> {
        if !self.was_reset {
            return None;
        }
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }
}

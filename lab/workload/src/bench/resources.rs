//! What the operating system knows of this process, and of the others.

use rustix::time::{ClockId, clock_gettime};
use std::{
    fs,
    time::{Duration, Instant},
};

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

/// What other programs did since [`start`](Self::start). A second thread that finds the second core taken measures
/// those programs, not the engine.
pub(crate) struct OtherPrograms {
    start: Instant,
    machine: Option<Duration>,
    own: CpuClock,
}

impl OtherPrograms {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), machine: machine_busy(), own: CpuClock::start() }
    }

    /// Cores that they kept busy on average; `None` where the kernel does not tell, and for spans of time too short for
    /// its clock of 10 ms.
    pub(crate) fn cores(&self) -> Option<f64> {
        const SHORTEST: Duration = Duration::from_millis(200);
        let elapsed = self.start.elapsed();
        let machine = machine_busy()?.checked_sub(self.machine?)?;
        let others = machine.saturating_sub(self.own.elapsed()?);
        (elapsed >= SHORTEST).then(|| others.as_secs_f64() / elapsed.as_secs_f64())
    }
}

/// CPU time of all programs since the machine started (proc(5), `stat`), what its host withheld included.
fn machine_busy() -> Option<Duration> {
    /// Linux shows these times in hundredths of a second on all architectures.
    const TICK: Duration = Duration::from_millis(10);
    /// Places of `idle` and `iowait` in the line; `guest` times, from the ninth on, are part of others.
    const IDLE: std::ops::RangeInclusive<usize> = 3..=4;
    const COUNTED: usize = 8;
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace().take(COUNTED);
    let busy = fields.enumerate().filter(|(place, _)| !IDLE.contains(place));
    let ticks: Result<u32, _> = busy.map(|(_, ticks)| ticks.parse::<u32>()).sum();
    Some(TICK * ticks.ok()?)
}

//! Instructions of all threads, where the processor and the kernel let them be counted.
//!
//! Virtual machines and containers often do not; then there is no count, and nothing else changes.

#[cfg(target_os = "linux")]
mod counters {
    use perf_event::{
        Builder, Counter,
        events::{Event, Hardware},
    };
    use std::{fs, io};

    /// One counter for each thread.
    pub(crate) struct Instructions(Vec<Counter>);

    impl Instructions {
        /// Counters for the threads that exist now; `None` if they cannot be had.
        pub(crate) fn of_all_threads() -> Option<Self> {
            Self::counting(Hardware::INSTRUCTIONS).ok()
        }

        pub(super) fn counting<E: Event + Clone>(event: E) -> io::Result<Self> {
            let threads = fs::read_dir("/proc/self/task")?;
            let counters = threads.map(|thread| {
                let thread = thread?.file_name();
                let id = thread.to_str().and_then(|id| id.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
                Builder::new(event.clone()).observe_pid(id).any_cpu().build()
            });
            counters.collect::<io::Result<_>>().map(Self)
        }

        /// Counts from zero.
        pub(crate) fn start(&mut self) -> io::Result<()> {
            self.0.iter_mut().try_for_each(|counter| {
                counter.reset()?;
                counter.enable()
            })
        }

        /// Stops, and tells the sum over threads.
        pub(crate) fn stop(&mut self) -> io::Result<u64> {
            self.0.iter_mut().try_for_each(Counter::disable)?;
            self.0.iter_mut().map(Counter::read).sum()
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod counters {
    use std::io;

    /// Nothing that could count.
    pub(crate) struct Instructions;

    impl Instructions {
        pub(crate) fn of_all_threads() -> Option<Self> {
            None
        }

        pub(crate) fn start(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn stop(&mut self) -> io::Result<u64> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

pub(crate) use counters::Instructions;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use perf_event::events::Software;

    /// With a clock that the kernel keeps itself, which works on machines whose processor counters are out of reach.
    #[test]
    fn a_counter_restarts_from_zero() {
        let Ok(mut clock) = Instructions::counting(Software::TASK_CLOCK) else {
            return println!("skipped: this kernel lets no events be counted");
        };
        let mut count = |turns: u64| {
            clock.start().unwrap();
            std::hint::black_box((0..turns).fold(0, |sum: u64, turn| std::hint::black_box(sum ^ turn)));
            clock.stop().unwrap()
        };
        let (long, short) = (count(20_000_000), count(1_000));
        assert!(long > short && short > 0, "{long} then {short}");
    }
}

//! Ctrl-C and SIGTERM for commands that run until told otherwise.

use eyre::WrapErr as _;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
    low_level::pipe,
};
use std::{
    io::{ErrorKind, Read as _, Write as _},
    os::unix::net::UnixStream,
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

/// How long after its first consequences a wish to end may be noticed.
const NOTICE: Duration = Duration::from_millis(200);

/// The wish to end, by a signal or by the program itself. The second signal ends the process at once.
#[derive(Debug)]
pub(crate) struct Interrupt {
    wait: UnixStream,
    wake: UnixStream,
}

/// Wakes who waits for the end.
#[derive(Debug)]
pub(crate) struct Waker(UnixStream);

impl Interrupt {
    /// Listens from here on.
    pub(crate) fn listen() -> eyre::Result<Self> {
        let again = Arc::new(AtomicBool::new(false));
        let (wait, wake) = UnixStream::pair().wrap_err("cannot make a pipe")?;
        for signal in [SIGINT, SIGTERM] {
            let end = wake.try_clone().wrap_err("cannot copy a pipe")?;
            // In this order the first signal finds the flag not set.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))
                .and_then(|_| flag::register(signal, Arc::clone(&again)))
                .and_then(|_| pipe::register(signal, end))
                .wrap_err("cannot listen for Ctrl-C")?;
        }
        Ok(Self { wait, wake })
    }

    /// For others to end the program.
    pub(crate) fn waker(&self) -> eyre::Result<Waker> {
        Ok(Waker(self.wake.try_clone().wrap_err("cannot copy a pipe")?))
    }

    /// Waits until somebody wants the end.
    pub(crate) fn wait(&mut self) -> eyre::Result<()> {
        loop {
            match self.wait.read(&mut [0]) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).wrap_err("cannot wait for Ctrl-C"),
            }
        }
    }

    /// Waits on a thread of its own, for those who wait for other things too.
    pub(crate) fn in_background(mut self) -> eyre::Result<oneshot::Receiver<eyre::Result<()>>> {
        let (stop, stopped) = oneshot::channel();
        // Nobody is there any more if all has ended by then.
        let wait = move || stop.send(self.wait());
        thread::Builder::new().name("interrupt".into()).spawn(wait).wrap_err("cannot start a thread")?;
        Ok(stopped)
    }

    /// What a work comes to; `None` if somebody wants the end before, and then it is dropped.
    pub(crate) async fn or<T>(self, work: impl Future<Output = eyre::Result<T>>) -> eyre::Result<Option<T>> {
        let mut stopped = self.in_background()?;
        let error = tokio::select! {
            result = work => match result {
                Ok(result) => return Ok(Some(result)),
                Err(error) => error,
            },
            _ = &mut stopped => return Ok(None),
        };
        // Ctrl-C reaches processes that were started for the work too, and that may be noticed first.
        timeout(NOTICE, stopped).await.map_or(Err(error), |_| Ok(None))
    }
}

impl Waker {
    /// Ends the wait.
    pub(crate) fn wake(mut self) {
        // Whoever waited is gone if nobody reads.
        let _ = self.0.write_all(&[0]);
    }
}

//! A connection whose peer has to read.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// Bytes that the peer has to take in each stretch of patience, while there is something for it.
const LEAST_PROGRESS: usize = 64 << 10;

/// A connection that fails when its peer takes too little of what is ready for it.
#[derive(Debug)]
pub(crate) struct Patient<T> {
    io: T,
    patience: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// Since the peer last had taken everything, there was something that it did not take at once.
    waiting: bool,
    /// Bytes taken since the timer was set.
    taken: usize,
}

impl<T> Patient<T> {
    pub(crate) const fn new(io: T, patience: Duration) -> Self {
        Self { io, patience, timer: None, waiting: false, taken: 0 }
    }

    fn written(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.taken += bytes;
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                if !self.waiting {
                    self.waiting = true;
                    self.restart();
                }
                loop {
                    let timer = self.timer.as_mut().expect("the timer is set when waiting begins");
                    ready!(timer.as_mut().poll(cx));
                    if self.taken < LEAST_PROGRESS {
                        return Poll::Ready(Err(io::Error::new(
                            io::ErrorKind::TimedOut,
                            "the peer does not read its answers",
                        )));
                    }
                    self.restart();
                }
            }
        }
    }

    fn restart(&mut self) {
        self.taken = 0;
        let end = Instant::now() + self.patience;
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(end),
            None => self.timer = Some(Box::pin(sleep_until(end))),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, buf);
        self.written(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Writers flush when they have nothing more to write.
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.waiting = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_nothing_is_given_up() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let mut ours = Patient::new(ours, Duration::from_secs(30));
        ours.write_all(&[0; 16]).await.unwrap();
        ours.flush().await.unwrap();
        let begun = Instant::now();
        let error = ours.write_all(&[0; 16]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), 30, "the clock of the test stands still otherwise");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_slowly_but_enough_is_served() {
        let (ours, mut theirs) = tokio::io::duplex(LEAST_PROGRESS);
        let mut ours = Patient::new(ours, Duration::from_secs(30));
        let writer =
            tokio::spawn(async move { ours.write_all(&vec![7; LEAST_PROGRESS * 8]).await.map(|()| ours) });
        let mut chunk = vec![0; LEAST_PROGRESS];
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_secs(25)).await;
            theirs.read_exact(&mut chunk).await.unwrap();
        }
        writer.await.unwrap().unwrap();
    }
}

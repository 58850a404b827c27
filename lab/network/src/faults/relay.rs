//! One direction of one connection.

use super::{
    link::{Gate, Link},
    links::Counters,
    shaper::Shaper,
};
use std::{
    collections::VecDeque,
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    sync::watch,
    time::{Instant, sleep_until},
};

/// Bytes read at a time.
const SEGMENT: usize = 16 << 10;
/// What a waiting segment counts beside its bytes.
const OVERHEAD: usize = 64;

/// Why a direction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The sender has sent everything, and it has been handed on.
    Finished,
    /// The connection is broken, on one side or the other.
    Broken,
    /// The link was cut.
    Cut,
}

/// A segment on its way.
struct Segment {
    arrives: Instant,
    bytes: Vec<u8>,
    /// Whether it has been found waiting at a closed gate.
    held: bool,
}

/// One direction of one connection.
pub(super) struct Relay {
    pub(super) from: OwnedReadHalf,
    pub(super) to: OwnedWriteHalf,
    pub(super) link: watch::Receiver<Link>,
    pub(super) counters: Arc<Counters>,
    pub(super) shaper: Shaper,
    /// Bytes that may be on their way.
    pub(super) window: usize,
}

impl Relay {
    /// Hands on `first` and then what is read, until the end.
    pub(super) async fn run(mut self, first: &[u8]) -> End {
        match self.pass(first).await {
            Ok(end) => end,
            Err(_) => End::Broken,
        }
    }

    async fn pass(&mut self, first: &[u8]) -> io::Result<End> {
        let mut buffer = vec![0; SEGMENT];
        let mut queue = VecDeque::new();
        let mut held = 0;
        let mut finished = false;
        if !first.is_empty() {
            held += self.push(&mut queue, first);
        }
        loop {
            let gate = self.link.borrow_and_update().gate;
            if gate == Gate::Cut {
                self.counters.severed.fetch_add(1, Relaxed);
                return Ok(End::Cut);
            }
            if finished && queue.is_empty() {
                self.to.shutdown().await?;
                return Ok(End::Finished);
            }
            let arrives = queue.front().map(|segment: &Segment| segment.arrives);
            if gate == Gate::Stalled
                && let Some(segment) = queue.front_mut().filter(|segment| !segment.held)
            {
                segment.held = true;
                self.counters.stalled.fetch_add(1, Relaxed);
            }
            tokio::select! {
                changed = self.link.changed() => {
                    // The proxy is gone, and takes its connections along.
                    if changed.is_err() {
                        return Ok(End::Broken);
                    }
                }
                () = sleep_until(arrives.unwrap_or_else(Instant::now)), if arrives.is_some() && gate == Gate::Open => {
                    let segment = queue.pop_front().expect("it has an arrival");
                    held -= segment.bytes.len() + OVERHEAD;
                    if !self.hand_on(&segment.bytes).await? {
                        self.counters.severed.fetch_add(1, Relaxed);
                        return Ok(End::Cut);
                    }
                }
                read = self.from.read(&mut buffer), if !finished && held < self.window => match read? {
                    0 => finished = true,
                    read => held += self.push(&mut queue, &buffer[..read]),
                },
            }
        }
    }

    /// Puts a segment on its way; by how much the queue has become longer.
    fn push(&mut self, queue: &mut VecDeque<Segment>, bytes: &[u8]) -> usize {
        let now = Instant::now();
        let quality = self.link.borrow().quality;
        let passage = self.shaper.take(now, bytes.len(), &quality);
        self.counters.lost.fetch_add(passage.lost, Relaxed);
        self.counters.delayed.fetch_add(u64::from(passage.arrives > now), Relaxed);
        queue.push_back(Segment { arrives: passage.arrives, bytes: bytes.to_vec(), held: false });
        bytes.len() + OVERHEAD
    }

    /// Writes a segment; `false` if the link was cut meanwhile.
    async fn hand_on(&mut self, bytes: &[u8]) -> io::Result<bool> {
        tokio::select! {
            written = self.to.write_all(bytes) => written?,
            _ = self.link.wait_for(|link| link.gate == Gate::Cut) => return Ok(false),
        }
        self.counters.bytes.fetch_add(bytes.len() as u64, Relaxed);
        Ok(true)
    }
}

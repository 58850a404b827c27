//! Brings messages to where they go when it is time.

use super::{Channel, End, State, TRACED, Wires};
use commonware_cryptography::{Hasher, Sha256};
use commonware_runtime::{Clock, IoBuf, Spawner, deterministic::Context};
use std::{cmp::Ordering, time::SystemTime};

/// A message on its way.
pub(super) struct Flight {
    at: SystemTime,
    number: u64,
    from: End,
    to: End,
    /// The receiver's life in which it was sent.
    life: u64,
    channel: Channel,
    bytes: IoBuf,
    /// Whether it has arrived, and only has to be taken in.
    arrived: bool,
}

impl Flight {
    const fn key(&self) -> (SystemTime, u64) {
        (self.at, self.number)
    }
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Flight {}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flight {
    /// The earliest is the greatest: it comes out of the heap first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl State {
    pub(super) fn fly(&mut self, from: End, to: End, channel: Channel, bytes: &IoBuf, at: SystemTime) {
        self.flights += 1;
        let (number, life) = (self.flights, self.ends[to].life);
        self.flying.push(Flight {
            at,
            number,
            from,
            to,
            life,
            channel,
            bytes: bytes.clone(),
            arrived: false,
        });
        self.most_flying = self.most_flying.max(self.flying.len());
    }

    /// Delivers what is due; says when to look again.
    fn deliver(&mut self) -> Option<SystemTime> {
        let now = self.context.current();
        while let Some(next) = self.flying.peek() {
            if next.at > now {
                return Some(next.at);
            }
            let Some(mut flight) = self.flying.pop() else { break };
            let download = self.bandwidth.download_time(flight.bytes.len());
            if !flight.arrived && !download.is_zero() {
                let end = &mut self.ends[flight.to];
                end.download = end.download.max(flight.at) + download;
                (flight.at, flight.arrived) = (end.download, true);
                self.flying.push(flight);
                continue;
            }
            self.hand_over(flight);
        }
        None
    }

    fn hand_over(&mut self, Flight { at, from, to, life, channel, bytes, .. }: Flight) {
        let (sender, receiver) = (self.ends[from].member, &self.ends[to]);
        let reaches = receiver.up
            && receiver.life == life
            && !receiver.blocked.contains(&sender)
            && !self.ends[from].blocked.contains(&receiver.member);
        let nanos = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let way = [from as u8, to as u8, channel as u8, u8::from(reaches)];
        let begin = &bytes.as_ref()[..bytes.len().min(TRACED)];
        let trace = Sha256::hash(&[&self.trace, &nanos.to_be_bytes(), &way, begin]);
        self.trace.copy_from_slice(&trace);
        if reaches && let Some(channel) = &self.ends[to].channels[channel as usize] {
            // Who does not listen any more does not miss it.
            let _ = channel.send((self.keys[sender].clone(), bytes));
        }
    }
}

impl Wires {
    /// Delivers messages until the end of the simulation.
    pub(super) fn start_courier(self, context: Context) {
        context.spawn(move |context| async move {
            loop {
                let mut news = std::pin::pin!(self.news.notified());
                news.as_mut().enable();
                let next = self.lock().deliver();
                match next {
                    None => news.await,
                    Some(at) => {
                        let sleep = std::pin::pin!(context.sleep_until(at));
                        futures::future::select(news, sleep).await;
                    }
                }
            }
        });
    }
}

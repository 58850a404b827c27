//! What a machine has of the network.

use super::{Channel, End, Wires};
use commonware_actor::{Feedback, Unreliable};
use commonware_p2p::{
    BlockedSubscription, Blocker, CheckedSender, LimitedSender, Message, PeerSetSubscription, Provider,
    Receiver, Recipients, TrackedPeers,
};
use commonware_runtime::{IoBuf, IoBufs};
use commonware_utils::{
    NZUsize,
    channel::{mpsc, ring},
};
use mundi_consensus::PublicKey;
use std::{num::NonZeroUsize, time::SystemTime};

/// Messages that a receiver is said to hold; it holds all.
const CAPACITY: NonZeroUsize = NZUsize!(2_048);

/// Where a machine sends on a channel.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    wires: Wires,
    end: End,
    life: u64,
    channel: Channel,
}

impl Wire {
    pub(super) const fn new(wires: Wires, end: End, life: u64, channel: Channel) -> Self {
        Self { wires, end, life, channel }
    }
}

/// Those that a message goes to.
pub(crate) struct Checked<'a> {
    wire: &'a Wire,
    recipients: Vec<PublicKey>,
}

impl LimitedSender for Wire {
    type PublicKey = PublicKey;
    type Checked<'a> = Checked<'a>;

    fn check(&mut self, recipients: Recipients<PublicKey>) -> Result<Checked<'_>, SystemTime> {
        let recipients = match recipients {
            Recipients::All => self.wires.lock().others(self.end),
            Recipients::Some(some) => some,
            Recipients::One(one) => vec![one],
        };
        Ok(Checked { wire: self, recipients })
    }
}

impl CheckedSender for Checked<'_> {
    type PublicKey = PublicKey;

    fn recipients(&self) -> Vec<PublicKey> {
        self.recipients.clone()
    }

    fn send(self, message: impl Into<IoBufs> + Send, _priority: bool) -> Unreliable<Feedback> {
        let Self { wire, recipients } = self;
        let bytes = message.into().coalesce();
        let mut state = wire.wires.lock();
        let endpoint = &state.ends[wire.end];
        if !endpoint.up || endpoint.life != wire.life {
            return Unreliable::new(Feedback::Closed);
        }
        let members = recipients.iter().filter_map(|key| state.member_of(key)).collect();
        state.send(wire.end, wire.channel, members, bytes);
        drop(state);
        wire.wires.news.notify_one();
        Unreliable::new(Feedback::Ok)
    }
}

/// Where a machine receives on a channel.
#[derive(Debug)]
pub(crate) struct Inbox(mpsc::UnboundedReceiver<(PublicKey, IoBuf)>);

impl Inbox {
    pub(super) const fn new(receiver: mpsc::UnboundedReceiver<(PublicKey, IoBuf)>) -> Self {
        Self(receiver)
    }
}

/// The machine was taken off the network.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the machine was taken off the simulated network")]
pub(crate) struct Disconnected;

impl Receiver for Inbox {
    type Error = Disconnected;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, Disconnected> {
        self.0.recv().await.ok_or(Disconnected)
    }

    fn capacity(&self) -> NonZeroUsize {
        CAPACITY
    }
}

/// Who is on the network: always the same validators.
#[derive(Clone, Debug)]
pub(crate) struct Peers(pub(super) Wires);

impl Provider for Peers {
    type PublicKey = PublicKey;

    async fn peer_set(&mut self, id: u64) -> Option<TrackedPeers<PublicKey>> {
        (id == 0).then(|| self.0.lock().update().latest)
    }

    async fn subscribe(&mut self) -> PeerSetSubscription<PublicKey> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = self.0.lock();
        let _ = sender.send(state.update());
        // Kept, so that the subscription does not end.
        state.subscribers.retain(|subscriber| !subscriber.is_closed());
        state.subscribers.push(sender);
        receiver
    }
}

/// What a machine shuts others out with.
#[derive(Clone, Debug)]
pub(crate) struct Fence {
    wires: Wires,
    end: End,
}

impl Fence {
    pub(super) const fn new(wires: Wires, end: End) -> Self {
        Self { wires, end }
    }
}

impl Blocker for Fence {
    type PublicKey = PublicKey;

    fn block(&mut self, peer: PublicKey) -> Feedback {
        self.wires.lock().block(self.end, &peer);
        Feedback::Ok
    }

    fn blocked(&mut self) -> BlockedSubscription<PublicKey> {
        let (sender, receiver) = ring::channel(NonZeroUsize::MIN);
        let mut state = self.wires.lock();
        let blocked = state.blocked(self.end);
        if sender.send_lossy(blocked) {
            state.ends[self.end].listeners.push(sender);
        }
        receiver
    }
}

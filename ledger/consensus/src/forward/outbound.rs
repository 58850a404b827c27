//! What users sent, on its way to leaders.

use super::{
    Forwarder, Intake, Leadership, Outbox, Sent, Standing,
    wire::{MAX_BATCH_BYTES, MAX_IDS, MAX_TRANSACTION_BYTES, Message, fits},
};
use alloy_primitives::B256;
use bytes::Bytes;
use commonware_consensus::types::View;
use commonware_cryptography::PublicKey;
use commonware_p2p::{Blocker, Recipients, Sender};
use commonware_runtime::{Clock, Metrics as RuntimeMetrics, Spawner};

/// Transactions that go together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    hashes: Vec<B256>,
    transactions: Vec<Bytes>,
    bytes: usize,
}

impl Batch {
    fn fits(&self, one_more: usize) -> bool {
        fits(self.transactions.len(), self.bytes, one_more)
    }

    fn push(&mut self, hash: B256, tx: Bytes) {
        self.bytes += tx.len();
        self.hashes.push(hash);
        self.transactions.push(tx);
    }

    const fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Takes it out as a message.
    fn seal(&mut self) -> (Vec<B256>, Bytes) {
        let Self { hashes, transactions, .. } = std::mem::take(self);
        (hashes, Message::Transactions(transactions).encode())
    }
}

impl<E, P, B, O, I> Forwarder<E, P, B, O, I>
where
    E: Clock + Spawner + RuntimeMetrics,
    P: PublicKey,
    B: Blocker<PublicKey = P>,
    O: Outbox,
    I: Intake,
{
    /// Users sent something.
    pub(super) fn follow(&mut self, sent: Sent, sender: &mut impl Sender<PublicKey = P>) {
        self.metrics.missed.inc_by(sent.missed);
        if sent.missed > 0 {
            self.list_later();
        }
        for hash in sent.transactions {
            // What was listed a moment ago and is not announced yet goes at once.
            let listed = self.unordered.is_due(&hash, self.now.view);
            if self.unordered.contains(&hash) && !listed {
                continue;
            }
            let Some(tx) = self.outbox.encoded(&hash) else { continue };
            if tx.len() > MAX_TRANSACTION_BYTES {
                // It waits here until this node leads.
                self.metrics.too_large.inc();
                continue;
            }
            if listed {
                self.unordered.postpone(&hash, self.again());
            } else if !self.unordered.insert(hash, self.again()) {
                self.metrics.no_room.inc();
                self.list_later();
                continue;
            }
            self.known.insert(self.names.name(&hash), hash);
            if !self.batch.fits(tx.len()) {
                self.send_batch(sender);
            }
            self.batch.push(hash, tx.0);
        }
        if self.batch.bytes >= MAX_BATCH_BYTES {
            self.send_batch(sender);
        } else if !self.batch.is_empty() && self.flush.is_none() {
            let sleep = self.context.sleep(self.config.limits.batch_delay);
            self.flush = Some(Box::pin(sleep) as _).into();
        }
    }

    /// Sends what has come together to the leaders.
    pub(super) fn send_batch(&mut self, sender: &mut impl Sender<PublicKey = P>) {
        self.flush = None.into();
        if self.batch.is_empty() {
            return;
        }
        let (hashes, message) = self.batch.seal();
        let mut reached = self.now.leaders.contains(&self.config.me);
        for leader in self.others() {
            if self.send(&leader, message.clone(), hashes.len() as u64, sender) {
                self.metrics.sent.inc_by(hashes.len() as u64);
                reached = true;
            }
        }
        if !reached {
            hashes.iter().for_each(|hash| self.unordered.postpone(hash, self.now.view.next()));
        }
    }

    /// A new view. What has waited for too long is announced to the leaders of now.
    pub(super) fn enter(&mut self, now: Leadership<P>, sender: &mut impl Sender<PublicKey = P>) {
        self.now = now;
        let view = self.now.view;
        let mut waiting = Vec::new();
        for hash in self.unordered.due(view, self.config.limits.examined_per_view) {
            match self.outbox.standing(&hash) {
                Standing::Gone => self.unordered.remove(&hash),
                Standing::Held => self.unordered.postpone(&hash, self.again()),
                // What is too much for one message is due in the next view too.
                Standing::Waiting if waiting.len() < MAX_IDS => waiting.push(hash),
                Standing::Waiting => {}
            }
        }
        if !waiting.is_empty() {
            self.announce(&waiting, sender);
        }
        if self.unlisted.is_some_and(|from| from <= view)
            && self.listing.is_none()
            && !self.unordered.is_full()
        {
            self.unlisted = None;
            self.listing = Some(self.outbox.list(self.config.limits.unordered)).into();
        }
    }

    fn announce(&mut self, hashes: &[B256], sender: &mut impl Sender<PublicKey = P>) {
        let now = self.context.current();
        let mut reached = self.now.leaders.contains(&self.config.me);
        for leader in self.others() {
            let names = self.peers.get(&leader, now).names;
            let mut ids: Vec<_> = hashes.iter().map(|hash| names.name(hash)).collect();
            let in_order = ids.clone();
            ids.sort_unstable();
            ids.dedup();
            let announcement = Message::Announcement(ids);
            if self.send(&leader, announcement.encode(), announcement.weight(), sender) {
                let peer = self.peers.get(&leader, now);
                // In this order they are served, so that nonces are in order.
                in_order.into_iter().zip(hashes).for_each(|(id, hash)| peer.announced.insert(id, *hash));
                self.metrics.announced.inc_by(hashes.len() as u64);
                reached = true;
            }
        }
        let until = if reached { self.again() } else { self.now.view.next() };
        hashes.iter().for_each(|hash| self.unordered.postpone(hash, until));
    }

    /// A peer asks for some of what was announced to it.
    pub(super) fn serve(
        &mut self,
        peer: &P,
        ids: &[super::short::ShortId],
        sender: &mut impl Sender<PublicKey = P>,
    ) {
        let announced = &mut self.peers.get(peer, self.context.current()).announced;
        let mut asked: Vec<(u64, B256)> = ids.iter().filter_map(|id| announced.remove(id)).collect();
        asked.sort_unstable();
        let mut batch = Batch::default();
        for (_, hash) in asked {
            // It may have been ordered meanwhile.
            if self.outbox.standing(&hash) != Standing::Waiting {
                continue;
            }
            let Some(tx) = self.outbox.encoded(&hash) else { continue };
            if tx.len() > MAX_TRANSACTION_BYTES {
                // It was listed without a look at it.
                self.metrics.too_large.inc();
                self.unordered.remove(&hash);
                continue;
            }
            if !batch.fits(tx.len()) && !self.serve_batch(peer, &mut batch, sender) {
                return;
            }
            batch.push(hash, tx.0);
        }
        if !batch.is_empty() {
            self.serve_batch(peer, &mut batch, sender);
        }
    }

    fn serve_batch(&mut self, peer: &P, batch: &mut Batch, sender: &mut impl Sender<PublicKey = P>) -> bool {
        let (hashes, message) = batch.seal();
        let sent = self.send(peer, message, hashes.len() as u64, sender);
        if sent {
            self.metrics.served.inc_by(hashes.len() as u64);
        }
        sent
    }

    /// Sends a message, if the rate and the network allow it.
    pub(super) fn send(
        &mut self,
        to: &P,
        message: Bytes,
        weight: u64,
        sender: &mut impl Sender<PublicKey = P>,
    ) -> bool {
        let now = self.context.current();
        let peer = self.peers.get(to, now);
        let sent = !peer.blocked
            && peer.outbound.take(message.len() as u64, weight, now)
            && !sender.send(Recipients::One(to.clone()), message, false).is_empty();
        if !sent {
            self.metrics.limited_outbound.inc();
        }
        sent
    }

    /// Transactions are there that are not followed.
    fn list_later(&mut self) {
        let from = self.again();
        self.unlisted.get_or_insert(from);
    }

    /// What waits in the pool has been listed.
    pub(super) fn follow_listed(&mut self, listed: Option<Vec<B256>>) {
        let Some(listed) = listed else { return self.list_later() };
        if listed.len() >= self.config.limits.unordered {
            // There may be more.
            self.list_later();
        }
        for hash in listed {
            // It is announced in the next view.
            if !self.unordered.insert(hash, self.now.view) {
                return self.list_later();
            }
        }
    }

    /// In which view to look at something again that was dealt with in this one.
    const fn again(&self) -> View {
        self.now.view.saturating_add(self.config.limits.resend_after)
    }

    /// The leaders but this node, each once.
    fn others(&self) -> Vec<P> {
        let mut others: Vec<P> = Vec::new();
        for leader in &self.now.leaders {
            if *leader != self.config.me && !others.contains(leader) {
                others.push(leader.clone());
            }
        }
        others
    }
}

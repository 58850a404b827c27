//! What peers send.

use super::{Forwarder, Intake, Outbox, Verdict, short::ShortId, wire::Message};
use bytes::Bytes;
use commonware_cryptography::PublicKey;
use commonware_p2p::{Blocker, Sender};
use commonware_runtime::{Clock, Metrics as RuntimeMetrics, Spawner};
use std::collections::VecDeque;

/// Transactions that wait to be checked.
#[derive(Debug)]
pub(super) struct Waiting<P> {
    queue: VecDeque<(P, Bytes)>,
    bytes: usize,
}

impl<P> Default for Waiting<P> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), bytes: 0 }
    }
}

impl<P> Waiting<P> {
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
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
    /// A peer sent something.
    pub(super) fn receive(&mut self, from: &P, bytes: &[u8], sender: &mut impl Sender<PublicKey = P>) {
        let now = self.context.current();
        if self.peers.get(from, now).blocked {
            return;
        }
        // A copy, so that what waits does not hold the network's buffers.
        let message = match Message::decode(&Bytes::copy_from_slice(bytes)) {
            Ok(message) => message,
            Err(garbage) => return self.block(from, &garbage.to_string()),
        };
        if !self.peers.get(from, now).inbound.take(bytes.len() as u64, message.weight(), now) {
            self.metrics.limited_inbound.inc();
            return;
        }
        match message {
            Message::Transactions(transactions) => self.queue(from, transactions),
            Message::Announcement(ids) => self.ask(from, ids, sender),
            Message::Request(ids) => self.serve(from, &ids, sender),
        }
    }

    fn queue(&mut self, from: &P, transactions: Vec<Bytes>) {
        self.metrics.received.inc_by(transactions.len() as u64);
        let limits = &self.config.limits;
        let (most, most_bytes) = (limits.waiting_transactions, limits.waiting_bytes);
        let peer = self.peers.get(from, self.context.current());
        for tx in transactions {
            let (count, bytes) = (self.waiting.queue.len() + 1, self.waiting.bytes + tx.len());
            let (of_peer, bytes_of_peer) = (peer.waiting.0 + 1, peer.waiting.1 + tx.len());
            let share = |all: usize| all / 2;
            if count > most
                || bytes > most_bytes
                || of_peer > share(most)
                || bytes_of_peer > share(most_bytes)
            {
                self.metrics.not_checked.inc();
                continue;
            }
            peer.waiting = (of_peer, bytes_of_peer);
            self.waiting.bytes = bytes;
            self.waiting.queue.push_back((from.clone(), tx));
        }
    }

    /// Has the next ones checked, unless some are being checked.
    pub(super) fn check_next(&mut self) {
        if self.checking.is_some() || self.waiting.queue.is_empty() {
            return;
        }
        let count = self.waiting.queue.len().min(self.config.limits.checked_at_once.max(1));
        let mut transactions = Vec::with_capacity(count);
        self.checked.clear();
        for (peer, tx) in self.waiting.queue.drain(..count) {
            self.waiting.bytes -= tx.len();
            if let Some(peer) = self.peers.find(&peer) {
                // A peer that was forgotten meanwhile begins with nothing.
                let (of_peer, bytes) = peer.waiting;
                peer.waiting = (of_peer.saturating_sub(1), bytes.saturating_sub(tx.len()));
            }
            self.checked.push(peer);
            transactions.push(alloy_primitives::Bytes(tx));
        }
        self.checking = Some(self.intake.take(transactions)).into();
    }

    /// What the pool says of those that were checked.
    pub(super) fn judge(&mut self, verdicts: Option<Vec<Verdict>>) {
        let peers = std::mem::take(&mut self.checked);
        let Some(verdicts) = verdicts else {
            tracing::warn!(
                transactions = peers.len(),
                "transactions of peers were not checked: the pool has not answered"
            );
            self.metrics.lost.inc_by(peers.len() as u64);
            return;
        };
        for (peer, verdict) in peers.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Taken(hash) => {
                    self.metrics.taken.inc();
                    self.known.insert(self.names.name(&hash), hash);
                }
                Verdict::Refused => _ = self.metrics.refused.inc(),
                Verdict::Garbage => self.block(&peer, "bytes that are no signed transaction"),
            }
        }
    }

    /// A peer announces transactions: asks for those that are not here, unless there is enough to do.
    fn ask(&mut self, from: &P, ids: Vec<ShortId>, sender: &mut impl Sender<PublicKey = P>) {
        if self.waiting.bytes > self.config.limits.waiting_bytes / 2 {
            return;
        }
        let now = self.context.current();
        let again = self.config.limits.ask_again_after;
        let lacking = |id: &ShortId| {
            let here = self.known.get(id).is_some_and(|hash| self.intake.contains(hash));
            let asked = self.asked.get(id);
            let lately = |at| now.duration_since(at).unwrap_or_default() < again;
            !here && !asked.is_some_and(|at| lately(*at))
        };
        let wanted: Vec<ShortId> = ids.into_iter().filter(lacking).collect();
        if wanted.is_empty() {
            return;
        }
        let request = Message::Request(wanted.clone());
        if self.send(from, request.encode(), request.weight(), sender) {
            self.metrics.asked.inc_by(wanted.len() as u64);
            wanted.into_iter().for_each(|id| self.asked.insert(id, now));
        }
    }

    fn block(&mut self, peer: &P, reason: &str) {
        let remembered = self.peers.get(peer, self.context.current());
        if !std::mem::replace(&mut remembered.blocked, true) {
            self.metrics.blocked.inc();
            commonware_p2p::block!(
                self.blocker,
                peer.clone(),
                reason,
                "a peer is blocked: it forwards garbage"
            );
        }
    }
}

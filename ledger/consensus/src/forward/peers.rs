//! What is remembered of peers.

use super::{
    Limits,
    allowance::Allowance,
    recent::Recent,
    short::{ShortId, ShortIds},
    wire::{MAX_BATCH_TRANSACTIONS, MAX_MESSAGE_BYTES},
};
use alloy_primitives::B256;
use commonware_cryptography::PublicKey;
use std::{collections::BTreeMap, time::SystemTime};

/// What is remembered of a peer.
pub(super) struct Peer {
    pub(super) inbound: Allowance,
    pub(super) outbound: Allowance,
    /// What the short ids that it gets are made with.
    pub(super) names: ShortIds,
    /// What it may ask for.
    pub(super) announced: Recent<ShortId, B256>,
    /// Transactions of its own that wait to be checked, and their bytes.
    pub(super) waiting: (usize, usize),
    pub(super) blocked: bool,
    active: SystemTime,
}

/// Peers that were heard of lately.
pub(super) struct Peers<P> {
    namespace: Vec<u8>,
    limits: Limits,
    peers: BTreeMap<P, Peer>,
}

impl<P: PublicKey> Peers<P> {
    pub(super) const fn new(namespace: Vec<u8>, limits: Limits) -> Self {
        Self { namespace, limits, peers: BTreeMap::new() }
    }

    /// The peer, as it is remembered. For a new one whoever was silent for longest is forgotten, if there are too many.
    pub(super) fn get(&mut self, key: &P, now: SystemTime) -> &mut Peer {
        if !self.peers.contains_key(key)
            && self.peers.len() >= self.limits.peers.max(1)
            && let Some((silent, _)) = self.peers.iter().min_by_key(|(_, peer)| peer.active)
        {
            let silent = silent.clone();
            self.peers.remove(&silent);
        }
        let peer = self.peers.entry(key.clone()).or_insert_with(|| {
            let allowance =
                |rate| Allowance::new(rate, MAX_MESSAGE_BYTES as u64, MAX_BATCH_TRANSACTIONS as u64, now);
            Peer {
                inbound: allowance(&self.limits.inbound),
                outbound: allowance(&self.limits.outbound),
                names: ShortIds::of(&self.namespace, key),
                announced: Recent::new(self.limits.announced),
                waiting: (0, 0),
                blocked: false,
                active: now,
            }
        });
        peer.active = now;
        peer
    }

    /// The peer, if it is remembered.
    pub(super) fn find(&mut self, key: &P) -> Option<&mut Peer> {
        self.peers.get_mut(key)
    }
}

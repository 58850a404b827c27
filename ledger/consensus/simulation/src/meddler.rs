//! Validators that send something else than what the program that they run tells them to.

use crate::{
    dice::Dice,
    faults::{Counters, Fault},
    wires::{CHANNELS, Member, PAYLOADS, VOTES},
};
use commonware_codec::{DecodeExt, Encode};
use commonware_consensus::simplex::types::{Finalize, Notarize, Nullify, Proposal, Vote};
use commonware_cryptography::{Hasher, Sha256};
use commonware_p2p::Channel;
use commonware_runtime::IoBuf;
use mundi_consensus::{Dissemination, Scheme};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

/// A message, and whom it goes to.
pub(crate) type Outgoing = (Channel, Vec<Member>, IoBuf);

/// Stands between a machine and the network.
pub(crate) trait Meddler: Send {
    /// What is sent in place of a message. The network has so many members.
    fn outgoing(
        &mut self,
        channel: Channel,
        to: Vec<Member>,
        bytes: IoBuf,
        members: usize,
        dice: &mut Dice,
    ) -> Vec<Outgoing>;
}

/// Sends no payload to anybody.
pub(crate) struct Withhold(pub(crate) Counters);

impl Meddler for Withhold {
    fn outgoing(
        &mut self,
        channel: Channel,
        to: Vec<Member>,
        bytes: IoBuf,
        _: usize,
        _: &mut Dice,
    ) -> Vec<Outgoing> {
        if channel == PAYLOADS {
            self.0.add(Fault::Withholding);
            return Vec::new();
        }
        vec![(channel, to, bytes)]
    }
}

/// Sends payloads to some only: for each payload to others.
pub(crate) struct Select(pub(crate) Counters);

impl Meddler for Select {
    fn outgoing(
        &mut self,
        channel: Channel,
        mut to: Vec<Member>,
        bytes: IoBuf,
        _: usize,
        _: &mut Dice,
    ) -> Vec<Outgoing> {
        if channel == PAYLOADS {
            let begin = bytes.as_ref().first_chunk::<8>().copied().unwrap_or_default();
            let mut dice = Dice::new(u64::from_be_bytes(begin), "select");
            let luck: Vec<bool> = (0..64).map(|_| dice.happens(500_000)).collect();
            let before = to.len();
            to.retain(|member| luck[member % luck.len()]);
            self.0.add_many(Fault::SelectiveShards, (before - to.len()) as u64);
        }
        vec![(channel, to, bytes)]
    }
}

/// Sends bytes that mean nothing beside its messages.
pub(crate) struct Babble(pub(crate) Counters);

impl Meddler for Babble {
    fn outgoing(
        &mut self,
        channel: Channel,
        to: Vec<Member>,
        bytes: IoBuf,
        members: usize,
        dice: &mut Dice,
    ) -> Vec<Outgoing> {
        let mut messages = vec![(channel, to, bytes.clone())];
        if dice.happens(50_000) {
            self.0.add(Fault::Garbage);
            let victim = vec![dice.index(members)];
            let garbage: Vec<u8> = if dice.happens(500_000) {
                // Almost right.
                let mut copy = bytes.as_ref().to_vec();
                if !copy.is_empty() {
                    let at = dice.index(copy.len());
                    copy[at] ^= 1 << dice.below(8);
                }
                copy
            } else {
                (0..dice.below(300)).map(|_| dice.next() as u8).collect()
            };
            let channel = dice.below(CHANNELS as u64);
            messages.push((channel, victim, garbage.into()));
        }
        messages
    }
}

/// Messages that [`Repeat`] remembers.
const REMEMBERED: usize = 256;

/// Sends what it sent before, once more.
pub(crate) struct Repeat {
    pub(crate) counters: Counters,
    pub(crate) past: VecDeque<(Channel, IoBuf)>,
}

impl Meddler for Repeat {
    fn outgoing(
        &mut self,
        channel: Channel,
        to: Vec<Member>,
        bytes: IoBuf,
        members: usize,
        dice: &mut Dice,
    ) -> Vec<Outgoing> {
        let mut messages = Vec::new();
        if !self.past.is_empty() && dice.happens(300_000) {
            self.counters.add(Fault::Replay);
            let (channel, bytes) = self.past[dice.index(self.past.len())].clone();
            messages.push((channel, (0..members).collect(), bytes));
        }
        if self.past.len() == REMEMBERED {
            self.past.pop_front();
        }
        self.past.push_back((channel, bytes.clone()));
        messages.push((channel, to, bytes));
        messages
    }
}

/// Votes for two things at a time.
pub(crate) struct Contradict<K: Dissemination> {
    counters: Counters,
    scheme: Scheme,
    /// The proposal before.
    last: Option<Proposal<K::Commitment>>,
}

impl<K: Dissemination> Contradict<K> {
    pub(crate) const fn new(counters: Counters, scheme: Scheme) -> Self {
        Self { counters, scheme, last: None }
    }

    /// A vote that an honest validator would not add to this one.
    fn contradiction(&mut self, vote: &Vote<Scheme, K::Commitment>) -> Option<Vote<Scheme, K::Commitment>> {
        match vote {
            Vote::Notarize(notarize) => {
                let last = self.last.replace(notarize.proposal.clone())?;
                let other = Proposal::new(notarize.proposal.round, notarize.proposal.parent, last.payload);
                Notarize::sign(&self.scheme, other).map(Vote::Notarize)
            }
            Vote::Finalize(finalize) => {
                Nullify::sign::<K::Commitment>(&self.scheme, finalize.proposal.round).map(Vote::Nullify)
            }
            Vote::Nullify(nullify) => {
                let last = self.last.clone()?;
                let other = Proposal::new(nullify.round, last.parent, last.payload);
                Finalize::sign(&self.scheme, other).map(Vote::Finalize)
            }
        }
    }
}

impl<K: Dissemination> Meddler for Contradict<K> {
    fn outgoing(
        &mut self,
        channel: Channel,
        to: Vec<Member>,
        bytes: IoBuf,
        _: usize,
        dice: &mut Dice,
    ) -> Vec<Outgoing> {
        let vote = (channel == VOTES).then(|| Vote::<Scheme, K::Commitment>::decode(bytes.clone()));
        let other = vote.and_then(Result::ok).and_then(|vote| self.contradiction(&vote));
        let Some(other) = other else { return vec![(channel, to, bytes)] };
        self.counters.add(Fault::ConflictingVotes);
        let other: IoBuf = other.encode().into();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for member in to {
            match dice.below(4) {
                0 => second.push(member),
                // Both, so that somebody sees what it does.
                1 if dice.happens(100_000) => {
                    first.push(member);
                    second.push(member);
                }
                _ => first.push(member),
            }
        }
        vec![(channel, first, bytes), (channel, second, other)]
    }
}

/// What twins voted for: by view and kind of vote.
pub(crate) type Signed = Arc<Mutex<BTreeMap<(u64, u8), Vec<u8>>>>;

/// Changes nothing, and counts how twins contradict each other.
pub(crate) struct TwinWatch<K: Dissemination> {
    pub(crate) counters: Counters,
    pub(crate) signed: Signed,
    pub(crate) kind: std::marker::PhantomData<K>,
}

impl<K: Dissemination> Meddler for TwinWatch<K> {
    fn outgoing(
        &mut self,
        channel: Channel,
        to: Vec<Member>,
        bytes: IoBuf,
        _: usize,
        _: &mut Dice,
    ) -> Vec<Outgoing> {
        self.counters.add(Fault::Twins);
        if channel == VOTES
            && let Ok(vote) = Vote::<Scheme, K::Commitment>::decode(bytes.clone())
        {
            // Votes to notarise and to finalise have one subject each; to nullify and to finalise exclude each other.
            let signed: Vec<((u64, u8), Vec<u8>)> = match vote {
                Vote::Notarize(vote) => {
                    vec![((vote.proposal.round.view().get(), 0), vote.proposal.payload.as_ref().to_vec())]
                }
                Vote::Finalize(vote) => {
                    let view = vote.proposal.round.view().get();
                    vec![((view, 1), vote.proposal.payload.as_ref().to_vec()), ((view, 2), vec![1])]
                }
                Vote::Nullify(vote) => vec![((vote.round.view().get(), 2), vec![0])],
            };
            let mut known = self.signed.lock().expect("no holder panics");
            for (key, subject) in signed {
                let first = known.entry(key).or_insert_with(|| subject.clone());
                if *first != subject {
                    let fault = if key.1 == 0 { Fault::Equivocation } else { Fault::ConflictingVotes };
                    self.counters.add(fault);
                }
            }
        }
        vec![(channel, to, bytes)]
    }
}

/// Something that is no digest of anything.
pub(crate) fn nothing(of: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(&Sha256::hash(&[b"nothing", of]));
    bytes
}

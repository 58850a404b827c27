//! Validators that send something else than what the program that they run tells them to.

use crate::{
    dice::Dice,
    faults::{Counters, Fault},
    record::Record,
    wires::{CHANNELS, Member, PAYLOADS, VOTES},
};
use commonware_codec::{DecodeExt, Encode};
use commonware_consensus::{
    Viewable as _,
    simplex::types::{Finalize, Notarize, Nullify, Proposal, Vote},
};
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

/// Whether a message is a shard of the sender's own payload: those are for one validator each, and others for all. Smaller networks, in
/// which payloads are sent whole, tolerate nobody who would ask.
const fn is_own(channel: Channel, to: &[Member]) -> bool {
    channel == PAYLOADS && to.len() == 1
}

/// Sends no shard to anybody, neither of its own payloads nor of those of others.
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
        if is_own(channel, &to) {
            self.0.add(Fault::Withholding);
        }
        if channel == PAYLOADS { Vec::new() } else { vec![(channel, to, bytes)] }
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
            let own = is_own(channel, &to);
            to.retain(|member| luck[member % luck.len()]);
            if own && to.is_empty() {
                self.0.add(Fault::SelectiveShards);
            }
        }
        vec![(channel, to, bytes)]
    }
}

/// Sends bytes that mean nothing beside its messages.
pub(crate) struct Babble {
    pub(crate) counters: Counters,
    pub(crate) me: Member,
}

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
        if dice.happens(50_000) && members > 1 {
            self.counters.add(Fault::Garbage);
            // Anybody else.
            let victim = vec![(self.me + 1 + dice.index(members - 1)) % members];
            let mut copy = bytes.as_ref().to_vec();
            if !copy.is_empty() && dice.happens(500_000) {
                // Almost right.
                let at = dice.index(copy.len());
                copy[at] ^= 1 << dice.below(8);
                messages.push((channel, victim, copy.into()));
            } else {
                let garbage: Vec<u8> = (0..dice.below(300)).map(|_| dice.next() as u8).collect();
                messages.push((dice.below(CHANNELS as u64), victim, garbage.into()));
            }
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

/// What validators voted for: by validator, view and kind of vote.
pub(crate) type Signed = Arc<Mutex<BTreeMap<(Member, u64, Kind), Vec<u8>>>>;

/// What excludes each other: two payloads to notarise in a view, two to finalise, and to nullify what one finalises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Notarize,
    Finalize,
    Skip,
}

/// Changes nothing, and looks whether a validator signs against itself, in all its lives and on all its machines.
pub(crate) struct Watch<K: Dissemination> {
    pub(crate) member: Member,
    pub(crate) signed: Signed,
    pub(crate) found: Found,
    pub(crate) kind: std::marker::PhantomData<K>,
}

/// What comes of it if one does.
pub(crate) enum Found {
    /// It is honest, so that must not be.
    Violation(Record),
    /// It has twins.
    Counted(Counters),
}

impl<K: Dissemination> Watch<K> {
    /// What a vote says that another could contradict.
    fn subjects(vote: &Vote<Scheme, K::Commitment>) -> Vec<(u64, Kind, Vec<u8>)> {
        let view = vote.view().get();
        match vote {
            Vote::Notarize(vote) => vec![(view, Kind::Notarize, vote.proposal.payload.as_ref().to_vec())],
            Vote::Finalize(vote) => {
                vec![
                    (view, Kind::Finalize, vote.proposal.payload.as_ref().to_vec()),
                    (view, Kind::Skip, vec![0]),
                ]
            }
            Vote::Nullify(_) => vec![(view, Kind::Skip, vec![1])],
        }
    }
}

impl<K: Dissemination> Meddler for Watch<K> {
    fn outgoing(
        &mut self,
        channel: Channel,
        to: Vec<Member>,
        bytes: IoBuf,
        _: usize,
        _: &mut Dice,
    ) -> Vec<Outgoing> {
        if let Found::Counted(counters) = &self.found {
            counters.add(Fault::Twins);
        }
        if channel == VOTES
            && let Ok(vote) = Vote::<Scheme, K::Commitment>::decode(bytes.clone())
        {
            let mut known = self.signed.lock().expect("no holder panics");
            for (view, kind, subject) in Self::subjects(&vote) {
                let first = known.entry((self.member, view, kind)).or_insert_with(|| subject.clone());
                if *first == subject {
                    continue;
                }
                match &self.found {
                    Found::Violation(record) => {
                        let member = self.member;
                        record.violation(format!("validator {member} signs against itself in view {view}"));
                    }
                    Found::Counted(counters) if kind == Kind::Notarize => counters.add(Fault::Equivocation),
                    Found::Counted(counters) => counters.add(Fault::ConflictingVotes),
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

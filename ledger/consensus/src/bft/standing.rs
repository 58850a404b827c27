//! How far validators are, and from where on one may sign that has forgotten what it signed.
//!
//! A vote is on its validator's disk before it leaves. A validator without votes on its disk has never voted, or has lost its disk, and
//! cannot tell which: if it simply began, it might sign what contradicts what it signed before. So it asks the others which is the newest
//! certificate that they know. When with this node a quorum has answered, it waits until a payload is final whose view is [`MARGIN`]
//! above all of these, and signs only after that view. Where nobody knows a certificate the network is new, and it begins at once.
//!
//! ## Why this suffices
//! Let it have voted in view *v* before it lost its disk. Who votes in a view knows a certificate of the view before; that of *v* − 1 was
//! signed by a quorum, of whom 2*f* at least are others, and 2*f* of the 3*f* others have answered. So *f* of them did both. Fewer than *f* of the
//! others are faulty, because this node is one of the *f* that may be; so one that is honest did both, and who signs in view *v* − 1 knows a
//! certificate of *v* − 2. The rest of the margin is for what is said while a certificate is being taken note of. The others find a quorum without
//! this node, so there will be a payload that is final above the margin.
//!
//! Who was restarted answers only when it knows as much as its disk does. Answers are certificates, so nobody can lie but by withholding.
//!
//! ## What it cannot do
//! If more than *f* have lost their disks, no quorum without them is left, and they wait for ever: nobody can know what they signed. A network
//! of fewer than four validators tolerates no such loss. A copy of an old folder put in place of a newer one is not noticed.

use super::engine::{EPOCH, Runtime};
use crate::{
    dissemination::Dissemination,
    scheme::{PublicKey, Scheme},
};
use bytes::BufMut;
use commonware_codec::{Buf, Copying, DecodeExt, Encode, EncodeSize, Error, Read, ReadExt, Write};
use commonware_consensus::{
    Epochable, Viewable,
    simplex::types::{Certificate, Finalization},
};
use commonware_p2p::{Blocker, Receiver, Recipients, Sender};
use commonware_parallel::Strategy;
use futures::future::{Either, pending, select};
use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};
use tokio::sync::oneshot;

/// Views above the newest certificate that others know after which a validator signs that has forgotten: two that it may have voted in, and
/// as many again.
const MARGIN: u64 = 4;

/// Time between two questions.
const ASK: Duration = Duration::from_millis(500);

/// Time between two lines in the log.
const SAY: Duration = Duration::from_secs(10);

/// What is known of how far everybody is: certificates that hold.
#[derive(Clone, Debug)]
struct Known<K: Dissemination> {
    newest: Option<Certificate<Scheme, K::Commitment>>,
    last_final: Option<Finalization<Scheme, K::Commitment>>,
}

/// What this node knows of how far everybody is. Clones are of the same node.
#[derive(Debug)]
pub(super) struct Standing<K: Dissemination>(Arc<Mutex<Known<K>>>);

impl<K: Dissemination> Clone for Standing<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Dissemination> Standing<K> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Known { newest: None, last_final: None })))
    }

    fn lock(&self) -> MutexGuard<'_, Known<K>> {
        self.0.lock().expect("no holder panics")
    }

    /// Takes note of a certificate that holds.
    pub(super) fn learn(&self, certificate: Certificate<Scheme, K::Commitment>) {
        let mut known = self.lock();
        if let Certificate::Finalization(finalization) = &certificate
            && known.last_final.as_ref().is_none_or(|last| last.view() < finalization.view())
        {
            known.last_final = Some(finalization.clone());
        }
        if known.newest.as_ref().is_none_or(|newest| newest.view() < certificate.view()) {
            known.newest = Some(certificate);
        }
    }

    /// View of the newest certificate; zero if there is none.
    fn view(&self) -> u64 {
        self.lock().newest.as_ref().map_or(0, |newest| newest.view().get())
    }
}

/// What validators say to each other about it.
enum Message<K: Dissemination> {
    Ask,
    Tell(Box<Known<K>>),
}

impl<K: Dissemination> Write for Message<K> {
    fn write(&self, buf: &mut impl BufMut) {
        match self {
            Self::Ask => 0_u8.write(buf),
            Self::Tell(known) => {
                1_u8.write(buf);
                known.newest.write(buf);
                known.last_final.write(buf);
            }
        }
    }
}

impl<K: Dissemination> EncodeSize for Message<K> {
    fn encode_size(&self) -> usize {
        match self {
            Self::Ask => 1,
            Self::Tell(known) => 1 + known.newest.encode_size() + known.last_final.encode_size(),
        }
    }
}

impl<K: Dissemination> Read for Message<K> {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
        match u8::read(buf)? {
            0 => Ok(Self::Ask),
            1 => {
                Ok(Self::Tell(Box::new(Known { newest: Option::read(buf)?, last_final: Option::read(buf)? })))
            }
            tag => Err(Error::InvalidEnum(tag)),
        }
    }
}

/// The last payload after which a node may sign; `None` is the beginning.
pub(super) type Since<K> = Option<Finalization<Scheme, <K as Dissemination>::Commitment>>;

/// The question of a validator that has no votes on its disk.
pub(super) struct Inquiry<K: Dissemination> {
    /// Others who have to answer.
    needed: usize,
    /// Who has answered, with the view of the newest certificate that it knows.
    answers: BTreeMap<PublicKey, u64>,
    /// The view of the payload that has to be final first.
    after: Option<u64>,
    found: oneshot::Sender<Since<K>>,
}

impl<K: Dissemination> Inquiry<K> {
    /// The question among so many validators; and what comes of it.
    pub(super) fn new(validators: usize) -> (Self, oneshot::Receiver<Since<K>>) {
        let (found, since) = oneshot::channel();
        let faulty = validators.saturating_sub(1) / 3;
        let needed = validators.saturating_sub(faulty + 1);
        (Self { needed, answers: BTreeMap::new(), after: None, found }, since)
    }

    fn answered(&mut self, by: PublicKey, view: u64) {
        self.answers.entry(by).or_insert(view);
    }

    /// From where on to sign, if that is known by now.
    fn since(&mut self, standing: &Standing<K>) -> Option<Since<K>> {
        if self.after.is_none() && self.answers.len() >= self.needed {
            let newest = self.answers.values().max().copied().unwrap_or(0);
            self.after = Some(if newest == 0 { 0 } else { newest + MARGIN });
        }
        match self.after? {
            0 => Some(None),
            after => standing.lock().last_final.clone().filter(|last| last.view().get() >= after).map(Some),
        }
    }
}

/// Answers others, and asks them.
pub(super) struct Talk<E, K: Dissemination, B, T> {
    pub(super) runtime: E,
    pub(super) standing: Standing<K>,
    pub(super) scheme: Scheme,
    pub(super) strategy: T,
    pub(super) blocker: B,
    /// View of a certificate that this node knew before it was restarted: what it says before it knows as much would not be true.
    pub(super) knew: u64,
}

impl<E, K, B, T> Talk<E, K, B, T>
where
    E: Runtime,
    K: Dissemination,
    B: Blocker<PublicKey = PublicKey>,
    T: Strategy,
{
    /// Goes on until the network ends.
    pub(super) async fn run(
        mut self,
        (mut sender, mut receiver): (
            impl Sender<PublicKey = PublicKey>,
            impl Receiver<PublicKey = PublicKey>,
        ),
        mut inquiry: Option<Inquiry<K>>,
    ) {
        let begun = self.runtime.current();
        let (mut next, mut said) = (begun, begun);
        loop {
            if let Some(asking) = &mut inquiry
                && let Some(since) = asking.since(&self.standing)
            {
                if let Some(last) = &since {
                    let after = last.view().get();
                    tracing::info!(target: "consensus", after, "its disk has no votes: it signs from here on");
                }
                if let Some(Inquiry { found, .. }) = inquiry.take() {
                    // Who is told may be ending.
                    let _ = found.send(since);
                }
            }
            let heard = {
                let heard = pin!(receiver.recv());
                let asking = inquiry.is_some();
                let pause =
                    async { if asking { self.runtime.sleep_until(next).await } else { pending().await } };
                match select(heard, pin!(pause)).await {
                    Either::Left((Ok(heard), _)) => Some(heard),
                    // The network is ending, and with it everything else.
                    Either::Left((Err(_), _)) => pending().await,
                    Either::Right(_) => None,
                }
            };
            match heard {
                Some((peer, bytes)) => match Message::<K>::decode(Copying(bytes.as_ref())) {
                    Ok(Message::Ask) if self.standing.view() >= self.knew => {
                        let known = Box::new(self.standing.lock().clone());
                        sender.send(Recipients::One(peer), Message::<K>::Tell(known).encode(), false);
                    }
                    Ok(Message::Ask) => {}
                    Ok(Message::Tell(known)) => {
                        if let Some(asking) = &mut inquiry {
                            self.told(asking, peer, *known);
                        }
                    }
                    Err(error) => self.block(peer, &error.to_string()),
                },
                None => {
                    sender.send(Recipients::All, Message::<K>::Ask.encode(), false);
                    let now = self.runtime.current();
                    next = now + ASK;
                    if let Some(asking) = &inquiry {
                        say(asking, now, &mut said);
                    }
                }
            }
        }
    }

    /// Somebody answers. What does not hold is no answer.
    fn told(&mut self, asking: &mut Inquiry<K>, peer: PublicKey, known: Known<K>) {
        let Known { newest, last_final } = known;
        let view = newest.as_ref().map_or(0, |newest| newest.view().get());
        for certificate in newest.into_iter().chain(last_final.map(Certificate::Finalization)) {
            let holds = certificate.epoch() == EPOCH
                && certificate.verify(&mut self.runtime, &self.scheme, &self.strategy);
            if !holds {
                return self.block(peer, "a certificate that does not hold");
            }
            self.standing.learn(certificate);
        }
        asking.answered(peer, view);
    }

    fn block(&mut self, peer: PublicKey, reason: &str) {
        commonware_p2p::block!(
            self.blocker,
            peer,
            reason,
            "a peer is blocked: it does not say how far it is"
        );
    }
}

/// Writes a line now and then.
fn say<K: Dissemination>(asking: &Inquiry<K>, now: SystemTime, said: &mut SystemTime) {
    if now.duration_since(*said).is_ok_and(|since| since < SAY) {
        return;
    }
    *said = now;
    let (answered, needed) = (asking.answers.len(), asking.needed);
    match asking.after {
        None => tracing::info!(
            target: "consensus", answered, needed,
            "its disk has no votes: before it signs it asks the other validators how far they are"
        ),
        Some(after) => tracing::info!(
            target: "consensus", after,
            "its disk has no votes: before it signs, a payload has to be final without it in this view or a later one"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dissemination::Coded, scheme::PrivateKey};
    use commonware_cryptography::Signer as _;

    fn peer(number: u64) -> PublicKey {
        PrivateKey::from_seed(number).public_key()
    }

    #[test]
    fn a_quorum_with_the_one_who_asks_has_to_answer() {
        let needed = |validators| Inquiry::<Coded>::new(validators).0.needed;
        assert_eq!([1, 2, 3, 4, 5, 7, 10, 100].map(needed), [0, 1, 2, 2, 3, 4, 6, 66]);
    }

    #[test]
    fn a_new_network_begins_at_once_and_one_that_runs_is_waited_for() {
        let standing = Standing::new();
        let (mut new, _) = Inquiry::<Coded>::new(4);
        new.answered(peer(1), 0);
        new.answered(peer(1), 0);
        assert!(new.since(&standing).is_none(), "one has answered, though twice");
        new.answered(peer(2), 0);
        assert!(matches!(new.since(&standing), Some(None)));

        let (mut running, _) = Inquiry::<Coded>::new(4);
        running.answered(peer(1), 0);
        running.answered(peer(2), 17);
        assert!(running.since(&standing).is_none());
        assert_eq!(running.after, Some(17 + MARGIN));
        running.answered(peer(3), 1_000);
        assert!(running.since(&standing).is_none());
        assert_eq!(running.after, Some(17 + MARGIN), "who goes on does not move the mark");
    }

    #[test]
    fn messages_are_bounded_and_have_nothing_after_their_end() {
        let nothing = Message::<Coded>::Tell(Box::new(Known { newest: None, last_final: None })).encode();
        assert!(matches!(Message::<Coded>::decode(Copying(nothing.as_ref())), Ok(Message::Tell(_))));
        for bytes in [&[][..], &[2], &[0, 0], &[1], &[1, 0], &[1, 0, 0, 0], &[1, 1, 3]] {
            assert!(Message::<Coded>::decode(Copying(bytes)).is_err(), "{bytes:?}");
        }
    }
}

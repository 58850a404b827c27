//! The network: every validator is connected to every other one.
//!
//! A connection is authenticated, encrypted and in order, as those between real validators are: what arrives is what was sent. So bytes that
//! change on the way do not arrive changed; the connection breaks, and everything on it is lost until it is made again. Messages of one sender
//! to one receiver keep their order, but for those that come twice.
//!
//! ## Time and bandwidth
//! A message leaves when the sender's upload has let through everything before it, takes the latency of its link, and is there when
//! the receiver's download has let through everything that arrived before it. Without a bandwidth both take no time.
//!
//! ## Twins
//! Several machines may have one identity. What is sent to it goes to one of them or to both, by a choice that changes with time; or the
//! network is split between machines, each side with one of them.

mod courier;
mod ends;
mod link;
mod twins;

pub(crate) use ends::{Fence, Inbox, Peers, Wire};
pub(crate) use link::{Bandwidth, Link};

use crate::{
    dice::Dice,
    faults::{Counters, Fault},
    meddler::Meddler,
};
use commonware_p2p::{Channel, PeerSetUpdate, TrackedPeers};
use commonware_runtime::{Clock, IoBuf, deterministic::Context};
use commonware_utils::{
    channel::{mpsc, ring},
    ordered::Set,
};
use courier::Flight;
use mundi_consensus::PublicKey;
use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};
use tokio::sync::Notify;

/// Channels: votes, certificates, resolver, backfill, payloads, standing, transactions.
pub(crate) const CHANNELS: usize = 7;

/// The channel of votes.
pub(crate) const VOTES: Channel = 0;

/// The channel of payloads.
pub(crate) const PAYLOADS: Channel = 4;

/// How long it takes to make a connection again.
const RECONNECT: Duration = Duration::from_millis(500);

/// Bytes of a message that the trace of a run takes in.
const TRACED: usize = 160;

/// Which machine: one of those of the validators, in order, or one beside them.
pub(crate) type End = usize;

/// Which validator.
pub(crate) type Member = usize;

type Delivery = mpsc::UnboundedSender<(PublicKey, IoBuf)>;

/// A machine's connection to the network.
struct Endpoint {
    member: Member,
    /// How often it was connected: what was sent to it before is lost.
    life: u64,
    up: bool,
    channels: [Option<Delivery>; CHANNELS],
    meddler: Option<Box<dyn Meddler>>,
    blocked: BTreeSet<Member>,
    listeners: Vec<ring::Sender<Set<PublicKey>>>,
    /// When its last message leaves, and its last one is taken in.
    upload: SystemTime,
    download: SystemTime,
}

pub(crate) struct State {
    context: Context,
    dice: Dice,
    keys: Vec<PublicKey>,
    set: Set<PublicKey>,
    ends: Vec<Endpoint>,
    links: Vec<Link>,
    bandwidth: Bandwidth,
    /// When the last message of a pair arrives.
    order: BTreeMap<(End, End), SystemTime>,
    flying: BinaryHeap<Flight>,
    flights: u64,
    most_flying: usize,
    subscribers: Vec<mpsc::UnboundedSender<PeerSetUpdate<PublicKey>>>,
    counters: Counters,
    trace: [u8; 32],
    /// Bytes sent, by machine and channel.
    sent: Vec<[u64; CHANNELS]>,
    /// Bytes of payload messages, by what they begin with (the digest) and by sender.
    uploads: Option<BTreeMap<[u8; 32], BTreeMap<Member, u64>>>,
    /// Who refused to hear whom, ever.
    blocks: BTreeSet<(Member, Member)>,
    /// Machines that hear each other only, while the others hear each other only.
    side: BTreeSet<End>,
}

/// The network. Clones are of the same one.
#[derive(Clone)]
pub(crate) struct Wires {
    state: Arc<Mutex<State>>,
    news: Arc<Notify>,
}

impl std::fmt::Debug for Wires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wires").finish_non_exhaustive()
    }
}

/// A machine's ends of all channels, in their order.
pub(crate) type Ends = [(Wire, Inbox); CHANNELS];

impl Wires {
    /// A network of the validators with these keys, and of further machines that have the identities of some of them.
    pub(crate) fn new(
        context: &Context,
        dice: Dice,
        participants: &Set<PublicKey>,
        twins: &[Member],
        counters: Counters,
    ) -> Self {
        use commonware_runtime::Supervisor as _;
        let keys: Vec<PublicKey> = participants.iter().cloned().collect();
        let members = (0..keys.len()).chain(twins.iter().copied());
        let now = context.current();
        let ends: Vec<Endpoint> = members
            .map(|member| Endpoint {
                member,
                life: 0,
                up: false,
                channels: Default::default(),
                meddler: None,
                blocked: BTreeSet::new(),
                listeners: Vec::new(),
                upload: now,
                download: now,
            })
            .collect();
        let state = State {
            dice,
            links: vec![Link::default(); keys.len() * keys.len()],
            keys,
            set: participants.clone(),
            sent: vec![[0; CHANNELS]; ends.len()],
            ends,
            bandwidth: Bandwidth::default(),
            order: BTreeMap::new(),
            flying: BinaryHeap::new(),
            flights: 0,
            most_flying: 0,
            subscribers: Vec::new(),
            counters,
            trace: [0; 32],
            uploads: None,
            blocks: BTreeSet::new(),
            side: BTreeSet::new(),
            context: context.child("wires"),
        };
        let wires = Self { state: Arc::new(Mutex::new(state)), news: Arc::default() };
        wires.clone().start_courier(context.child("courier"));
        wires
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    /// Connects a machine.
    pub(crate) fn connect(&self, end: End) -> Ends {
        let mut state = self.lock();
        let endpoint = &mut state.ends[end];
        endpoint.life += 1;
        endpoint.up = true;
        endpoint.blocked.clear();
        endpoint.listeners.clear();
        let life = endpoint.life;
        std::array::from_fn(|channel| {
            let (sender, receiver) = mpsc::unbounded_channel();
            endpoint.channels[channel] = Some(sender);
            (Wire::new(self.clone(), end, life, channel as Channel), Inbox::new(receiver))
        })
    }

    /// Takes a machine off the network. What it sent is on its way.
    pub(crate) fn disconnect(&self, end: End) {
        let mut state = self.lock();
        let endpoint = &mut state.ends[end];
        endpoint.up = false;
        endpoint.channels = Default::default();
        endpoint.listeners.clear();
    }

    /// What a machine has to shut others out.
    pub(crate) fn fence(&self, end: End) -> Fence {
        Fence::new(self.clone(), end)
    }

    /// Who is on the network.
    pub(crate) fn peers(&self) -> Peers {
        Peers(self.clone())
    }

    /// Lets somebody change what a machine sends.
    pub(crate) fn set_meddler(&self, end: End, meddler: Option<Box<dyn Meddler>>) {
        self.lock().ends[end].meddler = meddler;
    }

    /// Changes links.
    pub(crate) fn change_links(&self, mut change: impl FnMut(Member, Member, &mut Link)) {
        let mut state = self.lock();
        let members = state.keys.len();
        for from in 0..members {
            for to in 0..members {
                change(from, to, &mut state.links[from * members + to]);
            }
        }
    }

    pub(crate) fn set_bandwidth(&self, bandwidth: Bandwidth) {
        self.lock().bandwidth = bandwidth;
    }

    /// Counts bytes of payloads by payload from now on.
    pub(crate) fn count_uploads(&self) {
        self.lock().uploads = Some(BTreeMap::new());
    }

    /// Bytes that were sent for a payload with this digest, by sender.
    pub(crate) fn uploads(&self, digest: &[u8; 32]) -> BTreeMap<Member, u64> {
        self.lock().uploads.as_ref().and_then(|all| all.get(digest)).cloned().unwrap_or_default()
    }

    /// Bytes that each machine sent, by channel.
    pub(crate) fn sent(&self) -> Vec<[u64; CHANNELS]> {
        self.lock().sent.clone()
    }

    /// Most messages that were on their way at a time.
    pub(crate) fn most_flying(&self) -> usize {
        self.lock().most_flying
    }

    /// Messages so far.
    pub(crate) fn messages(&self) -> u64 {
        self.lock().flights
    }

    /// Who refused to hear whom.
    pub(crate) fn blocks(&self) -> BTreeSet<(Member, Member)> {
        self.lock().blocks.clone()
    }

    /// What all messages so far come to.
    pub(crate) fn trace(&self) -> [u8; 32] {
        self.lock().trace
    }
}

impl State {
    fn member_of(&self, key: &PublicKey) -> Option<Member> {
        self.keys.binary_search(key).ok()
    }

    /// Everybody but a machine itself.
    fn others(&self, end: End) -> Vec<PublicKey> {
        let me = self.ends[end].member;
        self.keys.iter().enumerate().filter(|(member, _)| *member != me).map(|(_, key)| key.clone()).collect()
    }

    /// Puts a message of a machine on its way to some.
    fn send(&mut self, end: End, channel: Channel, to: Vec<Member>, bytes: IoBuf) {
        let Some(mut meddler) = self.ends[end].meddler.take() else {
            return self.dispatch(end, channel, &to, &bytes);
        };
        let messages = meddler.outgoing(channel, to, bytes, self.keys.len(), &mut self.dice);
        self.ends[end].meddler = Some(meddler);
        for (channel, to, bytes) in messages {
            self.dispatch(end, channel, &to, &bytes);
        }
    }

    fn dispatch(&mut self, end: End, channel: Channel, to: &[Member], bytes: &IoBuf) {
        let from = self.ends[end].member;
        for &to in to {
            if to != from && to < self.keys.len() {
                self.launch(end, channel, to, bytes);
            }
        }
    }

    /// Puts one message on its way.
    fn launch(&mut self, end: End, channel: Channel, to: Member, bytes: &IoBuf) {
        let now = self.context.current();
        let from = self.ends[end].member;
        let index = from * self.keys.len() + to;
        self.sent[end][channel as usize] += bytes.len() as u64;
        if channel == PAYLOADS
            && let Some(uploads) = &mut self.uploads
            && let Some(digest) = bytes.as_ref().first_chunk::<32>()
        {
            *uploads.entry(*digest).or_default().entry(from).or_default() += bytes.len() as u64;
        }
        let targets = self.targets(end, to, now);
        let link = &mut self.links[index];
        if let Some(fault) = link.cut.or(targets.is_empty().then_some(Fault::Partition)) {
            self.counters.add(fault);
            return;
        }
        if link.broken_until.is_some_and(|until| now < until) {
            return;
        }
        if self.dice.happens(link.corruption) {
            self.counters.add(Fault::Corruption);
            link.broken_until = Some(now + RECONNECT);
            return;
        }
        if self.dice.happens(link.loss) {
            self.counters.add(Fault::Loss);
            return;
        }
        let mut latency = link.latency;
        if !link.delay.is_zero() {
            self.counters.add(Fault::Delay);
            latency += link.delay;
        }
        if !link.jitter.is_zero() {
            self.counters.add(Fault::Jitter);
            latency += self.dice.around(link.jitter);
        }
        let again = self.dice.happens(link.duplication);
        let leaves = self.ends[end].upload.max(now) + self.bandwidth.upload_time(bytes.len());
        self.ends[end].upload = leaves;
        for target in targets {
            let order = self.order.entry((end, target)).or_insert(now);
            let arrives = (leaves + latency).max(*order);
            *order = arrives;
            self.fly(end, target, channel, bytes, arrives);
            if again {
                self.counters.add(Fault::Duplication);
                let later = arrives + self.dice.millis(1, 300);
                self.fly(end, target, channel, bytes, later);
            }
        }
    }

    fn block(&mut self, end: End, peer: &PublicKey) {
        let Some(member) = self.member_of(peer) else { return };
        let by = self.ends[end].member;
        if !self.ends[end].blocked.insert(member) {
            return;
        }
        self.blocks.insert((by, member));
        let blocked = self.blocked(end);
        self.ends[end].listeners.retain(|listener| listener.send_lossy(blocked.clone()));
    }

    fn blocked(&self, end: End) -> Set<PublicKey> {
        Set::from_iter_dedup(self.ends[end].blocked.iter().map(|member| self.keys[*member].clone()))
    }

    fn update(&self) -> PeerSetUpdate<PublicKey> {
        let peers = TrackedPeers::primary(self.set.clone());
        PeerSetUpdate { index: 0, latest: peers.clone(), all: peers }
    }
}

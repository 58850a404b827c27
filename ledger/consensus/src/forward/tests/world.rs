//! Five nodes with pools that are easily looked into.

use crate::forward::{
    Config, Forwarder, Intake, Leadership, Limits, Outbox, Sent, Standing, Verdict, wire::MAX_MESSAGE_BYTES,
};
use alloy_primitives::{B256, Bytes, keccak256};
use commonware_consensus::types::View;
use commonware_cryptography::{
    Signer as _,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_p2p::{
    Recipients, Sender as _,
    simulated::{self, Link, Network, Oracle},
};
use commonware_runtime::{Clock as _, Metrics as _, Quota, Runner as _, Supervisor as _, deterministic};
use commonware_utils::{
    NZUsize, Probability,
    channel::{oneshot, watch},
    probability,
};
use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::broadcast::{self, error::RecvError};

pub(super) const NODES: usize = 5;
const CHANNEL: u64 = 7;
const QUOTA: Quota = Quota::per_second(NonZeroU32::MAX);
const LATENCY: Duration = Duration::from_millis(20);

/// Bytes that begin with it are no transaction.
pub(super) const GARBAGE: u8 = 0xff;

/// A pool that takes everything but garbage.
pub(super) struct TestPool {
    transactions: Mutex<BTreeMap<B256, (Bytes, Standing)>>,
    /// What users sent, in order.
    sent: Mutex<Vec<B256>>,
    users: broadcast::Sender<B256>,
    /// Whether batches are answered; otherwise those who wait for the answer.
    deaf: Mutex<Option<Vec<oneshot::Sender<Vec<Verdict>>>>>,
}

impl TestPool {
    fn new(events: usize) -> Arc<Self> {
        Arc::new(Self {
            transactions: Mutex::default(),
            sent: Mutex::default(),
            users: broadcast::Sender::new(events),
            deaf: Mutex::new(None),
        })
    }

    pub(super) fn user_sends(&self, tx: &Bytes) -> B256 {
        let hash = keccak256(tx);
        self.transactions.lock().unwrap().insert(hash, (tx.clone(), Standing::Waiting));
        self.sent.lock().unwrap().push(hash);
        let _ = self.users.send(hash);
        hash
    }

    /// Where a transaction stands from now on.
    pub(super) fn set(&self, hash: &B256, standing: Standing) {
        self.transactions.lock().unwrap().get_mut(hash).unwrap().1 = standing;
    }

    pub(super) fn forget(&self, hash: &B256) {
        self.transactions.lock().unwrap().remove(hash);
    }

    /// Batches are answered again; those that were not are lost.
    pub(super) fn hear_again(&self) {
        *self.deaf.lock().unwrap() = None;
    }

    pub(super) fn has(&self, hash: &B256) -> bool {
        self.transactions.lock().unwrap().contains_key(hash)
    }

    pub(super) fn len(&self) -> usize {
        self.transactions.lock().unwrap().len()
    }

    /// From now on batches are not answered.
    pub(super) fn grow_deaf(&self) {
        *self.deaf.lock().unwrap() = Some(Vec::new());
    }
}

pub(super) struct TestOutbox(Arc<TestPool>, broadcast::Receiver<B256>);

impl Outbox for TestOutbox {
    async fn next(&mut self) -> Option<Sent> {
        match self.1.recv().await {
            Ok(hash) => Some(Sent { transactions: vec![hash], missed: 0 }),
            Err(RecvError::Lagged(missed)) => Some(Sent { transactions: Vec::new(), missed }),
            Err(RecvError::Closed) => None,
        }
    }

    fn list(&mut self, limit: usize) -> oneshot::Receiver<Vec<B256>> {
        let (answer, receiver) = oneshot::channel();
        let sent = self.0.sent.lock().unwrap().clone();
        let waiting = sent.into_iter().filter(|hash| self.standing(hash) == Standing::Waiting);
        answer.send(waiting.take(limit).collect()).unwrap();
        receiver
    }

    fn standing(&self, hash: &B256) -> Standing {
        self.0.transactions.lock().unwrap().get(hash).map_or(Standing::Gone, |(_, standing)| *standing)
    }

    fn encoded(&self, hash: &B256) -> Option<Bytes> {
        self.0.transactions.lock().unwrap().get(hash).map(|(tx, _)| tx.clone())
    }
}

pub(super) struct TestIntake(Arc<TestPool>);

impl Intake for TestIntake {
    fn take(&mut self, transactions: Vec<Bytes>) -> oneshot::Receiver<Vec<Verdict>> {
        let (answer, receiver) = oneshot::channel();
        if let Some(unanswered) = &mut *self.0.deaf.lock().unwrap() {
            unanswered.push(answer);
            return receiver;
        }
        let mut pool = self.0.transactions.lock().unwrap();
        let verdicts = transactions.into_iter().map(|tx| {
            let hash = keccak256(&tx);
            if tx[0] == GARBAGE {
                return Verdict::Garbage;
            }
            pool.entry(hash).or_insert((tx, Standing::Waiting));
            Verdict::Taken(hash)
        });
        answer.send(verdicts.collect()).unwrap();
        receiver
    }

    fn contains(&self, hash: &B256) -> bool {
        self.0.has(hash)
    }
}

type TestSender = simulated::Sender<PublicKey, deterministic::Context>;

pub(super) struct World {
    pub(super) context: deterministic::Context,
    pub(super) keys: Vec<PublicKey>,
    pub(super) pools: Vec<Arc<TestPool>>,
    pub(super) oracle: Oracle<PublicKey, deterministic::Context>,
    views: Vec<watch::Sender<Leadership<PublicKey>>>,
    senders: Vec<TestSender>,
}

/// How a world is made.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) limits: Limits,
    pub(super) events: usize,
    pub(super) jitter: Duration,
    pub(super) success: Probability,
}

impl Default for Setup {
    fn default() -> Self {
        Self { limits: Limits::default(), events: 65_536, jitter: Duration::ZERO, success: probability!(1.0) }
    }
}

/// The leaders of a view: this one and the next one, in turn.
fn leadership(keys: &[PublicKey], view: u64) -> Leadership<PublicKey> {
    let leader = |view: u64| keys[view as usize % keys.len()].clone();
    Leadership { view: View::new(view), leaders: vec![leader(view), leader(view + 1)] }
}

impl World {
    async fn new(context: deterministic::Context, setup: Setup) -> Self {
        let mut keys: Vec<_> =
            (0..NODES as u64).map(|seed| PrivateKey::from_seed(seed).public_key()).collect();
        keys.sort();
        let config = simulated::Config {
            max_size: u32::try_from(MAX_MESSAGE_BYTES).unwrap() + 1,
            max_peers_per_set: NZUsize!(NODES),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(1),
        };
        let (network, oracle) = Network::new_with_peers(context.child("network"), config, keys.clone()).await;
        network.start();
        let mut world = Self {
            context,
            keys: keys.clone(),
            pools: Vec::new(),
            oracle,
            views: Vec::new(),
            senders: Vec::new(),
        };
        for (number, key) in keys.iter().enumerate() {
            let control = world.oracle.control(key.clone());
            let (sender, receiver) = control.register(CHANNEL, QUOTA).await.unwrap();
            let pool = TestPool::new(setup.events);
            let (views, watched) = watch::channel(leadership(&keys, 1));
            let config = Config {
                me: key.clone(),
                namespace: b"test".to_vec(),
                leadership: watched,
                limits: setup.limits.clone(),
            };
            let outbox = TestOutbox(Arc::clone(&pool), pool.users.subscribe());
            let intake = TestIntake(Arc::clone(&pool));
            let label = ["n0", "n1", "n2", "n3", "n4"][number];
            Forwarder::new(world.context.child(label), config, control, outbox, intake)
                .start((sender.clone(), receiver));
            world.pools.push(pool);
            world.views.push(views);
            world.senders.push(sender);
        }
        for (from, to) in (0..NODES).flat_map(|from| (0..NODES).map(move |to| (from, to))) {
            if from != to {
                let link = Link { latency: LATENCY, jitter: setup.jitter, success_rate: setup.success };
                world.oracle.add_link(keys[from].clone(), keys[to].clone(), link).await.unwrap();
            }
        }
        world
    }

    /// All nodes enter a view in which these lead.
    pub(super) async fn lead(&self, view: u64, leaders: &[usize]) {
        let leaders: Vec<PublicKey> = leaders.iter().map(|node| self.keys[*node].clone()).collect();
        for views in &self.views {
            views.send_replace(Leadership { view: View::new(view), leaders: leaders.clone() });
        }
        self.wait(150).await;
    }

    /// All nodes enter a view, and stay in it for as long as messages need.
    pub(super) async fn view(&self, view: u64) {
        for views in &self.views {
            views.send_replace(leadership(&self.keys, view));
        }
        self.wait(150).await;
    }

    pub(super) async fn wait(&self, millis: u64) {
        self.context.sleep(Duration::from_millis(millis)).await;
    }

    /// A node hears nothing any more and says nothing.
    pub(super) async fn cut(&self, node: usize) {
        for other in (0..NODES).filter(|other| *other != node) {
            for (from, to) in [(node, other), (other, node)] {
                // The other one may have been cut off before.
                let _ = self.oracle.remove_link(self.keys[from].clone(), self.keys[to].clone()).await;
            }
        }
    }

    /// A node sends bytes of its own making.
    pub(super) fn say(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        let to = Recipients::One(self.keys[to].clone());
        assert!(!self.senders[from].send(to, bytes, false).is_empty());
    }

    /// Whether a node has blocked another.
    pub(super) async fn blocked(&self, by: usize, whom: usize) -> bool {
        let pair = (self.keys[by].clone(), self.keys[whom].clone());
        self.oracle.blocked().await.unwrap().contains(&pair)
    }

    /// What a node has counted.
    pub(super) fn counted(&self, node: usize, what: &str) -> u64 {
        let name = format!("world_n{node}_{what}_total ");
        let metrics = self.context.encode();
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("{name}is not counted")).trim().parse().unwrap()
    }
}

/// Does something in a world, and returns the hash of everything that happened.
pub(super) fn play<F>(seed: u64, setup: Setup, scene: impl FnOnce(World) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send,
{
    deterministic::Runner::seeded(seed).start(|context| async move {
        let world = World::new(context.child("world"), setup).await;
        scene(world).await;
        context.auditor().state()
    })
}

/// A transaction unlike others.
pub(super) fn tx(number: u32, length: usize) -> Bytes {
    let mut bytes = vec![0; length.max(5)];
    bytes[0] = 2;
    bytes[1..5].copy_from_slice(&number.to_be_bytes());
    bytes.into()
}

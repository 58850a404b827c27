//! Followers of a network, and of other followers.

use crate::network::{Chain, Network};
use alloy_primitives::Bytes;
use commonware_runtime::{Clock, Runner, Supervisor as _, deterministic};
use futures::{FutureExt, future::BoxFuture};
use mundi_chain::Ledger;
use mundi_consensus::{
    Archive, Coded, Dissemination, GroupKey, Whole,
    bft::{Fault, Running, Waiting},
    finality::finalized_header,
    follow::{self, EngineConfig, Served, Status, Tuning, Upstream, UpstreamError, serve},
};
use mundi_mempool::Mempool;
use std::{sync::Arc, time::Duration};

/// What a node changes of its answers.
type Twist = fn(&mut Status, &mut Vec<Served>);

/// A node as its followers see it, perhaps a hostile one.
struct Node {
    name: &'static str,
    archive: Arc<dyn Archive>,
    ledger: Arc<Ledger>,
    twist: Twist,
}

impl Upstream for Node {
    fn name(&self) -> &str {
        self.name
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, UpstreamError>> {
        async {
            let mut status = Status {
                genesis_hash: self.ledger.store().genesis(),
                coded: self.archive.coded(),
                ordered: self.ledger.head().block.header.number,
            };
            (self.twist)(&mut status, &mut Vec::new());
            Ok(status)
        }
        .boxed()
    }

    fn genesis(&self) -> BoxFuture<'_, Result<String, UpstreamError>> {
        async { Err(UpstreamError::Refused("not here".into())) }.boxed()
    }

    fn finalized(&self, from: u64, bytes: u32) -> BoxFuture<'_, Result<Vec<Served>, UpstreamError>> {
        async move {
            let served = serve(&*self.archive, &self.ledger, from, bytes).await;
            let mut served = served.map_err(|error| UpstreamError::Refused(error.to_string()))?;
            let mut status = Status { genesis_hash: self.ledger.store().genesis(), coded: true, ordered: 0 };
            (self.twist)(&mut status, &mut served);
            Ok(served)
        }
        .boxed()
    }

    fn send(&self, _: Vec<Bytes>) -> BoxFuture<'_, Result<Vec<Result<(), String>>, UpstreamError>> {
        async { Err(UpstreamError::Refused("not here".into())) }.boxed()
    }
}

/// A node that nobody reaches.
struct Gone;

impl Upstream for Gone {
    fn name(&self) -> &str {
        "gone"
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, UpstreamError>> {
        async { Err(UpstreamError::Unreachable("nobody is there".into())) }.boxed()
    }

    fn genesis(&self) -> BoxFuture<'_, Result<String, UpstreamError>> {
        async { Err(UpstreamError::Unreachable("nobody is there".into())) }.boxed()
    }

    fn finalized(&self, _: u64, _: u32) -> BoxFuture<'_, Result<Vec<Served>, UpstreamError>> {
        async { Err(UpstreamError::Unreachable("nobody is there".into())) }.boxed()
    }

    fn send(&self, _: Vec<Bytes>) -> BoxFuture<'_, Result<Vec<Result<(), String>>, UpstreamError>> {
        async { Err(UpstreamError::Unreachable("nobody is there".into())) }.boxed()
    }
}

fn validator(network: &Network, index: usize) -> Arc<dyn Upstream> {
    hostile(network, index, "validator", |_, _| {})
}

fn hostile(network: &Network, index: usize, name: &'static str, twist: Twist) -> Arc<dyn Upstream> {
    let validator = &network.validators[index];
    let (archive, ledger) = (Arc::clone(&validator.archive), Arc::clone(&validator.ledger));
    Arc::new(Node { name, archive, ledger, twist })
}

/// A follower under test.
pub(crate) struct Follower {
    pub(crate) ledger: Arc<Ledger>,
    pool: Arc<Mempool>,
    pub(crate) running: Running,
}

impl Follower {
    async fn start<K: Dissemination>(
        context: &deterministic::Context,
        network: &Network,
        name: &str,
        upstreams: Vec<Arc<dyn Upstream>>,
    ) -> Self {
        let (ledger, pool) = network.chain.begin();
        Self::over::<K>(context, network.group_key, &network.chain, name, upstreams, ledger, pool).await
    }

    pub(crate) async fn over<K: Dissemination>(
        context: &deterministic::Context,
        group_key: GroupKey,
        chain: &Chain,
        name: &str,
        upstreams: Vec<Arc<dyn Upstream>>,
        ledger: Arc<Ledger>,
        pool: Arc<Mempool>,
    ) -> Self {
        let config = EngineConfig {
            group_key,
            upstreams,
            tuning: Tuning { waiting: Waiting::InPlace, batch: 2_000, ..Tuning::default() },
            ledger: Arc::clone(&ledger),
            source: Arc::clone(&pool) as _,
            pool: Arc::clone(&chain.pools.background),
            partition: format!("{name}-"),
        };
        let runtime = context.child("follower").with_attribute("name", name);
        let running = follow::start::<K, _>(runtime, config).await.unwrap();
        Self { ledger, pool, running }
    }

    pub(crate) async fn reach(&self, context: &deterministic::Context, height: u64) {
        while self.running.progress.executed().anchor.height < height {
            let fault = self.running.progress.fault();
            assert!(fault.is_none(), "{fault:?}");
            context.sleep(Duration::from_millis(10)).await;
        }
    }

    fn upstream(&self) -> Arc<dyn Upstream> {
        let (archive, ledger) = (Arc::clone(&self.running.archive), Arc::clone(&self.ledger));
        Arc::new(Node { name: "follower", archive, ledger, twist: |_, _| {} })
    }
}

pub(crate) fn run<T: Send + 'static>(
    validators: usize,
    test: impl AsyncFnOnce(deterministic::Context, Network) -> T + Send + 'static,
) -> (T, String) {
    let config = deterministic::Config::new().with_seed(9).with_timeout(Some(Duration::from_secs(600)));
    deterministic::Runner::new(config).start(|context| async move {
        let network = Network::start(&context, validators).await;
        for nonce in 0..20 {
            network.validators[0].send(nonce);
        }
        network.reach(&context, 10).await;
        let result = test(context.child("test"), network).await;
        (result, context.auditor().state())
    })
}

/// A late follower, a follower of it, and one of a node that does not answer first.
fn agree<K: Dissemination>(validators: usize) -> String {
    let (_, state) = run(validators, async |context: deterministic::Context, network: Network| {
        let late = Follower::start::<K>(&context, &network, "late", vec![validator(&network, 1)]).await;
        late.reach(&context, 12).await;
        let upstreams: Vec<Arc<dyn Upstream>> = vec![Arc::new(Gone), late.upstream()];
        let second = Follower::start::<K>(&context, &network, "second", upstreams).await;
        second.reach(&context, 16).await;
        for height in 0..=16 {
            let hash = network.validators[0].hash(height);
            assert_eq!(second.ledger.block(height).unwrap().unwrap().hash, hash);
        }
        let progress = &second.running.progress;
        assert!(progress.ordered() >= 16 && progress.anchored() >= 10 && progress.view() >= 16);
        // What it followed it proves to others.
        let proof = finalized_header(&*second.running.archive, &second.ledger, 10).await.unwrap();
        let proven = proof.verify(&network.group_key).unwrap();
        assert_eq!(proven.hash(), network.validators[0].hash(10));
    });
    state
}

#[test]
fn followers_have_the_blocks_of_validators() {
    let state = agree::<Coded>(4);
    assert_eq!(agree::<Coded>(4), state);
    agree::<Whole>(3);
}

#[test]
fn a_follower_goes_on_where_it_was() {
    run(4, async |context: deterministic::Context, network: Network| {
        let first = Follower::start::<Coded>(&context, &network, "again", vec![validator(&network, 0)]).await;
        first.reach(&context, 8).await;
        let Follower { ledger, pool, running } = first;
        running.ended.abort();
        drop(running);
        context.sleep(Duration::from_secs(3)).await;
        let key = network.group_key;
        let upstreams = vec![validator(&network, 2)];
        let again =
            Follower::over::<Coded>(&context, key, &network.chain, "again-2", upstreams, ledger, pool).await;
        again.reach(&context, 20).await;
        assert_eq!(again.ledger.block(20).unwrap().unwrap().hash, network.validators[3].hash(20));
    });
}

/// Ways of lying, each with words of the reason for which it is found out.
const LIES: [(Twist, &str); 8] = [
    (|status, _| status.genesis_hash.0[0] ^= 1, "it is of the chain with genesis"),
    (|status, _| status.coded ^= true, "it says that payloads are not erasure-coded"),
    (|_, served| twist(served, |served| served.payload = flipped(&served.payload, 140)), ""),
    (|_, served| twist(served, |served| served.payload = served.payload.slice(..50)), "is no payload"),
    (
        |_, served| {
            if served.len() > 1 {
                served.remove(0);
            }
        },
        "it gives the payload of height",
    ),
    (
        |_, served| {
            twist(served, |served| {
                served.certificate = served.certificate.as_ref().map(|bytes| flipped(bytes, bytes.len() - 1));
            });
        },
        "does not hold under the group key",
    ),
    (
        |_, served| {
            twist(served, |served| {
                served.certificate = served.certificate.as_ref().map(|bytes| flipped(bytes, 10));
            });
        },
        "its certificate at height",
    ),
    (
        |_, served| twist(served, |served| served.certificate = Some(vec![0; 300].into())),
        "it gives more than was asked for",
    ),
];

fn twist(served: &mut [Served], change: impl Fn(&mut Served)) {
    if let Some(last) = served.last_mut() {
        change(last);
    }
}

fn flipped(bytes: &Bytes, at: usize) -> Bytes {
    let mut flipped = bytes.to_vec();
    flipped[at] ^= 1;
    flipped.into()
}

#[test]
fn an_upstream_that_lies_is_dropped_and_the_others_serve() {
    run(4, async |context: deterministic::Context, network: Network| {
        let mut upstreams: Vec<_> =
            LIES.iter().map(|(twist, _)| hostile(&network, 1, "liar", *twist)).collect();
        upstreams.push(validator(&network, 0));
        let follower = Follower::start::<Coded>(&context, &network, "wary", upstreams).await;
        follower.reach(&context, 14).await;
        assert_eq!(follower.ledger.block(14).unwrap().unwrap().hash, network.validators[0].hash(14));
    });
}

#[test]
fn when_nobody_is_left_the_node_stops_and_says_who_lied_and_how() {
    run(4, async |context: deterministic::Context, network: Network| {
        for (index, (twist, reason)) in LIES.into_iter().enumerate() {
            let (name, upstreams) = (format!("alone-{index}"), vec![hostile(&network, 1, "liar", twist)]);
            let follower = Follower::start::<Coded>(&context, &network, &name, upstreams).await;
            let Fault::Engine(fault) = follower.running.progress.failed().await else {
                panic!("another fault")
            };
            assert!(fault.contains("the last one was liar") && fault.contains(reason), "{fault}");
            assert_eq!(follower.running.progress.executed().anchor.height, 0, "{fault}");
        }
    });
}

#[test]
fn a_follower_with_another_key_believes_nobody() {
    let (other, _) = run(3, async |_, network: Network| network.group_key);
    run(4, async move |context: deterministic::Context, network: Network| {
        let upstreams = vec![validator(&network, 0)];
        let (ledger, pool) = network.chain.begin();
        let follower =
            Follower::over::<Coded>(&context, other, &network.chain, "astray", upstreams, ledger, pool).await;
        let fault = follower.running.progress.failed().await.to_string();
        assert!(fault.contains("does not hold under the group key"), "{fault}");
        assert!(!follower.pool.contains(&alloy_primitives::B256::ZERO));
    });
}

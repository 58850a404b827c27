//! A follower that begins with a state instead of with the genesis.

use crate::{
    follow::{Follower, run},
    network::{Chain, Network},
};
use alloy_primitives::Bytes;
use commonware_runtime::deterministic;
use futures::{
    FutureExt,
    future::{self, BoxFuture},
};
use mundi_chain::Ledger;
use mundi_consensus::{
    Archive, Coded, GroupKey,
    finality::finalized_header,
    follow::{FoundState, Offer, Served, Snapshots, StateSync, Status, Upstream, UpstreamError, serve},
};
use mundi_state::{Config, Store, StoreError, Watch};
use std::{collections::BTreeMap, sync::Arc};
use tempfile::TempDir;

/// What a validator has kept, copied.
struct Copied {
    payloads: BTreeMap<u64, Bytes>,
    certificates: BTreeMap<u64, Bytes>,
}

impl Copied {
    async fn of(archive: &dyn Archive, heights: u64) -> Self {
        let (mut payloads, mut certificates) = (BTreeMap::new(), BTreeMap::new());
        for height in 1..=heights {
            payloads.extend(archive.payload(height).await.map(|payload| (height, payload)));
            certificates.extend(archive.certificate(height).await.map(|certificate| (height, certificate)));
        }
        Self { payloads, certificates }
    }
}

impl Archive for Copied {
    fn coded(&self) -> bool {
        true
    }

    fn payload(&self, height: u64) -> BoxFuture<'static, Option<Bytes>> {
        future::ready(self.payloads.get(&height).cloned()).boxed()
    }

    fn certificate(&self, height: u64) -> BoxFuture<'static, Option<Bytes>> {
        future::ready(self.certificates.get(&height).cloned()).boxed()
    }
}

/// A node that gives its state away, perhaps a hostile one.
struct Giver {
    archive: Arc<Copied>,
    ledger: Arc<Ledger>,
    snapshots: Snapshots,
    offer: fn(&mut Offer),
    chunk: fn(Bytes) -> Bytes,
}

impl Upstream for Giver {
    fn name(&self) -> &str {
        "giver"
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, UpstreamError>> {
        let (genesis_hash, ordered) = (self.ledger.store().genesis(), HEIGHT);
        future::ready(Ok(Status { genesis_hash, coded: true, ordered })).boxed()
    }

    fn genesis(&self) -> BoxFuture<'_, Result<String, UpstreamError>> {
        future::ready(Err(UpstreamError::Refused("not here".into()))).boxed()
    }

    fn finalized(&self, from: u64, bytes: u32) -> BoxFuture<'_, Result<Vec<Served>, UpstreamError>> {
        async move {
            let served = serve(&*self.archive, &self.ledger, from, bytes).await;
            served.map_err(|error| UpstreamError::Refused(error.to_string()))
        }
        .boxed()
    }

    fn send(&self, _: Vec<Bytes>) -> BoxFuture<'_, Result<Vec<Result<(), String>>, UpstreamError>> {
        future::ready(Err(UpstreamError::Refused("not here".into()))).boxed()
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Option<Offer>, UpstreamError>> {
        let mut offer = self.snapshots.offer();
        offer.iter_mut().for_each(self.offer);
        future::ready(Ok(offer)).boxed()
    }

    fn chunk(&self, height: u64, index: u64) -> BoxFuture<'_, Result<Bytes, UpstreamError>> {
        let chunk = self.snapshots.chunk(height, index).unwrap().map(self.chunk);
        future::ready(chunk.ok_or_else(|| UpstreamError::Refused("there is none".into()))).boxed()
    }
}

/// Height that networks come to.
const HEIGHT: u64 = 10;

/// A network that has come to a height, and what one of its validators has.
struct Past {
    network: Network,
    archive: Arc<Copied>,
    directory: TempDir,
}

impl Past {
    fn new() -> Self {
        let ((network, archive), _) = run(4, async |_, network: Network| {
            let archive = Copied::of(&*network.validators[0].archive, HEIGHT).await;
            (network, archive)
        });
        Self { network, archive: Arc::new(archive), directory: TempDir::new().unwrap() }
    }

    fn giver(&self, name: &str, offer: fn(&mut Offer), chunk: fn(Bytes) -> Bytes) -> Arc<dyn Upstream> {
        let validator = &self.network.validators[0];
        let (ledger, progress) = (Arc::clone(&validator.ledger), validator.progress.clone());
        let directory = self.directory.path().join(name);
        let archive = Arc::clone(&self.archive);
        let snapshots = Snapshots::new(directory, 100, Arc::clone(&ledger), archive, progress).unwrap();
        assert_eq!(snapshots.offer(), None);
        snapshots.settle();
        Arc::new(Giver { archive: Arc::clone(&self.archive), ledger, snapshots, offer, chunk })
    }

    fn find(&self, giver: &Arc<dyn Upstream>, distance: u64) -> Option<FoundState> {
        let sync = StateSync {
            group_key: self.network.group_key,
            genesis: self.network.validators[0].ledger.store().genesis(),
            upstreams: vec![Arc::clone(giver)],
            distance,
            most_bytes: 1 << 30,
        };
        sync.find(0).into_iter().next()
    }

    fn import(&self, found: &FoundState, name: &str) -> Result<Store, StoreError> {
        let config = Config { cache_bytes: 8 << 20, ..Config::default() };
        let pool = &self.network.chain.pools.background;
        let (store, _) =
            found.import(self.directory.path().join(name).as_path(), &config, pool, Watch::NOBODY)?;
        Ok(store)
    }
}

#[test]
fn a_follower_begins_with_a_state_and_goes_on() {
    let past = Past::new();
    let giver = past.giver("given", |_| {}, |chunk| chunk);
    assert!(past.find(&giver, 100).is_none(), "it is not that far ahead");
    let found = past.find(&giver, 3).unwrap();
    let first = found.header().number;
    assert!((4..=HEIGHT).contains(&first), "{first}");
    let store = past.import(&found, "store").unwrap();
    let Past { network, archive, directory: _directory } = past;
    let Network { validators, group_key, chain } = network;
    let hashes: Vec<_> = (0..=HEIGHT).map(|height| validators[0].hash(height)).collect();
    follow(chain, store, group_key, giver, move |follower| {
        for height in first..=HEIGHT {
            assert_eq!(follower.ledger.block(height).unwrap().unwrap().hash, hashes[height as usize]);
        }
        let archive = &*follower.running.archive;
        assert!(archive.payload(first).now_or_never().is_none_or(|payload| payload.is_none()));
    });
    drop(archive);
}

/// Follows from where a store is.
fn follow(
    chain: Chain,
    store: Store,
    group_key: GroupKey,
    giver: Arc<dyn Upstream>,
    look: impl FnOnce(&Follower) + Send + 'static,
) {
    use commonware_runtime::Runner as _;
    let (ledger, pool) = chain.over(store);
    deterministic::Runner::seeded(3).start(|context| async move {
        let follower =
            Follower::over::<Coded>(&context, group_key, &chain, "begun", vec![giver], ledger, pool).await;
        follower.reach(&context, HEIGHT).await;
        let first = follower.ledger.store().oldest().0;
        let proof = finalized_header(&*follower.running.archive, &follower.ledger, first).await.unwrap();
        proof.verify(&group_key).unwrap();
        look(&follower);
    });
}

#[test]
fn a_state_that_is_not_final_is_not_fetched() {
    let past = Past::new();
    let forged: [fn(&mut Offer); 4] = [
        |offer| offer.finalized_header.genesis_hash.0[0] ^= 1,
        |offer| offer.finalized_header.certificate = vec![1; 151].into(),
        |offer| offer.finalized_header.headers.clear(),
        |offer| offer.bytes = u64::MAX,
    ];
    for (index, forged) in forged.into_iter().enumerate() {
        let giver = past.giver(&format!("forged-{index}"), forged, |chunk| chunk);
        assert!(past.find(&giver, 0).is_none(), "{index}");
    }
}

#[test]
fn a_state_that_is_damaged_on_its_way_leaves_nothing_behind() {
    let past = Past::new();
    let damages: [fn(Bytes) -> Bytes; 3] = [
        |chunk| chunk.slice(..chunk.len() - 1),
        |chunk| [&chunk[..], &[0; 9]].concat().into(),
        |chunk| {
            let mut chunk = chunk.to_vec();
            let middle = chunk.len() / 2;
            chunk[middle] ^= 1;
            chunk.into()
        },
    ];
    let good = past.giver("good", |_| {}, |chunk| chunk);
    for (index, damage) in damages.into_iter().enumerate() {
        let giver = past.giver(&format!("damaged-{index}"), |_| {}, damage);
        let found = past.find(&giver, 0).unwrap();
        past.import(&found, "again").unwrap_err();
    }
    past.import(&past.find(&good, 0).unwrap(), "again").unwrap();
}

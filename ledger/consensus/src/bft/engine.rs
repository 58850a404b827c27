//! How the parts are put together.

use super::{
    anchors::Anchors,
    application::{self, Application},
    beacons::Beacons,
    conduct::Conduct,
    executor::{self, Feed, Waiting},
    kept::{kept, make_good},
    observer::Observer,
    outstanding::Outstanding,
    progress::{Fault, Progress},
    spread::{Spread, Wired, epochs},
    standing::{Inquiry, Standing, Talk},
};
use crate::{
    archive::{Archive, BUFFER, Marshal, layout, pages},
    dissemination::Dissemination,
    payload::{Anchor, Bounds, Payload},
    rules::{Pace, Rules},
    scheme::{PublicKey, Scheme},
};
use alloy_primitives::Address;
use commonware_consensus::{
    Reporters,
    marshal::{
        self, Start,
        core::{Actor, Variant},
        resolver::p2p as backfill,
    },
    simplex::{
        self, Engine, Floor,
        config::{ForwardPolicy, SkipBudget, SkipPolicy},
        elector::RoundRobin,
    },
    types::{Epoch, ViewDelta},
};
use commonware_cryptography::{
    Digested, Digestible, Sha256,
    certificate::{ConstantProvider, Scheme as _},
};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Strategy;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage};
use commonware_storage::archive::{self, immutable};
use commonware_utils::{NZU64, NZUsize, NonZeroDuration};
use futures::future::pending;
use mundi_chain::{Ledger, SharedSource};
use rand_core::CryptoRng;
use std::{
    fmt,
    num::{NonZeroU64, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

/// The channels between validators, each with its sender and receiver.
#[derive(Debug)]
pub struct Channels<S, R> {
    /// Votes.
    pub votes: (S, R),
    /// Certificates.
    pub certificates: (S, R),
    /// Certificates that somebody lacks.
    pub resolver: (S, R),
    /// Payloads that somebody lacks.
    pub backfill: (S, R),
    /// Payloads, or their shards, as they are proposed.
    pub payloads: (S, R),
    /// How far everybody is, for those that have forgotten what they signed.
    pub standing: (S, R),
}

/// How much is kept and waited for.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Payloads in the ledger that are not durable yet. Default: 16.
    pub depth: usize,
    /// Views behind the newest final one of which votes are kept. Default: 256.
    pub views: u64,
    /// Payloads asked of others at a time when this node is behind. Default: 64.
    pub repair: NonZeroUsize,
    /// How long another has to answer. Default: 2 s.
    pub fetch: Duration,
    /// Messages that wait inside. Default: 1,024.
    pub mailbox: NonZeroUsize,
    /// Payloads whose shards are collected at a time. Default: 64.
    pub records: NonZeroUsize,
    /// Views in a file of payloads that are not final yet: files go as a whole, after [`views`](Self::views). Default: 256.
    pub recent: NonZeroU64,
    /// Heights in a file of the archive. Fixed for the life of a chain's folder. Default: 32,768.
    pub section: NonZeroU64,
    /// Bytes of pages of the archive that are kept in memory. Default: 16 MiB.
    pub page_cache: usize,
    /// How the ledger is waited for.
    pub waiting: Waiting,
    /// How this validator differs from others, in simulations. Default: not at all.
    pub conduct: Option<Arc<dyn Conduct>>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            depth: 16,
            views: 256,
            repair: NZUsize!(64),
            fetch: Duration::from_secs(2),
            mailbox: NZUsize!(1024),
            records: NZUsize!(64),
            recent: NZU64!(256),
            section: NZU64!(32_768),
            page_cache: 16 << 20,
            waiting: Waiting::Aside,
            conduct: None,
        }
    }
}

/// What ordering needs.
pub struct EngineConfig<B, P, T> {
    /// Who this node is, and whom it signs with.
    pub public_key: PublicKey,
    /// Signs votes.
    pub scheme: Scheme,
    /// What all agree on.
    pub rules: Rules,
    /// How fast.
    pub pace: Pace,
    /// Who gets the fees of this node's payloads.
    pub beneficiary: Address,
    /// How much is kept and waited for.
    pub tuning: Tuning,
    /// Executes.
    pub ledger: Arc<Ledger>,
    /// Where transactions come from.
    pub source: Arc<dyn SharedSource>,
    /// Recovers senders.
    pub pool: Arc<rayon::ThreadPool>,
    /// Checks signatures and codes shards.
    pub strategy: T,
    /// Shuts out peers that break the rules.
    pub blocker: B,
    /// Knows the peers.
    pub peers: P,
    /// What names of partitions in storage begin with.
    pub partition: String,
}

/// Ordering, under way.
pub struct Running {
    /// How far it is.
    pub progress: Progress,
    /// What is final.
    pub archive: Arc<dyn Archive>,
    /// Ends when any part has ended.
    pub ended: Handle<()>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("progress", &self.progress).finish_non_exhaustive()
    }
}

/// The one epoch that there is so far.
pub(super) const EPOCH: Epoch = Epoch::zero();

/// How long nobody is asked again after a request that failed.
const RETRY: Duration = Duration::from_millis(100);

/// The largest message that validators of a network send each other, but for transactions.
pub fn max_message_size<K: Dissemination>(validators: u32, bounds: &Bounds) -> u32 {
    commonware_p2p::max_message_size(&[
        simplex::max_payload_size::<Scheme, K::Commitment>(validators),
        marshal::max_payload_size::<K::Variant, Scheme>(validators, bounds),
    ])
}

/// What ordering asks of the world that it runs in.
pub trait Runtime: CryptoRng + Spawner + Metrics + Clock + Storage + Send + Sync + 'static {}

impl<E: CryptoRng + Spawner + Metrics + Clock + Storage + Send + Sync + 'static> Runtime for E {}

/// Starts ordering, from the genesis or from where it was.
pub async fn start<K, E, B, P, T, S, R>(
    runtime: E,
    config: EngineConfig<B, P, T>,
    channels: Channels<S, R>,
) -> Result<Running, Fault>
where
    K: Spread,
    E: Runtime,
    B: Blocker<PublicKey = PublicKey>,
    P: Provider<PublicKey = PublicKey>,
    T: Strategy,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let first = first::<K>(&config)?;
    let genesis = K::Variant::commitment(&first);
    let head = config.ledger.head();
    let progress = Progress::new(Anchor { height: head.block.header.number, hash: head.block.hash });
    let outstanding = Outstanding::new(Arc::clone(&config.source));
    let beacons = Beacons::new();
    let tuning = &config.tuning;
    let pages = pages(tuning.page_cache);
    let fetch_timeout =
        NonZeroDuration::new(tuning.fetch).unwrap_or(NonZeroDuration::new_panic(Duration::from_secs(1)));

    let broken = |what: &str, error: archive::Error| Fault::Engine(format!("archive of {what}: {error}"));
    let (prefix, section) = (config.partition.as_str(), tuning.section);
    let certificates = layout(prefix, "certificates", section, &pages, ());
    let certificates = immutable::Archive::init(runtime.child("certificates"), certificates).await;
    let certificates = certificates.map_err(|error| broken("certificates", error))?;
    let payloads = layout(prefix, "payloads", section, &pages, config.rules.bounds);
    let payloads = immutable::Archive::init(runtime.child("payloads"), payloads).await;
    let payloads = payloads.map_err(|error| broken("payloads", error))?;

    let (executor, [submit, finish]) = executor::start::<E, K>(
        &runtime,
        executor::Parts {
            rules: config.rules,
            ledger: Arc::clone(&config.ledger),
            source: Arc::clone(&config.source),
            pool: Arc::clone(&config.pool),
            outstanding: outstanding.clone(),
            progress: progress.clone(),
            waiting: tuning.waiting,
            depth: tuning.depth,
            conduct: tuning.conduct.clone(),
        },
    );
    if let Some(payload) = kept::<K, _>(&payloads, head.block.header.number, &config.strategy).await? {
        progress.set_anchored(payload.inner().header().anchor.height);
    }
    let feed = Feed::new(executor.clone(), tuning.depth);
    make_good::<K, _>(&payloads, &config.strategy, &progress, feed).await?;
    let settings = marshal::Config {
        provider: ConstantProvider::<_, Epoch>::new(config.scheme.clone()),
        epocher: epochs(),
        start: Start::Genesis(first),
        partition_prefix: format!("{}marshal", config.partition),
        mailbox_size: tuning.mailbox,
        view_retention: ViewDelta::new(tuning.views),
        prunable_items_per_section: tuning.recent,
        page_cache: pages.clone(),
        replay_buffer: BUFFER,
        key_write_buffer: BUFFER,
        value_write_buffer: BUFFER,
        block_codec_config: config.rules.bounds,
        max_repair: tuning.repair,
        max_pending_acks: NonZeroUsize::new(tuning.depth).unwrap_or(NonZeroUsize::MIN),
        strategy: config.strategy.clone(),
    };
    let (marshal, mailbox, _) = Actor::<_, K::Variant, _, _, _, _, _>::init(
        runtime.child("marshal"),
        certificates,
        payloads,
        settings,
    )
    .await;
    let settings = backfill::Config {
        public_key: config.public_key.clone(),
        peer_provider: config.peers.clone(),
        blocker: config.blocker.clone(),
        mailbox_size: tuning.mailbox,
        fetch_timeout,
        fetch_retry_delay: RETRY,
        priority_requests: false,
        priority_responses: false,
    };
    let resolver = backfill::init(runtime.child("backfill"), settings, channels.backfill);

    let participants = config.scheme.participants().iter();
    let application = Application::<K, T>::new(application::Parts {
        rules: config.rules,
        pace: config.pace,
        beneficiary: config.beneficiary,
        scheme: config.scheme.clone(),
        strategy: config.strategy.clone(),
        ledger: Arc::clone(&config.ledger),
        source: Arc::clone(&config.source),
        outstanding: outstanding.clone(),
        anchors: Anchors {
            ledger: Arc::clone(&config.ledger),
            progress: progress.clone(),
            marshal: mailbox.clone(),
            others: participants.filter(|other| **other != config.public_key).cloned().collect(),
        },
        beacons: beacons.clone(),
        progress: progress.clone(),
        conduct: tuning.conduct.clone(),
    });
    let Wired { buffer, automaton, handle: spread } =
        K::wire(&runtime, &config, application, mailbox.clone(), channels.payloads);
    let marshal = marshal.start(executor, buffer, resolver);

    let leader_timeout = config.pace.interval + config.pace.idle + config.pace.patience;
    let certification_timeout = leader_timeout * 2;
    let standing = Standing::new();
    let observer = Observer { beacons, standing: standing.clone(), progress: progress.clone() };
    let journal = format!("{}votes-{EPOCH}", config.partition);
    let voted = voted(&runtime, &journal).await?;
    let validators = config.scheme.participants().len();
    let (inquiry, since) = voted.is_none().then(|| Inquiry::new(validators)).unzip();
    let (scheme, strategy, blocker) =
        (config.scheme.clone(), config.strategy.clone(), config.blocker.clone());
    let talk = runtime.child("standing").spawn(move |runtime| {
        // Who did something in a view knew a certificate of the one before.
        let knew = voted.map_or(0, |view| view.saturating_sub(1));
        Talk { runtime, standing, scheme, strategy, blocker, knew }.run(channels.standing, inquiry)
    });
    let settings = simplex::Config {
        scheme: config.scheme,
        elector: RoundRobin::<Sha256>::default(),
        blocker: config.blocker,
        automaton: automaton.clone(),
        relay: automaton.clone(),
        reporter: Reporters::from((automaton, observer)),
        track_historical_votes: false,
        strategy: config.strategy,
        partition: journal,
        mailbox_size: tuning.mailbox,
        epoch: EPOCH,
        floor: Floor::Genesis(genesis),
        replay_buffer: BUFFER,
        write_buffer: BUFFER,
        page_cache: pages,
        leader_timeout,
        certification_timeout,
        // Who comes back, and does not know what the others said last, waits for this.
        timeout_retry: leader_timeout / 2,
        view_retention: ViewDelta::new(tuning.views),
        skip: SkipPolicy::Enabled { timeout: certification_timeout * 2, budget: SkipBudget::Participants },
        fetch_timeout,
        fetch_retry_delay: RETRY,
        forward: ForwardPolicy::SilentVoters,
    };
    let simplex = runtime.child("simplex").spawn(move |runtime| async move {
        let mut settings = settings;
        if let Some(since) = since {
            match since.await {
                Ok(Some(last)) => settings.floor = Floor::Finalized(last),
                Ok(None) => {}
                // Everything is ending.
                Err(_) => return pending().await,
            }
        }
        let engine = Engine::new(runtime, settings);
        let ended = engine.start(channels.votes, channels.certificates, channels.resolver).await;
        tracing::debug!(target: "consensus", ?ended, "voting has ended");
    });

    let parts = Handle::select([spread, submit, finish, marshal, talk, simplex]);
    let watched = progress.clone();
    let ended = runtime.child("watch").spawn(move |runtime| watched.watch(runtime, parts));
    Ok(Running { progress, archive: Arc::new(Marshal(mailbox)), ended })
}

/// The payload before the first.
fn first<K: Dissemination>(
    config: &EngineConfig<impl Sized, impl Sized, impl Sized>,
) -> Result<<K::Variant as Variant>::Block, Fault> {
    let block = config.ledger.block(0).map_err(|error| Fault::Ledger(error.to_string()))?;
    let block = block.ok_or_else(|| Fault::Ledger("the genesis block is not kept".into()))?;
    let leader = config.scheme.participants().iter().next();
    let leader = leader.cloned().ok_or_else(|| Fault::Engine("there are no validators".into()))?;
    let payload = Payload::<K>::genesis(leader, block.hash, block.header.timestamp);
    let digest = payload.digest();
    Ok(K::genesis(Digested::precomputed(payload, digest)))
}

/// The newest view of which there is something in the journal of votes, if it was ever written.
async fn voted(runtime: &impl Storage, journal: &str) -> Result<Option<u64>, Fault> {
    let sections = match runtime.scan(journal).await {
        Ok(sections) => sections,
        Err(commonware_runtime::Error::PartitionMissing(_)) => Vec::new(),
        Err(error) => return Err(Fault::Engine(format!("the journal of votes: {error}"))),
    };
    // Each view has a file, which has its number as a name.
    let views = sections.iter().filter_map(|name| Some(u64::from_be_bytes(name.as_slice().try_into().ok()?)));
    Ok(views.max())
}

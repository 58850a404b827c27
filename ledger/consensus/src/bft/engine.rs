//! How the parts are put together.

use super::{
    anchors::Anchors,
    application::{self, Application},
    beacons::Beacons,
    conduct::Conduct,
    executor::{self, Waiting},
    observer::Observer,
    outstanding::Outstanding,
    progress::{Fault, Progress},
};
use crate::{
    archive::{Archive, Marshal},
    dissemination::{Coded, Coding, Dissemination, Whole},
    payload::{Anchor, Bounds, Payload},
    rules::{Pace, Rules},
    scheme::{PublicKey, Scheme},
};
use alloy_primitives::Address;
use commonware_broadcast::buffered;
use commonware_consensus::{
    CertifiableAutomaton, Relay, Reporter, Reporters,
    marshal::{
        self, Start,
        coding::{Marshaled, MarshaledConfig, shards},
        core::{Actor, Buffer, Mailbox, Variant},
        resolver::p2p as backfill,
        standard::Deferred,
    },
    simplex::{
        self, Engine, Floor, Plan,
        config::{ForwardPolicy, SkipBudget, SkipPolicy},
        elector::RoundRobin,
        types::{Activity, Context},
    },
    types::{Epoch, FixedEpocher, ViewDelta},
};
use commonware_cryptography::{
    Digested, Digestible, Sha256,
    certificate::{ConstantProvider, Scheme as _},
};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Strategy;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage, buffer::paged::CacheRef};
use commonware_storage::{archive::prunable, translator::EightCap};
use commonware_utils::{NZU16, NZU64, NZUsize, NonZeroDuration};
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
    /// Payloads in a file of the archive. Fixed for the life of a chain's folder. Default: 256.
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
            section: NZU64!(256),
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
const EPOCH: Epoch = Epoch::zero();

/// Bytes of a page of the archive.
const PAGE: u16 = 4084;

/// Bytes that storage reads and writes at a time.
const BUFFER: NonZeroUsize = NZUsize!(64 << 10);

/// Payloads of each peer that are kept before it is known whose turn it was.
const PEER_BUFFER: NonZeroUsize = NZUsize!(64);

/// Payloads whose shards are collected at a time.
const RECORDS: NonZeroUsize = NZUsize!(64);

/// How long nobody is asked again after a request that failed.
const RETRY: Duration = Duration::from_millis(100);

/// The largest message that validators of a network send each other, but for transactions.
pub fn max_message_size<K: Dissemination>(validators: u32, bounds: &Bounds) -> u32 {
    commonware_p2p::max_message_size(&[
        simplex::max_payload_size::<Scheme, K::Commitment>(validators),
        marshal::max_payload_size::<K::Variant, Scheme>(validators, bounds),
    ])
}

/// A way of spreading payloads, as it is wired up.
pub trait Spread: Dissemination {
    /// Starts what sends and receives payloads, and wraps the application into what simplex asks.
    fn wire<E, B, P, T, A, S, R>(
        runtime: &E,
        config: &EngineConfig<B, P, T>,
        application: A,
        marshal: Mailbox<Scheme, Self::Variant>,
        channel: (S, R),
    ) -> Wired<impl Buffer<Self::Variant, PublicKey = PublicKey>, impl Voter<Self>>
    where
        E: Runtime,
        B: Blocker<PublicKey = PublicKey>,
        P: Provider<PublicKey = PublicKey>,
        T: Strategy,
        A: Proposer<E, Self>,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>;
}

/// What ordering asks of the world that it runs in.
pub trait Runtime: CryptoRng + Spawner + Metrics + Clock + Storage + Send + Sync + 'static {}

impl<E: CryptoRng + Spawner + Metrics + Clock + Storage + Send + Sync + 'static> Runtime for E {}

/// What proposes and checks payloads.
pub trait Proposer<E, K: Dissemination>:
    commonware_consensus::Application<
        E,
        SigningScheme = Scheme,
        Context = Context<K::Commitment, PublicKey>,
        Block = Payload<K>,
        Input = (),
    >
{
}

impl<E, K: Dissemination, A> Proposer<E, K> for A where
    A: commonware_consensus::Application<
            E,
            SigningScheme = Scheme,
            Context = Context<K::Commitment, PublicKey>,
            Block = Payload<K>,
            Input = (),
        >
{
}

/// What simplex asks when it votes.
pub trait Voter<K: Dissemination>:
    CertifiableAutomaton<Context = Context<K::Commitment, PublicKey>, Digest = K::Commitment>
    + Relay<Digest = K::Commitment, PublicKey = PublicKey, Plan = Plan<PublicKey>>
    + Reporter<Activity = Activity<Scheme, K::Commitment>>
{
}

impl<K: Dissemination, A> Voter<K> for A where
    A: CertifiableAutomaton<Context = Context<K::Commitment, PublicKey>, Digest = K::Commitment>
        + Relay<Digest = K::Commitment, PublicKey = PublicKey, Plan = Plan<PublicKey>>
        + Reporter<Activity = Activity<Scheme, K::Commitment>>
{
}

/// What comes of [`Spread::wire`].
pub struct Wired<B, A> {
    buffer: B,
    automaton: A,
    handle: Handle<()>,
}

impl<B, A> fmt::Debug for Wired<B, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wired").finish_non_exhaustive()
    }
}

impl Spread for Whole {
    fn wire<E, B, P, T, A, S, R>(
        runtime: &E,
        config: &EngineConfig<B, P, T>,
        application: A,
        marshal: Mailbox<Scheme, Self::Variant>,
        channel: (S, R),
    ) -> Wired<impl Buffer<Self::Variant, PublicKey = PublicKey>, impl Voter<Self>>
    where
        E: Runtime,
        B: Blocker<PublicKey = PublicKey>,
        P: Provider<PublicKey = PublicKey>,
        T: Strategy,
        A: Proposer<E, Self>,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let settings = buffered::Config {
            public_key: config.public_key.clone(),
            mailbox_size: config.tuning.mailbox,
            deque_size: PEER_BUFFER.get(),
            priority: false,
            codec_config: config.rules.bounds,
            peer_provider: config.peers.clone(),
            strategy: config.strategy.clone(),
        };
        let (engine, buffer) = buffered::Engine::new(runtime.child("buffer"), settings);
        let automaton = Deferred::new(runtime.child("automaton"), application, marshal, epochs());
        Wired { buffer, automaton, handle: engine.start(channel) }
    }
}

impl Spread for Coded {
    fn wire<E, B, P, T, A, S, R>(
        runtime: &E,
        config: &EngineConfig<B, P, T>,
        application: A,
        marshal: Mailbox<Scheme, Self::Variant>,
        channel: (S, R),
    ) -> Wired<impl Buffer<Self::Variant, PublicKey = PublicKey>, impl Voter<Self>>
    where
        E: Runtime,
        B: Blocker<PublicKey = PublicKey>,
        P: Provider<PublicKey = PublicKey>,
        T: Strategy,
        A: Proposer<E, Self>,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let provider = ConstantProvider::<_, Epoch>::new(config.scheme.clone());
        let settings: shards::Config<_, _, _, _, Payload<Self>, _> = shards::Config {
            scheme_provider: provider.clone(),
            blocker: config.blocker.clone(),
            block_codec_config: config.rules.bounds,
            strategy: config.strategy.clone(),
            mailbox_size: config.tuning.mailbox,
            peer_buffer_size: PEER_BUFFER,
            records: RECORDS,
            peer_provider: config.peers.clone(),
        };
        let (engine, buffer) =
            shards::Engine::<_, _, _, _, Coding, Sha256, _, _, _>::new(runtime.child("shards"), settings);
        let settings = MarshaledConfig {
            application,
            marshal,
            shards: buffer.clone(),
            scheme_provider: provider,
            strategy: config.strategy.clone(),
            epocher: epochs(),
        };
        let automaton = Marshaled::new(runtime.child("automaton"), settings);
        Wired { buffer, automaton, handle: engine.start(channel) }
    }
}

/// All heights are in one epoch.
fn epochs() -> FixedEpocher {
    FixedEpocher::new(NonZeroU64::MAX)
}

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
    let genesis = genesis::<K>(&config)?;
    let floor = K::Variant::commitment(&genesis);
    let head = config.ledger.head();
    let progress = Progress::new(Anchor { height: head.block.header.number, hash: head.block.hash });
    let outstanding = Outstanding::new(Arc::clone(&config.source));
    let beacons = Beacons::new();
    let tuning = &config.tuning;
    let pages = CacheRef::new(
        NZU16!(PAGE),
        NonZeroUsize::new(tuning.page_cache / usize::from(PAGE)).unwrap_or(NonZeroUsize::MIN),
    );
    let fetch_timeout =
        NonZeroDuration::new(tuning.fetch).unwrap_or(NonZeroDuration::new_panic(Duration::from_secs(1)));

    let certificates = archive(&config, &pages, "certificates", ());
    let certificates = prunable::Archive::init(runtime.child("certificates"), certificates).await;
    let certificates =
        certificates.map_err(|error| Fault::Engine(format!("archive of certificates: {error}")))?;
    let payloads = archive(&config, &pages, "payloads", config.rules.bounds);
    let payloads = prunable::Archive::init(runtime.child("payloads"), payloads).await;
    let payloads = payloads.map_err(|error| Fault::Engine(format!("archive of payloads: {error}")))?;
    let settings = marshal::Config {
        provider: ConstantProvider::<_, Epoch>::new(config.scheme.clone()),
        epocher: epochs(),
        start: Start::Genesis(genesis),
        partition_prefix: format!("{}marshal", config.partition),
        mailbox_size: tuning.mailbox,
        view_retention: ViewDelta::new(tuning.views),
        prunable_items_per_section: tuning.section,
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
    let (executor, [submit, finish]) = executor::start::<E, K>(
        &runtime,
        executor::Parts {
            rules: config.rules,
            ledger: Arc::clone(&config.ledger),
            source: Arc::clone(&config.source),
            pool: Arc::clone(&config.pool),
            outstanding,
            progress: progress.clone(),
            waiting: tuning.waiting,
            depth: tuning.depth,
            conduct: tuning.conduct.clone(),
        },
    );
    let marshal = marshal.start(executor, buffer, resolver);

    let leader_timeout = config.pace.interval + config.pace.idle + config.pace.patience;
    let certification_timeout = leader_timeout * 2;
    let observer = Observer { beacons, progress: progress.clone() };
    let simplex = Engine::new(
        runtime.child("simplex"),
        simplex::Config {
            scheme: config.scheme,
            elector: RoundRobin::<Sha256>::default(),
            blocker: config.blocker,
            automaton: automaton.clone(),
            relay: automaton.clone(),
            reporter: Reporters::from((automaton, observer)),
            track_historical_votes: false,
            strategy: config.strategy,
            partition: format!("{}votes-{EPOCH}", config.partition),
            mailbox_size: tuning.mailbox,
            epoch: EPOCH,
            floor: Floor::Genesis(floor),
            replay_buffer: BUFFER,
            write_buffer: BUFFER,
            page_cache: pages,
            leader_timeout,
            certification_timeout,
            timeout_retry: leader_timeout,
            view_retention: ViewDelta::new(tuning.views),
            skip: SkipPolicy::Enabled {
                timeout: certification_timeout * 2,
                budget: SkipBudget::Participants,
            },
            fetch_timeout,
            fetch_retry_delay: RETRY,
            forward: ForwardPolicy::SilentVoters,
        },
    );
    let simplex = simplex.start(channels.votes, channels.certificates, channels.resolver);

    let parts = Handle::select([spread, submit, finish, marshal, simplex]);
    let watched = progress.clone();
    let ended = runtime.child("watch").spawn(move |runtime| watched.watch(runtime, parts));
    Ok(Running { progress, archive: Arc::new(Marshal(mailbox)), ended })
}

/// The payload before the first.
fn genesis<K: Dissemination>(
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

fn archive<C>(
    config: &EngineConfig<impl Sized, impl Sized, impl Sized>,
    pages: &CacheRef,
    name: &str,
    codec: C,
) -> prunable::Config<EightCap, C> {
    let prefix = &config.partition;
    prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{prefix}{name}-metadata"),
        key_partition: format!("{prefix}{name}-keys"),
        key_page_cache: pages.clone(),
        value_partition: format!("{prefix}{name}-values"),
        compression: None,
        codec_config: codec,
        items_per_section: config.tuning.section,
        key_write_buffer: BUFFER,
        value_write_buffer: BUFFER,
        replay_buffer: BUFFER,
    }
}

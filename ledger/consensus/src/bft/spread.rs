//! How payloads get to the others, as the parts of that are put together.

use super::engine::{EngineConfig, Runtime};
use crate::{
    dissemination::{Coded, Coding, Dissemination, Whole},
    payload::Payload,
    scheme::{PublicKey, Scheme},
};
use commonware_broadcast::buffered;
use commonware_consensus::{
    CertifiableAutomaton, Relay, Reporter,
    marshal::{
        coding::{Marshaled, MarshaledConfig, shards},
        core::{Buffer, Mailbox},
        standard::Deferred,
    },
    simplex::{
        Plan,
        types::{Activity, Context},
    },
    types::{Epoch, FixedEpocher},
};
use commonware_cryptography::{Sha256, certificate::ConstantProvider};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Strategy;
use commonware_runtime::Handle;
use commonware_utils::NZUsize;
use std::{
    fmt,
    num::{NonZeroU64, NonZeroUsize},
};

/// Payloads of each peer that are kept before it is known whose turn it was.
const PEER_BUFFER: NonZeroUsize = NZUsize!(64);

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
    pub(super) buffer: B,
    pub(super) automaton: A,
    pub(super) handle: Handle<()>,
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
            records: config.tuning.records,
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
pub(super) fn epochs() -> FixedEpocher {
    FixedEpocher::new(NonZeroU64::MAX)
}

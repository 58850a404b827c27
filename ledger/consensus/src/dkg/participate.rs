//! One participant of a ceremony, on any runtime and any network.

use super::{
    Ceremony, DkgError, DkgOutcome, Secrets,
    attendance::{ANNOUNCE_EVERY, Attendance, Phase, Step},
};
use crate::{PrivateKey, PublicKey};
use commonware_consensus::types::Epoch;
use commonware_cryptography::{
    Signer as _,
    bls12381::{
        dkg::feldman_desmedt::Reveal,
        primitives::{
            sharing::{Mode, ModeVersion},
            variant::MinSig,
        },
    },
};
use commonware_glue::dkg::{
    SecretStore as _,
    bootstrap::{self, Completion, Engine},
};
use commonware_macros::select;
use commonware_p2p::{Blocker, Manager, Receiver, Recipients, Sender, TrackedPeers};
use commonware_parallel::Strategy;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage, buffer::paged::CacheRef};
use commonware_utils::{
    NZDuration, NZU16, NZU64, NZUsize, channel::oneshot, futures::OptionFuture, sequence::Unit,
};
use rand_core::CryptoRng;
use std::{
    num::{NonZeroU16, NonZeroU64, NonZeroUsize},
    time::Duration,
};
use tracing::{debug, info, warn};

/// Prefix of what everything signed in a ceremony begins with; its id follows.
const NAMESPACE: &[u8] = b"_MUNDI_DKG_";

/// Size of the pages in which the chain's files are cached, in bytes, and how many are.
const PAGE: NonZeroU16 = NZU16!(4_096);
const PAGES: NonZeroUsize = NZUsize!(256);

/// Buffers before and after the chain's files, in bytes.
const WRITE_BUFFER: NonZeroUsize = NZUsize!(64 * 1024);
const REPLAY_BUFFER: NonZeroUsize = NZUsize!(256 * 1024);

/// Messages that wait between the parts of the ceremony.
const MAILBOX: NonZeroUsize = NZUsize!(1_024);

/// Blocks per file of the chain.
const BLOCKS_PER_FILE: NonZeroU64 = NZU64!(64);

/// Before asking another participant for something that one did not send, and before asking again.
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
const FETCH_RETRY: Duration = Duration::from_millis(100);

/// How long a participant waits for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For all to arrive, before it goes on with those required or gives up.
    pub gather: Duration,
    /// For the outcome, from the start of the ceremony on.
    pub ceremony: Duration,
    /// For others to have their outcome, once it has its own.
    pub serve: Duration,
}

impl Default for Timeouts {
    /// Two minutes to arrive, ten for the ceremony, two to serve.
    fn default() -> Self {
        Self {
            gather: Duration::from_secs(120),
            ceremony: Duration::from_secs(600),
            serve: Duration::from_secs(120),
        }
    }
}

/// What a participant needs besides a runtime and channels.
pub struct Participation<M, B, T> {
    /// What all agree on.
    pub ceremony: Ceremony,
    /// This node's key.
    pub signer: PrivateKey,
    /// Tells the network whom to connect to. No peers may have been given to it before.
    pub manager: M,
    /// Tells the network whom to cut off.
    pub blocker: B,
    /// This node's secrets.
    pub secrets: Secrets,
    /// Where signatures are checked.
    pub strategy: T,
    /// What the names of the ceremony's files begin with, within the runtime's storage.
    pub partition: String,
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// One channel for each kind of message. Each has to carry [`Ceremony::max_message_size`].
pub struct Channels<S, R> {
    /// Who is there.
    pub presence: (S, R),
    /// Votes of the ceremony's chain.
    pub votes: (S, R),
    /// Its certificates.
    pub certificates: (S, R),
    /// Requests for certificates that somebody missed.
    pub resolver: (S, R),
    /// Requests for blocks that somebody missed.
    pub backfill: (S, R),
    /// Its blocks.
    pub broadcast: (S, R),
    /// Dealings and acknowledgements. Private: the network has to encrypt them.
    pub dealings: (S, R),
}

impl<S, R> Channels<S, R> {
    /// How many there are.
    pub const COUNT: u64 = 7;
}

/// Takes part in a ceremony until it has the outcome and the others do not need it any more.
///
/// The [module's documentation](super) says what happens. `context` has to give randomness fit for secrets.
/// What it started has ended when it returns an outcome, and is being ended when it returns an error.
pub async fn participate<E, M, B, T, S, R>(
    context: E,
    participation: Participation<M, B, T>,
    channels: Channels<S, R>,
) -> Result<DkgOutcome, DkgError>
where
    E: CryptoRng + Spawner + Metrics + Clock + Storage,
    M: Manager<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
    T: Strategy,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let Participation { ceremony, signer, mut manager, blocker, mut secrets, strategy, partition, timeouts } =
        participation;
    ceremony.check()?;
    let failures = secrets.clone();
    let me = signer.public_key();
    let peers = ceremony.keys();
    if peers.position(&me).is_none() {
        return Err(DkgError::NotParticipant { key: Box::new(me) });
    }

    let (mut announcements, mut presence) = channels.presence;
    let mut engine = Some({
        let config = bootstrap::Config {
            signer,
            manager: manager.clone(),
            blocker,
            secret_store: secrets.clone(),
            strategy,
            namespace: namespace(&ceremony),
            sharing_mode: Mode::NonZeroCounter,
            reveal: Reveal::V1,
            max_supported_mode: ModeVersion::v0(),
            partition_prefix: partition,
            page_cache: CacheRef::new(PAGE, PAGES),
            write_buffer: WRITE_BUFFER,
            replay_buffer: REPLAY_BUFFER,
            mailbox_size: MAILBOX,
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            items_per_section: BLOCKS_PER_FILE,
            participants: peers.clone(),
            directory: Unit,
            blocks_per_epoch: ceremony.blocks(),
        };
        let engine = Engine::<_, MinSig, _, _, _, _, _>::new(context.child("engine"), config);
        move || {
            engine.start(
                channels.votes,
                channels.certificates,
                channels.resolver,
                channels.backfill,
                channels.broadcast,
                channels.dealings,
            )
        }
    });
    // The engine gives the same peers under the same number again, which changes nothing.
    manager.track(Epoch::zero().get(), TrackedPeers::primary(peers));

    // A ceremony that this node has randomness for has begun.
    let seed = select! {
        failure = failures.failed() => return Err(failure.into()),
        seed = secrets.get_seed(Epoch::zero()) => seed,
    };
    let started = context.current();
    let mut attendance = Attendance::new(&ceremony, timeouts, seed.is_some(), started);
    let mut running = Running::default();
    let mut outcome = None;
    let mut next = started;
    loop {
        // Decide.
        let now = context.current();
        loop {
            if attendance.phase() >= Phase::Running
                && let Some(start) = engine.take()
            {
                info!(participants = ceremony.participants.len(), "key generation: the ceremony begins");
                running = Running::new(start());
            }
            match attendance.step(now) {
                Step::Stay => break,
                Step::Entered(phase) => {
                    debug!(?phase, "key generation: next phase");
                    next = now;
                }
                Step::TooFew(present) => {
                    return Err(DkgError::TooFew {
                        present,
                        required: ceremony.required,
                        participants: ceremony.participants.len(),
                        missing: missing(&ceremony, &attendance, &me, now),
                        waited: now.duration_since(started).unwrap_or_default(),
                    });
                }
                Step::NotCompleted => {
                    let missing = missing(&ceremony, &attendance, &me, now);
                    return Err(DkgError::NotCompleted { waited: timeouts.ceremony, missing });
                }
                Step::Leave => {
                    running.end().await;
                    let mut outcome: DkgOutcome = outcome.ok_or(DkgError::Stopped { part: "ceremony" })?;
                    let others = outcome.participants.iter().filter(|key| **key != me);
                    outcome.unfinished = others.filter(|key| !attendance.is_done(key)).cloned().collect();
                    return Ok(outcome);
                }
            }
        }

        // Announce.
        if now >= next {
            let _ = announcements.send(Recipients::All, vec![attendance.phase() as u8], true);
            attendance.announced();
            next = now + ANNOUNCE_EVERY;
        }

        // Wait.
        select! {
            failure = failures.failed() => return Err(failure.into()),
            completion = &mut running.completion => {
                running.completion = None.into();
                let Ok(Completion { info }) = completion else {
                    return Err(DkgError::Stopped { part: "ceremony's chain" });
                };
                let output = info.ok_or(DkgError::NoKey)?.output;
                let share = select! {
                    failure = failures.failed() => return Err(failure.into()),
                    share = secrets.get_share(Epoch::zero()) => share,
                };
                let made = DkgOutcome::new(&ceremony, &me, &output, share)?;
                info!(group_key = %made.group_key, revealed = made.revealed.len(), "key generation: the key is made");
                outcome = Some(made);
                attendance.complete(context.current());
                next = now;
            },
            _ = &mut running.engine => return Err(DkgError::Stopped { part: "ceremony's chain" }),
            message = presence.recv() => {
                let Ok((peer, message)) = message else {
                    return Err(DkgError::Stopped { part: "network" });
                };
                match Phase::read(message.as_ref()) {
                    Some(phase) => attendance.hear(peer, phase, context.current()),
                    None => warn!(%peer, "key generation: an announcement that is none, ignored"),
                }
            },
            _ = context.sleep_until(next) => {},
        }
    }
}

/// The running ceremony, if it has begun.
#[derive(Default)]
struct Running {
    engine: OptionFuture<Handle<()>>,
    completion: OptionFuture<oneshot::Receiver<Completion<MinSig>>>,
}

impl Running {
    fn new((engine, completion): (Handle<()>, oneshot::Receiver<Completion<MinSig>>)) -> Self {
        Self { engine: Some(engine).into(), completion: Some(completion).into() }
    }

    /// Ends it and waits until it has.
    async fn end(&mut self) {
        if let Some(engine) = self.engine.as_ref() {
            engine.abort();
            let _ = (&mut self.engine).await;
            self.engine = None.into();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.as_ref() {
            engine.abort();
        }
    }
}

/// Who is not there, for a message to people.
fn missing(
    ceremony: &Ceremony,
    attendance: &Attendance,
    me: &PublicKey,
    now: std::time::SystemTime,
) -> Vec<String> {
    ceremony.names(|key| key != me && !attendance.present(key, now))
}

/// What everything signed in a ceremony begins with.
///
/// The engine wants it for as long as the process lives. It is a few dozen bytes, once per ceremony taken part in.
fn namespace(ceremony: &Ceremony) -> &'static [u8] {
    Box::leak([NAMESPACE, ceremony.id().as_ref()].concat().into_boxed_slice())
}

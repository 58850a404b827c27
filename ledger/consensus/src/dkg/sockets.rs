//! A participant as a process: real sockets, real files, a runtime of its own.

use super::{
    Ceremony, Channels, DkgError, DkgOutcome, Participation, Secrets, SecretsError, Timeouts, participate,
};
use crate::PrivateKey;
use commonware_cryptography::{ChaCha20Poly1305, Signer as _};
use commonware_macros::select;
use commonware_p2p::authenticated::discovery;
use commonware_runtime::{
    Quota, Runner as _, Strategizer as _, Supervisor as _,
    tokio::{Config, Context, Runner},
};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZUsize};
use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    net::{SocketAddr, TcpListener},
    num::{NonZeroU32, NonZeroUsize},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// What a participant is started with.
pub struct DkgConfig {
    /// What all agree on.
    pub ceremony: Ceremony,
    /// This node's key: that of one of the participants.
    pub signer: PrivateKey,
    /// Where to listen. The others connect to the address that the ceremony names, which may lead here.
    pub listen: SocketAddr,
    /// Where secrets and the ceremony's chain are kept. The same one, to go on with a ceremony; otherwise an empty one.
    pub directory: PathBuf,
    /// How many threads to work on.
    pub threads: NonZeroUsize,
    /// How long to wait for others.
    pub timeouts: Timeouts,
}

/// Messages per second that a peer may send on each channel, and as many at once.
const RATE: NonZeroU32 = NZU32!(1_024);

/// Connections per second from one address and from one subnet: all participants may be behind one.
const CONNECTIONS: NonZeroU32 = NZU32!(256);

/// How far clocks of participants may be apart.
const CLOCKS: Duration = Duration::from_secs(5);

/// How old a handshake may be.
const HANDSHAKE_AGE: Duration = Duration::from_secs(10);

/// Before trying again to connect to somebody: others come and restart within seconds.
const RECONNECT: Duration = Duration::from_secs(1);

/// Between any two attempts to connect.
const DIAL_EVERY: Duration = Duration::from_millis(100);

/// How long participants talk about who is where.
const GOSSIP_EVERY: Duration = Duration::from_secs(5);

/// Messages that wait between parts of the network.
const MAILBOX: NonZeroUsize = NZUsize!(1_024);

/// Takes part in a ceremony over the network. Blocks until it is over, and whatever it started has ended when it returns.
///
/// # Errors
///
/// Every [`DkgError`].
pub fn run(config: DkgConfig) -> Result<DkgOutcome, DkgError> {
    if tokio::runtime::Handle::try_current().is_ok() {
        return Err(DkgError::InsideRuntime);
    }
    config.ceremony.check()?;
    let me = config.signer.public_key();
    if config.ceremony.keys().position(&me).is_none() {
        return Err(DkgError::NotParticipant { key: Box::new(me) });
    }
    let network = network_config(&config)?;
    let _locked = lock(&config.directory)?;
    let secrets = Secrets::open(config.directory.join("secrets"), &config.ceremony.id()).map_err(
        |error| match error {
            SecretsError::Other { .. } => DkgError::OtherCeremony { path: config.directory.clone() },
            error => DkgError::Secrets(Arc::new(error)),
        },
    )?;
    // The network would panic; an address that is free now is free in a moment, most likely.
    TcpListener::bind(config.listen).map_err(|source| DkgError::Listen { address: config.listen, source })?;

    let runtime = Config::new()
        .with_worker_threads(config.threads.get())
        .with_storage_directory(config.directory.join("chain"))
        .with_catch_panics(true);
    Runner::new(runtime).start(|context| connect(context, config, network, secrets))
}

/// Starts the network and takes part.
async fn connect(
    context: Context,
    config: DkgConfig,
    network: discovery::Config<Handshake>,
    secrets: Secrets,
) -> Result<DkgOutcome, DkgError> {
    let (mut network, oracle) = discovery::Network::new(context.child("network"), network);
    let mut channel = 0..Channels::<(), ()>::COUNT;
    let mut register = || network.register(channel.next().unwrap_or(u64::MAX), Quota::per_second(RATE));
    let channels = Channels {
        presence: register(),
        votes: register(),
        certificates: register(),
        resolver: register(),
        backfill: register(),
        broadcast: register(),
        dealings: register(),
    };
    let participation = Participation {
        ceremony: config.ceremony,
        signer: config.signer,
        manager: oracle.clone(),
        blocker: oracle,
        secrets,
        strategy: context.strategy(config.threads),
        partition: "dkg".into(),
        timeouts: config.timeouts,
    };
    let network = network.start();
    select! {
        _ = network => Err(DkgError::Stopped { part: "network" }),
        outcome = participate(context.child("participant"), participation, channels) => outcome,
    }
}

/// How connections are authenticated and encrypted.
type Handshake = Cups<Sake<PrivateKey>, ChaCha20Poly1305>;

fn network_config(config: &DkgConfig) -> Result<discovery::Config<Handshake>, DkgError> {
    let me = config.signer.public_key();
    let mut dialable = config.listen.into();
    let mut bootstrappers = Vec::new();
    for participant in &config.ceremony.participants {
        let ingress = participant.ingress()?;
        if participant.key == me {
            dialable = ingress;
        } else {
            bootstrappers.push((participant.key.clone(), ingress));
        }
    }
    let handshake = Cups::new(
        Sake {
            signer: config.signer.clone(),
            synchrony_bound: CLOCKS,
            max_handshake_age: HANDSHAKE_AGE,
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let participants = NonZeroUsize::new(config.ceremony.participants.len()).unwrap_or(NonZeroUsize::MIN);
    let mut network = discovery::Config::recommended(
        handshake,
        &[b"_MUNDI_DKG_NETWORK_", config.ceremony.id().as_ref()].concat(),
        config.listen,
        dialable,
        bootstrappers,
        participants,
        config.ceremony.max_message_size(),
        MAILBOX,
    );
    network.allow_private_ips = true;
    network.allow_dns = true;
    network.peer_connection_cooldown = RECONNECT;
    network.allowed_handshake_rate_per_ip = Quota::per_second(CONNECTIONS);
    network.allowed_handshake_rate_per_subnet = Quota::per_second(CONNECTIONS);
    network.dial_frequency = DIAL_EVERY;
    network.gossip_bit_vec_frequency = GOSSIP_EVERY;
    network.tracked_peer_sets = NonZeroUsize::MIN;
    Ok(network)
}

/// Makes the directory and keeps other processes out of it until the file returned is dropped.
fn lock(directory: &Path) -> Result<File, DkgError> {
    let failed = |path: PathBuf| move |source| DkgError::Directory { path, source };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed(directory.to_path_buf()))?;
    let path = directory.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed(path.clone()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DkgError::Locked { path: directory.to_path_buf() }),
        Err(TryLockError::Error(source)) => Err(DkgError::Directory { path, source }),
    }
}

//! A participant as a process: real sockets, real files, a runtime of its own.

use super::{
    Ceremony, Channels, DkgError, DkgOutcome, Participation, Secrets, SecretsError, Timeouts, participate,
};
use crate::{
    PrivateKey,
    folder::{self, FolderError},
    peers::{Handshake, Peers},
};
use commonware_cryptography::Signer as _;
use commonware_macros::select;
use commonware_p2p::authenticated::discovery;
use commonware_runtime::{
    Quota, Runner as _, Strategizer as _, Supervisor as _,
    tokio::{Config, Context, Runner},
};
use commonware_utils::NZU32;
use std::{
    net::{SocketAddr, TcpListener},
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    sync::Arc,
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
    let _taken = folder::take(&config.directory).map_err(|error| match error {
        FolderError::Taken => DkgError::Locked { path: config.directory.clone() },
        FolderError::Io(path, source) => DkgError::Directory { path, source },
    })?;
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

fn network_config(config: &DkgConfig) -> Result<discovery::Config<Handshake>, DkgError> {
    let me = config.signer.public_key();
    let mut dialable = config.listen.into();
    let mut others = Vec::new();
    for participant in &config.ceremony.participants {
        let ingress = participant.ingress()?;
        if participant.key == me {
            dialable = ingress;
        } else {
            others.push((participant.key.clone(), ingress));
        }
    }
    let peers = Peers {
        signer: config.signer.clone(),
        namespace: [b"_MUNDI_DKG_NETWORK_", config.ceremony.id().as_ref()].concat(),
        listen: config.listen,
        dialable,
        others,
        max_message_size: config.ceremony.max_message_size(),
    };
    Ok(peers.config())
}

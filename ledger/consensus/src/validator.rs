//! A validator of a network, as a part of a node.
//!
//! It runs on threads and a runtime of its own, keeps its votes, payloads and certificates in a folder of its own, and talks to the
//! other validators over connections that they both authenticate. The node sees a [`Sequencer`].

use crate::{
    archive::Archive,
    bft::{self, Channels, EngineConfig, Fault, Progress, Spread, Tuning},
    dissemination::{Coded, LEAST_CODED, Whole},
    files::{Committee, FileError, NetworkFile, ValidatorFile},
    folder::{self, FolderError},
    forward::{self, Forwarder, PoolIntake, PoolOutbox, Workers, follow_leaders, follow_pool},
    host::{self, Worker},
    peers::{Handshake, Peers, ingress},
    rules::{Pace, Rules},
    scheme::{PrivateKey, PublicKey, Scheme, namespace},
};
use alloy_primitives::{Address, B256};
use commonware_cryptography::Signer;
use commonware_p2p::{Manager as _, authenticated::discovery};
use commonware_runtime::{
    Metrics as _, Quota, Spawner as _, Strategizer as _, Supervisor as _, tokio::Context,
};
use commonware_utils::NZU32;
use mundi_chain::{Finality, Ledger, Sequencer};
use mundi_mempool::Mempool;
use std::{
    fmt,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use tokio::sync::oneshot;

/// What makes a node a validator.
#[derive(Clone, Debug)]
pub struct ValidatorConfig {
    /// The network.
    pub network: NetworkFile,
    /// Which of its validators this is.
    pub secrets: ValidatorFile,
    /// Where to listen for the others; by default at the address that the network has of this validator.
    pub listen: Option<SocketAddr>,
    /// Who gets the fees of its payloads.
    pub beneficiary: Address,
    /// Where votes, payloads and certificates are kept. To delete it is to forget what was signed.
    pub directory: PathBuf,
    /// Threads for messages, and as many for signatures and codes.
    pub threads: NonZeroUsize,
    /// How much is kept and waited for.
    pub tuning: Tuning,
}

/// Why a validator does not start.
#[derive(Debug, thiserror::Error)]
pub enum ValidatorError {
    /// One of its files is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The network is of another chain.
    #[error("the network is for the chain whose genesis block is {network}, and this chain's is {chain}")]
    Genesis {
        /// The network's.
        network: B256,
        /// The chain's.
        chain: B256,
    },
    /// The key is not in the network.
    #[error("the key {key} in the validator's file is none of the network's validators")]
    Stranger {
        /// Its public key.
        key: B256,
    },
    /// The share is somebody else's.
    #[error(
        "the share in the validator's file is not that of the validator {name}: it was dealt to another, or for another network"
    )]
    Share {
        /// Its name.
        name: String,
    },
    /// An address of the network cannot be dialled.
    #[error("the address {address} of the validator {name}: {reason}")]
    Address {
        /// Whose.
        name: String,
        /// Which.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// It cannot listen.
    #[error("cannot listen for other validators on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// Another process has its folder.
    #[error("another process is the validator of {path}: two of them would sign against each other")]
    Taken {
        /// Which folder.
        path: PathBuf,
    },
    /// Its folder cannot be used.
    #[error("{path}: {error}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It cannot start.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A running validator. Dropped, it stops.
pub struct Validator {
    committee: Committee,
    started: Started,
    worker: Worker,
}

/// What a started validator can be asked.
#[derive(Clone)]
struct Started {
    progress: Progress,
    archive: Arc<dyn Archive>,
    context: Arc<Context>,
}

/// Messages per second that a peer may send, and as many at once: votes and payloads, of which there are some for each view;
const MESSAGES: Quota = Quota::per_second(NZU32!(4_096));

/// questions for what it lacks, each of which costs whoever answers a payload to read;
const QUESTIONS: Quota = Quota::per_second(NZU32!(512));

/// how far everybody is;
const GREETINGS: Quota = Quota::per_second(NZU32!(16));

/// transactions, which have limits of their own.
const TRANSACTIONS: Quota = Quota::per_second(NZU32!(16_384));

/// How long parts have to end.
const END: Duration = Duration::from_secs(5);

impl Validator {
    /// Starts a validator over a ledger and a pool; `workers` recover senders. Not to be called within a runtime.
    pub fn start(
        config: ValidatorConfig,
        ledger: &Arc<Ledger>,
        pool: &Arc<Mempool>,
        workers: &Arc<rayon::ThreadPool>,
    ) -> Result<Self, ValidatorError> {
        let committee = config.network.committee()?;
        let genesis = ledger.block(0).map_err(|error| Fault::Ledger(error.to_string()))?;
        let genesis = genesis.ok_or_else(|| Fault::Ledger("the genesis block is not kept".into()))?;
        if genesis.hash != committee.genesis {
            return Err(ValidatorError::Genesis { network: committee.genesis, chain: genesis.hash });
        }
        let setup = Setup {
            rules: config.network.rules(genesis.header.gas_limit)?,
            pace: config.network.pace(),
            node: Identity::new(&config, &committee)?,
            committee: committee.clone(),
            ledger: Arc::clone(ledger),
            pool: Arc::clone(pool),
            workers: Arc::clone(workers),
            config,
        };
        let directory = setup.config.directory.clone();
        let taken = folder::take(&directory).map_err(|error| match error {
            FolderError::Taken => ValidatorError::Taken { path: directory.clone() },
            FolderError::Io(path, error) => ValidatorError::Directory { path, error },
        })?;
        folder::check_format(&directory)
            .map_err(|error| ValidatorError::Directory { path: directory.clone(), error })?;
        let (told, answer) = mpsc::channel();
        let worker = Worker::start("validator", move |stopped| {
            setup.run(told, stopped);
            drop(taken);
        })?;
        let started = answer.recv().map_err(|_| Fault::Engine("it ended before it began".into()))??;
        Ok(Self { committee, started, worker })
    }

    /// How far it is.
    pub const fn progress(&self) -> &Progress {
        &self.started.progress
    }

    /// What is final.
    pub fn archive(&self) -> &Arc<dyn Archive> {
        &self.started.archive
    }

    /// The validators of its network.
    pub const fn committee(&self) -> &Committee {
        &self.committee
    }

    /// The figures of all its parts, in the text format of Prometheus.
    pub fn figures(&self) -> String {
        self.started.context.encode()
    }

    /// How many other validators it is connected to.
    pub fn peers(&self) -> usize {
        let connected = |line: &&str| line.contains("tracker_directory_connected{") && !line.ends_with(" 0");
        self.figures().lines().filter(connected).count()
    }
}

impl Sequencer for Validator {
    fn finality(&self) -> Finality {
        let progress = self.progress();
        Finality { safe: progress.executed().anchor.height, finalized: progress.anchored() }
    }

    fn wake(&self) {
        self.progress().wake();
    }

    fn stop(&self) {
        if !self.worker.end() {
            tracing::error!(target: "consensus", "the validator did not end well");
        }
    }
}

impl Drop for Validator {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").field("progress", self.progress()).finish_non_exhaustive()
    }
}

/// Which of the validators a node is.
struct Identity {
    key: PrivateKey,
    scheme: Scheme,
    peers: Vec<(PublicKey, commonware_p2p::Ingress)>,
    dialable: commonware_p2p::Ingress,
    listen: SocketAddr,
}

impl Identity {
    fn new(config: &ValidatorConfig, committee: &Committee) -> Result<Self, ValidatorError> {
        let key = config.secrets.key()?;
        let me = key.public_key();
        let position = committee.participants.iter().position(|other| *other == me);
        let position = position.ok_or_else(|| ValidatorError::Stranger { key: B256::from_slice(&me) })?;
        let member = &committee.members[position];
        let share = config.secrets.share()?;
        let scheme = (share.index.get() as usize == position).then(|| committee.signer(share)).flatten();
        let scheme = scheme.ok_or_else(|| ValidatorError::Share { name: member.name.clone() })?;
        let mut peers = Vec::new();
        let mut dialable = None;
        for (key, member) in committee.participants.iter().zip(&committee.members) {
            let wrong = |reason| ValidatorError::Address {
                name: member.name.clone(),
                address: member.address.clone(),
                reason,
            };
            let ingress = ingress(&member.address).map_err(wrong)?;
            if *key == me {
                dialable = Some(ingress);
            } else {
                peers.push((key.clone(), ingress));
            }
        }
        let wrong = |reason: String| ValidatorError::Address {
            name: member.name.clone(),
            address: member.address.clone(),
            reason,
        };
        let listen = match config.listen {
            Some(listen) => listen,
            None => {
                let mut found = member.address.to_socket_addrs().map_err(|error| wrong(error.to_string()))?;
                found.next().ok_or_else(|| wrong("it leads nowhere".into()))?
            }
        };
        // The network would panic; an address that is free now is free in a moment, most likely.
        TcpListener::bind(listen).map_err(|error| ValidatorError::Listen { address: listen, error })?;
        let dialable = dialable.ok_or_else(|| wrong("it is not there".into()))?;
        Ok(Self { key, scheme, peers, dialable, listen })
    }
}

/// All that the validator's thread is given.
struct Setup {
    config: ValidatorConfig,
    rules: Rules,
    pace: Pace,
    node: Identity,
    committee: Committee,
    ledger: Arc<Ledger>,
    pool: Arc<Mempool>,
    workers: Arc<rayon::ThreadPool>,
}

type Told = mpsc::Sender<Result<Started, Fault>>;

impl Setup {
    /// Runs until it is stopped or a part of it ends.
    fn run(self, told: Told, stopped: oneshot::Receiver<()>) {
        let (threads, storage) = (self.config.threads, self.config.directory.join("storage"));
        host::run(threads, storage, |context, found| async move {
            if self.committee.members.len() < LEAST_CODED {
                self.order::<Whole>(context, told, stopped, &found).await;
            } else {
                self.order::<Coded>(context, told, stopped, &found).await;
            }
        });
    }

    async fn order<K: Spread>(
        self,
        context: Context,
        told: Told,
        stopped: oneshot::Receiver<()>,
        found: &Mutex<Option<Progress>>,
    ) {
        let Self { config, rules, pace, node, committee, ledger, pool, workers } = self;
        let public_key = node.key.public_key();
        let validators = u32::try_from(committee.members.len()).unwrap_or(u32::MAX);
        let largest = bft::max_message_size::<K>(validators, &rules.bounds);
        let namespace = namespace(committee.genesis);
        let peers = Peers {
            signer: node.key,
            namespace: [b"_PEERS", namespace.as_slice()].concat(),
            listen: node.listen,
            dialable: node.dialable,
            others: node.peers,
            max_message_size: largest.max(u32::try_from(forward::MAX_MESSAGE_BYTES).unwrap_or(u32::MAX)),
        };
        let (mut network, mut oracle) =
            discovery::Network::<_, Handshake>::new(context.child("network"), peers.config());
        oracle.track(0, committee.participants.clone());
        let mut next = 0..;
        let mut register = |rate| network.register(next.next().unwrap_or(u64::MAX), rate);
        let channels = Channels {
            votes: register(MESSAGES),
            certificates: register(MESSAGES),
            resolver: register(QUESTIONS),
            backfill: register(QUESTIONS),
            payloads: register(MESSAGES),
            standing: register(GREETINGS),
        };
        let transactions = register(TRANSACTIONS);
        let strategy = context.strategy(config.threads);
        let engine = EngineConfig {
            public_key: public_key.clone(),
            scheme: node.scheme,
            rules,
            pace,
            beneficiary: config.beneficiary,
            tuning: config.tuning,
            ledger,
            source: Arc::clone(&pool) as _,
            pool: Arc::clone(&workers),
            strategy,
            blocker: oracle.clone(),
            peers: oracle.clone(),
            partition: String::new(),
        };
        let running = match bft::start::<K, _, _, _, _, _, _>(context.child("bft"), engine, channels).await {
            Ok(running) => running,
            Err(fault) => {
                let _ = told.send(Err(fault));
                return;
            }
        };
        let progress = running.progress.clone();
        *found.lock().expect("no holder panics") = Some(progress.clone());
        let leadership = follow_leaders(&context, committee.participants.clone(), &progress);
        let forwarder =
            forward::Config { me: public_key, namespace, leadership, limits: forward::Limits::default() };
        let threads = Workers::Threads(workers);
        let outbox = PoolOutbox::new(Arc::clone(&pool), threads.clone());
        let intake = PoolIntake::new(Arc::clone(&pool), threads);
        let forwarder = Forwarder::new(context.child("forward"), forwarder, oracle, outbox, intake);
        let _forwarding = forwarder.start(transactions);
        follow_pool(&context, &pool, &progress);
        let network = network.start();
        let started = Started {
            progress: progress.clone(),
            archive: running.archive,
            context: Arc::new(context.child("figures")),
        };
        let _ = told.send(Ok(started));
        let ended = futures::future::select(running.ended, network);
        if let futures::future::Either::Right(_) = futures::future::select(stopped, ended).await {
            progress.fail(Fault::Engine("a part of it ended".into()));
        } else {
            // Who stops a validator waits for the figures of its last moments no longer than this.
            let _ = context.stop(0, Some(END)).await;
        }
    }
}

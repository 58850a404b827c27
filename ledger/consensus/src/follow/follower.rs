//! A follower, as a part of a node.

use super::{
    check::is_final,
    engine::{self, EngineConfig, Tuning},
    relay::relay,
    upstream::{Status, Upstream, UpstreamError},
};
use crate::{
    archive::Archive,
    bft::{Fault, Progress, Running},
    dissemination::{Coded, Dissemination, Whole},
    folder::check_format,
    forward::{PoolOutbox, Workers},
    host::{self, Worker},
    scheme::GroupKey,
};
use alloy_primitives::B256;
use commonware_runtime::{Clock as _, Metrics as _, Spawner as _, Supervisor as _, tokio::Context};
use mundi_chain::{Finality, Ledger, Sequencer};
use mundi_mempool::Mempool;
use serde::{Deserialize, Serialize};
use std::{
    fmt, fs, io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use tokio::sync::oneshot;

/// What makes a node a follower.
#[derive(Clone)]
pub struct FollowerConfig {
    /// What certificates are checked with.
    pub group_key: GroupKey,
    /// Whom to ask; the first one first.
    pub upstreams: Vec<Arc<dyn Upstream>>,
    /// Where payloads and certificates are kept.
    pub directory: PathBuf,
    /// Threads that wait for upstreams and the disk.
    pub threads: NonZeroUsize,
    /// How long upstreams have to answer a node that starts for the first time.
    pub patience: Duration,
    /// How much is fetched, kept and waited for.
    pub tuning: Tuning,
}

impl fmt::Debug for FollowerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let upstreams: Vec<&str> = self.upstreams.iter().map(|upstream| upstream.name()).collect();
        f.debug_struct("FollowerConfig")
            .field("group_key", &self.group_key)
            .field("upstreams", &upstreams)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// Why a follower does not start.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// There is nobody to follow.
    #[error("a follower needs a node to follow: give the address of one")]
    NoUpstream,
    /// Nobody answers, and it is not known yet what the network is like.
    #[error("none of the nodes to follow answers; the last one was {upstream}: {error}")]
    Silence {
        /// Who did not answer last.
        upstream: String,
        /// Why.
        error: UpstreamError,
    },
    /// A node is of another chain.
    #[error(
        "{upstream} is of the chain with genesis {theirs}, and this node is of {ours}: check --genesis and --follow"
    )]
    Genesis {
        /// Whose.
        upstream: String,
        /// Its genesis.
        theirs: B256,
        /// The one here.
        ours: B256,
    },
    /// Nodes contradict each other.
    #[error(
        "{one} and {other} do not agree whether payloads are erasure-coded in this network: one of them lies; leave it out"
    )]
    Discord {
        /// Who says yes.
        one: String,
        /// Who says no.
        other: String,
    },
    /// Its folder cannot be used.
    #[error("{path}: {error}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It cannot start.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A running follower. Dropped, it stops.
pub struct Follower {
    started: Started,
    worker: Worker,
}

/// What a started follower can be asked.
#[derive(Clone)]
struct Started {
    progress: Progress,
    archive: Arc<dyn Archive>,
    context: Arc<Context>,
}

/// How long parts have to end.
const END: Duration = Duration::from_secs(5);

/// Time between two questions to upstreams that do not answer.
const PAUSE: Duration = Duration::from_millis(500);

impl Follower {
    /// Starts a follower over a ledger and a pool; `workers` recover senders. Not to be called within a runtime.
    ///
    /// When it starts for the first time it waits for an upstream that answers.
    pub fn start(
        config: FollowerConfig,
        ledger: &Arc<Ledger>,
        pool: &Arc<Mempool>,
        workers: &Arc<rayon::ThreadPool>,
    ) -> Result<Self, FollowError> {
        if config.upstreams.is_empty() {
            return Err(FollowError::NoUpstream);
        }
        fs::create_dir_all(&config.directory)
            .and_then(|()| check_format(&config.directory))
            .map_err(|error| FollowError::Directory { path: config.directory.clone(), error })?;
        let setup = Setup {
            config,
            ledger: Arc::clone(ledger),
            pool: Arc::clone(pool),
            workers: Arc::clone(workers),
        };
        let (told, answer) = mpsc::channel();
        let worker = Worker::start("follower", move |stopped| setup.run(told, stopped))?;
        let started = answer.recv().map_err(|_| Fault::Engine("it ended before it began".into()))??;
        Ok(Self { started, worker })
    }

    /// How far it is.
    pub const fn progress(&self) -> &Progress {
        &self.started.progress
    }

    /// What is final.
    pub fn archive(&self) -> &Arc<dyn Archive> {
        &self.started.archive
    }

    /// The figures of all its parts, in the text format of Prometheus.
    pub fn figures(&self) -> String {
        self.started.context.encode()
    }
}

impl Sequencer for Follower {
    fn finality(&self) -> Finality {
        let progress = self.progress();
        Finality { safe: progress.executed().anchor.height, finalized: progress.anchored() }
    }

    fn wake(&self) {}

    fn stop(&self) {
        if !self.worker.end() {
            tracing::error!(target: "follow", "the follower did not end well");
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("progress", self.progress()).finish_non_exhaustive()
    }
}

/// All that the follower's thread is given.
struct Setup {
    config: FollowerConfig,
    ledger: Arc<Ledger>,
    pool: Arc<Mempool>,
    workers: Arc<rayon::ThreadPool>,
}

type Told = mpsc::Sender<Result<Started, FollowError>>;

impl Setup {
    /// Runs until it is stopped or a part of it ends.
    fn run(self, told: Told, stopped: oneshot::Receiver<()>) {
        let (threads, storage) = (self.config.threads, self.config.directory.clone());
        host::run(threads, storage, |context, found| async move {
            match self.network(&context).await {
                Ok(true) => self.follow::<Coded>(context, told, stopped, &found).await,
                Ok(false) => self.follow::<Whole>(context, told, stopped, &found).await,
                Err(error) => _ = told.send(Err(error)),
            }
        });
    }

    /// Whether payloads are erasure-coded in this network: as it turned out before, as somebody proves with a final payload, or, where nothing is
    /// final yet, as all upstreams say that answer.
    async fn network(&self, context: &Context) -> Result<bool, FollowError> {
        let ours = self.ledger.store().genesis();
        if let Some(known) = Known::read(&self.config.directory).filter(|known| known.genesis_hash == ours) {
            return Ok(known.coded);
        }
        let end = context.current() + self.config.patience;
        loop {
            let (mut said, mut silence) = ([None, None], None);
            for upstream in &self.config.upstreams {
                let name = || upstream.name().to_owned();
                match upstream.status().await {
                    Ok(Status { genesis_hash: theirs, .. }) if theirs != ours => {
                        return Err(FollowError::Genesis { upstream: name(), theirs, ours });
                    }
                    Ok(Status { coded, ordered, .. }) => {
                        if self.is_proved(&**upstream, coded, ordered).await {
                            return Ok(coded);
                        }
                        said[usize::from(coded)] = Some(name());
                    }
                    Err(error) => silence = Some(FollowError::Silence { upstream: name(), error }),
                }
            }
            match (said, silence) {
                ([Some(other), Some(one)], _) => return Err(FollowError::Discord { one, other }),
                ([None, Some(_)], _) => return Ok(true),
                ([Some(_), None], _) => return Ok(false),
                ([None, None], Some(error)) if context.current() >= end => return Err(error),
                _ => context.sleep(PAUSE).await,
            }
        }
    }

    /// Whether an upstream has a final payload that looks as it says they do.
    async fn is_proved(&self, upstream: &dyn Upstream, coded: bool, ordered: u64) -> bool {
        let Ok(served) = upstream.finalized(ordered, 1).await else { return false };
        let Some(served) = served.first() else { return false };
        let scheme = self.config.group_key.verifier(self.ledger.store().genesis());
        let view = if coded {
            is_final::<Coded>(&scheme, ordered, served)
        } else {
            is_final::<Whole>(&scheme, ordered, served)
        };
        view.is_ok_and(|view| view.is_some())
    }

    async fn follow<K: Dissemination>(
        self,
        context: Context,
        told: Told,
        stopped: oneshot::Receiver<()>,
        found: &Mutex<Option<Progress>>,
    ) {
        let Self { config, ledger, pool, workers } = self;
        let engine = EngineConfig {
            group_key: config.group_key,
            upstreams: config.upstreams.clone(),
            tuning: config.tuning.clone(),
            ledger: Arc::clone(&ledger),
            source: Arc::clone(&pool) as _,
            pool: Arc::clone(&workers),
            partition: String::new(),
        };
        let Running { progress, archive, ended } =
            match engine::start::<K, _>(context.child("follow"), engine).await {
                Ok(running) => running,
                Err(fault) => {
                    let _ = told.send(Err(fault.into()));
                    return;
                }
            };
        *found.lock().expect("no holder panics") = Some(progress.clone());
        let outbox = PoolOutbox::new(pool, Workers::Threads(workers));
        let (upstreams, resend) = (config.upstreams, config.tuning.resend);
        context.child("relay").spawn(move |clock| relay(clock, outbox, upstreams, resend));
        let known = Known { genesis_hash: ledger.store().genesis(), coded: K::CODED };
        let (views, directory) = (progress.watch_view(), config.directory);
        context.child("network").spawn(move |_| async move {
            // Something was proved, so it is true.
            views.changed().await;
            known.write(&directory);
        });
        let started =
            Started { progress: progress.clone(), archive, context: Arc::new(context.child("figures")) };
        let _ = told.send(Ok(started));
        if let futures::future::Either::Right(_) = futures::future::select(stopped, ended).await {
            progress.fail(Fault::Engine("a part of it ended".into()));
        } else {
            let _ = context.stop(0, Some(END)).await;
        }
    }
}

/// What was learned of the network.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Known {
    genesis_hash: B256,
    coded: bool,
}

impl Known {
    const FILE: &str = "network.json";

    /// What is no such file is as good as none.
    fn read(directory: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(directory.join(Self::FILE)).ok()?).ok()
    }

    fn write(&self, directory: &Path) {
        let path = directory.join(Self::FILE);
        let written =
            serde_json::to_vec(self).map_err(io::Error::other).and_then(|json| fs::write(&path, json));
        if let Err(error) = written {
            tracing::warn!(target: "follow", path = %path.display(), %error, "cannot be written");
        }
    }
}

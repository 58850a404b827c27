//! How the parts are put together.

use super::{
    archives::{Archives, Mailbox, Sizes},
    catch_up,
    check::Checker,
    deliver::Deliver,
    fetch::{Fetch, Parts},
    upstream::{MOST_BATCH_BYTES, Upstream},
};
use crate::{
    bft::{
        Fault, Progress, Running, Runtime, Waiting,
        executor::{self, Feed, Parts as ExecutorParts},
        outstanding::Outstanding,
    },
    dissemination::Dissemination,
    payload::Anchor,
    rules::Rules,
    scheme::{Digest, GroupKey},
};
use commonware_runtime::Handle;
use commonware_utils::NZU64;
use mundi_chain::{Ledger, SharedSource};
use std::{fmt, num::NonZeroU64, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Batches that are fetched ahead of what is being executed.
const AHEAD: usize = 2;

/// How much is fetched, kept and waited for.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Bytes of payloads that are fetched at a time. Default: 4 MiB.
    pub batch: u32,
    /// How long after nothing new was there an upstream is asked again. Default: 100 ms.
    pub poll: Duration,
    /// After how long transactions of users are sent again that are in no payload. Default: 3 s.
    pub resend: Duration,
    /// Payloads in the ledger that are not durable yet. Default: 64.
    pub depth: usize,
    /// Heights in a file of the archive. Fixed for the life of a chain's folder. Default: 32,768.
    pub section: NonZeroU64,
    /// Bytes of pages of the archive that are kept in memory. Default: 16 MiB.
    pub page_cache: usize,
    /// How the ledger is waited for.
    pub waiting: Waiting,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            batch: MOST_BATCH_BYTES / 2,
            poll: Duration::from_millis(100),
            resend: Duration::from_secs(3),
            depth: 64,
            section: NZU64!(32_768),
            page_cache: 16 << 20,
            waiting: Waiting::Aside,
        }
    }
}

/// What following needs.
#[derive(Clone)]
pub struct EngineConfig {
    /// What certificates are checked with.
    pub group_key: GroupKey,
    /// Whom to ask; the first one first.
    pub upstreams: Vec<Arc<dyn Upstream>>,
    /// How much is fetched, kept and waited for.
    pub tuning: Tuning,
    /// Executes.
    pub ledger: Arc<Ledger>,
    /// This node's pool, which learns what is ordered.
    pub source: Arc<dyn SharedSource>,
    /// Recovers senders.
    pub pool: Arc<rayon::ThreadPool>,
    /// What names of partitions in storage begin with.
    pub partition: String,
}

impl fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineConfig").field("group_key", &self.group_key).finish_non_exhaustive()
    }
}

/// Starts following, from the ledger's newest block on.
pub async fn start<K: Dissemination, E: Runtime>(runtime: E, config: EngineConfig) -> Result<Running, Fault> {
    let EngineConfig { group_key, upstreams, tuning, ledger, source, pool, partition } = config;
    let head = Arc::clone(&ledger.head().block);
    let progress = Progress::new(Anchor { height: head.header.number, hash: head.hash });
    let sizes = Sizes { section: tuning.section, page_cache: tuning.page_cache };
    let archives = Archives::open(&runtime, &partition, sizes).await?;
    if let Some(height) = archives.anchor::<K>(head.header.number).await? {
        progress.set_anchored(height);
    }
    let next = next(&archives, head.header.number);
    let parent = parent(&ledger, next)?;
    let (archives, kept): (Mailbox<K>, _) = archives.start(&runtime, progress.clone());
    let parts = ExecutorParts {
        rules: Rules::new(head.header.gas_limit),
        ledger: Arc::clone(&ledger),
        outstanding: Outstanding::new(Arc::clone(&source)),
        source,
        pool,
        progress: progress.clone(),
        waiting: tuning.waiting,
        depth: tuning.depth,
        conduct: None,
    };
    let (executor, [submit, finish]) = executor::start::<E, K>(&runtime, parts);
    let (batches, inbox) = mpsc::channel(AHEAD);
    let deliver = Deliver { archives: archives.clone(), ledger: Feed::new(executor, tuning.depth) };
    let deliver = runtime.child("deliver").spawn(move |clock| deliver.run(clock, inbox));
    let genesis = ledger.store().genesis();
    let scheme = group_key.verifier(genesis);
    let parts = Parts {
        upstreams,
        genesis,
        checker: Some(Checker::new(scheme.clone(), next, parent)),
        scheme,
        progress: progress.clone(),
        batches,
        bytes: tuning.batch.clamp(1, MOST_BATCH_BYTES),
        poll: tuning.poll,
        waiting: tuning.waiting,
    };
    let fetch = runtime.child("fetch").spawn(move |runtime| Fetch::new(runtime, parts).run());
    let followed = progress.clone();
    let report = runtime.child("report").spawn(move |clock| catch_up::report(clock, followed));
    let parts = Handle::select([kept, submit, finish, deliver, fetch, report]);
    let watched = progress.clone();
    let ended = runtime.child("watch").spawn(move |runtime| watched.watch(runtime, parts));
    Ok(Running { progress, archive: Arc::new(archives), ended })
}

/// Height of the next payload to fetch. What the ledger has and the archive lacks, because the node ended before it was on the
/// disk, comes again; so does what the archive has and the ledger lacks.
fn next<E: Runtime>(archives: &Archives<E>, head: u64) -> u64 {
    match archives.newest() {
        Some(newest) => newest.min(head) + 1,
        None => head + 1,
    }
}

/// The digest of the payload before a height, if there is one.
fn parent(ledger: &Ledger, next: u64) -> Result<Option<Digest>, Fault> {
    let Some(height) = next.checked_sub(1).filter(|height| *height > 0) else { return Ok(None) };
    let block = ledger.block(height).map_err(|error| Fault::Ledger(error.to_string()))?;
    let digest = block.and_then(|block| block.header.parent_beacon_block_root);
    Ok(digest.map(|digest| Digest::from(digest.0)))
}

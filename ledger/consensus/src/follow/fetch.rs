//! Asking upstreams, one after another as it goes.

use super::{
    batch::Batch,
    check::{Checker, Lie, is_final},
    upstream::{Served, Status, Upstream, UpstreamError},
};
use crate::{
    bft::{Fault, Progress, Runtime, Waiting},
    dissemination::Dissemination,
    scheme::Scheme,
};
use alloy_primitives::B256;
use commonware_consensus::{Heightable, Viewable};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::mpsc;

/// After how long an upstream is asked anew how far it is, by a node that is behind.
const GREET: Duration = Duration::from_secs(10);

/// After how long without anything new another upstream is asked, and how long an answer may take.
const QUIET: Duration = Duration::from_secs(3);

/// Heights that are fetched without asking first how many there are.
const NEAR: u64 = 64;

/// Time before an upstream that did not answer is asked again: this, then twice that, up to [`MOST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(250);
const MOST_PAUSE: Duration = Duration::from_secs(15);

/// What fetching needs.
pub(super) struct Parts<K: Dissemination> {
    pub(super) upstreams: Vec<Arc<dyn Upstream>>,
    pub(super) genesis: B256,
    pub(super) scheme: Scheme,
    /// Not there while it is at work elsewhere.
    pub(super) checker: Option<Checker<K>>,
    pub(super) progress: Progress,
    pub(super) batches: mpsc::Sender<Batch<K>>,
    pub(super) bytes: u32,
    pub(super) poll: Duration,
    pub(super) waiting: Waiting,
}

struct Source {
    upstream: Arc<dyn Upstream>,
    /// Failures one after the other.
    failures: u32,
    /// Not to be asked before.
    rest: SystemTime,
    /// When it said how far it is.
    greeted: Option<SystemTime>,
}

/// Why an upstream is left.
enum Trouble {
    Silent(UpstreamError),
    Lied(Lie),
    /// Nobody takes what is fetched any more.
    Over,
}

impl From<Lie> for Trouble {
    fn from(lie: Lie) -> Self {
        match lie {
            // One that caught up lacks the certificates of what it fetched: another may have them.
            Lie::Uncertified { .. } => Self::Silent(UpstreamError::Refused(lie.to_string())),
            lie => Self::Lied(lie),
        }
    }
}

/// What an upstream gave.
enum Given {
    /// Payloads that are final.
    Proven,
    /// Payloads of which nobody knows yet.
    Unproven,
    Nothing,
}

impl From<UpstreamError> for Trouble {
    fn from(error: UpstreamError) -> Self {
        Self::Silent(error)
    }
}

pub(super) struct Fetch<E: Runtime, K: Dissemination> {
    runtime: E,
    parts: Parts<K>,
    sources: Vec<Source>,
    /// How long the last answer took.
    took: Duration,
}

impl<E: Runtime, K: Dissemination> Fetch<E, K> {
    pub(super) fn new(runtime: E, mut parts: Parts<K>) -> Self {
        let sources = std::mem::take(&mut parts.upstreams).into_iter().map(|upstream| Source {
            upstream,
            failures: 0,
            rest: SystemTime::UNIX_EPOCH,
            greeted: None,
        });
        let sources = sources.collect();
        Self { runtime, parts, sources, took: Duration::ZERO }
    }

    /// Fetches until nobody takes it any more, or nobody is left to ask.
    pub(super) async fn run(mut self) {
        let mut current = 0;
        let mut heard = self.runtime.current();
        while !self.sources.is_empty() {
            current %= self.sources.len();
            let now = self.runtime.current();
            if self.sources[current].rest > now {
                let soonest = (0..self.sources.len()).min_by_key(|index| self.sources[*index].rest);
                current = soonest.unwrap_or(current);
                self.runtime.sleep_until(self.sources[current].rest).await;
            }
            match self.ask(current).await {
                Ok(given) => {
                    self.sources[current].failures = 0;
                    if let Given::Nothing = given {
                        self.runtime.sleep(self.parts.poll).await;
                    }
                    let now = self.runtime.current();
                    if let Given::Proven = given {
                        heard = now;
                    }
                    // Who gives a little now and then holds a node up as well as who gives nothing.
                    let quiet = now.duration_since(heard).unwrap_or_default().max(self.took);
                    if quiet >= QUIET && self.sources.len() > 1 {
                        heard = now;
                        current = self.leave(current);
                    }
                }
                Err(Trouble::Silent(error)) => {
                    let source = &mut self.sources[current];
                    let pause = PAUSE.saturating_mul(1 << source.failures.min(16)).min(MOST_PAUSE);
                    source.failures += 1;
                    source.rest = self.runtime.current() + pause;
                    source.greeted = None;
                    let upstream = source.upstream.name();
                    if source.failures == 1 {
                        tracing::warn!(target: "follow", upstream, %error, "an upstream gives nothing");
                    } else {
                        tracing::debug!(target: "follow", upstream, %error, "an upstream gives nothing still");
                    }
                    current = self.leave(current);
                }
                Err(Trouble::Lied(lie)) => {
                    let source = self.sources.remove(current);
                    let upstream = source.upstream.name();
                    tracing::error!(target: "follow", upstream, %lie, "an upstream is dropped");
                    if self.sources.is_empty() {
                        let reason = format!(
                            "no upstream is left that tells the truth; the last one was {upstream}: {lie}"
                        );
                        self.parts.progress.fail(Fault::Engine(reason));
                        return;
                    }
                    self.leave(current);
                }
                Err(Trouble::Over) => return,
            }
        }
    }

    /// Turns to the next upstream.
    fn leave(&mut self, current: usize) -> usize {
        if let Some(checker) = &mut self.parts.checker {
            checker.forget();
        }
        current + 1
    }

    /// Asks an upstream for what comes next, and hands it on.
    async fn ask(&mut self, index: usize) -> Result<Given, Trouble> {
        let upstream = Arc::clone(&self.sources[index].upstream);
        self.greet(index, &*upstream).await?;
        let Some(checker) = self.parts.checker.as_ref() else { return Err(Trouble::Over) };
        let asked = self.runtime.current();
        let served = upstream.finalized(checker.next(), self.parts.bytes).await?;
        self.took = self.runtime.current().duration_since(asked).unwrap_or_default();
        if served.is_empty() {
            return Ok(Given::Nothing);
        }
        let batch = self.check(served).await?;
        let Some(newest) = batch.0.last() else { return Ok(Given::Unproven) };
        self.parts.progress.set_ordered(newest.payload.height().get());
        if let Some((_, finalization)) = &newest.certificate {
            self.parts.progress.set_view(finalization.view().get());
        }
        self.parts.batches.send(batch).await.map_err(|_| Trouble::Over)?;
        Ok(Given::Proven)
    }

    /// Checks off the runtime's own threads.
    async fn check(&mut self, served: Vec<Served>) -> Result<Batch<K>, Trouble> {
        let Some(mut checker) = self.parts.checker.take() else { return Err(Trouble::Over) };
        let (checker, checked) = match self.parts.waiting {
            Waiting::InPlace => {
                let checked = checker.check(served);
                (checker, checked)
            }
            Waiting::Aside => {
                let check = move |_| async move {
                    let checked = checker.check(served);
                    (checker, checked)
                };
                let task = self.runtime.child("check").shared(true).spawn(check);
                task.await.map_err(|_| Trouble::Over)?
            }
        };
        self.parts.checker = Some(checker);
        Ok(checked?)
    }

    /// Learns how far an upstream is, if that was not asked of late and matters. What it says is believed as far as it proves it.
    async fn greet(&mut self, index: usize, upstream: &dyn Upstream) -> Result<(), Trouble> {
        let Parts { genesis, scheme, progress, .. } = &self.parts;
        let now = self.runtime.current();
        let far = progress.ordered().saturating_sub(progress.executed().anchor.height) > NEAR;
        let due = match self.sources[index].greeted {
            None => true,
            Some(greeted) => far && now.duration_since(greeted).is_ok_and(|since| since >= GREET),
        };
        if !due {
            return Ok(());
        }
        let Status { genesis_hash: theirs, coded, ordered } = upstream.status().await?;
        if theirs != *genesis {
            return Err(Lie::Genesis { theirs, ours: *genesis }.into());
        }
        if coded != K::CODED {
            return Err(Lie::Coded { theirs: coded }.into());
        }
        if ordered > progress.ordered().saturating_add(NEAR) {
            let served = upstream.finalized(ordered, 1).await?;
            if let Some(served) = served.first()
                && let Some(view) = is_final::<K>(scheme, ordered, served)?
            {
                progress.set_ordered(ordered);
                progress.set_view(view);
            }
        }
        self.sources[index].greeted = Some(now);
        Ok(())
    }
}

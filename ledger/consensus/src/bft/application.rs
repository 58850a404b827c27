//! What a validator proposes, and what it votes for.

use super::{
    anchors::Anchors,
    beacons::Beacons,
    conduct::{Conduct, Draft},
    outstanding::{Outstanding, Taken},
    progress::Progress,
};
use crate::{
    dissemination::Dissemination,
    limits::proposal_limits,
    payload::{Anchor, Beacon, Content, Header, Payload},
    rules::{Pace, Rules},
    scheme::{PublicKey, Scheme},
};
use alloy_consensus::TxEnvelope;
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes};
use commonware_consensus::{
    Heightable,
    marshal::ancestry::Ancestry,
    simplex::types::{Context, Finalization, Notarization, Proposal},
    types::Round,
};
use commonware_cryptography::{Digested, Digestible};
use commonware_parallel::Strategy;
use commonware_runtime::{Clock, Metrics, Spawner};
use futures::{StreamExt, future::Either};
use mundi_chain::{Ledger, SharedSource};
use rand_core::CryptoRng;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What proposing and voting need.
pub(super) struct Parts<K: Dissemination, T> {
    pub(super) rules: Rules,
    pub(super) pace: Pace,
    pub(super) beneficiary: Address,
    pub(super) scheme: Scheme,
    pub(super) strategy: T,
    pub(super) ledger: Arc<Ledger>,
    pub(super) source: Arc<dyn SharedSource>,
    pub(super) outstanding: Outstanding,
    pub(super) anchors: Anchors<K>,
    pub(super) beacons: Beacons<K>,
    pub(super) progress: Progress,
    pub(super) conduct: Option<Arc<dyn Conduct>>,
}

/// Proposes payloads and checks those of others.
pub(super) struct Application<K: Dissemination, T>(Arc<Parts<K, T>>);

impl<K: Dissemination, T> Application<K, T> {
    pub(super) fn new(parts: Parts<K, T>) -> Self {
        Self(Arc::new(parts))
    }
}

impl<K: Dissemination, T> Clone for Application<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Dissemination, T> fmt::Debug for Application<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application").field("progress", &self.0.progress).finish_non_exhaustive()
    }
}

impl<E, K, T> commonware_consensus::Application<E> for Application<K, T>
where
    E: CryptoRng + Spawner + Metrics + Clock,
    K: Dissemination,
    T: Strategy,
{
    type SigningScheme = Scheme;
    type Context = Context<K::Commitment, PublicKey>;
    type Block = Payload<K>;
    type Input = ();

    async fn propose(
        &mut self,
        (runtime, context): (E, Self::Context),
        ancestry: impl Ancestry<Self::Block>,
        (): (),
    ) -> Option<Digested<Self::Block>> {
        let parts = &*self.0;
        let parent = ancestry.peek()?.clone();
        let (payload, taken) = parts.build(&runtime, context, &parent).await;
        let payload = Digested::compute(payload, &parts.strategy).await;
        parts.outstanding.proposed(payload.height().get(), payload.digest(), parent.digest(), taken.keep());
        Some(payload)
    }

    async fn verify(
        &mut self,
        (runtime, _): (E, Self::Context),
        mut ancestry: impl Ancestry<Self::Block>,
    ) -> bool {
        let Some(payload) = ancestry.next().await else { return std::future::pending().await };
        let Some(parent) = ancestry.next().await else { return std::future::pending().await };
        let parts = &*self.0;
        if parts.conduct.as_ref().is_some_and(|conduct| conduct.tolerates()) {
            return true;
        }
        let header = payload.inner().header();
        let worker = Arc::clone(&self.0);
        let job = payload.clone();
        let checked = runtime.child("check").shared(true).spawn(move |mut runtime| async move {
            let payload = job.inner();
            let (header, before) = (payload.header(), parent.inner().header());
            let hashes = worker.check(&mut runtime, header, before, payload.transactions())?;
            worker.outstanding.seen(header.height.get(), job.digest(), header.parent, &hashes);
            Some(())
        });
        match checked.await {
            Ok(Some(())) => {}
            Ok(None) => {
                tracing::warn!(target: "consensus", height = header.height.get(), "a payload breaks the rules");
                return false;
            }
            // The runtime is ending.
            Err(_) => return std::future::pending().await,
        }
        // Its time may be ahead of this node's clock, and its anchor of this node's execution.
        runtime
            .sleep_until(instant(header.time).checked_sub(parts.rules.max_drift).unwrap_or(UNIX_EPOCH))
            .await;
        parts.anchors.agrees(&runtime, header).await
    }
}

impl<K: Dissemination, T: Strategy> Parts<K, T> {
    /// Makes the payload after `parent`, when it is time for it.
    async fn build(
        &self,
        runtime: &impl Clock,
        context: Context<K::Commitment, PublicKey>,
        parent: &Digested<Payload<K>>,
    ) -> (Payload<K>, Taken) {
        let before = parent.inner().header();
        let height = before.height.next();
        let beacon = match height.get() {
            1 => None,
            _ => Some(self.beacons.of(context.parent.0, context.parent.1).await),
        };
        let (transactions, taken) = self.take(runtime, parent).await;
        let mut draft = Draft {
            height: height.get(),
            time: millis(runtime.current()).max(before.time),
            beneficiary: self.beneficiary,
            beacon,
            anchor: self.anchor(before),
            transactions,
        };
        if let Some(conduct) = &self.conduct {
            conduct.propose(&mut draft);
        }
        let header = Header {
            context,
            parent: parent.digest(),
            height,
            time: draft.time,
            beneficiary: draft.beneficiary,
            beacon: draft.beacon,
            anchor: draft.anchor,
            content: Content::of(&[]),
        };
        (Payload::new(header, draft.transactions), taken)
    }

    /// What goes into the payload after one, as soon as there is something, or it is time for an empty one.
    async fn take(&self, runtime: &impl Clock, parent: &Digested<Payload<K>>) -> (Vec<Bytes>, Taken) {
        let before = parent.inner().header();
        self.take_note(parent);
        let since = instant(before.time);
        runtime.sleep_until(since + self.pace.interval).await;
        let idle = since + self.pace.idle;
        let mut executed = self.progress.watch_executed();
        loop {
            let mut woken = std::pin::pin!(self.progress.woken().notified());
            woken.as_mut().enable();
            let busy = executed.latest().busy;
            let behind = before.height.get() + 1 - self.anchor(before).height > self.rules.max_lag;
            let mut limits = proposal_limits(&self.ledger);
            limits.bytes = self.rules.bounds.bytes as usize;
            limits.transactions = self.rules.bounds.transactions as usize;
            let mut transactions = if behind { Vec::new() } else { self.source.propose(&limits) };
            let (height, digest) = (before.height.get(), parent.digest());
            transactions.retain(|tx| !self.outstanding.is_repeated(height, digest, tx.hash()));
            // What was executed but is not certified yet should not wait for the next transaction.
            let owed = busy > before.anchor.height;
            if !transactions.is_empty() || owed || runtime.current() >= idle {
                let hashes = transactions.iter().map(|tx| tx.hash()).collect();
                let raw = transactions.iter().map(|tx| tx.envelope.encoded_2718().into()).collect();
                return (raw, Taken::new(&self.source, hashes));
            }
            let news = futures::future::select(woken, Box::pin(executed.changed()));
            match futures::future::select(Box::pin(runtime.sleep_until(idle)), news).await {
                Either::Left(_) | Either::Right(_) => {}
            }
        }
    }

    /// Sees what the payload before holds, unless that is known: its check was not waited for if it became final first.
    fn take_note(&self, parent: &Digested<Payload<K>>) {
        let (header, digest) = (parent.inner().header(), parent.digest());
        let height = header.height.get();
        if height > self.progress.executed().anchor.height && !self.outstanding.knows(height, digest) {
            let hashes: Vec<B256> = parent.inner().transactions().iter().filter_map(hash_of).collect();
            self.outstanding.seen(height, digest, header.parent, &hashes);
        }
    }

    /// The newest executed block that the payload after `before` may name.
    fn anchor(&self, before: &Header<K>) -> Anchor {
        let executed = self.progress.executed().anchor;
        if executed.height > before.anchor.height && executed.height <= before.height.get() {
            executed
        } else {
            before.anchor
        }
    }

    /// The hashes of a payload's transactions, unless it can never be valid.
    fn check(
        &self,
        rng: &mut impl CryptoRng,
        header: &Header<K>,
        before: &Header<K>,
        transactions: &[Bytes],
    ) -> Option<Vec<B256>> {
        let anchor = header.anchor;
        let anchored = anchor.height < header.height.get()
            && (anchor.height > before.anchor.height || anchor == before.anchor);
        let lag = header.height.get().saturating_sub(anchor.height);
        let in_time = header.time >= before.time && header.time.checked_add(1).is_some();
        let well = anchored
            && in_time
            && (transactions.is_empty() || lag <= self.rules.max_lag)
            && self.is_random(rng, header, before);
        if !well {
            return None;
        }
        transactions.iter().map(hash_of).collect()
    }

    /// Whether a header's randomness comes of its parent.
    fn is_random(&self, rng: &mut impl CryptoRng, header: &Header<K>, before: &Header<K>) -> bool {
        let context = &header.context;
        let round = Round::new(context.round.epoch(), context.parent.0);
        let proposal = Proposal::new(round, before.context.parent.0, context.parent.1);
        match header.beacon.clone() {
            None => header.height.get() == 1,
            Some(Beacon::Notarized(certificate)) => {
                let notarization = Notarization::<Scheme, _> { proposal, certificate };
                header.height.get() > 1 && notarization.verify(rng, &self.scheme, &self.strategy)
            }
            Some(Beacon::Finalized(certificate)) => {
                let finalization = Finalization::<Scheme, _> { proposal, certificate };
                header.height.get() > 1 && finalization.verify(rng, &self.scheme, &self.strategy)
            }
        }
    }
}

/// The hash of a transaction, if these bytes are the one encoding of one, without blobs.
fn hash_of(raw: &Bytes) -> Option<B256> {
    let mut rest = raw.as_ref();
    let envelope = TxEnvelope::decode_2718(&mut rest).ok()?;
    let bare = envelope.as_eip4844().is_none_or(|signed| signed.tx().as_with_sidecar().is_none());
    let canonical = envelope.encode_2718_len() == raw.len() && envelope.encoded_2718() == raw.as_ref();
    (rest.is_empty() && bare && canonical).then(|| *envelope.tx_hash())
}

/// Milliseconds since 1970.
fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A moment by its milliseconds since 1970; what is beyond all clocks is very late.
fn instant(millis: u64) -> SystemTime {
    const LATEST: Duration = Duration::from_secs(1 << 40);
    UNIX_EPOCH + Duration::from_millis(millis).min(LATEST)
}

//! Final payloads into the ledger.
//!
//! Payloads come in order, each at least once. One that the ledger has a block of already is only compared with it; the others
//! are handed in as soon as the senders of their transactions are known, several at a time, and acknowledged when their blocks
//! are durable.

use super::{
    conduct::Conduct,
    outstanding::Outstanding,
    progress::{Fault, Progress},
};
use crate::{
    dissemination::Dissemination,
    payload::{Anchor, Payload},
    rules::Rules,
    scheme::Digest,
};
use alloy_consensus::{TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{B256, Bytes};
use commonware_actor::Feedback;
use commonware_consensus::{Reporter, marshal::Update};
use commonware_cryptography::{Digested, Digestible};
use commonware_runtime::{Clock, Handle, Metrics, Spawner};
use commonware_utils::{Acknowledgement, acknowledgement::Exact};
use futures::future::{Either, select};
use mundi_chain::{Ledger, LedgerError, OrderedTransaction, Sealed, SharedSource};
use rayon::prelude::*;
use std::{collections::VecDeque, fmt, pin::pin, sync::Arc};
use tokio::sync::{mpsc, oneshot};

/// What blocks say in `extraData`.
const EXTRA_DATA: &[u8] = b"mundi";

/// How the executor waits for the ledger, which runs on threads of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waiting {
    /// Tasks go on meanwhile, and blocks overlap.
    #[default]
    Aside,
    /// Everything stands still, so that what happens does not depend on how long it takes.
    InPlace,
}

/// What putting payloads into a ledger needs.
pub(crate) struct Parts {
    pub(crate) rules: Rules,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) source: Arc<dyn SharedSource>,
    pub(crate) pool: Arc<rayon::ThreadPool>,
    pub(crate) outstanding: Outstanding,
    pub(crate) progress: Progress,
    pub(crate) waiting: Waiting,
    /// Payloads under way at most.
    pub(crate) depth: usize,
    pub(crate) conduct: Option<Arc<dyn Conduct>>,
}

type Finalized<K> = (Digested<Payload<K>>, Exact);
type Answer = oneshot::Receiver<Result<Arc<Sealed>, LedgerError>>;

/// A payload that the ledger works on.
struct UnderWay {
    height: u64,
    busy: bool,
    anchor: Anchor,
    ack: Exact,
    answer: Answer,
}

/// Where final payloads are handed in.
#[derive(Clone)]
pub(crate) struct Mailbox<K: Dissemination> {
    payloads: mpsc::UnboundedSender<Finalized<K>>,
    progress: Progress,
}

impl<K: Dissemination> Reporter for Mailbox<K> {
    type Activity = Update<Payload<K>>;

    fn report(&mut self, update: Self::Activity) -> Feedback {
        match update {
            Update::Tip(_, height, _) => {
                self.progress.set_ordered(height.get());
                Feedback::Ok
            }
            // No more come than may be unacknowledged.
            Update::Block(payload, ack) => match self.payloads.send((payload, ack)) {
                Ok(()) => Feedback::Ok,
                Err(_) => Feedback::Closed,
            },
        }
    }
}

impl<K: Dissemination> fmt::Debug for Mailbox<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("progress", &self.progress).finish_non_exhaustive()
    }
}

/// Hands payloads in, so many at a time that are not durable in the ledger.
pub(crate) struct Feed<K: Dissemination> {
    mailbox: Mailbox<K>,
    depth: usize,
    under_way: VecDeque<<Exact as Acknowledgement>::Waiter>,
}

impl<K: Dissemination> Feed<K> {
    pub(crate) fn new(mailbox: Mailbox<K>, depth: usize) -> Self {
        Self { mailbox, depth: depth.max(1), under_way: VecDeque::new() }
    }

    /// Hands one in, as soon as there is room for it.
    pub(crate) async fn give(&mut self, payload: Digested<Payload<K>>) -> Result<(), Fault> {
        if self.under_way.len() >= self.depth {
            self.settle().await?;
        }
        let (ack, durable) = Exact::handle();
        self.under_way.push_back(durable);
        let _ = self.mailbox.report(Update::Block(payload, ack));
        Ok(())
    }

    /// Waits until all are durable.
    pub(crate) async fn end(mut self) -> Result<(), Fault> {
        while !self.under_way.is_empty() {
            self.settle().await?;
        }
        Ok(())
    }

    /// Waits for the oldest one. What the ledger does not take is never acknowledged.
    async fn settle(&mut self) -> Result<(), Fault> {
        let Some(oldest) = self.under_way.pop_front() else { return Ok(()) };
        match select(oldest, pin!(self.mailbox.progress.failed())).await {
            Either::Left((durable, _)) => {
                durable.map_err(|_| Fault::Engine("nobody hands payloads to the ledger any more".into()))
            }
            Either::Right((fault, _)) => Err(fault),
        }
    }
}

/// Starts it.
pub(crate) fn start<E: Spawner + Metrics + Clock, K: Dissemination>(
    runtime: &E,
    parts: Parts,
) -> (Mailbox<K>, [Handle<()>; 2]) {
    let (payloads, inbox) = mpsc::unbounded_channel();
    let (under_way, finished) = mpsc::channel(parts.depth.max(1));
    let mailbox = Mailbox { payloads, progress: parts.progress.clone() };
    let parts = Arc::new(parts);
    let finisher = Arc::clone(&parts);
    let finish = runtime.child("finish").spawn(move |_| async move { finisher.finish(finished).await });
    let submit = runtime.child("submit").spawn(move |runtime| submit(runtime, parts, inbox, under_way));
    (mailbox, [submit, finish])
}

/// Hands payloads to the ledger as they come.
async fn submit<E: Spawner + Metrics + Clock, K: Dissemination>(
    runtime: E,
    parts: Arc<Parts>,
    mut inbox: mpsc::UnboundedReceiver<Finalized<K>>,
    under_way: mpsc::Sender<UnderWay>,
) {
    while let Some((payload, ack)) = inbox.recv().await {
        if let Some(conduct) = &parts.conduct {
            let labour = conduct.labour(payload.inner().header().content.count);
            if !labour.is_zero() {
                runtime.sleep(labour).await;
            }
        }
        let worker = Arc::clone(&parts);
        let job = payload.clone();
        let submitted = match parts.waiting {
            Waiting::InPlace => worker.submit(&job),
            Waiting::Aside => {
                let job = move |_| async move { worker.submit(&job) };
                match runtime.child("recover").shared(true).spawn(job).await {
                    Ok(submitted) => submitted,
                    // The runtime is ending.
                    Err(_) => return,
                }
            }
        };
        let header = payload.inner().header();
        match submitted {
            Ok(None) => {
                parts.progress.set_anchored(header.anchor.height);
                ack.acknowledge();
            }
            Ok(Some(answer)) => {
                let height = header.height.get();
                let busy = header.content.count > 0;
                let next = UnderWay { height, busy, anchor: header.anchor, ack, answer };
                let sent = match parts.waiting {
                    Waiting::InPlace => parts.settle_in_place(next),
                    Waiting::Aside => under_way.send(next).await.is_ok(),
                };
                if !sent {
                    return std::future::pending().await;
                }
            }
            Err(fault) => {
                parts.progress.fail(fault);
                // Dropping the acknowledgement would end marshal with a panic.
                return hold(ack).await;
            }
        }
    }
}

impl Parts {
    /// Hands a payload to the ledger; `None` if it has the block already.
    fn submit<K: Dissemination>(&self, payload: &Digested<Payload<K>>) -> Result<Option<Answer>, Fault> {
        let header = payload.inner().header();
        let height = header.height.get();
        if height == 0 {
            // The genesis was made from no payload.
            return Ok(None);
        }
        let digest = payload.digest();
        let transactions = self.pool.install(|| self.recover(payload.inner().transactions()));
        let hashes: Vec<B256> = transactions.iter().map(|tx| tx.hash()).collect();
        self.outstanding.decided(height, digest, header.parent, &hashes);
        if height <= self.progress.executed().anchor.height {
            return self.compare(height, digest).map(|()| None);
        }
        let payload = mundi_chain::Payload {
            height,
            timestamp: header.seconds(),
            beneficiary: header.beneficiary,
            prev_randao: header.randomness(),
            digest: B256::from_slice(&digest),
            extra_data: Bytes::from_static(EXTRA_DATA),
            gas_limit: Some(self.rules.gas_limit),
            base_fee: None,
            withdrawals: Vec::new(),
            transactions,
        };
        self.ledger.submit(payload).map(Some).map_err(|error| Fault::Ledger(error.to_string()))
    }

    /// Who sent what. What nobody can have sent is left out, here as everywhere.
    fn recover(&self, raw: &[Bytes]) -> Vec<Arc<OrderedTransaction>> {
        let recover = |raw: &Bytes| {
            let envelope = TxEnvelope::decode_2718(&mut raw.as_ref()).ok()?;
            if let Some(known) = self.source.known(envelope.tx_hash()) {
                return Some(known);
            }
            let sender = envelope.recover_signer().ok()?;
            Some(Arc::new(OrderedTransaction::new(envelope, sender)))
        };
        raw.par_iter().filter_map(recover).collect()
    }

    /// Whether the ledger's block was made from the payload with this digest.
    fn compare(&self, height: u64, digest: Digest) -> Result<(), Fault> {
        let digest = B256::from_slice(&digest);
        match self.ledger.block(height) {
            Ok(Some(block)) if block.header.parent_beacon_block_root != Some(digest) => {
                Err(Fault::Foreign { height, ordered: digest })
            }
            // A block that is not kept any more was compared when it was made.
            Ok(_) => Ok(()),
            Err(error) => Err(Fault::Ledger(error.to_string())),
        }
    }

    /// Waits for blocks, in order.
    async fn finish(&self, mut finished: mpsc::Receiver<UnderWay>) {
        while let Some(UnderWay { height, busy, anchor, ack, answer }) = finished.recv().await {
            let result = answer.await.unwrap_or_else(|_| Err(LedgerError::Halted("it ended".into())));
            match self.settle(height, busy, anchor, result) {
                Ok(()) => ack.acknowledge(),
                Err(fault) => {
                    self.progress.fail(fault);
                    return hold(ack).await;
                }
            }
        }
    }

    fn settle_in_place(&self, UnderWay { height, busy, anchor, ack, answer }: UnderWay) -> bool {
        let result = answer.blocking_recv().unwrap_or_else(|_| Err(LedgerError::Halted("it ended".into())));
        match self.settle(height, busy, anchor, result) {
            Ok(()) => {
                ack.acknowledge();
                true
            }
            Err(fault) => {
                self.progress.fail(fault);
                std::mem::forget(ack);
                false
            }
        }
    }

    /// Takes note of a block, and of what its payload proves of those before.
    fn settle(
        &self,
        height: u64,
        busy: bool,
        anchor: Anchor,
        result: Result<Arc<Sealed>, LedgerError>,
    ) -> Result<(), Fault> {
        let sealed = result.map_err(|error| Fault::Ledger(error.to_string()))?;
        let own = self.ledger.block(anchor.height).map_err(|error| Fault::Ledger(error.to_string()))?;
        if let Some(own) = own
            && own.hash != anchor.hash
        {
            return Err(Fault::Diverged { height: anchor.height, own: own.hash, agreed: anchor.hash });
        }
        self.progress.set_executed(Anchor { height, hash: sealed.block.hash }, busy);
        self.progress.set_anchored(anchor.height);
        Ok(())
    }
}

/// Keeps an acknowledgement until the end, so that whoever waits for it goes on waiting.
async fn hold(ack: Exact) {
    let _kept = ack;
    std::future::pending().await
}

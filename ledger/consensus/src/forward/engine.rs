//! The actor.

use super::{
    Config, Intake, Leadership, Limits, Outbox, Verdict,
    inbound::Waiting,
    metrics::Metrics,
    outbound::Batch,
    peers::Peers,
    recent::Recent,
    short::{ShortId, ShortIds},
    unordered::Unordered,
};
use alloy_primitives::B256;
use commonware_consensus::types::View;
use commonware_cryptography::PublicKey;
use commonware_macros::select_loop;
use commonware_p2p::{Blocker, Receiver, Sender};
use commonware_runtime::{
    Clock, ContextCell, Handle, Metrics as RuntimeMetrics, Spawner, spawn_cell,
    telemetry::metrics::GaugeExt as _,
};
use commonware_utils::{channel::oneshot, futures::OptionFuture};
use std::{future::Future, pin::Pin, time::SystemTime};

/// Ends when a moment has come.
type Timer = OptionFuture<Pin<Box<dyn Future<Output = ()> + Send>>>;

/// Brings what users of this node sent to whoever orders, and takes what others bring. See the [module](super).
pub struct Forwarder<E, P, B, O, I>
where
    E: Clock + Spawner + RuntimeMetrics,
    P: PublicKey,
    B: Blocker<PublicKey = P>,
    O: Outbox,
    I: Intake,
{
    pub(super) context: ContextCell<E>,
    pub(super) config: Config<P>,
    pub(super) blocker: B,
    pub(super) outbox: O,
    pub(super) intake: I,
    pub(super) metrics: Metrics,
    pub(super) peers: Peers<P>,

    // What goes out.
    pub(super) now: Leadership<P>,
    pub(super) unordered: Unordered,
    pub(super) batch: Batch,
    pub(super) flush: Timer,
    /// Whether there are users' transactions that are not followed, and from which view on they may be listed.
    pub(super) unlisted: Option<View>,
    pub(super) listing: OptionFuture<oneshot::Receiver<Vec<B256>>>,

    // What comes in.
    pub(super) names: ShortIds,
    pub(super) known: Recent<ShortId, B256>,
    pub(super) asked: Recent<ShortId, SystemTime>,
    pub(super) waiting: Waiting<P>,
    /// Whose transactions are being checked.
    pub(super) checked: Vec<P>,
    pub(super) checking: OptionFuture<oneshot::Receiver<Vec<Verdict>>>,
}

impl<E, P, B, O, I> Forwarder<E, P, B, O, I>
where
    E: Clock + Spawner + RuntimeMetrics,
    P: PublicKey,
    B: Blocker<PublicKey = P>,
    O: Outbox,
    I: Intake,
{
    /// A forwarder that does not run yet.
    pub fn new(context: E, config: Config<P>, blocker: B, outbox: O, intake: I) -> Self {
        let Limits { unordered, known, asked, .. } = config.limits;
        let now = config.leadership.borrow().clone();
        Self {
            metrics: Metrics::new(&context),
            peers: Peers::new(config.namespace.clone(), config.limits.clone()),
            unordered: Unordered::new(unordered),
            batch: Batch::default(),
            flush: None.into(),
            // What a journal brought back was sent before anybody listened.
            unlisted: Some(now.view),
            listing: None.into(),
            names: ShortIds::of(&config.namespace, &config.me),
            known: Recent::new(known),
            asked: Recent::new(asked),
            waiting: Waiting::default(),
            checked: Vec::new(),
            checking: None.into(),
            context: ContextCell::new(context),
            now,
            config,
            blocker,
            outbox,
            intake,
        }
    }

    /// Runs it on a channel of the network.
    pub fn start(
        mut self,
        network: (impl Sender<PublicKey = P>, impl Receiver<PublicKey = P>),
    ) -> Handle<()> {
        spawn_cell!(self.context, self.run(network))
    }

    async fn run(mut self, network: (impl Sender<PublicKey = P>, impl Receiver<PublicKey = P>)) {
        let (mut sender, mut receiver) = network;
        let mut leadership = self.config.leadership.clone();
        let mut users_send = true;
        select_loop! {
            self.context,
            on_start => {
                self.check_next();
                let _ = self.metrics.unordered.try_set(self.unordered.len());
                let _ = self.metrics.waiting.try_set(self.waiting.bytes());
                let sent = async {
                    if users_send { self.outbox.next().await } else { std::future::pending().await }
                };
            },
            on_stopped => {
                tracing::debug!("the forwarder ends");
            },
            verdicts = &mut self.checking => {
                self.checking = None.into();
                self.judge(verdicts.ok());
            },
            changed = leadership.changed() => {
                if changed.is_err() {
                    tracing::debug!("nobody tells who orders: the forwarder ends");
                    break;
                }
                let now = leadership.borrow_and_update().clone();
                self.enter(now, &mut sender);
            },
            _ = &mut self.flush => {
                self.send_batch(&mut sender);
            },
            listed = &mut self.listing => {
                self.listing = None.into();
                self.follow_listed(listed.ok());
            },
            sent = sent => match sent {
                Some(sent) => self.follow(sent, &mut sender),
                None => users_send = false,
            },
            received = receiver.recv() => match received {
                Ok((peer, bytes)) => self.receive(&peer, bytes.as_ref(), &mut sender),
                Err(error) => {
                    tracing::debug!(%error, "the network has ended: so does the forwarder");
                    break;
                }
            },
        }
    }
}

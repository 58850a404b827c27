//! How far a node is: what it has executed, and what is final.

use super::watched::{Following, Watched};
use crate::payload::Anchor;
use alloy_primitives::B256;
use commonware_runtime::Spawner;
use futures::future::{Either, select};
use std::{
    fmt,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tokio::sync::Notify;

/// An executed block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// The block.
    pub anchor: Anchor,
    /// Height of the newest executed block whose payload had transactions.
    pub busy: u64,
}

/// Why a node cannot go on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// A certificate says that a block has another hash than the one that this node executed.
    #[error(
        "block {height} was executed to {own} here, but validators agreed on {agreed}: this node's state or program differs \
         from theirs, and it stops before anybody trusts it"
    )]
    Diverged {
        /// Height of the block.
        height: u64,
        /// This node's.
        own: B256,
        /// The validators'.
        agreed: B256,
    },
    /// The chain in the ledger is not the one that was ordered.
    #[error("block {height} of the ledger was not made from the payload that was ordered for it ({ordered})")]
    Foreign {
        /// Height of the block.
        height: u64,
        /// Digest of the payload.
        ordered: B256,
    },
    /// The ledger has ended.
    #[error("the ledger does not take payloads any more: {0}")]
    Ledger(String),
    /// A part of ordering has ended.
    #[error("ordering has ended: {0}")]
    Engine(String),
}

/// How far a node is. Clones are of the same node.
#[derive(Clone, Debug)]
pub struct Progress(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    executed: Watched<Executed>,
    view: Watched<u64>,
    fault: Watched<Option<Fault>>,
    ordered: AtomicU64,
    anchored: AtomicU64,
    /// There may be something new in the pool.
    pub(super) woken: Notify,
}

impl Progress {
    /// A node whose newest block this is.
    pub fn new(executed: Anchor) -> Self {
        let executed = Executed { anchor: executed, busy: 0 };
        Self(Arc::new(Inner {
            executed: Watched::new(executed),
            view: Watched::new(0),
            fault: Watched::new(None),
            ordered: AtomicU64::new(executed.anchor.height),
            anchored: AtomicU64::new(0),
            woken: Notify::new(),
        }))
    }

    /// What was executed last.
    pub fn executed(&self) -> Executed {
        self.0.executed.get()
    }

    /// Follows what is executed.
    pub fn watch_executed(&self) -> Following<Executed> {
        self.0.executed.follow()
    }

    /// Height of the newest final payload that is known.
    pub fn ordered(&self) -> u64 {
        self.0.ordered.load(Relaxed)
    }

    /// Height of the newest block whose hash a certificate proves.
    pub fn anchored(&self) -> u64 {
        self.0.anchored.load(Relaxed)
    }

    /// The view that consensus is in.
    pub fn view(&self) -> u64 {
        self.0.view.get()
    }

    /// Follows the view.
    pub fn watch_view(&self) -> Following<u64> {
        self.0.view.follow()
    }

    /// Why the node cannot go on, if so.
    pub fn fault(&self) -> Option<Fault> {
        self.0.fault.get()
    }

    /// Resolves when the node cannot go on.
    pub async fn failed(&self) -> Fault {
        let mut fault = self.0.fault.follow();
        loop {
            if let Some(fault) = fault.latest() {
                return fault;
            }
            fault.changed().await;
        }
    }

    /// There is something new in the pool.
    pub fn wake(&self) {
        self.0.woken.notify_waiters();
    }

    pub(super) fn woken(&self) -> &Notify {
        &self.0.woken
    }

    pub(super) fn set_executed(&self, anchor: Anchor, busy: bool) {
        self.0.executed.change(|executed| {
            executed.anchor = anchor;
            if busy {
                executed.busy = anchor.height;
            }
            true
        });
        self.0.ordered.fetch_max(anchor.height, Relaxed);
    }

    pub(crate) fn set_ordered(&self, height: u64) {
        self.0.ordered.fetch_max(height, Relaxed);
    }

    pub(crate) fn set_anchored(&self, height: u64) {
        self.0.anchored.fetch_max(height, Relaxed);
    }

    pub(crate) fn set_view(&self, view: u64) {
        self.0.view.change(|current| {
            let newer = view > *current;
            *current = view.max(*current);
            newer
        });
    }

    /// Takes note of it if parts of the node end that nobody told to.
    pub(crate) async fn watch<E: Spawner, T: fmt::Debug>(self, runtime: E, parts: impl Future<Output = T>) {
        // Who is told to end waits until nobody holds the signal any more: it goes with the choice.
        match select(Box::pin(runtime.stopped()), pin!(parts)).await {
            Either::Left((_, parts)) => _ = parts.await,
            Either::Right((ended, _)) => {
                self.fail(Fault::Engine(format!("a part of it ended: {ended:?}")));
            }
        }
    }

    /// Takes note of the first fault.
    pub(crate) fn fail(&self, fault: Fault) {
        tracing::error!(target: "consensus", %fault, "the node stops ordering");
        self.0.fault.change(|current| {
            let first = current.is_none();
            if first {
                *current = Some(fault);
            }
            first
        });
    }
}

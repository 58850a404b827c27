//! Who leads, for forwarders and proposers.

use super::Leadership;
use crate::{
    bft::Progress,
    scheme::{PublicKey, Scheme},
};
use commonware_consensus::{
    simplex::elector::{Config as _, Elector as _, RoundRobin, RoundRobinElector},
    types::{Epoch, Round, View},
};
use commonware_cryptography::Sha256;
use commonware_runtime::{Clock, Spawner};
use commonware_utils::{channel::watch, ordered::Set};
use mundi_mempool::Mempool;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// Leaders that transactions are forwarded to: the current one and the next.
const LEADERS: u64 = 2;

/// How long arriving transactions are gathered before the proposer looks at the pool again.
const GATHER: Duration = Duration::from_millis(2);

/// Follows who leads, among these validators and at the view that `progress` tells.
pub fn follow_leaders<E: Spawner>(
    runtime: &E,
    participants: Set<PublicKey>,
    progress: &Progress,
) -> watch::Receiver<Leadership<PublicKey>> {
    let elector: RoundRobinElector<Scheme> = RoundRobin::<Sha256>::default().build(&participants);
    let leaders = move |view: u64| Leadership {
        view: View::new(view),
        leaders: (view..view + LEADERS)
            .map(|view| elector.elect(Round::new(Epoch::zero(), View::new(view.max(1))), ()))
            .filter_map(|index| participants.get(index.get() as usize).cloned())
            .collect(),
    };
    let mut views = progress.watch_view();
    let (sender, leadership) = watch::channel(leaders(views.latest()));
    runtime.child("leaders").spawn(move |_| async move {
        loop {
            views.changed().await;
            sender.send_replace(leaders(views.latest()));
        }
    });
    leadership
}

/// Tells the proposer of what comes into the pool.
pub fn follow_pool<E: Spawner + Clock>(runtime: &E, pool: &Mempool, progress: &Progress) {
    let mut events = pool.subscribe();
    let progress = progress.clone();
    runtime.child("wake").spawn(move |runtime| async move {
        while !matches!(events.recv().await, Err(RecvError::Closed)) {
            progress.wake();
            runtime.sleep(GATHER).await;
            events = events.resubscribe();
        }
    });
}

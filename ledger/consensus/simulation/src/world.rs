//! Validators that are connected, on one clock: what every simulation is made of.

use crate::{
    facts::Facts,
    node::{Node, PoolClock, Sources, Surroundings},
    record::Record,
    wires::{End, Wires},
};
use commonware_runtime::{Clock as _, deterministic::Context};
use mundi_consensus::{Pace, bft::Spread};
use mundi_state::Unsynced;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, SystemTime},
};

/// Validators, and what is around them.
pub(crate) struct World {
    pub(crate) context: Context,
    pub(crate) facts: Arc<Facts>,
    pub(crate) wires: Wires,
    pub(crate) record: Record,
    /// One for each end of the wires, in order.
    pub(crate) nodes: Vec<Node>,
    around: Arc<Surroundings>,
    clock: PoolClock,
    begin: SystemTime,
}

impl World {
    /// One in which no machine is on. Transactions come from the validators' pools if there are no other sources.
    pub(crate) fn new(
        context: Context,
        facts: Facts,
        wires: Wires,
        record: Record,
        pace: Pace,
        source: Option<Sources>,
    ) -> Self {
        let (facts, clock) = (Arc::new(facts), PoolClock::default());
        let around = Arc::new(Surroundings {
            facts: Arc::clone(&facts),
            wires: wires.clone(),
            record: record.clone(),
            clock: clock.clone(),
            pace,
            source,
        });
        let begin = context.current();
        Self { context, facts, wires, record, nodes: Vec::new(), around, clock, begin }
    }

    /// Switches a machine on.
    pub(crate) fn start<K: Spread>(&mut self, end: End) {
        self.nodes[end].start::<K>(&self.context, &self.around);
    }

    /// Power of a machine fails; what was not synced has its fate.
    pub(crate) async fn crash(&mut self, end: End, unsynced: Unsynced) {
        self.nodes[end].crash(&self.context, &self.wires, unsynced).await;
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.context.current()
    }

    /// Time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now().duration_since(self.begin).unwrap_or_default()
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, time: Duration) {
        self.context.sleep(time).await;
        self.clock.0.store(u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Switches all machines off.
    pub(crate) async fn end(&mut self) {
        for end in 0..self.nodes.len() {
            self.crash(end, Unsynced::Kept).await;
        }
    }
}

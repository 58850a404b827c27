//! The links of all ordered pairs, and what they have done.

use super::link::{Gate, Link, Quality};
use serde::{Deserialize, Serialize};
use std::{
    iter::Sum,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tokio::sync::watch;

/// What happened on the way from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Counts {
    /// Connections that the one dialed to the other.
    pub connections: u64,
    /// Of these, refused because the link was cut.
    pub refused: u64,
    /// Connections of either direction that were closed because this link was cut.
    pub severed: u64,
    /// Bytes handed on.
    pub bytes: u64,
    /// Packets lost.
    pub lost: u64,
    /// Segments that arrived later than they came, because of the quality of the link.
    pub delayed: u64,
    /// Segments that waited because the link was stalled.
    pub stalled: u64,
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, next| Self {
            connections: sum.connections + next.connections,
            refused: sum.refused + next.refused,
            severed: sum.severed + next.severed,
            bytes: sum.bytes + next.bytes,
            lost: sum.lost + next.lost,
            delayed: sum.delayed + next.delayed,
            stalled: sum.stalled + next.stalled,
        })
    }
}

/// The same, counted by many.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) severed: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) delayed: AtomicU64,
    pub(super) stalled: AtomicU64,
}

/// One ordered pair.
#[derive(Debug)]
struct Pair {
    link: watch::Sender<Link>,
    counters: Arc<Counters>,
}

/// The links of all ordered pairs of nodes. Nodes are counted from 0.
#[derive(Debug)]
pub struct Links {
    nodes: usize,
    pairs: Vec<Pair>,
}

impl Links {
    /// Perfect ones.
    pub fn new(nodes: usize) -> Self {
        let pair = |_| Pair { link: watch::Sender::new(Link::default()), counters: Arc::default() };
        Self { nodes, pairs: (0..nodes * nodes).map(pair).collect() }
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// # Panics
    /// If there is no such node.
    fn pair(&self, from: usize, to: usize) -> &Pair {
        assert!(from < self.nodes && to < self.nodes, "{from} → {to}, and there are {} nodes", self.nodes);
        &self.pairs[from * self.nodes + to]
    }

    /// The link from one node to another.
    ///
    /// # Panics
    /// This and the other methods, if there is no such node.
    pub fn link(&self, from: usize, to: usize) -> Link {
        *self.pair(from, to).link.borrow()
    }

    /// What happened on the link so far.
    pub fn counts(&self, from: usize, to: usize) -> Counts {
        let counters = &self.pair(from, to).counters;
        Counts {
            connections: counters.connections.load(Relaxed),
            refused: counters.refused.load(Relaxed),
            severed: counters.severed.load(Relaxed),
            bytes: counters.bytes.load(Relaxed),
            lost: counters.lost.load(Relaxed),
            delayed: counters.delayed.load(Relaxed),
            stalled: counters.stalled.load(Relaxed),
        }
    }

    /// What happened on all links together.
    pub fn total(&self) -> Counts {
        let pairs = (0..self.nodes).flat_map(|from| (0..self.nodes).map(move |to| (from, to)));
        pairs.map(|(from, to)| self.counts(from, to)).sum()
    }

    /// Opens, stalls or cuts one direction.
    pub fn set_gate(&self, from: usize, to: usize, gate: Gate) {
        self.change(from, to, |link| link.gate = gate);
    }

    /// Makes one direction better or worse.
    pub fn set_quality(&self, from: usize, to: usize, quality: Quality) {
        self.change(from, to, |link| link.quality = quality);
    }

    fn change(&self, from: usize, to: usize, change: impl FnOnce(&mut Link)) {
        self.pair(from, to).link.send_if_modified(|link| {
            let before = *link;
            change(link);
            *link != before
        });
    }

    /// Separates groups of nodes from each other, in both directions, and joins again what was separated before. Nodes that are in
    /// no group form one more.
    pub fn partition(&self, groups: &[Vec<usize>], gate: Gate) {
        let group = |node| groups.iter().position(|group| group.contains(&node));
        for from in 0..self.nodes {
            for to in 0..self.nodes {
                self.set_gate(from, to, if group(from) == group(to) { Gate::Open } else { gate });
            }
        }
    }

    /// Opens all links.
    pub fn heal(&self) {
        self.partition(&[], Gate::Open);
    }

    /// Makes all links as good as they can be. Gates stay as they are.
    pub fn perfect(&self) {
        for from in 0..self.nodes {
            for to in 0..self.nodes {
                self.set_quality(from, to, Quality::default());
            }
        }
    }

    /// Whether a node hears and is heard by fewer than a quorum: all but a third, itself included.
    pub fn is_apart(&self, node: usize) -> bool {
        let open = |from, to| self.link(from, to).gate == Gate::Open;
        let reached = (0..self.nodes).filter(|other| open(node, *other) && open(*other, node)).count();
        reached < self.nodes - self.nodes.saturating_sub(1) / 3
    }

    /// How many ordered pairs are worse than perfect: gates that are not open, and qualities that are not perfect.
    pub fn faults(&self) -> (usize, usize) {
        let count =
            |wanted: fn(&Link) -> bool| self.pairs.iter().filter(|pair| wanted(&pair.link.borrow())).count();
        (count(|link| link.gate != Gate::Open), count(|link| !link.quality.is_perfect()))
    }

    pub(super) fn watch(&self, from: usize, to: usize) -> watch::Receiver<Link> {
        self.pair(from, to).link.subscribe()
    }

    pub(super) fn counters(&self, from: usize, to: usize) -> &Arc<Counters> {
        &self.pair(from, to).counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(links: &Links) -> Vec<(usize, usize)> {
        let pairs = (0..links.nodes()).flat_map(|from| (0..links.nodes()).map(move |to| (from, to)));
        pairs.filter(|(from, to)| links.link(*from, *to).gate != Gate::Open).collect()
    }

    #[test]
    fn a_partition_separates_groups_and_joins_what_was_apart() {
        let links = Links::new(4);
        links.partition(&[vec![0, 1], vec![2, 3]], Gate::Cut);
        assert_eq!(closed(&links).len(), 8);
        assert!((0..4).all(|node| links.is_apart(node)), "two of four are no quorum");
        links.partition(&[vec![2]], Gate::Stalled);
        assert_eq!(closed(&links), [(0, 2), (1, 2), (2, 0), (2, 1), (2, 3), (3, 2)]);
        assert!(links.is_apart(2) && !links.is_apart(0), "three of four are");
        assert_eq!(links.faults(), (6, 0));
        links.heal();
        assert_eq!(closed(&links), []);
        assert!(!links.is_apart(2));
    }

    #[test]
    fn what_happened_on_links_adds_up() {
        let links = Links::new(2);
        links.counters(0, 1).lost.fetch_add(2, Relaxed);
        links.counters(1, 0).lost.fetch_add(3, Relaxed);
        links.counters(1, 0).severed.fetch_add(1, Relaxed);
        assert_eq!(links.total(), Counts { lost: 5, severed: 1, ..Counts::default() });
    }

    #[test]
    fn healing_leaves_qualities() {
        let links = Links::new(2);
        let slow = Quality { delay: std::time::Duration::from_millis(5), ..Quality::default() };
        links.set_quality(0, 1, slow);
        links.set_gate(1, 0, Gate::Stalled);
        links.heal();
        assert_eq!(links.link(0, 1).quality, slow);
        assert_eq!(links.faults(), (0, 1));
        links.perfect();
        assert_eq!(links.faults(), (0, 0));
    }
}

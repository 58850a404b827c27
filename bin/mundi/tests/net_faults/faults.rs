//! Faults, each with the proof that it happened, under a load that does not stop.

use crate::{load::Load, network::Network};
use mundi_network::{NodeState, faults::Counts};
use std::fs;

/// What faults come over.
pub(crate) struct Trial<'a> {
    pub(crate) network: &'a Network,
    pub(crate) load: &'a Load,
    /// Receipts that have to come while a fault lasts.
    pub(crate) receipts: usize,
}

impl Trial<'_> {
    /// As many as may be broken at a time. Each turn begins with another one.
    fn victims(&self, turn: usize) -> Vec<usize> {
        let nodes = self.network.count();
        (0..(nodes - 1) / 3).map(|number| (turn + number) % nodes).collect()
    }

    /// Gives an order about each of some nodes.
    fn each(&self, order: &str, nodes: &[usize]) {
        for node in nodes {
            self.network.order(&[order, &node.to_string()]);
        }
    }

    /// Waits until so many more receipts are given out.
    pub(crate) fn goes_on(&self) {
        let wanted = self.load.given() + self.receipts;
        self.network.wait("receipts", || (self.load.given() >= wanted).then_some(()));
    }

    /// Does what the proxy counts, and waits until it has.
    fn counted(&self, what: &str, count: impl Fn(Counts) -> u64, fault: impl FnOnce()) {
        let before = count(self.network.snapshot().traffic);
        fault();
        self.network.wait(what, || (count(self.network.snapshot().traffic) > before).then_some(()));
    }

    /// From here on all links are slow, uneven and lossy.
    pub(crate) fn bad_links(&self) {
        let quality = ["--delay", "10ms", "--jitter", "10ms", "--loss", "1%"];
        let worse = || self.network.order(&[&["link", "all", "all"][..], &quality[..]].concat());
        self.counted("late segments", |counts| counts.delayed, worse);
        self.counted("lost packets", |counts| counts.lost, || self.goes_on());
        let nodes = self.network.count();
        assert_eq!(self.network.snapshot().bad_links, nodes * (nodes - 1));
    }

    /// They are as good as new.
    pub(crate) fn good_links(&self) {
        self.network.order(&["heal", "--links"]);
        let snapshot = self.network.snapshot();
        assert_eq!((snapshot.bad_links, snapshot.closed_links), (0, 0));
        self.goes_on();
        self.network.well();
    }

    /// Nodes are killed: while they work, while they open their folder, and as soon as they answer, when they are behind.
    pub(crate) fn power_failures(&self, turn: usize) {
        let victims = self.victims(turn);
        let starts = || victims.iter().map(|node| self.network.snapshot().nodes[*node].starts).sum::<u32>();
        let before = starts();
        self.each("kill", &victims);
        let nodes = self.network.snapshot().nodes;
        for node in victims.iter().map(|node| &nodes[*node]) {
            assert_eq!((node.state, node.ended.as_deref()), (NodeState::Killed, Some("signal 9")));
        }
        self.goes_on();
        self.each("restart", &victims);
        self.each("kill", &victims);
        self.each("restart", &victims);
        for node in &victims {
            self.network.wait("a node answers", || self.network.progress(*node));
        }
        self.each("kill", &victims);
        self.goes_on();
        self.each("restart", &victims);
        self.network.well();
        assert_eq!(starts() - before, 3 * victims.len() as u32);
    }

    /// Nodes stop in the middle of whatever they do, and go on later as if nothing had been.
    pub(crate) fn sleeps(&self, turn: usize) {
        let victims = self.victims(turn);
        for _ in 0..3 {
            self.each("pause", &victims);
            let nodes = self.network.snapshot().nodes;
            assert!(victims.iter().all(|node| nodes[*node].state == NodeState::Paused), "{nodes:?}");
            self.goes_on();
            self.each("resume", &victims);
        }
        self.network.well();
    }

    /// Nodes are cut off from all others, one by one, until every node's turn to lead has come: theirs too. In silence their
    /// connections stay, and nothing comes over them.
    pub(crate) fn isolation(&self, turn: usize, silent: bool) {
        let victims = self.victims(turn);
        let other = (0..self.network.count()).find(|node| !victims.contains(node)).expect("a quorum is left");
        let view = || self.network.progress(other).map(|progress| progress.view);
        let begun = self.network.wait("its view", view);
        let alone: Vec<String> = victims.iter().map(usize::to_string).collect();
        let mut order: Vec<&str> =
            ["partition"].into_iter().chain(alone.iter().map(String::as_str)).collect();
        order.extend(silent.then_some("--silent"));
        let count = |counts: Counts| if silent { counts.stalled } else { counts.severed };
        self.counted("what is closed", count, || self.network.order(&order));
        let nodes = self.network.snapshot().nodes;
        assert!(victims.iter().all(|node| nodes[*node].apart) && !nodes[other].apart, "{nodes:?}");
        self.goes_on();
        // Leaders take turns, a view each. That of the view in which this began may have led before.
        let over = begun + self.network.count() as u64 + 1;
        self.network.wait("everybody's turn", || view().filter(|view| *view >= over));
        self.network.order(&["heal"]);
        self.network.well();
    }

    /// Two halves, neither of which is a quorum: nothing is agreed on until they find each other again.
    pub(crate) fn halves(&self) {
        let nodes = self.network.count();
        let half: Vec<String> = (0..nodes / 2).map(|node| node.to_string()).collect();
        let cut = || self.network.order(&["partition", &half.join(",")]);
        self.counted("closed connections", |counts| counts.severed, cut);
        let (given, tries) = (self.load.given(), self.load.tries());
        // Every sender has asked somebody in vain by then.
        let enough = tries + 2 * self.load.senders();
        self.network.wait("tries in vain", || (self.load.tries() >= enough).then_some(()));
        // What each had sent before may have been agreed on before.
        let more = self.load.given() - given;
        assert!(more <= self.load.senders(), "{more} receipts without a quorum");
        self.network.order(&["heal"]);
        self.goes_on();
        self.network.well();
    }

    /// The disk of the last node gets full: the node ends, says why, and comes back when there is room.
    pub(crate) fn full_disk(&self) {
        let (network, node) = (self.network, self.network.count() - 1);
        let Some(reason) = network.disk().reason() else {
            println!("SKIPPED: a full disk needs `unshare` or `prlimit`, and neither is to be had here");
            return;
        };
        let (supervisor, name) = (network.supervisor(), node.to_string());
        // What fails first says it: the store in the system's words, consensus in its own.
        let said = || {
            let (log, words) = (network.log(node), [reason, "WriteFailed", "SyncFailed", "ResizeFailed"]);
            log.lines().filter(|line| words.iter().any(|word| line.contains(word))).count()
        };
        let ends = || {
            network.wait("a node without room ends", || {
                let view = network.snapshot().nodes.swap_remove(node);
                network.disk().fill(supervisor, view.pid);
                (view.state == NodeState::Failed).then_some(view)
            })
        };
        let before = said();
        network.set_doomed(Some(node));
        let view = ends();
        assert_eq!(view.ended.as_deref(), Some("exit status 1"), "it ends in good order: {view:#?}");
        network.wait("it says why", || (said() > before).then_some(()));
        self.goes_on();
        if network.disk().is_small() {
            // It may be there for a moment.
            network.order(&["restart", &name]);
            let view = ends();
            assert!(view.ended.is_some_and(|how| how.starts_with("exit status")), "{:?}", view.last_lines);
        }
        network.disk().empty(supervisor);
        network.order(&["restart", &name]);
        network.set_doomed(None);
        network.well();
    }

    /// A node loses its chain and the memory of what it signed, and has its keys and the others.
    pub(crate) fn lost_folder(&self, turn: usize) {
        // Not the one whose folder only it sees itself.
        let node = turn % (self.network.count() - 1);
        self.each("kill", &[node]);
        fs::remove_dir_all(self.network.data(node).expect("it is there")).unwrap();
        self.goes_on();
        self.each("restart", &[node]);
        self.network.well();
    }
}

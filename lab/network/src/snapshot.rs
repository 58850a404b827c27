//! What there is to know of a network that runs.

use crate::faults::Counts;
use serde::{Deserialize, Serialize};
use std::{fmt, net::SocketAddr, path::PathBuf};

/// A network at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Its folder.
    pub dir: PathBuf,
    /// For how long the supervisor has run, in seconds.
    pub seconds: f64,
    /// Its nodes.
    pub nodes: Vec<NodeView>,
    /// What all of them together say.
    pub chain: ChainView,
    /// Ordered pairs of nodes between which nothing passes.
    pub closed_links: usize,
    /// Ordered pairs with a link that is worse than perfect.
    pub bad_links: usize,
    /// What happened on all links together since the supervisor started: which faults there were, and how often.
    #[serde(default)]
    pub traffic: Counts,
    /// Whether there is no proxy between the nodes.
    pub direct: bool,
}

/// The chain, as those who are furthest see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ChainView {
    /// Height of the newest block that any node has.
    pub height: Option<u64>,
    /// Transactions per second, the median of the nodes that answer.
    pub rate: Option<f64>,
    /// Seconds from proposal to finality, likewise.
    pub finality: Option<f64>,
}

/// A node at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeView {
    /// What it is called.
    pub name: String,
    /// How it is.
    pub state: NodeState,
    /// Whether it hears and is heard by fewer than a quorum.
    pub apart: bool,
    /// Its process.
    pub pid: Option<u32>,
    /// How often it has been started.
    pub starts: u32,
    /// How it ended, if it did.
    pub ended: Option<String>,
    /// The last log lines of one that failed.
    pub last_lines: Vec<String>,
    /// Where it answers JSON-RPC.
    pub rpc: Option<SocketAddr>,
    /// What it says of itself.
    pub reading: Reading,
}

/// How a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// It runs and has not answered yet.
    #[default]
    Starting,
    /// It runs and answers.
    Up,
    /// It runs, and does not answer any more.
    Silent,
    /// It was told to sleep.
    Paused,
    /// It was told to end, and has not yet.
    Stopping,
    /// It was told to end, and did.
    Stopped,
    /// It was killed on command.
    Killed,
    /// It ended by itself, or it was told to and did so with an error, or too late.
    Failed,
}

/// What a node says of itself. What it does not say is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Reading {
    /// Height of its newest block: executed and written.
    pub height: Option<u64>,
    /// Height up to which payloads are ordered.
    pub ordered: Option<u64>,
    /// Transactions per second in its blocks, over the last seconds.
    pub rate: Option<f64>,
    /// Seconds from proposal to finality, over the last seconds.
    pub finality: Option<f64>,
    /// Peers that it is connected with.
    pub peers: Option<u64>,
    /// Bytes of memory.
    pub memory: Option<u64>,
}

impl Reading {
    /// How many payloads are ordered and not executed yet.
    pub fn lag(&self) -> Option<u64> {
        Some(self.ordered?.saturating_sub(self.height?))
    }
}

impl NodeState {
    /// Whether there is a process.
    pub fn runs(self) -> bool {
        !matches!(self, Self::Stopped | Self::Killed | Self::Failed)
    }
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Silent => "silent",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Killed => "killed",
            Self::Failed => "failed",
        })
    }
}

impl NodeView {
    /// Its state in one word: one that is up and cannot reach a quorum is partitioned.
    pub fn state_word(&self) -> String {
        match self.state {
            NodeState::Up if self.apart => "partitioned".into(),
            state => state.to_string(),
        }
    }
}

impl ChainView {
    /// What the nodes that answer say together.
    pub fn of(nodes: &[NodeView]) -> Self {
        let up = || nodes.iter().filter(|node| node.state == NodeState::Up).map(|node| &node.reading);
        Self {
            height: nodes.iter().filter_map(|node| node.reading.height).max(),
            rate: median(up().filter_map(|reading| reading.rate)),
            finality: median(up().filter_map(|reading| reading.finality)),
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_are_down_do_not_count() {
        let node = |state, height, rate| NodeView {
            name: "node0".into(),
            state,
            apart: true,
            pid: None,
            starts: 1,
            ended: None,
            last_lines: Vec::new(),
            rpc: None,
            reading: Reading {
                height: Some(height),
                ordered: Some(12),
                rate: Some(rate),
                ..Reading::default()
            },
        };
        let nodes = [
            node(NodeState::Up, 9, 10.0),
            node(NodeState::Up, 10, 30.0),
            node(NodeState::Killed, 5, 0.0),
            node(NodeState::Up, 10, 20.0),
        ];
        let chain = ChainView::of(&nodes);
        assert_eq!((chain.height, chain.rate, chain.finality), (Some(10), Some(20.0), None));
        assert_eq!(nodes[0].reading.lag(), Some(3));
        assert_eq!((nodes[0].state_word(), nodes[2].state_word()), ("partitioned".into(), "killed".into()));
    }
}

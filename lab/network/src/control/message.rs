//! What is said between a client and a supervisor.

use crate::{
    faults::{Gate, Quality},
    snapshot::Snapshot,
};
use serde::{Deserialize, Serialize};
use std::{num::NonZeroU64, time::Duration};

/// What a supervisor can be told. Nodes are named or numbered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// How is everything?
    Status,
    /// End all nodes, and then itself.
    Down,
    /// End a node as a power failure does.
    Kill {
        /// Which.
        node: String,
    },
    /// End a node in good order.
    Stop {
        /// Which.
        node: String,
    },
    /// End a node in good order if it runs, and start it.
    Restart {
        /// Which.
        node: String,
    },
    /// Let a node sleep: it keeps everything and does nothing.
    Pause {
        /// Which.
        node: String,
    },
    /// Wake it up.
    Resume {
        /// Which.
        node: String,
    },
    /// Separate groups of nodes from each other. Nodes in no group form one more.
    Partition {
        /// The groups.
        groups: Vec<Vec<String>>,
        /// Hold what they say to each other, instead of closing connections.
        #[serde(default)]
        silent: bool,
    },
    /// Join everybody again.
    Heal {
        /// Make links perfect too.
        #[serde(default)]
        links: bool,
    },
    /// Change a link.
    Link {
        /// From which node; `all` is everyone.
        from: String,
        /// To which; likewise.
        to: String,
        /// Only in this direction.
        #[serde(default)]
        one_way: bool,
        /// What is different from now on.
        change: LinkChange,
    },
}

/// What is different about a link. What is not said stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct LinkChange {
    /// By how much everything is later.
    pub delay: Option<Duration>,
    /// By how much more at most.
    pub jitter: Option<Duration>,
    /// Which share of packets is lost.
    pub loss: Option<f64>,
    /// Bytes per second at most; 0 is no limit.
    pub bandwidth: Option<u64>,
    /// Whether anything passes.
    pub gate: Option<Gate>,
}

impl LinkChange {
    /// A quality with the change.
    pub fn apply(&self, quality: Quality) -> Quality {
        Quality {
            delay: self.delay.unwrap_or(quality.delay),
            jitter: self.jitter.unwrap_or(quality.jitter),
            loss: self.loss.unwrap_or(quality.loss),
            bandwidth: self.bandwidth.map_or(quality.bandwidth, NonZeroU64::new),
        }
    }

    /// Whether nothing is different.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What a supervisor answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is done.
    Done(String),
    /// It is done, and a node failed: it ended by itself, with an error, or only when it was killed.
    Failed(String),
    /// It is not done, and why.
    Refused(String),
    /// How everything is.
    Status(Box<Snapshot>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_strictly() {
        let order = Order::Partition { groups: vec![vec!["0".into()], vec!["node1".into()]], silent: false };
        let text = r#"{"order":"partition","groups":[["0"],["node1"]]}"#;
        assert_eq!(serde_json::from_str::<Order>(text).unwrap(), order);
        for wrong in [
            r#"{"order":"explode"}"#,
            r#"{"order":"kill"}"#,
            r#"{"order":"kill","node":"0","twice":true}"#,
            r#"{"order":"link","from":"0","to":"1","change":{"dealy":1}}"#,
        ] {
            assert!(serde_json::from_str::<Order>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_said_of_a_link_stays() {
        let before = Quality { loss: 0.1, bandwidth: NonZeroU64::new(5), ..Quality::default() };
        let change =
            LinkChange { delay: Some(Duration::from_secs(1)), bandwidth: Some(0), ..LinkChange::default() };
        let after = change.apply(before);
        assert_eq!(after, Quality { delay: Duration::from_secs(1), loss: 0.1, ..Quality::default() });
        assert!(LinkChange::default().is_nothing() && !change.is_nothing());
    }
}

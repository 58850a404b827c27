//! Where the transactions of a block stand in the drawing of its dependency graph.
//!
//! Transactions that depend on nothing and that nothing depends on are left out: they say nothing. Of the others
//! the most critical are kept, those that could be delayed the least without delaying the block. A node's
//! horizontal place is its earliest start with unlimited threads, or its depth in the graph; its lane is that of the
//! transaction it waits for where that is free, so that chains read as rows. The critical path has lane 0.

use mundi_execution::{Location, Trace};
use std::collections::{BTreeMap, HashSet};

/// Most transactions that are drawn.
pub(crate) const MAX_NODES: usize = 500;
/// Most dependencies that are drawn besides those that set a start.
const MAX_EXTRA_EDGES: usize = 1500;

/// A drawn transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) tx: u32,
    /// Earliest start in nanoseconds.
    pub(crate) start: u64,
    /// Own cost in nanoseconds.
    pub(crate) cost: u64,
    /// Length of the longest chain before it, in transactions.
    pub(crate) depth: u32,
    /// Lane when placed by time.
    pub(crate) time_lane: u32,
    /// Lane when placed by depth.
    pub(crate) depth_lane: u32,
    /// Whether it is on the critical path.
    pub(crate) critical: bool,
}

/// A drawn dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) on: u32,
    pub(crate) tx: u32,
    pub(crate) location: Location,
    pub(crate) critical: bool,
}

/// A drawing of the dependency graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    /// Transactions without any dependency.
    pub(crate) isolated: usize,
    /// Transactions with dependencies that are not drawn.
    pub(crate) left_out: usize,
}

/// Earliest starts, depths and slacks.
struct Times {
    start: Vec<u64>,
    depth: Vec<u32>,
    /// The dependency that sets the start.
    via: Vec<Option<u32>>,
    /// How much later it could start without delaying the last one to finish.
    slack: Vec<u64>,
}

impl Layout {
    pub(crate) fn new(trace: &Trace) -> Self {
        let costs: Vec<u64> = trace.costs.iter().map(|cost| crate::record::nanoseconds(*cost)).collect();
        // One location for each pair of transactions is enough to explain it.
        let mut pairs: BTreeMap<(u32, u32), Location> = BTreeMap::new();
        for dependency in &trace.dependencies {
            if dependency.on < dependency.tx && (dependency.tx.0 as usize) < costs.len() {
                pairs.entry((dependency.tx.0, dependency.on.0)).or_insert(dependency.location);
            }
        }
        let times = times(&costs, &pairs);
        let path = trace.critical_path();
        let steps: Vec<u32> = path.steps.iter().map(|(tx, _)| tx.0).collect();
        let critical: HashSet<u32> =
            if steps.len() > 1 { steps.iter().copied().collect() } else { HashSet::new() };
        let critical_edges: HashSet<(u32, u32)> = steps.windows(2).map(|pair| (pair[1], pair[0])).collect();

        let connected: HashSet<u32> = pairs.keys().flat_map(|(tx, on)| [*tx, *on]).collect();
        let mut kept: Vec<u32> = connected.iter().copied().collect();
        kept.sort_by_key(|tx| (!critical.contains(tx), times.slack[*tx as usize], *tx));
        kept.truncate(MAX_NODES);
        kept.sort_unstable();
        let is_kept: HashSet<u32> = kept.iter().copied().collect();

        let by_time = lanes(&kept, &critical, &times.via, |tx| {
            let start = times.start[tx as usize];
            (start, start + costs[tx as usize].max(1))
        });
        let by_depth = lanes(&kept, &critical, &times.via, |tx| {
            let depth = u64::from(times.depth[tx as usize]);
            (depth, depth + 1)
        });
        let nodes = kept
            .iter()
            .zip(by_time.iter().zip(by_depth))
            .map(|(tx, (time_lane, depth_lane))| {
                let at = *tx as usize;
                Node {
                    tx: *tx,
                    start: times.start[at],
                    cost: costs[at],
                    depth: times.depth[at],
                    time_lane: *time_lane,
                    depth_lane,
                    critical: critical.contains(tx),
                }
            })
            .collect();

        let mut extra = 0;
        let edges = pairs
            .iter()
            .filter(|((tx, on), _)| is_kept.contains(tx) && is_kept.contains(on))
            .map(|((tx, on), location)| Edge {
                on: *on,
                tx: *tx,
                location: *location,
                critical: critical_edges.contains(&(*tx, *on)),
            })
            .filter(|edge| {
                let sets_the_start = edge.critical || times.via[edge.tx as usize] == Some(edge.on);
                extra += usize::from(!sets_the_start);
                sets_the_start || extra <= MAX_EXTRA_EDGES
            })
            .collect();
        Self { isolated: costs.len() - connected.len(), left_out: connected.len() - kept.len(), nodes, edges }
    }
}

fn times(costs: &[u64], pairs: &BTreeMap<(u32, u32), Location>) -> Times {
    let count = costs.len();
    let mut times =
        Times { start: vec![0; count], depth: vec![0; count], via: vec![None; count], slack: vec![0; count] };
    // Ascending by reader: everything read is final by then.
    for (tx, on) in pairs.keys() {
        let (tx, from) = (*tx as usize, *on as usize);
        let ready = times.start[from] + costs[from];
        if ready > times.start[tx] || times.via[tx].is_none() {
            times.start[tx] = ready;
            times.via[tx] = Some(*on);
        }
        times.depth[tx] = times.depth[tx].max(times.depth[from] + 1);
    }
    let end = (0..count).map(|tx| times.start[tx] + costs[tx]).max().unwrap_or(0);
    let mut latest_end = vec![end; count];
    for (tx, on) in pairs.keys().rev() {
        let (tx, on) = (*tx as usize, *on as usize);
        latest_end[on] = latest_end[on].min(latest_end[tx].saturating_sub(costs[tx]));
    }
    for tx in 0..count {
        times.slack[tx] = latest_end[tx].saturating_sub(times.start[tx] + costs[tx]);
    }
    times
}

/// Packs intervals into lanes, lane 0 for the critical path.
fn lanes(
    kept: &[u32],
    critical: &HashSet<u32>,
    via: &[Option<u32>],
    interval: impl Fn(u32) -> (u64, u64),
) -> Vec<u32> {
    let mut order: Vec<usize> = (0..kept.len()).collect();
    order.sort_by_key(|at| (interval(kept[*at]).0, kept[*at]));
    let mut free_from: Vec<u64> = vec![u64::MAX];
    let mut lane_of: BTreeMap<u32, u32> = BTreeMap::new();
    for at in order {
        let tx = kept[at];
        let (start, end) = interval(tx);
        let lane = if critical.contains(&tx) {
            0
        } else {
            let is_free = |lane: &usize| free_from[*lane] <= start;
            let of_predecessor = via[tx as usize].and_then(|on| lane_of.get(&on)).map(|lane| *lane as usize);
            of_predecessor.filter(is_free).or_else(|| (1..free_from.len()).find(is_free)).unwrap_or_else(
                || {
                    free_from.push(0);
                    free_from.len() - 1
                },
            )
        };
        if lane > 0 {
            free_from[lane] = end;
        }
        lane_of.insert(tx, lane as u32);
    }
    kept.iter().map(|tx| lane_of[tx]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;
    use mundi_execution::{Dependency, TxIndex};
    use std::time::Duration;

    fn trace(costs: &[u64], dependencies: &[(u32, u32)]) -> Trace {
        Trace {
            spans: vec![],
            costs: costs.iter().map(|cost| Duration::from_nanos(*cost)).collect(),
            dependencies: dependencies
                .iter()
                .map(|(tx, on)| Dependency {
                    tx: TxIndex(*tx),
                    on: TxIndex(*on),
                    location: Location::Account(Address::ZERO),
                })
                .collect(),
        }
    }

    #[test]
    fn the_critical_path_has_the_first_lane_to_itself() {
        let layout = Layout::new(&trace(&[10, 20, 5, 10, 7], &[(1, 0), (2, 0), (3, 1)]));
        let critical: Vec<u32> =
            layout.nodes.iter().filter(|node| node.critical).map(|node| node.tx).collect();
        assert_eq!(critical, [0, 1, 3]);
        assert_eq!(layout.isolated, 1);
        for node in &layout.nodes {
            assert_eq!(node.critical, node.time_lane == 0 && node.depth_lane == 0);
        }
        let last = layout.nodes.iter().find(|node| node.tx == 3).unwrap();
        assert_eq!((last.start, last.depth), (30, 2));
    }

    #[test]
    fn no_two_transactions_of_a_lane_overlap() {
        let dependencies: Vec<(u32, u32)> = (1..200_u32).map(|tx| (tx, tx / 3)).collect();
        let costs: Vec<u64> = (0..200).map(|tx| 1 + tx * 7 % 13).collect();
        let layout = Layout::new(&trace(&costs, &dependencies));
        for (at, a) in layout.nodes.iter().enumerate() {
            for b in &layout.nodes[at + 1..] {
                let apart = a.start + a.cost <= b.start || b.start + b.cost <= a.start;
                assert!(a.time_lane != b.time_lane || apart, "{a:?} {b:?}");
                assert!(a.depth_lane != b.depth_lane || a.depth != b.depth, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn a_large_graph_is_cut_to_its_most_critical_part() {
        let dependencies: Vec<(u32, u32)> = (1..2000_u32).map(|tx| (tx, tx - 1)).collect();
        let layout = Layout::new(&trace(&[1; 2000], &dependencies));
        assert_eq!((layout.nodes.len(), layout.left_out), (MAX_NODES, 1500));
    }
}

//! How a run went: counts always, a trace on request.

use crate::{
    block::{Location, TxIndex},
    options::Mode,
    schedule::Schedule,
};
use std::time::Duration;

/// How the execution of a block went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The mode that was used; never [`Mode::Auto`].
    pub mode: Mode,
    /// Threads that were used, the caller's included.
    pub threads: usize,
    /// From the first system call to the finished state changes.
    pub elapsed: Duration,
    /// Executions in the virtual machine, of transactions only.
    pub executions: u64,
    /// Executions whose result was thrown away.
    pub re_executions: u64,
    /// Transactions that needed no virtual machine (plain value transfers).
    pub plain_transfers: u64,
    /// Transactions whose speculative result was committed.
    pub speculated: u64,
    /// Spans and dependencies, if [`Options::trace`](crate::Options::trace) asked for them.
    pub trace: Option<Trace>,
    /// The schedule, if [`Options::record`](crate::Options::record) asked for it.
    pub schedule: Option<Schedule>,
}

/// What ran where and when, and what depended on what.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Executions, in no particular order.
    pub spans: Vec<Span>,
    /// For each transaction, the time its committed execution took.
    pub costs: Vec<Duration>,
    /// True read-after-write dependencies between committed transactions, without those that commutative
    /// balance changes resolve.
    pub dependencies: Vec<Dependency>,
}

/// One execution of one transaction on one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Worker, 0 is the caller's thread.
    pub worker: u16,
    /// Transaction.
    pub tx: TxIndex,
    /// Since the start of the block.
    pub start: Duration,
    /// Since the start of the block.
    pub end: Duration,
    /// Whether this execution's result was committed.
    pub committed: bool,
    /// Whether it ran on committed state (in order) rather than speculatively.
    pub in_order: bool,
}

/// Transaction `tx` read at `location` what transaction `on` wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dependency {
    /// The reader.
    pub tx: TxIndex,
    /// The writer, before the reader.
    pub on: TxIndex,
    /// Where.
    pub location: Location,
}

/// The longest chain of dependent transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CriticalPath {
    /// Sum of the costs along the chain.
    pub length: Duration,
    /// The chain, first to last, each with the location through which it depends on the one before.
    pub steps: Vec<(TxIndex, Option<Location>)>,
}

impl Trace {
    /// Puts a trace together from spans of `transactions` transactions. Of a transaction's spans, the one in
    /// order was committed; without one, the last speculative one was.
    pub(crate) fn new(mut spans: Vec<Span>, transactions: usize, dependencies: Vec<Dependency>) -> Self {
        let mut committed: Vec<Option<usize>> = vec![None; transactions];
        for (at, span) in spans.iter().enumerate() {
            let best = &mut committed[span.tx.0 as usize];
            let rank = |span: &Span| (span.in_order, span.end);
            if best.is_none_or(|best| rank(span) > rank(&spans[best])) {
                *best = Some(at);
            }
        }
        let mut costs = vec![Duration::ZERO; transactions];
        for (cost, span) in costs.iter_mut().zip(committed).filter_map(|(cost, at)| at.map(|at| (cost, at))) {
            spans[span].committed = true;
            *cost = spans[span].end - spans[span].start;
        }
        Self { spans, costs, dependencies }
    }

    /// Time of all committed executions.
    pub fn total_work(&self) -> Duration {
        self.costs.iter().sum()
    }

    /// The longest dependency chain by time. Linear in dependencies.
    pub fn critical_path(&self) -> CriticalPath {
        let (finish, via) = self.earliest_finish();
        let Some(last) = (0..finish.len()).max_by_key(|&tx| finish[tx]) else {
            return CriticalPath::default();
        };
        let mut steps = Vec::new();
        let mut at = Some(last);
        while let Some(tx) = at {
            let through = via[tx].map(|dependency| dependency.location);
            steps.push((TxIndex(tx as u32), through));
            at = via[tx].map(|dependency| dependency.on.0 as usize);
        }
        steps.reverse();
        CriticalPath { length: finish[last], steps }
    }

    /// Earliest finishing time of each transaction with unbounded threads, and the dependency that set it.
    fn earliest_finish(&self) -> (Vec<Duration>, Vec<Option<Dependency>>) {
        let mut finish = vec![Duration::ZERO; self.costs.len()];
        let mut via = vec![None; self.costs.len()];
        let mut dependencies = self.dependencies.clone();
        dependencies.sort_unstable();
        let mut next = 0;
        for tx in 0..self.costs.len() {
            let mut start = Duration::ZERO;
            while let Some(dependency) = dependencies.get(next).filter(|d| d.tx.0 as usize == tx) {
                let ready = finish[dependency.on.0 as usize];
                if ready > start || via[tx].is_none() {
                    start = ready;
                    via[tx] = Some(*dependency);
                }
                next += 1;
            }
            finish[tx] = start + self.costs[tx];
        }
        (finish, via)
    }

    /// Speed-up over one thread of a perfect scheduler on `threads` threads: greedy list scheduling of the true
    /// dependency graph in block order, with no overhead and nothing executed twice.
    pub fn ideal_speed_up(&self, threads: usize) -> f64 {
        let total = self.total_work();
        if total.is_zero() {
            return 1.0;
        }
        total.as_secs_f64() / self.ideal_time(threads).as_secs_f64()
    }

    /// Length of the schedule behind [`ideal_speed_up`](Self::ideal_speed_up).
    pub fn ideal_time(&self, threads: usize) -> Duration {
        use std::{cmp::Reverse, collections::BinaryHeap};
        let count = self.costs.len();
        let mut waits = vec![0_u32; count];
        let mut followers: Vec<Vec<u32>> = vec![Vec::new(); count];
        let mut edges: Vec<(u32, u32)> = self.dependencies.iter().map(|d| (d.on.0, d.tx.0)).collect();
        edges.sort_unstable();
        edges.dedup();
        for (on, tx) in edges {
            waits[tx as usize] += 1;
            followers[on as usize].push(tx);
        }
        let mut ready: BinaryHeap<Reverse<u32>> =
            (0..count as u32).filter(|&tx| waits[tx as usize] == 0).map(Reverse).collect();
        let mut running: BinaryHeap<Reverse<(Duration, u32)>> = BinaryHeap::new();
        let mut now = Duration::ZERO;
        loop {
            while running.len() < threads.max(1) {
                let Some(Reverse(tx)) = ready.pop() else { break };
                running.push(Reverse((now + self.costs[tx as usize], tx)));
            }
            let Some(Reverse((end, tx))) = running.pop() else { return now };
            now = end;
            for &follower in &followers[tx as usize] {
                waits[follower as usize] -= 1;
                if waits[follower as usize] == 0 {
                    ready.push(Reverse(follower));
                }
            }
        }
    }

    /// Locations by the number of dependencies through them, most first.
    pub fn hot_locations(&self) -> Vec<(Location, usize)> {
        let mut counts = alloy_primitives::map::HashMap::<Location, usize>::default();
        for dependency in &self.dependencies {
            *counts.entry(dependency.location).or_default() += 1;
        }
        let mut hot: Vec<_> = counts.into_iter().collect();
        hot.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        hot
    }
}

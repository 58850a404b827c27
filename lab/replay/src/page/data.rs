//! The data behind the page, small and in the shape that its script draws.

use super::{
    labels::{Labels, short},
    layout::Layout,
    names::Names,
};
use crate::{
    prepare::ReplayBlock,
    record::{BlockRecord, nanoseconds},
    replay::Replayed,
};
use alloy_primitives::Address;
use mundi_execution::{Location, Span, Trace};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Threads for which the speed-up is predicted.
pub(crate) const THREADS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Rows in the list of hot places.
const MAX_HOT: usize = 24;
/// Steps of the critical path that are listed.
const MAX_STEPS: usize = 400;
/// Executions in the timeline.
const MAX_SPANS: usize = 20_000;

/// Words of call data that are looked at for addresses.
const MAX_WORDS: usize = 50_000;

/// What the page shows of one block.
#[derive(Clone, Debug, Serialize)]
pub struct PageBlock {
    #[serde(flatten)]
    record: BlockRecord,
    hash: String,
    timestamp: u64,
    beneficiary: String,
    /// Ideal time for each of [`THREADS`].
    ideal_times_ns: Vec<u64>,
    /// `[hash, from, to, method, cost]` for each transaction.
    txs: Vec<(String, String, String, String, u64)>,
    /// `[worker, tx, start, end, kind]`; kind 0: speculative, 1: in order, 2: thrown away.
    spans: Vec<(u16, u32, u64, u64, u8)>,
    /// `[tx, start, cost, depth, lane by time, lane by depth, critical]`.
    nodes: Vec<(u32, u64, u64, u32, u32, u32, u8)>,
    /// `[on, tx, place, critical]`.
    edges: Vec<(u32, u32, usize, u8)>,
    isolated: usize,
    left_out: usize,
    /// `[account, what, address, slot]` for each place that is mentioned.
    places: Vec<(String, String, String, String)>,
    /// `[place, dependencies, transactions, critical steps]`, hottest first.
    hot: Vec<(usize, usize, usize, usize)>,
    /// `[tx, cost, place]` along the critical path; place is -1 for the first step.
    path: Vec<(u32, u64, i64)>,
}

impl PageBlock {
    /// Gathers what the page shows, so that the block itself can be dropped.
    pub fn new(block: &ReplayBlock, replayed: &Replayed) -> Self {
        let names = Names::mainnet();
        let tokens = tokens(block, &names);
        let labels = Labels::new(&names, &block.state, &tokens, addresses(block));
        let graph = &replayed.graph;
        let layout = Layout::new(graph);
        let path = graph.critical_path();
        let mut places = Places { labels: &labels, index: BTreeMap::new(), list: Vec::new() };

        let mut readers: BTreeMap<Location, (usize, BTreeSet<u32>)> = BTreeMap::new();
        for dependency in &graph.dependencies {
            let (count, txs) = readers.entry(dependency.location).or_default();
            *count += 1;
            txs.extend([dependency.tx.0, dependency.on.0]);
        }
        let steps_through =
            |location: &Location| path.steps.iter().filter(|(_, at)| at.as_ref() == Some(location)).count();
        let hot = graph
            .hot_locations()
            .into_iter()
            .take(MAX_HOT)
            .map(|(location, dependencies)| {
                let txs = readers.get(&location).map_or(0, |(_, txs)| txs.len());
                (places.at(&location), dependencies, txs, steps_through(&location))
            })
            .collect();
        let cost = |tx: usize| graph.costs.get(tx).map_or(0, |cost| nanoseconds(*cost));
        Self {
            record: replayed.record.clone(),
            hash: block.hash.to_string(),
            timestamp: block.header.timestamp,
            beneficiary: labels.account(&block.header.beneficiary),
            ideal_times_ns: THREADS.iter().map(|threads| nanoseconds(graph.ideal_time(*threads))).collect(),
            txs: block
                .transactions
                .iter()
                .enumerate()
                .map(|(index, tx)| {
                    let method = tx.selector.map_or_else(String::new, |selector| {
                        names
                            .method(selector)
                            .map_or_else(|| alloy_primitives::hex::encode_prefixed(selector), str::to_owned)
                    });
                    let to =
                        tx.to.as_ref().map_or_else(|| "new contract".to_owned(), |to| labels.account(to));
                    (tx.hash.to_string(), labels.account(&tx.from), to, method, cost(index))
                })
                .collect(),
            spans: spans(replayed.timeline.as_ref()),
            nodes: layout
                .nodes
                .iter()
                .map(|n| (n.tx, n.start, n.cost, n.depth, n.time_lane, n.depth_lane, n.critical.into()))
                .collect(),
            edges: layout
                .edges
                .iter()
                .map(|edge| (edge.on, edge.tx, places.at(&edge.location), edge.critical.into()))
                .collect(),
            isolated: layout.isolated,
            left_out: layout.left_out,
            hot,
            path: path
                .steps
                .iter()
                .take(MAX_STEPS)
                .map(|(tx, location)| {
                    let place = location.as_ref().map_or(-1, |location| places.at(location) as i64);
                    (tx.0, cost(tx.0 as usize), place)
                })
                .collect(),
            places: places.list,
        }
    }
}

/// The addresses a block knows, as candidates for keys of mappings.
fn addresses(block: &ReplayBlock) -> BTreeSet<Address> {
    let mut addresses: BTreeSet<Address> = block.state.accounts().map(|(address, _)| *address).collect();
    for tx in &block.transactions {
        addresses.insert(tx.from);
        addresses.extend(tx.to);
    }
    addresses.insert(block.header.beneficiary);
    let words = block
        .block
        .transactions
        .iter()
        .flat_map(|tx| tx.env.data.get(4..).unwrap_or_default().chunks_exact(32));
    addresses.extend(words.take(MAX_WORDS).filter_map(argument));
    addresses
}

/// The address in a word of call data, if it is one: twelve zero bytes, and then no small number.
fn argument(word: &[u8]) -> Option<Address> {
    let (zeros, address) = word.split_at_checked(12)?;
    let is_address = zeros.iter().all(|byte| *byte == 0) && address[..8].iter().any(|byte| *byte != 0);
    is_address.then(|| Address::from_slice(address))
}

/// Contracts that transactions of the block call as tokens are called.
fn tokens(block: &ReplayBlock, names: &Names) -> HashSet<Address> {
    let is_token_call =
        |selector| matches!(names.method(selector), Some("transfer" | "transferFrom" | "approve"));
    block
        .transactions
        .iter()
        .filter(|tx| tx.selector.is_some_and(is_token_call))
        .filter_map(|tx| tx.to)
        .collect()
}

/// Places by the order in which they are first mentioned.
struct Places<'a> {
    labels: &'a Labels<'a>,
    index: BTreeMap<Location, usize>,
    list: Vec<(String, String, String, String)>,
}

impl Places<'_> {
    fn at(&mut self, location: &Location) -> usize {
        *self.index.entry(*location).or_insert_with(|| {
            let label = self.labels.label(location);
            let slot = match location {
                Location::Account(_) => String::new(),
                Location::Slot(_, slot) => format!("{slot:#x}"),
            };
            let address = location.address();
            let account = if label.account == short(&address) { String::new() } else { label.account };
            self.list.push((account, label.what, address.to_string(), slot));
            self.list.len() - 1
        })
    }
}

fn spans(timeline: Option<&Trace>) -> Vec<(u16, u32, u64, u64, u8)> {
    let kind = |span: &Span| match (span.committed, span.in_order) {
        (false, _) => 2,
        (true, true) => 1,
        (true, false) => 0,
    };
    let mut spans: Vec<_> = timeline
        .map_or(&[][..], |trace| &trace.spans)
        .iter()
        .map(|span| (span.worker, span.tx.0, nanoseconds(span.start), nanoseconds(span.end), kind(span)))
        .collect();
    spans.sort_unstable_by_key(|(worker, _, start, ..)| (*worker, *start));
    spans.truncate(MAX_SPANS);
    spans
}

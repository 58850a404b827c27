//! Filters: what happened since a client last asked.
//!
//! ## What it promises
//! * A filter tells each block, log or transaction once. Logs of blocks that were taken back come again with `removed: true`,
//!   unless nobody was told of them.
//! * A filter that nobody asks for [`Limits::filter_lifetime`](mundi_rpc_context::Limits) is gone.
//!
//! ## Limits
//! [`Limits::filters`](mundi_rpc_context::Limits) at the same time, and what [`Changes`](changes::Changes) keeps; a filter that is
//! further behind is an error and gone. Of pending transactions a filter gets those that the pool's events still hold.

mod changes;

use super::logs::find;
use crate::{
    form::{PendingTransaction, block_logs},
    query::{Blocks, LogQuery},
    schemas,
};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{B256, U128};
use alloy_rpc_types_eth::Log;
use changes::{Change, Changes};
use mundi_chain::{Head, LedgerObserver, Sealed};
use mundi_mempool::{PoolEvent, PooledTransaction};
use mundi_rpc_context::{Cost, Ctx, Limits, Methods, Param, RpcError, Schema, optional, required};
use mundi_state::{BlockRecord, LogFilter};
use serde::Serialize;
use std::{
    collections::{HashMap, HashSet, hash_map::RandomState},
    hash::BuildHasher,
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

const ID: Param = required("id", Schema::Quantity);
const HASHES: Schema = Schema::Array(&Schema::Hash);
const LOGS: Schema = Schema::Array(&schemas::LOG);

pub(super) fn add(methods: &mut Methods, ctx: &Ctx) {
    let filters = Arc::new(Filters::default());
    ctx.ledger.observe(filters.clone());
    installing(methods, &filters);
    asking(methods, &filters);
}

fn installing(methods: &mut Methods, filters: &Arc<Filters>) {
    let here = Arc::clone(filters);
    methods.add(
        Cost::Light,
        "eth_newFilter",
        "A filter for logs of blocks to come.",
        &[required("filter", Schema::Any)],
        Schema::Quantity,
        move |ctx, mut args| {
            let query: LogQuery = args.next()?;
            check_query(&query)?;
            here.install(&ctx.limits, Instant::now(), |next| Kind::Logs(Box::new(query), next))
        },
    );
    let here = Arc::clone(filters);
    methods.add(
        Cost::Light,
        "eth_newBlockFilter",
        "A filter for blocks to come.",
        &[],
        Schema::Quantity,
        move |ctx, _| here.install(&ctx.limits, Instant::now(), Kind::Blocks),
    );
    let here = Arc::clone(filters);
    methods.add(
        Cost::Light,
        "eth_newPendingTransactionFilter",
        "A filter for transactions that come into the pool; by hash, or whole if asked.",
        &[optional("whole", Schema::Bool)],
        Schema::Quantity,
        move |ctx, mut args| {
            let whole = args.optional()?.unwrap_or(false);
            let events = Arc::new(Mutex::new(ctx.pool.subscribe()));
            here.install(&ctx.limits, Instant::now(), |_| Kind::Transactions(events, whole))
        },
    );
    let here = Arc::clone(filters);
    methods.add(
        Cost::Light,
        "eth_uninstallFilter",
        "Removes a filter; whether there was one.",
        &[ID],
        Schema::Bool,
        move |_, mut args| Ok(here.state().remove(args.next()?)),
    );
}

fn asking(methods: &mut Methods, filters: &Arc<Filters>) {
    let here = Arc::clone(filters);
    methods.add(
        Cost::Read,
        "eth_getFilterChanges",
        "What happened since the last time.",
        &[ID],
        Schema::OneOf(&[HASHES, LOGS, Schema::Array(&schemas::TRANSACTION)]),
        move |ctx, mut args| match here.poll(&ctx.limits, args.next()?, Instant::now())? {
            News::Transactions(events, whole) => Ok(Answer::of_transactions(&pending(&events), whole)),
            News::Blocks(changes) => Ok(Answer::Hashes(added(&changes).map(|(_, hash)| hash).collect())),
            News::Logs(query, changes) => logs(ctx, &query, &changes).map(Answer::Logs),
        },
    );
    let here = Arc::clone(filters);
    methods.add(
        Cost::Read,
        "eth_getFilterLogs",
        "All logs that match a filter's query.",
        &[ID],
        LOGS,
        move |ctx, mut args| {
            let query = here.query(&ctx.limits, args.next()?, Instant::now())?;
            find(ctx, &query.resolve(ctx)?)
        },
    );
}

fn check_query(query: &LogQuery) -> Result<(), RpcError> {
    query.check()?;
    match query.blocks {
        Blocks::Range(Some(BlockNumberOrTag::Pending), _)
        | Blocks::Range(_, Some(BlockNumberOrTag::Pending)) => {
            Err(RpcError::invalid_input("pending logs are not supported"))
        }
        Blocks::Range(Some(BlockNumberOrTag::Number(from)), Some(BlockNumberOrTag::Number(to)))
            if from > to =>
        {
            Err(RpcError::invalid_params(format!("invalid block range params: from {from} to {to}")))
        }
        _ => Ok(()),
    }
}

/// What a filter tells.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Answer {
    Hashes(Vec<B256>),
    Transactions(Vec<PendingTransaction>),
    Logs(Vec<Log>),
}

impl Answer {
    fn of_transactions(transactions: &[Arc<PooledTransaction>], whole: bool) -> Self {
        if whole {
            Self::Transactions(transactions.iter().map(|tx| PendingTransaction::from(&**tx)).collect())
        } else {
            Self::Hashes(transactions.iter().map(|tx| tx.hash()).collect())
        }
    }
}

/// Blocks that came, and are still there.
fn added(changes: &[Change]) -> impl Iterator<Item = (u64, B256)> {
    let gone: HashSet<B256> = removed(changes).map(|block| block.hash).collect();
    changes.iter().filter_map(move |change| match change {
        Change::Added(height, hash) => (!gone.contains(hash)).then_some((*height, *hash)),
        Change::Removed(_) => None,
    })
}

fn removed(changes: &[Change]) -> impl Iterator<Item = &Arc<BlockRecord>> {
    changes.iter().filter_map(|change| match change {
        Change::Added(..) => None,
        Change::Removed(block) => Some(block),
    })
}

/// The logs of blocks that went and had been told of, then those of blocks that came.
fn logs(ctx: &Ctx, query: &LogQuery, changes: &[Change]) -> Result<Vec<Log>, RpcError> {
    let wanted = |height: u64, hash: &B256| match query.blocks {
        Blocks::Hash(wanted) => wanted == *hash,
        Blocks::Range(from, to) => {
            let bound = |tag: Option<BlockNumberOrTag>| tag.and_then(|tag| tag.as_number());
            bound(from).is_none_or(|from| height >= from) && bound(to).is_none_or(|to| height <= to)
        }
    };
    let untold: HashSet<B256> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Added(_, hash) => Some(*hash),
            Change::Removed(_) => None,
        })
        .collect();
    let mut logs = Vec::new();
    for block in removed(changes) {
        if !untold.contains(&block.hash) && wanted(block.header.number, &block.hash) {
            let gone = block_logs(block, &query.filter).into_iter().map(|log| Log { removed: true, ..log });
            logs.extend(gone);
        }
    }
    let blocks: HashMap<B256, u64> = added(changes)
        .filter(|(height, hash)| wanted(*height, hash))
        .map(|(height, hash)| (hash, height))
        .collect();
    let (first, last) = (blocks.values().min(), blocks.values().max());
    if let (Some(first), Some(last)) = (first, last) {
        let filter = LogFilter { heights: *first..=*last, ..query.filter.clone() };
        let known = |log: &Log| log.block_hash.is_some_and(|hash| blocks.contains_key(&hash));
        logs.extend(find(ctx, &filter)?.into_iter().filter(known));
    }
    Ok(logs)
}

/// What a filter is about. Numbers are places in [`Changes`]: what comes next.
#[derive(Debug)]
enum Kind {
    Blocks(u64),
    Logs(Box<LogQuery>, u64),
    /// Whole if `true`.
    Transactions(Arc<Mutex<Receiver<PoolEvent>>>, bool),
}

#[derive(Debug)]
struct Filter {
    kind: Kind,
    asked: Instant,
}

/// What a filter has to tell, to be looked up without the lock.
enum News {
    Blocks(Vec<Change>),
    Logs(Box<LogQuery>, Vec<Change>),
    Transactions(Arc<Mutex<Receiver<PoolEvent>>>, bool),
}

#[derive(Debug, Default)]
struct State {
    filters: HashMap<U128, Filter>,
    changes: Changes,
    swept: Option<Instant>,
}

/// All filters.
#[derive(Debug, Default)]
struct Filters {
    state: Mutex<State>,
    random: RandomState,
}

impl Filters {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    fn install(
        &self,
        limits: &Limits,
        now: Instant,
        kind: impl FnOnce(u64) -> Kind,
    ) -> Result<U128, RpcError> {
        let mut state = self.state();
        state.sweep(limits, now);
        if state.filters.len() >= limits.filters {
            let message = format!("there are {} filters already; uninstall some", limits.filters);
            return Err(RpcError::limit(message));
        }
        // Nobody guesses another one's filter.
        let seed = (state.filters.len(), state.changes.end(), now);
        let [high, low] = [self.random.hash_one((seed, 0)), self.random.hash_one((seed, 1))];
        let id = U128::from((u128::from(high) << 64) | u128::from(low));
        let kind = kind(state.changes.end());
        state.filters.insert(id, Filter { kind, asked: now });
        Ok(id)
    }

    fn poll(&self, limits: &Limits, id: U128, now: Instant) -> Result<News, RpcError> {
        let mut state = self.state();
        let State { filters, changes, .. } = &mut *state;
        let filter = find_filter(filters, limits, id, now)?;
        let since = |next: &mut u64| {
            let news = changes.since(*next);
            *next = changes.end();
            news
        };
        let news = match &mut filter.kind {
            Kind::Blocks(next) => since(next).map(News::Blocks),
            Kind::Logs(query, next) => since(next).map(|changes| News::Logs(query.clone(), changes)),
            Kind::Transactions(events, whole) => Some(News::Transactions(Arc::clone(events), *whole)),
        };
        news.ok_or_else(|| {
            state.remove(id);
            RpcError::invalid_input(format!(
                "filter {id:#x} was not asked for too long and has missed blocks; install it anew"
            ))
        })
    }

    fn query(&self, limits: &Limits, id: U128, now: Instant) -> Result<LogQuery, RpcError> {
        match &find_filter(&mut self.state().filters, limits, id, now)?.kind {
            Kind::Logs(query, _) => Ok((**query).clone()),
            _ => Err(not_found(id)),
        }
    }
}

fn not_found(id: U128) -> RpcError {
    RpcError::invalid_input(format!("filter not found: {id:#x}"))
}

fn find_filter<'a>(
    filters: &'a mut HashMap<U128, Filter>,
    limits: &Limits,
    id: U128,
    now: Instant,
) -> Result<&'a mut Filter, RpcError> {
    let filter = filters.get_mut(&id).filter(|filter| filter.is_alive(limits, now));
    let filter = filter.ok_or_else(|| not_found(id))?;
    filter.asked = now;
    Ok(filter)
}

/// Transactions that became executable.
fn pending(events: &Mutex<Receiver<PoolEvent>>) -> Vec<Arc<PooledTransaction>> {
    let mut events = events.lock().expect("no holder panics");
    let mut transactions = Vec::new();
    loop {
        match events.try_recv() {
            Ok(PoolEvent::Pending(tx)) => transactions.push(tx),
            Ok(_) | Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return transactions,
        }
    }
}

impl Filter {
    fn is_alive(&self, limits: &Limits, now: Instant) -> bool {
        now.saturating_duration_since(self.asked) < limits.filter_lifetime
    }
}

impl State {
    fn remove(&mut self, id: U128) -> bool {
        let removed = self.filters.remove(&id).is_some();
        if self.filters.is_empty() {
            self.changes.forget();
        }
        removed
    }

    /// Removes filters that nobody has asked for long; not at every call.
    fn sweep(&mut self, limits: &Limits, now: Instant) {
        let since = self.swept.map(|swept| now.saturating_duration_since(swept));
        if self.filters.len() < limits.filters
            && since.is_some_and(|since| since < limits.filter_lifetime / 8)
        {
            return;
        }
        self.swept = Some(now);
        self.filters.retain(|_, filter| filter.is_alive(limits, now));
    }
}

impl LedgerObserver for Filters {
    fn sealed(&self, sealed: &Sealed, _: &Head) {
        let mut state = self.state();
        if !state.filters.is_empty() {
            state.changes.push(Change::Added(sealed.block.header.number, sealed.block.hash));
        }
    }

    fn reset(&self, removed: &[Arc<BlockRecord>], _: &Head) {
        let mut state = self.state();
        if !state.filters.is_empty() {
            removed.iter().for_each(|block| state.changes.push(Change::Removed(Arc::clone(block))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn filters_live_as_long_as_somebody_asks_and_there_is_room() {
        let limits = Limits { filters: 2, filter_lifetime: Duration::from_secs(10), ..Limits::default() };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let filters = Filters::default();
        let first = filters.install(&limits, at(0), Kind::Blocks).unwrap();
        let second = filters.install(&limits, at(0), Kind::Blocks).unwrap();
        assert_ne!(first, second);
        assert!(filters.install(&limits, at(1), Kind::Blocks).is_err(), "there are two already");
        assert!(filters.poll(&limits, first, at(9)).is_ok());
        assert!(filters.poll(&limits, first, at(18)).is_ok());
        assert!(filters.poll(&limits, second, at(18)).is_err(), "nobody asked for it");
        assert!(filters.install(&limits, at(18), Kind::Blocks).is_ok());
        assert!(filters.query(&limits, first, at(18)).is_err(), "it is about blocks");
    }
}

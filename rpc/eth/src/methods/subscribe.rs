//! `eth_subscribe`.
//!
//! ## What it promises
//! * `newHeads` and `logs` miss nothing: a subscriber that is slow is caught up from the chain. Logs of blocks that are taken back
//!   come again with `removed: true`.
//! * `newPendingTransactions` tells what becomes executable; who is slower than the pool's events loses some.
//! * `transactionReceipts` tells receipts as transactions commit, before their block is finished: those have `blockHash: null`, and
//!   no prices and times. Each is told once: those that could not be told early come when their block is written. With
//!   `{"sealed": true}` all of them do.
//!
//! ## Limits
//! What is sent waits for the connection; what waits for the subscriber is bounded by the buffers that it reads from. One
//! subscription may name [`MAX_HASHES`] transactions.

mod receipts;

use crate::{
    follow::{ChainFollower, Step},
    form::{self, PendingTransaction, block_logs},
    query::LogQuery,
    syncing::SyncStatus,
};
use alloy_primitives::B256;
use alloy_rpc_types_eth::Log;
use jsonrpsee::{
    PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink,
    types::{ErrorObjectOwned, Params},
};
use mundi_mempool::PoolEvent;
use mundi_rpc_context::{Consensus, Cost, Ctx, MethodSpec, Methods, RpcError, Schema, optional, required};
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, sync::Arc};
use tokio::sync::broadcast::error::RecvError;

/// Most transactions that one subscription names.
const MAX_HASHES: usize = 10_000;

pub(super) fn add(methods: &mut Methods) {
    let kinds =
        Schema::Enum(&["newHeads", "logs", "newPendingTransactions", "syncing", "transactionReceipts"]);
    let spec = |name, summary, params: &[_], result| MethodSpec {
        name,
        summary,
        params: params.to_vec(),
        result,
        cost: Cost::Light,
    };
    methods.describe(spec(
        "eth_subscribe",
        "Begins to send news; gives the subscription's id.",
        &[required("kind", kinds), optional("options", Schema::Any)],
        Schema::OneOf(&[Schema::Text, Schema::Number]),
    ));
    methods.describe(spec(
        "eth_unsubscribe",
        "Ends a subscription; whether there was one.",
        &[required("id", Schema::OneOf(&[Schema::Text, Schema::Number]))],
        Schema::Bool,
    ));
    methods
        .module()
        .register_subscription(
            "eth_subscribe",
            "eth_subscription",
            "eth_unsubscribe",
            |params, pending, context, _| async move { subscribe(params, pending, Ctx::clone(&context)).await },
        )
        .expect("each method is declared once");
}

/// What a client wants to hear of.
enum Kind {
    Heads,
    Logs(Box<LogQuery>),
    Transactions { whole: bool },
    Syncing,
    Receipts { hashes: HashSet<B256>, sealed: bool },
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReceiptOptions {
    transaction_hashes: Option<Vec<B256>>,
    sealed: bool,
}

fn parse(params: &Params<'_>) -> Result<Kind, RpcError> {
    let mut params = params.sequence();
    let bad = |error: ErrorObjectOwned| {
        let detail = error.data().map_or_else(|| error.message().to_owned(), ToString::to_string);
        RpcError::invalid_params(format!("invalid subscription: {detail}"))
    };
    let kind: String = params.next().map_err(bad)?;
    Ok(match kind.as_str() {
        "newHeads" => Kind::Heads,
        "syncing" => Kind::Syncing,
        "logs" => {
            let query = match params.optional_next::<LogQuery>().map_err(bad)? {
                Some(query) => query,
                None => serde_json::from_str("{}").map_err(RpcError::internal)?,
            };
            query.check()?;
            Kind::Logs(Box::new(query))
        }
        "newPendingTransactions" => {
            Kind::Transactions { whole: params.optional_next().map_err(bad)?.unwrap_or(false) }
        }
        "transactionReceipts" => {
            let options: ReceiptOptions = params.optional_next().map_err(bad)?.unwrap_or_default();
            let hashes: HashSet<_> = options.transaction_hashes.into_iter().flatten().collect();
            if hashes.len() > MAX_HASHES {
                let message =
                    format!("{} transactions in one subscription; the most is {MAX_HASHES}", hashes.len());
                return Err(RpcError::limit(message));
            }
            Kind::Receipts { hashes, sealed: options.sealed }
        }
        other => {
            let message = format!("no \"{other}\" subscription in eth namespace");
            return Err(RpcError::invalid_params(message));
        }
    })
}

async fn subscribe(params: Params<'static>, pending: PendingSubscriptionSink, ctx: Ctx) {
    let kind = match parse(&params) {
        Ok(kind) => kind,
        Err(error) => return pending.reject(error).await,
    };
    // From here on nothing is missed: events are listened to before the client knows that it is subscribed.
    match kind {
        Kind::Heads => {
            let follower = ChainFollower::new(Arc::clone(&ctx.ledger));
            if let Ok(sink) = pending.accept().await {
                heads(&sink, follower).await;
            }
        }
        Kind::Logs(query) => {
            let follower = ChainFollower::new(Arc::clone(&ctx.ledger));
            if let Ok(sink) = pending.accept().await {
                logs(&sink, follower, &query).await;
            }
        }
        Kind::Transactions { whole } => {
            let events = ctx.pool.subscribe();
            if let Ok(sink) = pending.accept().await {
                transactions(&sink, events, whole).await;
            }
        }
        Kind::Syncing => {
            if let Ok(sink) = pending.accept().await {
                syncing(&sink, ctx.consensus.as_ref()).await;
            }
        }
        Kind::Receipts { hashes, sealed } => {
            let stream = receipts::Stream::new(ctx, hashes, sealed);
            if let Ok(sink) = pending.accept().await {
                stream.run(&sink).await;
            }
        }
    }
}

/// Sends one notification; whether the subscriber is still there.
async fn send(sink: &SubscriptionSink, result: &impl Serialize) -> bool {
    match SubscriptionMessage::new(sink.method_name(), sink.subscription_id(), result) {
        Ok(message) => sink.send(message).await.is_ok(),
        Err(error) => {
            tracing::error!(target: "rpc", %error, "a notification cannot be written as JSON");
            false
        }
    }
}

/// Tells that the node falls behind, and that it has caught up.
async fn syncing(sink: &SubscriptionSink, consensus: Option<&Consensus>) {
    let Some(consensus) = consensus else {
        if send(sink, &SyncStatus::ALONE).await {
            sink.closed().await;
        }
        return;
    };
    let mut executed = consensus.progress.watch_executed();
    let mut told = None;
    loop {
        let _ = executed.latest();
        let status = SyncStatus::of(Some(consensus));
        if told != Some(status.is_behind()) {
            told = Some(status.is_behind());
            if !send(sink, &status).await {
                return;
            }
        }
        tokio::select! {
            () = sink.closed() => return,
            () = executed.changed() => {}
        }
    }
}

async fn heads(sink: &SubscriptionSink, mut follower: ChainFollower) {
    loop {
        let step = tokio::select! {
            () = sink.closed() => return,
            step = follower.next() => step,
        };
        match step {
            Some(Step::Added(block)) => {
                if !send(sink, &form::header(&block)).await {
                    return;
                }
            }
            Some(Step::Removed(_)) => {}
            None => return,
        }
    }
}

async fn logs(sink: &SubscriptionSink, mut follower: ChainFollower, query: &LogQuery) {
    loop {
        let step = tokio::select! {
            () = sink.closed() => return,
            step = follower.next() => step,
        };
        let logs: Vec<Log> = match step {
            Some(Step::Added(block)) => block_logs(&block, &query.filter),
            Some(Step::Removed(block)) => {
                let logs = block_logs(&block, &query.filter).into_iter();
                logs.map(|log| Log { removed: true, ..log }).collect()
            }
            None => return,
        };
        for log in logs {
            if !send(sink, &log).await {
                return;
            }
        }
    }
}

async fn transactions(
    sink: &SubscriptionSink,
    mut events: tokio::sync::broadcast::Receiver<PoolEvent>,
    whole: bool,
) {
    loop {
        let event = tokio::select! {
            () = sink.closed() => return,
            event = events.recv() => event,
        };
        let there = match event {
            Ok(PoolEvent::Pending(tx)) if whole => send(sink, &PendingTransaction::from(&*tx)).await,
            Ok(PoolEvent::Pending(tx)) => send(sink, &tx.hash()).await,
            Ok(_) | Err(RecvError::Lagged(_)) => true,
            Err(RecvError::Closed) => false,
        };
        if !there {
            return;
        }
    }
}

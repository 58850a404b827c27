//! `txpool_…`: what waits.

use crate::prefixed::hex;
use crate::{form::PendingTransaction, schemas};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, U64};
use mundi_mempool::{PooledTransaction, SenderContent};
use mundi_rpc_context::{Cost, Methods, RpcError, Schema, required};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

/// By nonce, decimal.
type ByNonce<T> = BTreeMap<String, T>;

#[derive(Clone, Debug, Serialize)]
struct Content<T> {
    pending: T,
    queued: T,
}

pub(super) fn add(methods: &mut Methods) {
    methods.add(
        Cost::Light,
        "txpool_status",
        "How many transactions can be executed, and how many cannot yet.",
        &[],
        schemas::POOL_STATUS,
        |ctx, _| {
            let status = ctx.pool.status();
            Ok(Content { pending: U64::from(status.pending), queued: U64::from(status.queued) })
        },
    );
    methods.add(
        Cost::Read,
        "txpool_content",
        "All transactions that wait, by sender and nonce.",
        &[],
        schemas::POOL_CONTENT,
        |ctx, _| Ok(content(ctx.pool.content(), |tx| PendingTransaction::from(tx))),
    );
    methods.add(
        Cost::Read,
        "txpool_contentFrom",
        "A sender's transactions that wait, by nonce.",
        &[required("sender", Schema::Address)],
        schemas::POOL_OF_SENDER,
        |ctx, mut args| {
            let SenderContent { pending, queued } = ctx.pool.content_from(&hex(&mut args)?);
            let by_nonce =
                |transactions| by_nonce(transactions, &|tx: &PooledTransaction| PendingTransaction::from(tx));
            Ok::<_, RpcError>(Content { pending: by_nonce(pending), queued: by_nonce(queued) })
        },
    );
    methods.add(
        Cost::Read,
        "txpool_inspect",
        "All transactions that wait, by sender and nonce, a line for each.",
        &[],
        schemas::POOL_LINES,
        |ctx, _| Ok(content(ctx.pool.content(), line)),
    );
    methods.add(
        Cost::Read,
        "eth_pendingTransactions",
        "Transactions that wait, of accounts that the node signs for.",
        &[],
        Schema::Array(&schemas::TRANSACTION),
        |ctx, _| {
            let own = ctx.accounts.addresses().into_iter();
            let waiting = own.flat_map(|address| ctx.pool.pending_of(&address));
            Ok(waiting.map(|tx| PendingTransaction::from(&*tx)).collect::<Vec<_>>())
        },
    );
}

/// The pool by sender and nonce.
fn content<T>(
    pool: BTreeMap<Address, SenderContent>,
    show: impl Fn(&PooledTransaction) -> T,
) -> Content<BTreeMap<String, ByNonce<T>>> {
    let mut content = Content { pending: BTreeMap::new(), queued: BTreeMap::new() };
    for (sender, SenderContent { pending, queued }) in pool {
        for (transactions, here) in [(pending, &mut content.pending), (queued, &mut content.queued)] {
            if !transactions.is_empty() {
                here.insert(sender.to_checksum(None), by_nonce(transactions, &show));
            }
        }
    }
    content
}

fn by_nonce<T>(
    transactions: Vec<Arc<PooledTransaction>>,
    show: &impl Fn(&PooledTransaction) -> T,
) -> ByNonce<T> {
    transactions.iter().map(|tx| (tx.nonce().to_string(), show(tx))).collect()
}

fn line(tx: &PooledTransaction) -> String {
    let tx = tx.envelope();
    let (value, gas, price) = (tx.value(), tx.gas_limit(), tx.max_fee_per_gas());
    match tx.to() {
        Some(to) => format!("{}: {value} wei + {gas} gas × {price} wei", to.to_checksum(None)),
        None => format!("contract creation: {value} wei + {gas} gas × {price} wei"),
    }
}

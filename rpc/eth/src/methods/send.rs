//! Sending signed transactions.

use crate::prefixed::hex;
use crate::{
    form, schemas,
    waiting::{Fate, Waiting},
};
use alloy_primitives::{B256, Bytes};
use form::Receipt;
use mundi_mempool::{Origin, PoolError};
use mundi_rpc_context::{Args, Cost, Ctx, Methods, Param, RpcError, Schema, code, optional, required};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};

/// EIP-7966: no receipt in time. The data is the hash.
const TIMED_OUT: i32 = 4;
/// EIP-7966: it cannot be executed yet. The data is the nonce that is missing, or else the hash.
const NOT_READY: i32 = 5;
/// The EIP-2718 type of transactions with blobs, whose proofs take milliseconds to check.
const BLOB_TYPE: u8 = 3;

const RAW: Param = required("transaction", Schema::Bytes);

pub(super) fn add(methods: &mut Methods, waiting: Arc<Waiting>) {
    methods.add_async(
        "eth_sendRawTransaction",
        "Sends a signed transaction and gives its hash.",
        &[RAW],
        Schema::Hash,
        |mut args: Args<'_>| hex::<Bytes>(&mut args),
        |ctx: Ctx, raw: Bytes| async move { submit(&ctx, raw).await },
    );
    methods.add_async(
        "eth_sendRawTransactionSync",
        "Sends a signed transaction and gives its receipt as soon as it is in a block (EIP-7966).",
        &[RAW, optional("timeoutMs", Schema::OneOf(&[Schema::Quantity, Schema::Number]))],
        schemas::RECEIPT,
        |mut args: Args<'_>| Ok((hex::<Bytes>(&mut args)?, args.optional::<Milliseconds>()?)),
        move |ctx: Ctx, (raw, timeout)| {
            let waiting = Arc::clone(&waiting);
            async move { submit_and_wait(&ctx, &waiting, raw, timeout).await }
        },
    );
}

/// Sends many signed transactions, their signatures checked on all workers. Results are in the order given.
pub async fn submit_batch(ctx: Ctx, raws: Vec<Bytes>) -> Vec<Result<B256, RpcError>> {
    let (here, count) = (Ctx::clone(&ctx), raws.len());
    let submitted = ctx.workers.run(Cost::Read, move || {
        let results = here.pool.submit_batch(&raws, Origin::Remote, here.workers.pool());
        if results.iter().any(Result::is_ok) {
            here.sequencer.wake();
        }
        Ok(results)
    });
    match submitted.await {
        Ok(results) => results.into_iter().map(|result| result.map_err(|error| rejected(&error))).collect(),
        Err(error) => vec![Err(error); count],
    }
}

/// How a rejected transaction looks to a client.
pub(super) fn rejected(error: &PoolError) -> RpcError {
    let code = match error {
        PoolError::State(_) => code::INTERNAL,
        _ => code::INVALID_INPUT,
    };
    RpcError::new(code, error.to_string())
}

async fn submit(ctx: &Ctx, raw: Bytes) -> Result<B256, RpcError> {
    if raw.first() == Some(&BLOB_TYPE) {
        let here = Ctx::clone(ctx);
        return ctx.workers.run(Cost::Read, move || submit_here(&here, &raw)).await;
    }
    // Some 50 µs, less than it takes to hand it to another thread and back under load.
    submit_here(ctx, &raw)
}

fn submit_here(ctx: &Ctx, raw: &Bytes) -> Result<B256, RpcError> {
    let hash = ctx.pool.submit_raw(raw, Origin::Remote).map_err(|error| rejected(&error))?;
    ctx.sequencer.wake();
    Ok(hash)
}

/// A time that a client gives: hexadecimal or a number. What is neither, and zero, means the default.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(from = "serde_json::Value")]
struct Milliseconds(Option<u64>);

impl From<serde_json::Value> for Milliseconds {
    fn from(value: serde_json::Value) -> Self {
        let text = value.as_str().map(|text| match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        });
        Self(text.unwrap_or_else(|| value.as_u64()))
    }
}

impl Milliseconds {
    fn within(asked: Option<Self>, (default, most): (Duration, Duration)) -> Duration {
        match asked.and_then(|asked| asked.0) {
            None | Some(0) => default,
            Some(milliseconds) => Duration::from_millis(milliseconds).min(most),
        }
    }
}

async fn submit_and_wait(
    ctx: &Ctx,
    waiting: &Arc<Waiting>,
    raw: Bytes,
    timeout: Option<Milliseconds>,
) -> Result<Receipt, RpcError> {
    let timeout = Milliseconds::within(timeout, ctx.limits.sync_wait);
    let hash = submit(ctx, raw).await?;
    let wait = waiting.wait(hash);
    let mut wait = wait.ok_or_else(|| {
        RpcError::limit("too many clients wait for transactions; ask for the receipt later")
            .with_data(hash.to_string())
    })?;
    // It may have been mined before anybody waited.
    if let Some((block, index)) = ctx.ledger.transaction(&hash)? {
        return form::receipt(&ctx.ledger, &block, index).ok_or_else(|| gone(hash));
    }
    check_ready(ctx, hash)?;
    match tokio::time::timeout(timeout, wait.fate()).await {
        Ok(Some(Fate::Mined { block, index, first_log })) => {
            form::receipt_at(&ctx.ledger, &block, index, first_log).ok_or_else(|| gone(hash))
        }
        Ok(Some(Fate::Skipped(reason))) => {
            let message = format!("the transaction was left out of the block: {reason}");
            Err(RpcError::new(code::REJECTED, message).with_data(hash.to_string()))
        }
        Ok(None) | Err(_) => {
            let message =
                format!("The transaction was added to the mempool but wasn't processed in {timeout:?}.");
            Err(RpcError::new(TIMED_OUT, message).with_data(hash.to_string()))
        }
    }
}

fn gone(hash: B256) -> RpcError {
    RpcError::internal(format!("the block of transaction {hash} has no receipt for it"))
}

/// Says at once when it would be in vain to wait.
fn check_ready(ctx: &Ctx, hash: B256) -> Result<(), RpcError> {
    let Some(tx) = ctx.pool.get(&hash) else { return Ok(()) };
    let Some(next) = ctx.pool.next_nonce(&tx.sender()) else { return Ok(()) };
    if next > tx.nonce() {
        return Ok(());
    }
    let what = "The transaction was added to the mempool but wasn't processed";
    Err(if next < tx.nonce() {
        let message = format!("{what}: {hash} has nonce {}, and {next} is missing.", tx.nonce());
        RpcError::new(NOT_READY, message).with_data(format!("{next:#x}"))
    } else {
        let message = format!("{what}: the balance of {} does not suffice for all that waits.", tx.sender());
        RpcError::new(NOT_READY, message).with_data(hash.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_numbers_or_hexadecimal_and_bounded() {
        let limits = (Duration::from_millis(20), Duration::from_millis(100));
        let within = |value| Milliseconds::within(serde_json::from_value(value).unwrap(), limits).as_millis();
        assert_eq!(within(json!(50)), 50);
        assert_eq!(within(json!("0x32")), 50);
        assert_eq!(within(json!("50")), 50);
        assert_eq!(within(json!(1000)), 100);
        for absent in [json!(0), json!(-5), json!("soon"), json!({})] {
            assert_eq!(within(absent), 20);
        }
        assert_eq!(Milliseconds::within(None, limits).as_millis(), 20);
    }
}

//! Which questions are put to the remote node.
//!
//! A question names a block or a hash. Blocks up to the one that is continued are the remote node's, and so are states before it;
//! a hash is looked for here first. A range of logs is split at the border.

use super::Fork;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::U64;
use jsonrpsee::{
    RpcModule,
    core::{server::MethodsError, traits::ToRpcParams},
    types::{ErrorObjectOwned, Params},
};
use mundi_rpc_context::{Ctx, Methods, RpcError, code};
use serde_json::{Value, json, value::RawValue};
use std::sync::Arc;

/// Requests to the remote node that one range of logs may become.
const MAX_LOG_REQUESTS: usize = 256;

/// What of a call's parameters decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// The state after a block, which is this parameter: that of the continued block is here.
    State(usize),
    /// A block, which is this parameter: the continued one is there.
    Block(usize),
    /// The hash of something that is here or there.
    Hash,
    /// Logs.
    Logs,
}

const RULES: [(&str, Rule); 47] = [
    ("debug_getRawBlock", Rule::Block(0)),
    ("debug_getRawHeader", Rule::Block(0)),
    ("debug_getRawReceipts", Rule::Block(0)),
    ("debug_getRawTransaction", Rule::Hash),
    ("debug_traceBlockByHash", Rule::Block(0)),
    ("debug_traceBlockByNumber", Rule::Block(0)),
    ("debug_traceCall", Rule::State(1)),
    ("debug_traceTransaction", Rule::Hash),
    ("erigon_getHeaderByNumber", Rule::Block(0)),
    ("eth_call", Rule::State(1)),
    ("eth_createAccessList", Rule::State(1)),
    ("eth_estimateGas", Rule::State(1)),
    ("eth_feeHistory", Rule::Block(1)),
    ("eth_getAccount", Rule::State(1)),
    ("eth_getAccountInfo", Rule::State(1)),
    ("eth_getBalance", Rule::State(1)),
    ("eth_getBlockByHash", Rule::Block(0)),
    ("eth_getBlockByNumber", Rule::Block(0)),
    ("eth_getBlockReceipts", Rule::Block(0)),
    ("eth_getBlockTransactionCountByHash", Rule::Block(0)),
    ("eth_getBlockTransactionCountByNumber", Rule::Block(0)),
    ("eth_getCode", Rule::State(1)),
    ("eth_getHeaderByHash", Rule::Block(0)),
    ("eth_getHeaderByNumber", Rule::Block(0)),
    ("eth_getLogs", Rule::Logs),
    ("eth_getProof", Rule::State(2)),
    ("eth_getRawTransactionByBlockHashAndIndex", Rule::Block(0)),
    ("eth_getRawTransactionByBlockNumberAndIndex", Rule::Block(0)),
    ("eth_getRawTransactionByHash", Rule::Hash),
    ("eth_getStorageAt", Rule::State(2)),
    ("eth_getStorageValues", Rule::State(1)),
    ("eth_getTransactionByBlockHashAndIndex", Rule::Block(0)),
    ("eth_getTransactionByBlockNumberAndIndex", Rule::Block(0)),
    ("eth_getTransactionByHash", Rule::Hash),
    ("eth_getTransactionCount", Rule::State(1)),
    ("eth_getTransactionReceipt", Rule::Hash),
    ("eth_getUncleByBlockHashAndIndex", Rule::Block(0)),
    ("eth_getUncleByBlockNumberAndIndex", Rule::Block(0)),
    ("eth_getUncleCountByBlockHash", Rule::Block(0)),
    ("eth_getUncleCountByBlockNumber", Rule::Block(0)),
    ("eth_simulateV1", Rule::State(1)),
    ("trace_block", Rule::Block(0)),
    ("trace_call", Rule::State(2)),
    ("trace_get", Rule::Hash),
    ("trace_replayBlockTransactions", Rule::Block(0)),
    ("trace_replayTransaction", Rule::Hash),
    ("trace_transaction", Rule::Hash),
];

/// Where a question is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Here,
    /// There, with another value for the parameter if need be.
    There(Option<Value>),
}

/// The parameters of a call as they came.
struct Raw(Value);

impl ToRpcParams for Raw {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        serde_json::value::to_raw_value(&self.0).map(Some)
    }
}

type Answer = Result<Box<RawValue>, ErrorObjectOwned>;

/// A method with its own answer, and the remote node's.
struct Call {
    fork: Arc<Fork>,
    ctx: Ctx,
    own: Arc<RpcModule<Ctx>>,
    method: &'static str,
}

impl Fork {
    /// The same methods, which put questions about the remote chain to its node.
    pub fn wrap(self: &Arc<Self>, ctx: &Ctx, methods: Methods) -> Methods {
        let (mut module, specs) = methods.into_parts();
        let own = Arc::new(module.clone());
        let mut wrapped = Methods::new(Ctx::clone(ctx));
        for spec in specs {
            let method = spec.name;
            if let Ok(at) = RULES.binary_search_by_key(&method, |(name, _)| name) {
                let (fork, ctx, own) = (Arc::clone(self), Ctx::clone(ctx), Arc::clone(&own));
                let (call, rule) = (Arc::new(Call { fork, ctx, own, method }), RULES[at].1);
                module.remove_method(method);
                let answer = move |params: Params<'static>, _: Arc<Ctx>, _| {
                    let call = Arc::clone(&call);
                    async move { call.answer(rule, &params).await }
                };
                module.register_async_method(method, answer).expect("it was just removed");
            }
            wrapped.describe(spec);
        }
        *wrapped.module() = module;
        wrapped
    }

    /// Where the state after a block is, or the block itself.
    fn place(&self, ctx: &Ctx, id: Option<&Value>, state: bool) -> Place {
        let id = match id {
            None | Some(Value::Null) => BlockId::latest(),
            Some(id) => match serde_json::from_value(id.clone()) {
                Ok(id) => id,
                // Whatever is wrong with it is told by the method.
                Err(_) => return Place::Here,
            },
        };
        let border = self.height();
        let here = |height: u64| height > border || (state && height == border);
        match id {
            BlockId::Hash(hash) => {
                let known = match ctx.ledger.store().height_of(&hash.block_hash) {
                    Ok(Some(height)) => here(height),
                    _ => state && hash.block_hash == self.hash(),
                };
                if known { Place::Here } else { Place::There(None) }
            }
            BlockId::Number(BlockNumberOrTag::Number(height)) if here(height) => Place::Here,
            BlockId::Number(BlockNumberOrTag::Number(_) | BlockNumberOrTag::Earliest) => Place::There(None),
            BlockId::Number(BlockNumberOrTag::Pending) => Place::Here,
            BlockId::Number(tag) => match ctx.height(tag) {
                Ok(height) if !here(height) => Place::There(Some(json!(U64::from(height)))),
                _ => Place::Here,
            },
        }
    }
}

impl Call {
    async fn answer(self: Arc<Self>, rule: Rule, params: &Params<'static>) -> Answer {
        let params: Value = match params.parse() {
            Ok(params) => params,
            Err(_) => json!([]),
        };
        match rule {
            Rule::State(at) => self.by_block(params, at, true).await,
            Rule::Block(at) => self.by_block(params, at, false).await,
            Rule::Hash => self.by_hash(params).await,
            Rule::Logs => self.logs(params).await,
        }
    }

    /// What is known here.
    async fn own(&self, params: Value) -> Answer {
        self.own.call(self.method, Raw(params)).await.map_err(|error| match error {
            MethodsError::JsonRpc(error) => error,
            error => RpcError::internal(error).into(),
        })
    }

    /// What the remote node says.
    async fn there(&self, params: Value) -> Answer {
        let (fork, method) = (Arc::clone(&self.fork), self.method);
        let ask = tokio::task::spawn_blocking(move || fork.forward(method, &params));
        Ok(ask.await.map_err(RpcError::internal)??)
    }

    async fn by_block(&self, mut params: Value, at: usize, state: bool) -> Answer {
        match self.fork.place(&self.ctx, params.get(at), state) {
            Place::Here => self.own(params).await,
            Place::There(None) => self.there(params).await,
            Place::There(Some(id)) => {
                if let Value::Array(params) = &mut params {
                    params.resize(params.len().max(at + 1), Value::Null);
                    params[at] = id;
                }
                self.there(params).await
            }
        }
    }

    async fn by_hash(&self, params: Value) -> Answer {
        let own = self.own(params.clone()).await;
        let found = match &own {
            Ok(answer) => !matches!(answer.get(), "null" | "[]"),
            Err(error) => error.code() == code::INVALID_PARAMS,
        };
        if found {
            return own;
        }
        match self.there(params).await {
            Ok(answer) if answer.get() != "null" => Ok(answer),
            _ => own,
        }
    }

    async fn logs(self: Arc<Self>, params: Value) -> Answer {
        let Some(Value::Object(filter)) = params.get(0) else { return self.own(params).await };
        if let Some(hash) = filter.get("blockHash").filter(|hash| !hash.is_null()) {
            return match self.fork.place(&self.ctx, Some(&json!({"blockHash": hash})), false) {
                Place::Here => self.own(params).await,
                Place::There(_) => self.there(params).await,
            };
        }
        let (Some(from), Some(to)) =
            (self.height(filter.get("fromBlock")), self.height(filter.get("toBlock")))
        else {
            return self.own(params).await;
        };
        let border = self.fork.height();
        if from > border || from > to {
            return self.own(params).await;
        }
        let limit = self.ctx.limits.log_blocks;
        if to - from >= limit {
            let message =
                format!("eth_getLogs: expected a range of at most {limit} blocks, got {}", to - from);
            return Err(RpcError::limit(message).into());
        }
        let with = |from: u64, to: u64| {
            let mut filter = filter.clone();
            filter.insert("fromBlock".into(), json!(U64::from(from)));
            filter.insert("toBlock".into(), json!(U64::from(to)));
            json!([filter])
        };
        let mut logs = Vec::new();
        // Nodes refuse ranges that are too much for them: halves may do.
        let (mut ranges, mut requests) = (vec![(from, to.min(border))], 0);
        while let Some((from, to)) = ranges.pop() {
            requests += 1;
            match self.there(with(from, to)).await {
                Ok(found) => append(&mut logs, &found)?,
                Err(_) if to > from && requests < MAX_LOG_REQUESTS => {
                    let middle = from + (to - from) / 2;
                    ranges.extend([(middle + 1, to), (from, middle)]);
                }
                Err(error) => return Err(error),
            }
            self.check_count(&logs)?;
        }
        if to > border {
            append(&mut logs, &self.own(with(border + 1, to)).await?)?;
            self.check_count(&logs)?;
        }
        Ok(serde_json::value::to_raw_value(&logs).map_err(RpcError::internal)?)
    }

    fn check_count(&self, logs: &[Box<RawValue>]) -> Result<(), RpcError> {
        let most = self.ctx.limits.logs;
        if logs.len() > most {
            return Err(RpcError::limit(format!("eth_getLogs: more than {most} logs; ask for fewer blocks")));
        }
        Ok(())
    }

    /// The height that a bound of a range stands for; `None` if it stands for none.
    fn height(&self, bound: Option<&Value>) -> Option<u64> {
        let tag = match bound {
            None | Some(Value::Null) => BlockNumberOrTag::Latest,
            Some(bound) => serde_json::from_value(bound.clone()).ok()?,
        };
        match tag {
            BlockNumberOrTag::Earliest => Some(0),
            tag => self.ctx.height(tag).ok(),
        }
    }
}

fn append(logs: &mut Vec<Box<RawValue>>, found: &RawValue) -> Result<(), RpcError> {
    let found: Vec<Box<RawValue>> = serde_json::from_str(found.get())
        .map_err(|error| RpcError::internal(format!("the remote node's logs are unusable: {error}")))?;
    logs.extend(found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_in_the_order_in_which_they_are_looked_up() {
        assert!(RULES.is_sorted_by_key(|(name, _)| name));
    }
}

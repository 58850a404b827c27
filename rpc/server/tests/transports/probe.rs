//! Methods that tests look into, and a server with them.

use alloy_primitives::{B256, keccak256};
use jsonrpsee::{RpcModule, types::ErrorObjectOwned};
use mundi_rpc_context::{Cost, MethodSpec, RpcError, Schema, code};
use mundi_rpc_server::{BatchSubmit, ServerConfig, ServerHandle, start};
use serde_json::Value;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::sync::Semaphore;

/// What the methods did, and what they wait for.
#[derive(Debug)]
pub(crate) struct Probe {
    /// Calls of `test_wait` that have begun.
    pub(crate) begun: Semaphore,
    /// Calls of `test_wait` that may end.
    pub(crate) release: Semaphore,
    /// Calls of `test_wait` that were given up.
    pub(crate) given_up: Semaphore,
    /// Subscriptions that ended.
    pub(crate) ended: Semaphore,
    /// How many transactions came together.
    pub(crate) submitted: Mutex<Vec<usize>>,
}

impl Default for Probe {
    fn default() -> Self {
        let none = || Semaphore::new(0);
        Self { begun: none(), release: none(), given_up: none(), ended: none(), submitted: Mutex::default() }
    }
}

/// Notices that a call was given up.
struct Alive<'a>(&'a Probe, bool);

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        if self.1 {
            self.0.given_up.add_permits(1);
        }
    }
}

type Answer<T> = Result<T, ErrorObjectOwned>;

/// The methods.
pub(crate) fn module(probe: &Arc<Probe>) -> RpcModule<Probe> {
    let mut module = RpcModule::from_arc(Arc::clone(probe));
    module
        .register_method::<Answer<Value>, _>("test_echo", |params, _, _| {
            params.parse::<Value>().map_err(|_| RpcError::invalid_params("not a value").into())
        })
        .unwrap();
    module
        .register_method::<Answer<String>, _>("test_big", |params, _, _| {
            Ok("x".repeat(params.one::<usize>()?))
        })
        .unwrap();
    module
        .register_method::<Answer<bool>, _>("test_panic", |_, _, _| panic!("a method that panics"))
        .unwrap();
    module
        .register_async_method("test_wait", |_, probe, _| async move {
            let mut alive = Alive(&probe, true);
            probe.begun.add_permits(1);
            probe.release.acquire().await.unwrap().forget();
            alive.1 = false;
            Answer::Ok("waited")
        })
        .unwrap();
    for name in ["anvil_mine", "admin_peers", "eth_chainId"] {
        module.register_method::<Answer<bool>, _>(name, |_, _, _| Ok(true)).unwrap();
    }
    module
        .register_method::<Answer<B256>, _>("eth_sendRawTransaction", |_, _, _| {
            Err(RpcError::new(code::INVALID_PARAMS, "alone").into())
        })
        .unwrap();
    module
        .register_subscription(
            "test_subscribe",
            "test_notification",
            "test_unsubscribe",
            |params, pending, probe, _| {
                let count = params.one::<u64>();
                async move {
                    let sink = match count {
                        Ok(_) => pending.accept().await?,
                        Err(error) => {
                            pending.reject(error).await;
                            return Ok(());
                        }
                    };
                    for number in 0..count.unwrap_or(0) {
                        if sink.send(serde_json::value::to_raw_value(&number).unwrap()).await.is_err() {
                            break;
                        }
                    }
                    sink.closed().await;
                    probe.ended.add_permits(1);
                    Ok::<(), jsonrpsee::core::SubscriptionError>(())
                }
            },
        )
        .unwrap();
    module
}

/// The declaration of one of them.
pub(crate) fn specs() -> Vec<MethodSpec> {
    vec![MethodSpec {
        name: "anvil_mine",
        summary: "Answers yes.",
        params: Vec::new(),
        result: Schema::Bool,
        cost: Cost::Light,
    }]
}

/// Takes transactions together: hashes them, and refuses those that begin with zero.
pub(crate) fn submit(probe: &Arc<Probe>) -> BatchSubmit {
    let probe = Arc::clone(probe);
    Arc::new(move |raws| {
        probe.submitted.lock().unwrap().push(raws.len());
        let results = raws.iter().map(|raw| match raw.first() {
            Some(0) => Err(RpcError::new(code::REJECTED, "begins with zero")),
            _ => Ok(keccak256(raw)),
        });
        let results = results.collect();
        Box::pin(async move { results })
    })
}

/// On ports of the system's choice: HTTP and WebSocket on one.
pub(crate) fn config() -> ServerConfig {
    let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    ServerConfig { http: any, ws: any, ..ServerConfig::default() }
}

/// A server with these methods.
pub(crate) async fn serve(config: ServerConfig) -> (ServerHandle, Arc<Probe>) {
    let probe = Arc::new(Probe::default());
    let config = ServerConfig { submit: Some(submit(&probe)), ..config };
    let handle = start(config, module(&probe), specs()).await.unwrap();
    (handle, probe)
}

//! The body of a request, and the same bytes as a stream on the Unix socket.

#![no_main]

use jsonrpsee::{RpcModule, types::ErrorObjectOwned};
use libfuzzer_sys::fuzz_target;
use mundi_rpc_context::RpcError;
use mundi_rpc_server::fuzz::{Requests, check, documents};
use serde_json::Value;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Runtime};

/// The limit of a document on the stream, small so that it is met.
const MOST: usize = 512;

struct World {
    runtime: Runtime,
    requests: Requests,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut module = RpcModule::new(());
        module
            .register_method::<Result<Value, ErrorObjectOwned>, _>("test_echo", |params, (), _| {
                params.parse::<Value>().map_err(|_| RpcError::invalid_params("not a value").into())
            })
            .expect("the name is free");
        module
            .register_method::<Result<u64, ErrorObjectOwned>, _>("test_sum", |params, (), _| {
                let mut params = params.sequence();
                let (first, second): (u64, Option<u64>) = (params.next()?, params.optional_next()?);
                first
                    .checked_add(second.unwrap_or(0))
                    .ok_or_else(|| RpcError::invalid_params("the sum is too large").into())
            })
            .expect("the name is free");
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime can be made");
        World { runtime, requests: Requests::new(module) }
    })
}

fuzz_target!(|bytes: &[u8]| {
    let world = world();
    world.runtime.block_on(async {
        if let Some(answer) = world.requests.answer(bytes).await {
            check(&answer).unwrap_or_else(|problem| panic!("{problem:?}: {answer}"));
        }
        let whole = documents(&[bytes], MOST);
        let (first, second) = bytes.split_at(bytes.len() / 3);
        assert_eq!(whole, documents(&[first, second], MOST), "the pieces make no difference");
        assert!(whole.iter().all(|document| document.len() <= MOST));
        for document in whole {
            if let Some(answer) = world.requests.answer(&document).await {
                check(&answer).unwrap_or_else(|problem| panic!("{problem:?}: {answer}"));
            }
        }
    });
});

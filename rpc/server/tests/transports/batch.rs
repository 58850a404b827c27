//! Batches.

use crate::{
    client::{Http, Ws, request},
    probe::{config, serve},
};
use alloy_primitives::{Bytes, keccak256};
use mundi_rpc_server::{ServerConfig, TransportLimits};
use serde_json::{Value, json};

fn raw(id: u64, bytes: &[u8]) -> Value {
    request(id, "eth_sendRawTransaction", json!([Bytes::copy_from_slice(bytes)]))
}

#[tokio::test]
async fn answers_come_in_order() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    let batch = json!([
        request(3, "test_echo", json!(["a"])),
        {"jsonrpc": "2.0", "method": "test_echo"},
        7,
        request(1, "eth_nothing", json!([])),
        {"jsonrpc": "2.0", "id": "x"},
        request(2, "test_panic", json!([])),
        request(3, "eth_chainId", json!([])),
    ]);
    let answers = http.post(&batch.to_string()).await.json();
    let seen: Vec<_> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| (answer["id"].clone(), answer["error"]["code"].as_i64()))
        .collect();
    let expected = [
        (json!(3), None),
        (json!(null), Some(-32600)),
        (json!(1), Some(-32601)),
        (json!("x"), Some(-32600)),
        (json!(2), Some(-32603)),
        (json!(3), None),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn neighbouring_transactions_go_together() {
    let (handle, probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    let batch = json!([
        raw(1, &[1]),
        raw(2, &[0, 1]),
        raw(3, &[3]),
        request(4, "eth_chainId", json!([])),
        raw(5, &[5]),
        request(6, "eth_sendRawTransaction", json!(["0xnothing"])),
        raw(7, &[]),
        raw(8, &[8]),
    ]);
    let answers = http.post(&batch.to_string()).await.json();
    let hash = |bytes: &[u8]| json!(keccak256(bytes));
    let ids: Vec<_> =
        answers.as_array().unwrap().iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(answers[0], json!({"jsonrpc": "2.0", "id": 1, "result": hash(&[1])}));
    assert_eq!(answers[1]["error"], json!({"code": -32003, "message": "begins with zero"}));
    assert_eq!(answers[2]["result"], hash(&[3]));
    assert_eq!(answers[4]["result"], hash(&[5]));
    assert_eq!(answers[5]["error"]["message"], "alone", "what is malformed is the method's to explain");
    assert_eq!(answers[6]["result"], hash(&[]));
    assert_eq!(answers[7]["result"], hash(&[8]));
    assert_eq!(*probe.submitted.lock().unwrap(), [3, 1, 2]);
}

#[tokio::test]
async fn a_submitter_that_returns_too_little_is_a_fault_of_the_node() {
    let config = ServerConfig { ..config() };
    let probe = std::sync::Arc::default();
    let config =
        ServerConfig { submit: Some(std::sync::Arc::new(|_| Box::pin(async { Vec::new() }))), ..config };
    let handle = mundi_rpc_server::start(config, crate::probe::module(&probe), Vec::new()).await.unwrap();
    let answers = Http::to(&handle).await.post(&json!([raw(1, &[1])]).to_string()).await.json();
    assert_eq!((&answers[0]["id"], &answers[0]["error"]["code"]), (&json!(1), &json!(-32603)));
}

#[tokio::test]
async fn a_batch_has_a_limit_and_it_is_not_run_beyond_it() {
    let limits = TransportLimits { batch: 3, ..TransportLimits::default() };
    let (handle, probe) = serve(ServerConfig { limits, ..config() }).await;
    let mut http = Http::to(&handle).await;
    let batch = |length: u64| Value::from_iter((0..length).map(|id| raw(id, &[1]))).to_string();
    assert_eq!(http.post(&batch(3)).await.json().as_array().unwrap().len(), 3);
    assert_eq!(http.post(&batch(4)).await.code(), -32010);
    assert_eq!(*probe.submitted.lock().unwrap(), [3]);
}

#[tokio::test]
async fn answers_that_do_not_fit_are_told_and_the_rest_is_not_run() {
    let limits = TransportLimits { response_bytes: 10_000, ..TransportLimits::default() };
    let (handle, probe) = serve(ServerConfig { limits, ..config() }).await;
    let mut http = Http::to(&handle).await;
    assert_eq!(http.call("test_big", json!([20_000])).await["error"]["code"], -32008);
    let batch = json!([
        request(1, "test_big", json!([6_000])),
        request(2, "test_big", json!([6_000])),
        request(3, "eth_chainId", json!([])),
        raw(4, &[1]),
    ]);
    let answers = http.post(&batch.to_string()).await.json();
    let codes: Vec<_> = (0..4).map(|index| answers[index]["error"]["code"].as_i64()).collect();
    assert_eq!(codes, [None, Some(-32008), Some(-32011), Some(-32011)]);
    assert_eq!(answers[3]["id"], 4);
    assert!(probe.submitted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_subscription_in_a_batch_is_answered_in_the_batch_and_then_runs() {
    let (handle, _probe) = serve(config()).await;
    let mut ws = Ws::to(&handle).await;
    ws.send(&json!([request(1, "eth_chainId", json!([])), request(2, "test_subscribe", json!([2]))])).await;
    let answers = ws.next().await.unwrap();
    assert_eq!(answers[0]["result"], true);
    let subscription = &answers[1]["result"];
    assert!(subscription.as_str().unwrap().starts_with("0x"), "{answers}");
    for number in 0..2 {
        let notification = ws.next().await.unwrap();
        assert_eq!(notification["params"], json!({"subscription": subscription, "result": number}));
    }
    let ended = ws.call("test_unsubscribe", json!([subscription])).await;
    assert_eq!(ended["result"], true, "{ended}");
}

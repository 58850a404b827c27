//! What is bounded over connections, and how a server ends.

use crate::{
    client::{Http, Ws, request},
    probe::{config, serve},
};
use mundi_rpc_server::{ServerConfig, TransportLimits};
use serde_json::json;
use std::time::Duration;

fn with(limits: TransportLimits) -> ServerConfig {
    ServerConfig { limits, ..config() }
}

#[tokio::test]
async fn connections_are_counted_over_both_transports() {
    let (handle, _probe) =
        serve(with(TransportLimits { connections: 2, ..TransportLimits::default() })).await;
    let (mut http, mut ws) = (Http::to(&handle).await, Ws::to(&handle).await);
    assert_eq!(http.call("eth_chainId", json!([])).await["result"], true);
    let mut third = Http::to(&handle).await;
    let reply = third.reply().await.unwrap();
    assert_eq!(reply.status, 503);
    assert!(reply.body.ends_with("try again later\n"), "{reply:?}");
    assert!(third.closed().await);
    assert_eq!(ws.call("eth_chainId", json!([])).await["result"], true);
    drop((http, ws));
    // Their places are free again as soon as the server has noticed.
    while Http::to(&handle).await.ask("GET", "/", "Host: localhost\r\n").await.status != 200 {}
}

#[tokio::test]
async fn subscriptions_of_a_connection_are_counted() {
    let (handle, _probe) =
        serve(with(TransportLimits { subscriptions: 2, ..TransportLimits::default() })).await;
    let mut ws = Ws::to(&handle).await;
    let first = ws.call("test_subscribe", json!([0])).await["result"].clone();
    assert!(ws.call("test_subscribe", json!([0])).await["result"].is_string());
    assert_eq!(ws.call("test_subscribe", json!([0])).await["error"]["code"], -32006);
    assert_eq!(ws.call("test_unsubscribe", json!([first])).await["result"], true);
    while ws.call("test_subscribe", json!([0])).await["error"]["code"] == -32006 {}
    assert!(Ws::to(&handle).await.call("test_subscribe", json!([0])).await["result"].is_string());
}

#[tokio::test]
async fn large_answers_of_all_connections_are_bounded_together() {
    let (handle, _probe) =
        serve(with(TransportLimits { held_bytes: 1_000_000, ..TransportLimits::default() })).await;
    let mut http = Http::to(&handle).await;
    assert_eq!(http.call("test_big", json!([2_000_000])).await["error"]["code"], -32005);
    let batch = json!([request(1, "test_big", json!([900_000])), request(2, "test_big", json!([900_000]))]);
    let answers = http.post(&batch.to_string()).await.json();
    assert!(answers[0]["result"].is_string());
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&json!(2), &json!(-32005)));
    let large = request(1, "test_echo", json!(["x".repeat(1_100_000)])).to_string();
    let reply = http.post(&large).await;
    assert_eq!((reply.status, reply.code()), (503, -32005));
    let mut http = Http::to(&handle).await;
    assert!(http.call("test_big", json!([900_000])).await["result"].is_string(), "room is given back");
}

#[tokio::test]
async fn stopping_finishes_what_is_in_flight() {
    let (handle, probe) = serve(config()).await;
    let (mut http, mut ws) = (Http::to(&handle).await, Ws::to(&handle).await);
    let mut idle = Http::to(&handle).await;
    let address = handle.local_addr().unwrap();
    ws.send(&request(1, "test_wait", json!([]))).await;
    let call = tokio::spawn(async move { http.call("test_wait", json!([])).await });
    probe.begun.acquire_many(2).await.unwrap().forget();
    let stopping = tokio::spawn(handle.stop());
    assert!(idle.closed().await, "who asks nothing is let go at once");
    probe.release.add_permits(2);
    assert_eq!(call.await.unwrap()["result"], "waited");
    assert_eq!(ws.next().await.unwrap()["result"], "waited");
    assert_eq!(ws.farewell().await, Some((1001, "the node stops".to_owned())));
    assert!(stopping.await.unwrap());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let (handle, probe) =
        serve(with(TransportLimits { grace: Duration::from_millis(20), ..TransportLimits::default() })).await;
    let (mut http, mut ws) = (Http::to(&handle).await, Ws::to(&handle).await);
    ws.send(&request(1, "test_wait", json!([]))).await;
    let call = tokio::spawn(async move {
        let body = request(1, "test_wait", json!([])).to_string();
        http.send(&format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        http.reply().await
    });
    probe.begun.acquire_many(2).await.unwrap().forget();
    assert!(!handle.stop().await);
    assert!(call.await.unwrap().is_none());
    assert!(ws.next().await.is_none());
    probe.given_up.acquire_many(2).await.unwrap().forget();
}

#[tokio::test]
async fn a_dropped_handle_stops_the_server() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    assert_eq!(http.call("eth_chainId", json!([])).await["result"], true);
    drop(handle);
    assert!(http.closed().await);
}

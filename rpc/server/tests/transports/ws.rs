//! WebSockets.

use crate::{
    client::{Http, Ws, request},
    probe::{config, serve},
};
use futures::{SinkExt as _, StreamExt as _};
use mundi_rpc_server::{ServerConfig, TransportLimits};
use serde_json::json;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn calls_run_side_by_side() {
    let (handle, probe) = serve(config()).await;
    assert_eq!(handle.http_addr(), handle.ws_addr(), "one port");
    let mut ws = Ws::to(&handle).await;
    ws.send(&request(1, "test_wait", json!([]))).await;
    probe.begun.acquire().await.unwrap().forget();
    ws.send(&request(2, "test_echo", json!([2]))).await;
    assert_eq!(ws.next().await.unwrap()["id"], 2, "the second does not wait for the first");
    probe.release.add_permits(1);
    assert_eq!(ws.next().await.unwrap()["id"], 1);
}

#[tokio::test]
async fn subscriptions_notify_until_they_are_ended() {
    let (handle, probe) = serve(config()).await;
    let mut ws = Ws::to(&handle).await;
    let subscription = ws.call("test_subscribe", json!([3])).await["result"].clone();
    for number in 0..3 {
        let notification = ws.next().await.unwrap();
        assert_eq!(notification["method"], "test_notification");
        assert_eq!(notification["params"]["result"], number);
    }
    assert_eq!(ws.call("test_unsubscribe", json!([subscription])).await["result"], true);
    probe.ended.acquire().await.unwrap().forget();
    assert_eq!(ws.call("test_unsubscribe", json!([subscription])).await["result"], false);
}

#[tokio::test]
async fn subscriptions_belong_to_their_connection() {
    let (handle, probe) = serve(config()).await;
    let (mut first, mut second) = (Ws::to(&handle).await, Ws::to(&handle).await);
    let subscription = first.call("test_subscribe", json!([0])).await["result"].clone();
    assert_eq!(second.call("test_unsubscribe", json!([subscription])).await["result"], false);
    drop(first);
    probe.ended.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn a_client_that_leaves_is_not_worked_for() {
    let (handle, probe) = serve(config()).await;
    let mut ws = Ws::to(&handle).await;
    ws.send(&request(1, "test_wait", json!([]))).await;
    probe.begun.acquire().await.unwrap().forget();
    drop(ws);
    probe.given_up.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn errors_are_those_of_http() {
    let (handle, _probe) = serve(config()).await;
    let mut ws = Ws::to(&handle).await;
    ws.socket.send(Message::text("no")).await.unwrap();
    assert_eq!(ws.next().await.unwrap()["error"]["code"], -32700);
    ws.socket.send(Message::binary(b"{}".to_vec())).await.unwrap();
    assert_eq!(ws.next().await.unwrap()["error"]["code"], -32600);
    assert_eq!(ws.call("test_subscribe", json!(["no"])).await["error"]["code"], -32602);
    assert_eq!(ws.call("test_panic", json!([])).await["error"]["code"], -32603);
    assert_eq!(ws.call("eth_chainId", json!([])).await["result"], true);
}

#[tokio::test]
async fn pings_are_answered_and_sent() {
    let limits = TransportLimits { ping: Duration::from_millis(20), ..TransportLimits::default() };
    let (handle, _probe) = serve(ServerConfig { limits, ..config() }).await;
    let mut ws = Ws::to(&handle).await;
    ws.socket.send(Message::Ping(bytes::Bytes::from_static(b"hello"))).await.unwrap();
    let (mut pings, mut pongs) = (0, 0);
    while pings < 3 || pongs < 1 {
        match ws.socket.next().await.unwrap().unwrap() {
            Message::Ping(_) => pings += 1,
            Message::Pong(payload) => {
                assert_eq!(payload, "hello");
                pongs += 1;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_silent_client_is_dropped() {
    let limits = TransportLimits { ping: Duration::from_millis(10), ..TransportLimits::default() };
    let (handle, _probe) = serve(ServerConfig { limits, ..config() }).await;
    // Shakes hands and then answers no ping.
    let mut http = Http::to(&handle).await;
    let reply = http
        .ask(
            "GET",
            "/",
            "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        )
        .await;
    assert_eq!(reply.status, 101);
    assert_eq!(reply.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert!(http.closed().await);
}

#[tokio::test]
async fn the_close_is_answered() {
    let (handle, _probe) = serve(config()).await;
    let mut ws = Ws::to(&handle).await;
    ws.socket.close(None).await.unwrap();
    while let Some(Ok(_)) = ws.socket.next().await {}
    assert!(handle.stop().await);
}

//! Requests that are oversized, malformed, deeply nested, slow or half closed: answered or dropped, without harm.

use crate::{
    client::{Http, Ws, request},
    probe::{config, serve},
};
use futures::SinkExt as _;
use mundi_rpc_server::{ServerConfig, ServerHandle, TransportLimits};
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

/// The server answers others as before.
async fn unharmed(handle: ServerHandle) {
    assert_eq!(Http::to(&handle).await.call("eth_chainId", json!([])).await["result"], true);
    assert!(handle.stop().await);
}

fn with(limits: TransportLimits) -> ServerConfig {
    ServerConfig { limits, ..config() }
}

#[tokio::test]
async fn oversized_bodies_are_refused_by_what_they_claim_and_by_what_comes() {
    let (handle, _probe) =
        serve(with(TransportLimits { request_bytes: 1_000, ..TransportLimits::default() })).await;
    let mut http = Http::to(&handle).await;
    http.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n").await;
    let reply = http.reply().await.unwrap();
    assert_eq!((reply.status, reply.code()), (413, -32007));
    assert!(http.closed().await);

    let mut http = Http::to(&handle).await;
    http.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    http.send(&format!("3e8\r\n{}\r\n1\r\n ", " ".repeat(1_000))).await;
    assert_eq!(http.reply().await.unwrap().status, 413);

    let mut http = Http::to(&handle).await;
    let body = request(1, "test_echo", json!(["x"])).to_string();
    let padded = format!("{body}{}", " ".repeat(1_000 - body.len()));
    assert_eq!(http.post(&padded).await.status, 200, "the limit itself is allowed");
    unharmed(handle).await;
}

#[tokio::test]
async fn oversized_messages_end_the_websocket() {
    let (handle, _probe) =
        serve(with(TransportLimits { request_bytes: 1_000, ..TransportLimits::default() })).await;
    let mut ws = Ws::to(&handle).await;
    ws.socket.send(Message::text("x".repeat(1_001))).await.unwrap();
    assert_eq!(ws.farewell().await, Some((1009, "the message is too large".to_owned())));
    unharmed(handle).await;
}

#[tokio::test]
async fn oversized_heads_are_refused() {
    let (handle, _probe) =
        serve(with(TransportLimits { head_bytes: 8_192, ..TransportLimits::default() })).await;
    let mut http = Http::to(&handle).await;
    http.send(&format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n", "x".repeat(20_000))).await;
    // What was not read of the request may take the answer with it.
    assert!(http.reply().await.is_none_or(|reply| reply.status == 431));
    let mut http = Http::to(&handle).await;
    http.send(&format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(200))).await;
    assert!(http.reply().await.is_none_or(|reply| reply.status == 431));
    unharmed(handle).await;
}

#[tokio::test]
async fn malformed_http_is_answered_or_dropped() {
    let (handle, _probe) = serve(config()).await;
    for text in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut http = Http::to(&handle).await;
        http.send(text).await;
        http.stream.shutdown().await.unwrap();
        if let Some(reply) = http.reply().await {
            assert_eq!(reply.status, 400, "{text:?}");
        }
        assert!(http.closed().await);
    }
    unharmed(handle).await;
}

#[tokio::test]
async fn malformed_json_is_answered() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    let call = request(1, "test_echo", json!([1])).to_string();
    for cut in 1..call.len() {
        assert_eq!(http.post(&call[..cut]).await.code(), -32700, "{}", &call[..cut]);
    }
    for body in ["{\"a\":\u{0}}", "\u{feff}{}", "[1,]", "{\"id\":1}}", "nul", "[[[", "{\"id\":1,\"id\":2"] {
        assert_eq!(http.post(body).await.code(), -32700, "{body:?}");
    }
    unharmed(handle).await;
}

#[tokio::test]
async fn text_that_is_not_utf8_is_answered() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    http.send(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n",
    )
    .await;
    http.stream.write_all(b"{\"\xff\":1}").await.unwrap();
    let code = http.reply().await.unwrap().code();
    assert!([-32700, -32600].contains(&code), "{code}");
    unharmed(handle).await;
}

#[tokio::test]
async fn deep_nesting_is_answered_without_recursion() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    for depth in [100, 200, 1_000_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let call =
            |params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"test_echo","params":{params}}}"#);
        let answer = http.post(&call(&nested)).await.json();
        if depth < 128 {
            assert!(answer["result"].is_array(), "{depth}");
        } else {
            assert_eq!(answer["error"]["code"], -32602, "{depth}: deeper than the parser goes");
        }
        // As a batch of batches, as a method, and as something else of the request.
        assert_eq!(http.post(&nested).await.json()[0]["error"]["code"], -32600);
        let method = format!(r#"{{"jsonrpc":"2.0","id":1,"method":{nested}}}"#);
        assert_eq!(http.post(&method).await.code(), -32600);
        let other = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_chainId","other":{nested}}}"#);
        assert_eq!(http.post(&other).await.json()["result"], true);
        assert_eq!(http.post(&"[".repeat(depth)).await.code(), -32700);
        assert_eq!(http.post(&r#"{"a":"#.repeat(depth)).await.code(), -32700);
    }
    unharmed(handle).await;
}

#[tokio::test]
async fn a_head_that_drips_is_dropped() {
    let (handle, _probe) =
        serve(with(TransportLimits { idle: Duration::from_millis(50), ..TransportLimits::default() })).await;
    let mut silent = Http::to(&handle).await;
    assert!(silent.closed().await);
    let mut started = Http::to(&handle).await;
    started.send("POST / HTTP/1.1\r\nHost: local").await;
    assert!(started.closed().await);
    let mut idle = Http::to(&handle).await;
    assert_eq!(idle.call("eth_chainId", json!([])).await["result"], true);
    assert!(idle.closed().await, "also between requests");
    unharmed(handle).await;
}

#[tokio::test]
async fn a_body_that_drips_is_answered_and_dropped() {
    let (handle, _probe) =
        serve(with(TransportLimits { body: Duration::from_millis(50), ..TransportLimits::default() })).await;
    let mut http = Http::to(&handle).await;
    http.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{").await;
    let reply = http.reply().await.unwrap();
    assert_eq!((reply.status, reply.code()), (408, -32005));
    assert!(http.closed().await);
    unharmed(handle).await;
}

#[tokio::test]
async fn an_http_client_that_leaves_is_not_worked_for() {
    let (handle, probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    let body = request(1, "test_wait", json!([])).to_string();
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length:";
    http.send(&format!("{head} {}\r\n\r\n{body}", body.len())).await;
    probe.begun.acquire().await.unwrap().forget();
    // Half closed: this side says nothing more.
    http.stream.shutdown().await.unwrap();
    probe.given_up.acquire().await.unwrap().forget();
    assert!(http.closed().await);
    // Half closed in the middle of a body.
    let mut http = Http::to(&handle).await;
    http.send(&format!("{head} 100\r\n\r\n{{")).await;
    http.stream.shutdown().await.unwrap();
    assert!(http.closed().await);
    unharmed(handle).await;
}

#[tokio::test]
async fn a_websocket_client_that_does_not_read_is_not_read_from() {
    let limits = TransportLimits { in_flight: 4, ..TransportLimits::default() };
    let (handle, probe) = serve(with(limits)).await;
    let mut ws = Ws::to(&handle).await;
    for id in 0..10 {
        ws.send(&request(id, "test_wait", json!([]))).await;
    }
    probe.begun.acquire_many(4).await.unwrap().forget();
    // The fifth begins only after an answer is written.
    assert_eq!(probe.begun.available_permits(), 0);
    probe.release.add_permits(1);
    assert!(ws.next().await.is_some());
    probe.begun.acquire().await.unwrap().forget();
    assert_eq!(probe.begun.available_permits(), 0);
    drop(ws);
    probe.release.add_permits(10);
    unharmed(handle).await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_of_a_large_answer_is_dropped() {
    let limits = TransportLimits { stall: Duration::from_millis(50), ..TransportLimits::default() };
    let (handle, _probe) = serve(with(limits)).await;
    let mut http = Http::to(&handle).await;
    let body = request(1, "test_big", json!([50_000_000])).to_string();
    http.send(&format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    // All connections end, so the one that is stuck was cut.
    unharmed(handle).await;
    assert!(http.reply().await.is_none(), "the answer is not whole");
}

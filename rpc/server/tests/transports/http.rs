//! HTTP as it should be.

use crate::{
    client::{Http, request},
    probe::{config, serve},
};
use mundi_rpc_server::ServerConfig;
use serde_json::{Value, json};

#[tokio::test]
async fn calls_are_answered_one_after_another_on_one_connection() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    for number in 0..3 {
        let answer = http.call("test_echo", json!([number])).await;
        assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 1, "result": [number]}));
    }
    assert!(handle.stop().await);
}

#[tokio::test]
async fn ids_come_back_as_they_were() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    for id in [json!(0), json!(u64::MAX), json!("a\"ö"), json!(null)] {
        let request = json!({"jsonrpc": "2.0", "id": id, "method": "eth_chainId"});
        assert_eq!(http.post(&request.to_string()).await.json()["id"], id);
    }
}

#[tokio::test]
async fn errors_have_the_codes_of_the_specification() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    for (body, code, id) in [
        ("{", -32700, Value::Null),
        ("[", -32700, Value::Null),
        ("", -32700, Value::Null),
        ("hello", -32700, Value::Null),
        ("\"hello\"", -32700, Value::Null),
        ("{} {}", -32700, Value::Null),
        ("{}", -32600, Value::Null),
        ("[]", -32600, Value::Null),
        (r#"{"jsonrpc":"1.0","id":5,"method":"eth_chainId"}"#, -32600, json!(5)),
        (r#"{"id":5,"method":"eth_chainId"}"#, -32600, json!(5)),
        (r#"{"jsonrpc":"2.0","id":5}"#, -32600, json!(5)),
        (r#"{"jsonrpc":"2.0","id":5,"method":7}"#, -32600, json!(5)),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"eth_chainId"}"#, -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"eth_chainId"}"#, -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":5,"method":"eth_nothing"}"#, -32601, json!(5)),
        (r#"{"jsonrpc":"2.0","id":5,"method":"test_echo","params":{"a":1}}"#, -32602, json!(5)),
        (r#"{"jsonrpc":"2.0","id":5,"method":"test_echo","params":"0x1"}"#, -32602, json!(5)),
        (r#"{"jsonrpc":"2.0","id":5,"method":"test_subscribe","params":[1]}"#, -32601, json!(5)),
        (r#"{"jsonrpc":"2.0","id":5,"method":"test_panic"}"#, -32603, json!(5)),
    ] {
        let answer = http.post(body).await.json();
        assert_eq!(answer["error"]["code"], code, "{body}: {answer}");
        assert_eq!(answer["id"], id, "{body}: {answer}");
    }
    assert_eq!(http.call("eth_chainId", json!([])).await["result"], true, "the server is unharmed");
}

#[tokio::test]
async fn calls_without_an_id_are_not_answered_and_do_nothing() {
    let (handle, probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    let reply = http.post(r#"{"jsonrpc":"2.0","method":"test_wait"}"#).await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    let reply =
        http.post(r#"[{"jsonrpc":"2.0","method":"test_wait"},{"jsonrpc":"2.0","method":"test_wait"}]"#).await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    assert_eq!(probe.begun.available_permits(), 0);
}

#[tokio::test]
async fn a_browser_is_told_what_this_is() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    let reply = http.ask("GET", "/", "Host: localhost\r\n").await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("JSON-RPC"), "{}", reply.body);
    assert_eq!(http.ask("GET", "/nothing", "Host: localhost\r\n").await.status, 404);
    assert_eq!(http.ask("DELETE", "/", "Host: localhost\r\n").await.status, 405);
}

#[tokio::test]
async fn pages_stand_beside_the_calls() {
    let page = axum::Router::new().route("/health", axum::routing::get(async || "well"));
    let (handle, _probe) = serve(ServerConfig { pages: Some(page), ..config() }).await;
    let mut http = Http::to(&handle).await;
    let reply = http.ask("GET", "/health", "Host: localhost\r\n").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "well"));
    assert_eq!(http.call("eth_chainId", json!([])).await["result"], true);
    assert_eq!(http.ask("GET", "/health", "Host: evil.example\r\n").await.status, 403);
}

#[tokio::test]
async fn only_json_is_taken() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    let body = request(1, "eth_chainId", json!([])).to_string();
    for (kind, status) in [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON;charset=UTF-8", 200),
        ("application/json-rpc", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonx", 415),
    ] {
        http.send(&format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        assert_eq!(http.reply().await.unwrap().status, status, "{kind}");
    }
}

#[tokio::test]
async fn chunked_bodies_and_expectations_are_understood() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    let body = request(1, "test_echo", json!(["a".repeat(100_000)])).to_string();
    let (first, second) = body.split_at(40_000);
    http.send(&format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    ))
    .await;
    assert_eq!(http.reply().await.unwrap().json()["result"][0].as_str().unwrap().len(), 100_000);
    http.send(&format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ))
    .await;
    assert_eq!(http.reply().await.unwrap().status, 100);
    http.send(&body).await;
    assert_eq!(http.reply().await.unwrap().status, 200);
}

#[tokio::test]
async fn the_methods_describe_themselves() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    let document = http.call("rpc_discover", json!([])).await["result"].take();
    let names: Vec<_> =
        document["methods"].as_array().unwrap().iter().map(|method| &method["name"]).collect();
    assert_eq!(names, ["anvil_mine", "rpc_discover"]);
}

//! Who is let in.

use crate::{
    client::{Http, Ws, request},
    probe::{config, serve},
};
use mundi_rpc_server::{AdminConfig, Hosts, JwtSecret, MethodFilter, Origins, ServerConfig};
use serde_json::json;
use std::{
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

const PREFLIGHT: &str = "Host: localhost\r\nOrigin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n\
                         Access-Control-Request-Private-Network: true\r\n";

#[tokio::test]
async fn foreign_names_are_refused() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    let reply = http.ask("GET", "/", "Host: evil.example\r\n").await;
    assert_eq!(reply.status, 403);
    assert!(reply.body.contains("hosts"), "{}", reply.body);
    let address = handle.ws_addr().unwrap();
    assert_eq!(Ws::open(address, &[("host", "evil.example")]).await.err(), Some(403));
    assert!(Ws::open(address, &[("host", "localhost:8545")]).await.is_ok());

    let (handle, _probe) = serve(ServerConfig { hosts: Hosts::names(["node.example"]), ..config() }).await;
    let mut http = Http::to(&handle).await;
    assert_eq!(http.ask("GET", "/", "Host: node.example:8545\r\n").await.status, 200);
}

#[tokio::test]
async fn web_pages_are_refused_unless_they_are_listed() {
    let (handle, _probe) = serve(config()).await;
    let mut http = Http::to(&handle).await;
    let body = request(1, "eth_chainId", json!([])).to_string();
    assert_eq!(http.post_with("Origin: http://localhost:3000\r\n", &body).await.status, 403);
    assert_eq!(http.ask("OPTIONS", "/", PREFLIGHT).await.status, 403);
    let wallet = http.post_with("Origin: chrome-extension://abc\r\n", &body).await;
    assert_eq!((wallet.status, wallet.header("access-control-allow-origin")), (200, None));
    let address = handle.ws_addr().unwrap();
    assert_eq!(Ws::open(address, &[("origin", "http://localhost:3000")]).await.err(), Some(403));
    assert_eq!(Ws::open(address, &[("origin", "chrome-extension://abc")]).await.err(), Some(403));

    let (handle, _probe) = serve(ServerConfig { origins: Origins::Loopback, ..config() }).await;
    let mut http = Http::to(&handle).await;
    let page = http.post_with("Origin: http://localhost:3000\r\n", &body).await;
    assert_eq!(
        (page.status, page.header("access-control-allow-origin")),
        (200, Some("http://localhost:3000"))
    );
    assert_eq!(page.header("vary"), Some("origin"));
    let preflight = http.ask("OPTIONS", "/", PREFLIGHT).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert!(preflight.header("access-control-allow-headers").unwrap().contains("content-type"));
    assert_eq!(preflight.header("access-control-allow-private-network"), Some("true"));
    assert_eq!(http.post_with("Origin: https://evil.example\r\n", &body).await.status, 403);
    let address = handle.ws_addr().unwrap();
    assert!(Ws::open(address, &[("origin", "http://localhost:3000")]).await.is_ok());
}

/// `0.0.0.0` is not a loopback address, and is reached through one.
#[tokio::test]
async fn privileged_methods_are_not_public() {
    let public = Some(SocketAddr::from(([0, 0, 0, 0], 0)));
    for (allowed, code) in [(false, json!(-32601)), (true, json!(null))] {
        let config = ServerConfig { http: public, ws: public, privileged_in_public: allowed, ..config() };
        let (handle, _probe) = serve(config).await;
        let address = SocketAddr::from(([127, 0, 0, 1], handle.http_addr().unwrap().port()));
        let (mut http, mut ws) = (Http::open(address).await, Ws::open(address, &[]).await.ok().unwrap());
        for method in ["anvil_mine", "admin_peers"] {
            assert_eq!(http.call(method, json!([])).await["error"]["code"], code, "{method}");
            assert_eq!(ws.call(method, json!([])).await["error"]["code"], code, "{method}");
        }
        assert_eq!(http.call("eth_chainId", json!([])).await["result"], true);
        let document = http.call("rpc_discover", json!([])).await;
        assert_eq!(document.to_string().contains("anvil_mine"), allowed, "only what is served is listed");
    }
}

#[tokio::test]
async fn each_transport_has_its_methods() {
    let config = ServerConfig {
        http_methods: MethodFilter::namespaces(["eth"]),
        ws_methods: MethodFilter::all().without(["eth_chainId"]),
        ..config()
    };
    let (handle, _probe) = serve(config).await;
    let (mut http, mut ws) = (Http::to(&handle).await, Ws::to(&handle).await);
    assert_eq!(http.call("eth_chainId", json!([])).await["result"], true);
    assert_eq!(http.call("anvil_mine", json!([])).await["error"]["code"], -32601);
    assert_eq!(ws.call("eth_chainId", json!([])).await["error"]["code"], -32601);
    assert_eq!(ws.call("anvil_mine", json!([])).await["result"], true);
}

#[tokio::test]
async fn transports_may_have_ports_of_their_own_or_none() {
    let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let (handle, _probe) = serve(ServerConfig { ws: None, ..config() }).await;
    assert_eq!(Ws::open(handle.http_addr().unwrap(), &[]).await.err(), Some(403));
    let (handle, _probe) = serve(ServerConfig { http: None, ws: any, ..config() }).await;
    let mut http = Http::open(handle.ws_addr().unwrap()).await;
    assert_eq!(http.post("{}").await.status, 405);
    assert_eq!(Ws::to(&handle).await.call("eth_chainId", json!([])).await["result"], true);
}

#[tokio::test]
async fn the_admin_listener_wants_a_token() {
    let secret = JwtSecret::new([7; 32]);
    let admin = AdminConfig {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        secret: secret.clone(),
        methods: MethodFilter::all(),
    };
    let http = MethodFilter::namespaces(["eth"]);
    let (handle, _probe) = serve(ServerConfig { admin: Some(admin), http_methods: http, ..config() }).await;
    let address = handle.admin_addr().unwrap();
    let mut http = Http::open(address).await;
    let body = request(1, "admin_peers", json!([])).to_string();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (good, old) = (secret.token(now), secret.token(now - 3600));
    let forged = JwtSecret::new([8; 32]).token(now);
    for bad in [
        String::new(),
        format!("Authorization: Bearer {old}\r\n"),
        format!("Authorization: Bearer {forged}\r\n"),
    ] {
        let reply = http.post_with(&bad, &body).await;
        assert_eq!(reply.status, 401);
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
    let reply = http.post_with(&format!("Authorization: Bearer {good}\r\n"), &body).await;
    assert_eq!(reply.json()["result"], true);
    assert_eq!(Ws::open(address, &[]).await.err(), Some(401));
    let bearer = format!("Bearer {good}");
    let mut ws = Ws::open(address, &[("authorization", &bearer)]).await.ok().unwrap();
    assert_eq!(ws.call("admin_peers", json!([])).await["result"], true);
    assert_eq!(Http::to(&handle).await.call("admin_peers", json!([])).await["error"]["code"], -32601);
}

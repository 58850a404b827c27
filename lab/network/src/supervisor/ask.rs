//! Asking a node how it is: its figures, and JSON-RPC.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most bytes of an answer.
const MAX_ANSWER: usize = 1 << 20;

/// Figures in the form that Prometheus reads. `None` if the node does not answer.
pub(super) async fn figures(address: SocketAddr) -> Option<String> {
    let request = Request::get("/metrics").header("host", address.to_string()).body(Full::default()).ok()?;
    String::from_utf8(answer(address, request).await?.to_vec()).ok()
}

/// Calls methods without parameters; what each gives, or nothing where it gives an error. `None` if the node does not answer.
pub(super) async fn call(address: SocketAddr, methods: &[&str]) -> Option<Vec<Option<Value>>> {
    let call =
        |(id, method): (usize, &&str)| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": []});
    let calls: Vec<Value> = methods.iter().enumerate().map(call).collect();
    let request = Request::post("/")
        .header("host", address.to_string())
        .header("content-type", "application/json")
        .body(Full::from(Value::from(calls).to_string()))
        .ok()?;
    let mut answers: Vec<Value> = serde_json::from_slice(&answer(address, request).await?).ok()?;
    let result = |id: usize| {
        let answer = answers.iter_mut().find(|answer| answer["id"] == id)?;
        answer.get_mut("result").map(Value::take).filter(|result| !result.is_null())
    };
    Some((0..methods.len()).map(result).collect())
}

async fn answer(address: SocketAddr, request: Request<Full<Bytes>>) -> Option<Bytes> {
    let asked = async {
        let stream = TcpStream::connect(address).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let exchange = async {
            let answer = sender.send_request(request).await.ok()?;
            let fine = answer.status().is_success();
            let body: Limited<Incoming> = Limited::new(answer.into_body(), MAX_ANSWER);
            let body = body.collect().await.ok()?.to_bytes();
            fine.then_some(body)
        };
        // The connection has nothing more to do once there is an answer.
        tokio::select! {
            body = exchange => body,
            _ = connection => None,
        }
    };
    timeout(PATIENCE, asked).await.ok()?
}

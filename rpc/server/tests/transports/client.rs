//! Clients that can misbehave.

use futures::{SinkExt as _, StreamExt as _};
use mundi_rpc_server::ServerHandle;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpStream, UnixStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

/// A request with positional parameters.
pub(crate) fn request(id: u64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn code(&self) -> i64 {
        self.json()["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// A connection on which HTTP is written by hand.
#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) stream: BufReader<TcpStream>,
}

impl Http {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self { stream: BufReader::new(TcpStream::connect(address).await.unwrap()) }
    }

    pub(crate) async fn to(handle: &ServerHandle) -> Self {
        Self::open(handle.http_addr().unwrap()).await
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next answer; `None` if the connection ends before one.
    pub(crate) async fn reply(&mut self) -> Option<Reply> {
        let mut head = String::new();
        loop {
            let before = head.len();
            if self.stream.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
            if head.len() - before == 2 {
                break;
            }
        }
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut reply = Reply { status, head, body: String::new() };
        let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.ok()?;
        reply.body = String::from_utf8(body).unwrap();
        Some(reply)
    }

    /// Posts a body and reads the answer.
    pub(crate) async fn post(&mut self, body: &str) -> Reply {
        self.post_with("", body).await
    }

    /// The same with more header lines.
    pub(crate) async fn post_with(&mut self, headers: &str, body: &str) -> Reply {
        self.send(&format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        self.reply().await.expect("an answer")
    }

    /// Calls a method and returns the answer's object.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.post(&request(1, method, params).to_string()).await.json()
    }

    /// Sends a request without a body and reads the answer.
    pub(crate) async fn ask(&mut self, method: &str, path: &str, headers: &str) -> Reply {
        self.send(&format!("{method} {path} HTTP/1.1\r\n{headers}\r\n")).await;
        self.reply().await.expect("an answer")
    }

    /// Whether the server has closed: everything that still comes is read.
    pub(crate) async fn closed(&mut self) -> bool {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = self.stream.read_to_end(&mut rest).await;
        true
    }
}

/// A WebSocket.
pub(crate) struct Ws {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Ws {
    pub(crate) async fn open(address: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{address}/").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(tokio_tungstenite::tungstenite::Error::Http(reply)) => Err(reply.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn to(handle: &ServerHandle) -> Self {
        Self::open(handle.ws_addr().unwrap(), &[]).await.unwrap()
    }

    pub(crate) async fn send(&mut self, value: &Value) {
        self.socket.send(Message::text(value.to_string())).await.unwrap();
    }

    /// The next text; `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.send(&request(1, method, params)).await;
        self.next().await.expect("an answer")
    }

    /// The code and the reason of the server's farewell.
    pub(crate) async fn farewell(&mut self) -> Option<(u16, String)> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Close(frame)) => {
                    return frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                }
                Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

/// A client of the Unix socket.
#[derive(Debug)]
pub(crate) struct Ipc {
    pub(crate) stream: BufReader<UnixStream>,
}

impl Ipc {
    pub(crate) async fn to(handle: &ServerHandle) -> Self {
        Self { stream: BufReader::new(UnixStream::connect(handle.ipc_path().unwrap()).await.unwrap()) }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap()),
        }
    }

    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.send(&request(1, method, params).to_string()).await;
        self.next().await.expect("an answer")
    }
}

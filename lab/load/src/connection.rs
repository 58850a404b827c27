//! A connection to a node: one request after another, each awaited.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{fmt, str::FromStr};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

/// Most bytes of an answer.
const MAX_ANSWER: usize = 64 << 20;

/// How requests travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// HTTP/1.1 with keep-alive.
    #[default]
    Http,
    /// WebSocket.
    Ws,
}

impl FromStr for Transport {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "http" => Ok(Self::Http),
            "ws" => Ok(Self::Ws),
            other => Err(format!("unknown transport '{other}': expected http or ws")),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Ws => "ws",
        })
    }
}

/// What goes wrong between the generator and a node.
pub type LoadError = eyre::Report;

enum Wire {
    Http(http1::SendRequest<Full<Bytes>>),
    Ws(Box<WebSocket>),
}

struct WebSocket {
    sender: soketto::Sender<Compat<TcpStream>>,
    receiver: soketto::Receiver<Compat<TcpStream>>,
}

/// A connection.
pub struct Connection {
    wire: Wire,
    host: String,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects to `http://host:port`.
    pub async fn open(url: &str, transport: Transport) -> Result<Self, LoadError> {
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("ws://"));
        let rest = rest.ok_or_else(|| eyre::eyre!("'{url}' is not of the form http://host:port"))?;
        let host = rest.trim_end_matches('/').to_owned();
        let address = if host.contains(':') { host.clone() } else { format!("{host}:80") };
        let stream =
            TcpStream::connect(&address).await.map_err(|e| eyre::eyre!("cannot connect to {url}: {e}"))?;
        stream.set_nodelay(true)?;
        let wire = match transport {
            Transport::Http => {
                let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                Wire::Http(sender)
            }
            Transport::Ws => {
                let mut client = soketto::handshake::Client::new(stream.compat(), &host, "/");
                match client.handshake().await? {
                    soketto::handshake::ServerResponse::Accepted { .. } => {
                        let mut builder = client.into_builder();
                        builder.set_max_message_size(MAX_ANSWER);
                        let (sender, receiver) = builder.finish();
                        Wire::Ws(Box::new(WebSocket { sender, receiver }))
                    }
                    other => eyre::bail!("{url} takes no WebSocket: {other:?}"),
                }
            }
        };
        Ok(Self { wire, host })
    }

    /// Sends a body and returns the answer's.
    pub async fn post(&mut self, body: Bytes) -> Result<Bytes, LoadError> {
        match &mut self.wire {
            Wire::Http(sender) => {
                let request = Request::post("/")
                    .header("host", &self.host)
                    .header("content-type", "application/json")
                    .body(Full::new(body))?;
                sender.ready().await?;
                let answer = sender.send_request(request).await?;
                let status = answer.status();
                let body: Limited<Incoming> = Limited::new(answer.into_body(), MAX_ANSWER);
                let body = body.collect().await.map_err(|error| eyre::eyre!("{error}"))?.to_bytes();
                if !status.is_success() {
                    eyre::bail!("{} answers {status}: {}", self.host, String::from_utf8_lossy(&body));
                }
                Ok(body)
            }
            Wire::Ws(ends) => {
                let WebSocket { sender, receiver } = &mut **ends;
                sender.send_text(std::str::from_utf8(&body)?).await?;
                sender.flush().await?;
                let mut answer = Vec::new();
                receiver.receive_data(&mut answer).await?;
                Ok(answer.into())
            }
        }
    }

    /// Calls a method.
    pub async fn call<T: DeserializeOwned>(&mut self, method: &str, params: Value) -> Result<T, LoadError> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let answer: Value = serde_json::from_slice(&self.post(body.into()).await?)?;
        if let Some(error) = answer.get("error") {
            eyre::bail!("{method}: {error}");
        }
        Ok(serde_json::from_value(answer.get("result").cloned().unwrap_or_default())?)
    }
}

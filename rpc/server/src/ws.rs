//! WebSocket connections.

use crate::{
    config::TransportLimits,
    dispatch::Dispatcher,
    metrics::Rejection,
    session::{self, Outbox, Session},
};
use futures::{SinkExt as _, StreamExt as _, stream::SplitSink, stream::SplitStream};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The answer to a client's key, if its request for a WebSocket is well-formed.
pub(crate) fn accept_key(headers: &http::HeaderMap) -> Result<String, &'static str> {
    let header = |name: &str| headers.get(name).map(http::HeaderValue::as_bytes);
    if header("sec-websocket-version") != Some(b"13") {
        return Err("this is a WebSocket of version 13: send Sec-WebSocket-Version: 13\n");
    }
    header("sec-websocket-key").map(derive_accept_key).ok_or("Sec-WebSocket-Key is missing\n")
}

/// Whether a request asks for a WebSocket.
pub(crate) fn is_upgrade(headers: &http::HeaderMap) -> bool {
    let names = |name: http::header::HeaderName, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    };
    names(http::header::CONNECTION, "upgrade") && names(http::header::UPGRADE, "websocket")
}

/// Serves one connection until its end: the client closes, is silent for too long, breaks the protocol, or the server stops.
pub(crate) async fn serve(
    upgraded: Upgraded,
    dispatcher: Arc<Dispatcher>,
    limits: TransportLimits,
    connection: usize,
    stop: CancellationToken,
) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits.request_bytes))
        .max_frame_size(Some(limits.request_bytes));
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (sink, stream) = socket.split();
    let (session, outbox) = session::open(dispatcher, &limits, connection);
    let farewell = Farewell::default();
    tokio::select! {
        // Ends when all is written, which it is only after the reader's end, or when the client is gone.
        () = write(sink, outbox, limits.ping, &farewell) => {}
        () = async {
            read(stream, session, &limits, stop, &farewell).await;
            std::future::pending().await
        } => {}
    }
}

/// Why the connection ends, for the writer to tell the client.
#[derive(Debug, Default)]
struct Farewell {
    reason: std::sync::OnceLock<(CloseCode, &'static str)>,
    /// The client's pings and its closing are answered when the socket is flushed.
    flush: Notify,
}

async fn read(
    mut stream: SplitStream<Socket>,
    mut session: Session,
    limits: &TransportLimits,
    stop: CancellationToken,
    farewell: &Farewell,
) {
    let silence = limits.ping.mul_f32(2.5).max(Duration::from_millis(1));
    let mut heard = Instant::now();
    let (code, reason) = loop {
        let message = tokio::select! {
            message = stream.next() => message,
            () = stop.cancelled() => break (CloseCode::Away, "the node stops"),
            () = sleep_until(heard + silence) => {
                session.dispatcher().metrics().rejected(Rejection::Slow);
                break (CloseCode::Policy, "silent for too long");
            }
        };
        match message {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => tokio::select! {
                () = session.receive(message.into_data()) => {}
                () = stop.cancelled() => break (CloseCode::Away, "the node stops"),
            },
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => farewell.flush.notify_one(),
            Some(Ok(Message::Close(_))) | None => break (CloseCode::Normal, ""),
            Some(Err(Error::Capacity(_))) => {
                session.dispatcher().metrics().rejected(Rejection::Size);
                break (CloseCode::Size, "the message is too large");
            }
            Some(Err(_)) => {
                session.dispatcher().metrics().rejected(Rejection::Malformed);
                break (CloseCode::Protocol, "not a WebSocket");
            }
        }
        heard = Instant::now();
    };
    let _ = farewell.reason.set((code, reason));
    // Who is gone is not worked for.
    if matches!(code, CloseCode::Away | CloseCode::Size) {
        session.finish().await;
    }
}

async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut outbox: Outbox,
    ping: Duration,
    farewell: &Farewell,
) {
    let mut pings = tokio::time::interval_at(Instant::now() + ping, ping);
    pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let first = tokio::select! {
            message = outbox.next() => match message {
                Some(message) => Some(message),
                None => break,
            },
            _ = pings.tick() => {
                if sink.feed(Message::Ping(bytes::Bytes::new())).await.is_err() {
                    return;
                }
                None
            }
            () = farewell.flush.notified() => None,
        };
        let mut next = first;
        let mut held = Vec::new();
        while let Some(message) = next {
            held.push(message.room);
            if sink.feed(Message::Text(message.text.into())).await.is_err() {
                return;
            }
            next = outbox.ready();
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
    let (code, reason) = farewell.reason.get().copied().unwrap_or((CloseCode::Normal, ""));
    let _ = sink.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
    let _ = sink.close().await;
}

//! One TCP listener's answers to HTTP requests: who is let in, what is a call, what a page, and what becomes a WebSocket.

use crate::{
    access::{Hosts, Origins, Verdict},
    answer::Answer,
    body::{AnswerBody, Unread, receive},
    budget::Budget,
    config::TransportLimits,
    dispatch::Dispatcher,
    jwt::JwtSecret,
    listen::Connection,
    metrics::{Metrics, Rejection, Transport},
    ws,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use jsonrpsee::types::error::OVERSIZED_REQUEST_CODE;
use mundi_rpc_context::code;
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tower::Service as _;

/// What one TCP listener serves.
pub(crate) struct Face {
    pub(crate) http: Option<Arc<Dispatcher>>,
    pub(crate) ws: Option<Arc<Dispatcher>>,
    pub(crate) secret: Option<JwtSecret>,
    pub(crate) hosts: Hosts,
    pub(crate) origins: Origins,
    pub(crate) greeting: Bytes,
    pub(crate) pages: Option<axum::Router>,
    pub(crate) limits: TransportLimits,
    pub(crate) budget: Budget,
    pub(crate) metrics: Arc<Metrics>,
}

type Reply = Response<AnswerBody>;

impl Face {
    /// Answers a request.
    pub(crate) async fn serve(
        self: Arc<Self>,
        connection: Arc<Connection>,
        request: Request<Incoming>,
    ) -> Reply {
        if !self.hosts.admit(request.headers()) {
            self.metrics.rejected(Rejection::Host);
            return text(
                StatusCode::FORBIDDEN,
                "this name is not among the node's hosts: reach it as localhost or by its address, or add the name to its hosts\n",
            );
        }
        let verdict = self.origins.judge(request.headers());
        if verdict == Verdict::Refuse {
            self.metrics.rejected(Rejection::Origin);
            return text(
                StatusCode::FORBIDDEN,
                "this page's origin is not among those the node answers: add it to the node's origins\n",
            );
        }
        let origin =
            (verdict == Verdict::Share).then(|| request.headers().get(header::ORIGIN).cloned()).flatten();
        let mut reply = if request.method() == Method::OPTIONS {
            preflight(request.headers(), verdict)
        } else if let Some(refusal) = self.authorize(request.headers()) {
            refusal
        } else if ws::is_upgrade(request.headers()) {
            self.upgrade(connection, request, verdict)
        } else {
            match *request.method() {
                Method::POST => self.post(request).await,
                Method::GET | Method::HEAD => self.page(request).await,
                _ => {
                    self.metrics.rejected(Rejection::Protocol);
                    let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "POST a JSON-RPC request\n");
                    reply
                        .headers_mut()
                        .insert(header::ALLOW, HeaderValue::from_static("POST, GET, HEAD, OPTIONS"));
                    reply
                }
            }
        };
        if let Some(origin) = origin {
            let headers = reply.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        reply
    }

    fn authorize(&self, headers: &HeaderMap) -> Option<Reply> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let error = self.secret.as_ref()?.authorize(headers, now).err()?;
        self.metrics.rejected(Rejection::Token);
        let mut reply = text(StatusCode::UNAUTHORIZED, format!("{error}\n"));
        reply.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Some(reply)
    }

    async fn post(&self, request: Request<Incoming>) -> Reply {
        let Some(dispatcher) = &self.http else {
            self.metrics.rejected(Rejection::Protocol);
            return text(StatusCode::METHOD_NOT_ALLOWED, "only WebSockets are served here\n");
        };
        if !is_json(request.headers()) {
            self.metrics.rejected(Rejection::Protocol);
            return text(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "a request has to be sent as application/json: add the header 'Content-Type: application/json'\n",
            );
        }
        let received = match receive(request.into_body(), &self.limits, &self.budget).await {
            Ok(received) => received,
            Err(unread) => return self.unread(unread, dispatcher),
        };
        match dispatcher.answer(&received.bytes, None).await {
            Some(answer) => json(StatusCode::OK, answer),
            None => empty(StatusCode::NO_CONTENT),
        }
    }

    fn unread(&self, unread: Unread, dispatcher: &Dispatcher) -> Reply {
        let most = self.limits.request_bytes;
        let (status, reason, code, message) = match unread {
            Unread::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                Rejection::Size,
                OVERSIZED_REQUEST_CODE,
                format!("the request exceeds the limit of {most} bytes"),
            ),
            Unread::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                Rejection::Slow,
                code::LIMIT,
                format!("the request was not complete within {} s", self.limits.body.as_secs_f32()),
            ),
            Unread::NoRoom => (
                StatusCode::SERVICE_UNAVAILABLE,
                Rejection::Memory,
                code::LIMIT,
                "the node holds too many large requests; try again later".to_owned(),
            ),
            Unread::Broken => {
                (StatusCode::BAD_REQUEST, Rejection::Malformed, code::PARSE, "the body is broken".to_owned())
            }
        };
        self.metrics.rejected(reason);
        let mut reply = json(status, dispatcher.refusal(code, &message));
        reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        reply
    }

    async fn page(&self, request: Request<Incoming>) -> Reply {
        if let Some(pages) = &self.pages {
            let Ok(reply) = pages.clone().call(request).await;
            return reply.map(AnswerBody::Page);
        }
        if request.uri().path() == "/" {
            return text(StatusCode::OK, self.greeting.clone());
        }
        text(StatusCode::NOT_FOUND, "there is nothing here; the node answers at /\n")
    }

    fn upgrade(
        self: &Arc<Self>,
        connection: Arc<Connection>,
        mut request: Request<Incoming>,
        verdict: Verdict,
    ) -> Reply {
        // A page's WebSocket is not guarded by the browser, so here an extension counts as any other page.
        if verdict == Verdict::Extension {
            self.metrics.rejected(Rejection::Origin);
            return text(
                StatusCode::FORBIDDEN,
                "this extension's origin is not among those the node answers\n",
            );
        }
        let Some(dispatcher) = self.ws.clone() else {
            self.metrics.rejected(Rejection::Protocol);
            return text(StatusCode::FORBIDDEN, "no WebSockets are served here\n");
        };
        let key = match ws::accept_key(request.headers()) {
            Ok(key) => key,
            Err(problem) => {
                self.metrics.rejected(Rejection::Protocol);
                return text(StatusCode::BAD_REQUEST, problem);
            }
        };
        let upgrade = hyper::upgrade::on(&mut request);
        let face = Arc::clone(self);
        connection.server.clone().spawn(async move {
            // Fails when the client is gone before the answer.
            if let Ok(upgraded) = upgrade.await {
                let _open = face.metrics.connected(Transport::Ws);
                let stop = connection.server.stop.clone();
                ws::serve(upgraded, dispatcher, face.limits.clone(), connection.id, stop).await;
            }
        });
        Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_ACCEPT, key)
            .body(AnswerBody::text(Bytes::new()))
            .expect("an accept key is a header value")
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    ["application/json", "application/json-rpc", "application/jsonrequest"]
        .iter()
        .any(|json| kind.eq_ignore_ascii_case(json))
}

/// What a browser asks before it lets a page send a request.
fn preflight(asked: &HeaderMap, verdict: Verdict) -> Reply {
    let mut reply = empty(StatusCode::NO_CONTENT);
    let headers = reply.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static("POST, GET, HEAD, OPTIONS"));
    if verdict == Verdict::Share {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET, HEAD"));
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("content-type, authorization"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        if asked.contains_key("access-control-request-private-network") {
            headers.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
        }
    }
    reply
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(AnswerBody::text(Bytes::new()));
    *reply.status_mut() = status;
    reply
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(AnswerBody::text(text));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}

fn json(status: StatusCode, answer: Answer) -> Reply {
    let mut reply = Response::new(AnswerBody::Whole(answer.text.into(), answer.room));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

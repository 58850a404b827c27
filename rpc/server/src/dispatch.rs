//! From the bytes of a request to the bytes of its answer, the same for every transport.

use crate::{
    answer::{self, Answer, Answers, Room},
    batch::{Entries, Run, raw_transaction},
    budget::Budget,
    config::{BatchSubmit, TransportLimits},
    metrics::{Metrics, Rejection},
    subscriber::{HexIds, Subscriber, after_batch},
};
use futures::FutureExt as _;
use jsonrpsee::{
    core::server::{
        ConnectionId, Extensions, MethodCallback, MethodResponse, MethodSink, Methods, SubscriptionState,
    },
    types::{
        ErrorObject, ErrorObjectOwned, Id, InvalidRequest, Params, Request, TwoPointZero,
        error::{INVALID_REQUEST_CODE, TOO_BIG_BATCH_REQUEST_CODE, reject_too_many_subscriptions},
    },
};
use mundi_rpc_context::code;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use std::{borrow::Cow, panic::AssertUnwindSafe, sync::Arc, time::Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The method whose calls are gathered in batches.
pub(crate) const SUBMIT: &str = "eth_sendRawTransaction";
/// Characters of a client's own text that an error repeats.
const QUOTED: usize = 64;

/// Answers requests with the methods of one listener.
pub(crate) struct Dispatcher {
    methods: Methods,
    submit: Option<BatchSubmit>,
    batch: usize,
    pub(crate) response_bytes: usize,
    notifications: usize,
    pub(crate) budget: Budget,
    metrics: Arc<Metrics>,
}

/// What one object of a request is.
enum Parsed<'a> {
    Call(Request<'a>),
    /// A call without an id: it is not answered, and so it does nothing.
    Notification,
    Invalid(Id<'a>, i32),
}

impl Dispatcher {
    pub(crate) fn new(
        methods: Methods,
        submit: Option<BatchSubmit>,
        limits: &TransportLimits,
        budget: Budget,
        metrics: Arc<Metrics>,
    ) -> Self {
        let submit = submit.filter(|_| methods.method(SUBMIT).is_some());
        Self {
            methods,
            submit,
            batch: limits.batch,
            response_bytes: limits.response_bytes,
            notifications: limits.notifications,
            budget,
            metrics,
        }
    }

    pub(crate) const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Answers one request, which may be a batch. `None` when there is nothing to say: to notifications, and to subscriptions, whose
    /// answer has gone the way of their notifications.
    pub(crate) async fn answer(&self, request: &[u8], subscriber: Option<&Subscriber>) -> Option<Answer> {
        match request.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => self.single(request, subscriber).await,
            Some(b'[') => self.many(request, subscriber).await,
            _ => Some(self.malformed()),
        }
    }

    /// An error for what has no id.
    pub(crate) fn refusal(&self, code: i32, message: &str) -> Answer {
        self.metrics.failed(code);
        let response = MethodResponse::error(Id::Null, ErrorObject::borrowed(code, message, None));
        Answer { text: answer::into_text(response), room: Room::default() }
    }

    fn malformed(&self) -> Answer {
        self.metrics.rejected(Rejection::Malformed);
        self.refusal(code::PARSE, "Parse error: the request is not a JSON object or a list of them")
    }

    async fn single(&self, request: &[u8], subscriber: Option<&Subscriber>) -> Option<Answer> {
        let response = match parse(request) {
            Parsed::Call(request) => {
                let id = request.id.clone().into_owned();
                let response = self.call(request, subscriber, None).await;
                let told = response.is_subscription();
                return match self.budget.charge(response.as_json().get().len()) {
                    _ if told => None,
                    Some(charge) => Some(Answer { text: answer::into_text(response), room: charge.into() }),
                    None => Some(Answer { text: answer::into_text(self.no_room(id)), room: Room::default() }),
                };
            }
            Parsed::Notification => return None,
            Parsed::Invalid(_, code::PARSE) => return Some(self.malformed()),
            Parsed::Invalid(id, code) => self.invalid(id, code),
        };
        Some(Answer { text: answer::into_text(response), room: Room::default() })
    }

    async fn many(&self, request: &[u8], subscriber: Option<&Subscriber>) -> Option<Answer> {
        let entries = match Entries::parse(request, self.batch) {
            Ok(entries) => entries,
            Err(too_many) if too_many => {
                self.metrics.rejected(Rejection::Batch);
                let message =
                    format!("the batch has more than {} calls: send several smaller ones", self.batch);
                return Some(self.refusal(TOO_BIG_BATCH_REQUEST_CODE, &message));
            }
            Err(_) => return Some(self.malformed()),
        };
        if entries.is_empty() {
            return Some(self.refusal(INVALID_REQUEST_CODE, "Invalid request: the batch is empty"));
        }
        let mut answers = Answers::new(self)?;
        // Subscriptions are told when the batch's answer is written.
        let written = subscriber.map(|_| CancellationToken::new());
        let mut run = Run::default();
        for entry in &entries {
            match parse(entry.get().as_bytes()) {
                Parsed::Call(request) => {
                    if self.submit.is_some()
                        && let Some(raw) = raw_transaction(&request)
                    {
                        run.push(request.id, raw);
                        continue;
                    }
                    self.submit(&mut run, &mut answers).await;
                    let id = request.id.clone().into_owned();
                    if answers.full {
                        answers.push(&id, None);
                    } else {
                        let response = self.call(request, subscriber, written.as_ref()).await;
                        answers.push(&id, Some(response.as_json().get()));
                    }
                }
                Parsed::Notification => {}
                Parsed::Invalid(id, code) => {
                    self.submit(&mut run, &mut answers).await;
                    let response = self.invalid(id.clone(), code);
                    answers.push(&id, Some(response.as_json().get()));
                }
            }
        }
        self.submit(&mut run, &mut answers).await;
        answers.finish(written.map(CancellationToken::drop_guard))
    }

    /// Gives the gathered transactions away together, and appends the answers.
    async fn submit(&self, run: &mut Run<'_>, answers: &mut Answers<'_>) {
        let Some(submit) = self.submit.as_ref().filter(|_| !run.is_empty()) else { return };
        let (ids, raws) = run.take();
        if answers.full {
            ids.iter().for_each(|id| answers.push(id, None));
            return;
        }
        let begun = Instant::now();
        let results = AssertUnwindSafe(submit(raws)).catch_unwind().await.unwrap_or_default();
        self.metrics.answered(SUBMIT, ids.len(), begun.elapsed());
        let mut results = results.into_iter();
        let mut text = String::new();
        for id in &ids {
            text.clear();
            match results.next() {
                Some(Ok(hash)) => {
                    let id = serde_json::to_string(id).expect("an id is JSON");
                    text.push_str(r#"{"jsonrpc":"2.0","id":"#);
                    text.push_str(&id);
                    text.push_str(r#","result":"0x"#);
                    text.push_str(alloy_primitives::hex::Buffer::<32>::new().format(&hash));
                    text.push_str(r#""}"#);
                }
                Some(Err(error)) => {
                    self.metrics.failed(error.code);
                    text.push_str(
                        MethodResponse::error(id.clone(), ErrorObjectOwned::from(error)).as_json().get(),
                    );
                }
                None => text.push_str(self.fault(id.clone()).as_json().get()),
            }
            answers.push(id, Some(&text));
        }
    }

    /// Answers one call.
    async fn call(
        &self,
        request: Request<'_>,
        subscriber: Option<&Subscriber>,
        written: Option<&CancellationToken>,
    ) -> MethodResponse {
        let Request { id, method, params, .. } = request;
        let Some((name, callback)) = self.methods.method_with_name(&method) else {
            self.metrics.unknown();
            let quoted: String = method.chars().take(QUOTED).collect();
            return self.error(
                id,
                code::METHOD_NOT_FOUND,
                format!("the method {quoted} does not exist/is not available"),
            );
        };
        let params = match params.as_ref().map(|params| params.get().trim()) {
            None | Some("null") => Params::new(None),
            Some(list) if list.starts_with('[') => Params::new(Some(list)),
            Some(_) => {
                return self.error(
                    id,
                    code::INVALID_PARAMS,
                    "non-array args: the parameters have to be a list".to_owned(),
                );
            }
        };
        let begun = Instant::now();
        let work = AssertUnwindSafe(self.run(callback, id.clone(), params, subscriber, written));
        let response = work.catch_unwind().await.unwrap_or_else(|_| self.fault(id));
        self.metrics.answered(name, 1, begun.elapsed());
        if let Some(code) = response.as_error_code() {
            self.metrics.failed(code);
        }
        response
    }

    async fn run(
        &self,
        callback: &MethodCallback,
        id: Id<'_>,
        params: Params<'_>,
        subscriber: Option<&Subscriber>,
        written: Option<&CancellationToken>,
    ) -> MethodResponse {
        let (most, extensions) = (self.response_bytes, Extensions::new());
        let connection = subscriber.map_or(ConnectionId(0), |subscriber| subscriber.connection);
        match (callback, subscriber) {
            (MethodCallback::Sync(method), _) => method(id, params, most, extensions),
            (MethodCallback::Async(method), _) => {
                method(id.into_owned(), params.into_owned(), connection, most, extensions).await
            }
            (MethodCallback::Subscription(method), Some(subscriber)) => {
                let Ok(subscription_permit) = Arc::clone(&subscriber.permits).try_acquire_owned() else {
                    let most = u32::try_from(subscriber.most).unwrap_or(u32::MAX);
                    return MethodResponse::error(id, reject_too_many_subscriptions(most));
                };
                let state =
                    SubscriptionState { conn_id: connection, id_provider: &HexIds, subscription_permit };
                let response = if let Some(written) = written {
                    let (sender, receiver) = mpsc::channel(self.notifications);
                    let response = method(id, params, MethodSink::new(sender), state, extensions).await;
                    after_batch(&response, receiver, subscriber.sink.clone(), written.clone()).await;
                    response
                } else {
                    method(id, params, subscriber.sink.clone(), state, extensions).await
                };
                subscriber.count(subscriber.active(), &self.metrics);
                response
            }
            (MethodCallback::Unsubscription(method), Some(subscriber)) => {
                let response = method(id, params, connection, most, extensions);
                subscriber.count(subscriber.active(), &self.metrics);
                response
            }
            (MethodCallback::Subscription(_) | MethodCallback::Unsubscription(_), None) => {
                MethodResponse::error(
                    id,
                    ErrorObject::borrowed(
                        code::METHOD_NOT_FOUND,
                        "notifications not supported: subscriptions need a WebSocket or the Unix socket",
                        None,
                    ),
                )
            }
        }
    }

    pub(crate) fn error(&self, id: Id<'_>, code: i32, message: String) -> MethodResponse {
        self.metrics.failed(code);
        MethodResponse::error(id, ErrorObjectOwned::owned(code, message, None::<()>))
    }

    fn invalid(&self, id: Id<'_>, code: i32) -> MethodResponse {
        self.metrics.rejected(Rejection::Malformed);
        self.error(id, code, "Invalid request: it has to have jsonrpc \"2.0\", an id and a method".to_owned())
    }

    fn fault(&self, id: Id<'_>) -> MethodResponse {
        self.error(id, code::INTERNAL, "the method failed; this is a fault of the node".to_owned())
    }

    pub(crate) fn no_room(&self, id: Id<'_>) -> MethodResponse {
        self.metrics.rejected(Rejection::Memory);
        self.error(id, code::LIMIT, "the node holds too many large answers; try again later".to_owned())
    }
}

fn parse(object: &[u8]) -> Parsed<'_> {
    /// A request that does not parse as a call.
    #[derive(Deserialize)]
    struct Other<'a> {
        #[serde(rename = "jsonrpc")]
        _version: TwoPointZero,
        #[serde(borrow)]
        id: Option<&'a RawValue>,
        #[serde(borrow, rename = "method")]
        _method: Cow<'a, str>,
    }
    if let Ok(request) = serde_json::from_slice(object) {
        return Parsed::Call(request);
    }
    if let Ok(Other { id: None, .. }) = serde_json::from_slice(object) {
        return Parsed::Notification;
    }
    match serde_json::from_slice::<InvalidRequest<'_>>(object) {
        Ok(InvalidRequest { id }) => Parsed::Invalid(id, INVALID_REQUEST_CODE),
        Err(_) if serde_json::from_slice::<IgnoredAny>(object).is_ok() => {
            Parsed::Invalid(Id::Null, INVALID_REQUEST_CODE)
        }
        Err(_) => Parsed::Invalid(Id::Null, code::PARSE),
    }
}

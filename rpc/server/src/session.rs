//! A connection that stays: WebSocket or Unix socket.
//!
//! Requests run side by side, as many as may be in flight; the next one is read when there is room. A request is in flight until its
//! answer is written, so a client that does not read its answers is not read from either, and what is held for it is bounded: by the
//! requests in flight, by the notifications in its queue, and by the budget of all connections.

use crate::{
    answer::{Answer, Room},
    config::TransportLimits,
    dispatch::Dispatcher,
    subscriber::Subscriber,
};
use jsonrpsee::core::server::{ConnectionId, MethodSink};
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
};

/// The half that takes requests.
pub(crate) struct Session {
    dispatcher: Arc<Dispatcher>,
    subscriber: Subscriber,
    answers: mpsc::Sender<Outgoing>,
    in_flight: Arc<Semaphore>,
    calls: JoinSet<()>,
}

/// The half from which answers and notifications come.
pub(crate) struct Outbox {
    notifications: mpsc::Receiver<Box<RawValue>>,
    answers: mpsc::Receiver<Outgoing>,
}

/// An answer; its request is in flight until this is dropped.
struct Outgoing {
    answer: Answer,
    in_flight: OwnedSemaphorePermit,
}

/// Something to write.
pub(crate) struct Message {
    pub(crate) text: String,
    /// To be kept until the text is written.
    pub(crate) room: Option<(Room, OwnedSemaphorePermit)>,
}

/// Both halves of a new session.
pub(crate) fn open(
    dispatcher: Arc<Dispatcher>,
    limits: &TransportLimits,
    connection: usize,
) -> (Session, Outbox) {
    let (sink, notifications) = mpsc::channel(limits.notifications.max(1));
    // Each waiting answer holds a permit, so this queue is never full.
    let (answers, answered) = mpsc::channel(limits.in_flight.max(1));
    let subscriber = Subscriber {
        connection: ConnectionId(connection),
        sink: MethodSink::new(sink),
        permits: Arc::new(Semaphore::new(limits.subscriptions)),
        most: limits.subscriptions,
        counted: Arc::default(),
    };
    let session = Session {
        dispatcher,
        subscriber,
        answers,
        in_flight: Arc::new(Semaphore::new(limits.in_flight.max(1))),
        calls: JoinSet::new(),
    };
    (session, Outbox { notifications, answers: answered })
}

impl Session {
    /// Begins to answer a request, as soon as there is room. Safe to cancel: nothing has begun then.
    pub(crate) async fn receive(&mut self, request: impl AsRef<[u8]> + Send + 'static) {
        while self.calls.try_join_next().is_some() {}
        let permit =
            Arc::clone(&self.in_flight).acquire_owned().await.expect("the semaphore is never closed");
        let (dispatcher, subscriber) = (Arc::clone(&self.dispatcher), self.subscriber.clone());
        let answers = self.answers.clone();
        self.calls.spawn(async move {
            if let Some(answer) = dispatcher.answer(request.as_ref(), Some(&subscriber)).await {
                // Fails only when the connection is gone.
                let _ = answers.send(Outgoing { answer, in_flight: permit }).await;
            }
        });
    }

    /// Says something that no method said.
    pub(crate) async fn say(&mut self, answer: Answer) {
        let permit =
            Arc::clone(&self.in_flight).acquire_owned().await.expect("the semaphore is never closed");
        let _ = self.answers.send(Outgoing { answer, in_flight: permit }).await;
    }

    /// The calls in flight are finished; then the outbox ends, when its answers are written. Subscriptions end at once.
    pub(crate) async fn finish(mut self) {
        while self.calls.join_next().await.is_some() {}
    }

    pub(crate) const fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.dispatcher
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.subscriber.count(0, self.dispatcher.metrics());
    }
}

impl Outbox {
    /// The next message; `None` when the session is over and everything was taken. Safe to cancel.
    ///
    /// Notifications that were there before an answer go before it.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        tokio::select! {
            biased;
            Some(notification) = self.notifications.recv() => Some(notification.into()),
            answer = self.answers.recv() => answer.map(Into::into),
        }
    }

    /// The next message, if there is one now.
    pub(crate) fn ready(&mut self) -> Option<Message> {
        let notification = self.notifications.try_recv().ok().map(Into::into);
        notification.or_else(|| self.answers.try_recv().ok().map(Into::into))
    }
}

impl From<Box<RawValue>> for Message {
    fn from(notification: Box<RawValue>) -> Self {
        Self { text: String::from(Box::<str>::from(notification)), room: None }
    }
}

impl From<Outgoing> for Message {
    fn from(Outgoing { answer, in_flight }: Outgoing) -> Self {
        Self { text: answer.text, room: Some((answer.room, in_flight)) }
    }
}

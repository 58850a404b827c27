//! Taking orders.

use super::message::{Answer, Order};
use std::{io, path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};

/// Most bytes of an order.
pub const MAX_ORDER: usize = 64 << 10;
/// How long an order may take to arrive.
pub const ORDER_TIME: Duration = Duration::from_secs(5);
/// Most clients at a time.
pub const MAX_CLIENTS: usize = 16;
/// How long the listener rests when the system refuses to accept.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// An order, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) order: Order,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// Listens on a socket. One that is there already is left over: whoever calls holds the lock of the folder.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}

/// Hands orders on until nobody takes them any more.
pub(crate) async fn serve(listener: UnixListener, orders: mpsc::Sender<Envelope>) {
    let room = Arc::new(Semaphore::new(MAX_CLIENTS));
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match (accepted, Arc::clone(&room).try_acquire_owned()) {
                (Ok((stream, _)), Ok(permit)) => {
                    let orders = orders.clone();
                    clients.spawn(async move {
                        // A client that has gone away needs no answer.
                        let _ = client(stream, &orders).await;
                        drop(permit);
                    });
                }
                (Ok(_), Err(_)) => {}
                (Err(_), _) => sleep(ACCEPT_REST).await,
            },
            Some(_) = clients.join_next() => {}
            () = orders.closed() => break,
        }
    }
    // Those who wait for an answer, such as that everything has ended, still get it.
    while clients.join_next().await.is_some() {}
}

async fn client(stream: UnixStream, orders: &mpsc::Sender<Envelope>) -> io::Result<()> {
    let (reads, mut writes) = stream.into_split();
    let mut line = Vec::new();
    let mut reader = BufReader::new(reads.take(MAX_ORDER as u64 + 1));
    let answer = match timeout(ORDER_TIME, reader.read_until(b'\n', &mut line)).await {
        Err(_) => Answer::Refused(format!("no order came within {} s", ORDER_TIME.as_secs())),
        Ok(Err(error)) => return Err(error),
        Ok(Ok(_)) if line.len() > MAX_ORDER => {
            Answer::Refused(format!("an order has at most {MAX_ORDER} bytes, this one has more"))
        }
        Ok(Ok(_)) => match serde_json::from_slice(&line) {
            Err(error) => Answer::Refused(format!("this is no order: {error}")),
            Ok(order) => carry_out(order, orders).await,
        },
    };
    let mut text = serde_json::to_vec(&answer).map_err(io::Error::other)?;
    text.push(b'\n');
    writes.write_all(&text).await
}

async fn carry_out(order: Order, orders: &mpsc::Sender<Envelope>) -> Answer {
    let (answer, answered) = oneshot::channel();
    let gone = || Answer::Refused("the supervisor is ending".into());
    match orders.send(Envelope { order, answer }).await {
        Ok(()) => answered.await.unwrap_or_else(|_| gone()),
        Err(_) => gone(),
    }
}

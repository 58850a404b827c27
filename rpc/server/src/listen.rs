//! Connections: accepted, counted, served, and ended.

use crate::{
    config::TransportLimits,
    dispatch::Dispatcher,
    face::Face,
    ipc,
    metrics::{Metrics, Rejection, Transport},
    patience::Patient,
};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// After a failure to accept, such as too many open files, nothing is tried for so long.
const RESPITE: Duration = Duration::from_millis(50);

/// Header lines of an HTTP request.
const MAX_HEADERS: usize = 100;

/// What is said to a client for whom there is no connection.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 51\r\nConnection: close\r\n\r\n\
                      the node has too many connections; try again later\n";

/// What all connections of a server share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    /// All tasks of the server.
    pub(crate) tasks: TaskTracker,
    /// The server stops: nothing new is begun.
    pub(crate) stop: CancellationToken,
    /// The server's patience is over.
    pub(crate) abort: CancellationToken,
    pub(crate) limits: TransportLimits,
    /// The number of the next connection.
    pub(crate) next: Arc<AtomicUsize>,
}

impl Shared {
    pub(crate) fn new(limits: TransportLimits) -> Self {
        Self {
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            limits,
            // Zero stands for those who have no connection.
            next: Arc::new(AtomicUsize::new(1)),
        }
    }

    /// Runs a task until its end, or until the server's patience is over.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let abort = self.abort.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = work => {}
                () = abort.cancelled() => {}
            }
        });
    }

    fn connection(&self, permit: OwnedSemaphorePermit) -> Arc<Connection> {
        Arc::new(Connection { id: self.next.fetch_add(1, Relaxed), server: self.clone(), _permit: permit })
    }
}

/// A connection, which counts until all that serves it is done.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: usize,
    pub(crate) server: Shared,
    _permit: OwnedSemaphorePermit,
}

/// Where connections come from.
trait Listener {
    type Stream;

    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

/// Accepts what comes until the server stops.
async fn accept<L: Listener>(shared: &Shared, listener: L, mut serve: impl FnMut(L::Stream)) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.next() => accepted,
            () = shared.stop.cancelled() => return,
        };
        match accepted {
            Ok(stream) => serve(stream),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::select! {
                    () = tokio::time::sleep(RESPITE) => {}
                    () = shared.stop.cancelled() => return,
                }
            }
        }
    }
}

/// Serves a TCP listener until the server stops.
pub(crate) async fn tcp(listener: TcpListener, face: Arc<Face>, shared: Shared, permits: Arc<Semaphore>) {
    accept(&shared, listener, |stream| {
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            face.metrics.rejected(Rejection::Connections);
            // Either the few bytes fit the socket's empty buffer, or the client does not get them.
            let _ = stream.try_write(BUSY);
            return;
        };
        let _ = stream.set_nodelay(true);
        shared.spawn(http(stream, Arc::clone(&face), shared.connection(permit)));
    })
    .await;
}

/// Serves an HTTP connection until its end.
async fn http(stream: TcpStream, face: Arc<Face>, connection: Arc<Connection>) {
    let open = face.metrics.connected(Transport::Http);
    let limits = &face.limits;
    let io = TokioIo::new(Patient::new(stream, limits.stall));
    let service = service_fn({
        let (face, connection) = (Arc::clone(&face), Arc::clone(&connection));
        move |request| {
            let reply = Arc::clone(&face).serve(Arc::clone(&connection), request);
            async move { Ok::<_, Infallible>(reply.await) }
        }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_headers(MAX_HEADERS)
        .max_header_size(limits.head_bytes)
        .pipeline_flush(true)
        .serve_connection(io, service)
        .with_upgrades();
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = connection.server.stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    drop(open);
    if let Err(error) = ended {
        if error.is_timeout() {
            face.metrics.rejected(Rejection::Slow);
        } else if error.is_parse() {
            face.metrics.rejected(Rejection::Malformed);
        }
        tracing::debug!(%error, "an HTTP connection ended with an error");
    }
}

/// Serves a Unix socket until the server stops.
pub(crate) async fn unix(
    listener: UnixListener,
    file: ipc::SocketFile,
    dispatcher: Arc<Dispatcher>,
    metrics: Arc<Metrics>,
    shared: Shared,
) {
    let permits = Arc::new(Semaphore::new(shared.limits.connections));
    accept(&shared, listener, |mut stream| {
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            metrics.rejected(Rejection::Connections);
            shared.spawn(async move {
                let _ = stream.shutdown().await;
            });
            return;
        };
        let connection = shared.connection(permit);
        let (dispatcher, metrics) = (Arc::clone(&dispatcher), Arc::clone(&metrics));
        let (limits, stop) = (shared.limits.clone(), shared.stop.clone());
        shared.spawn(async move {
            let _open = metrics.connected(Transport::Ipc);
            ipc::serve(stream, dispatcher, limits, connection.id, stop).await;
            drop(connection);
        });
    })
    .await;
    drop(file);
}

//! The Unix socket: JSON documents one after another, as other nodes of Ethereum read and write them.

use crate::{
    config::TransportLimits,
    dispatch::Dispatcher,
    error::ServerError,
    metrics::Rejection,
    patience::Patient,
    session::{self, Outbox, Session},
    split::{Broken, Splitter},
};
use jsonrpsee::types::error::OVERSIZED_REQUEST_CODE;
use mundi_rpc_context::code;
use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf},
    net::{UnixListener, UnixSocket, UnixStream},
};
use tokio_util::sync::CancellationToken;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;
/// Bytes that are read at a time.
const CHUNK: usize = 16 << 10;

/// A socket in the file system; the file goes when this is dropped.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl SocketFile {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Listens at a path, which only the owner may open. A socket that a process left behind is replaced.
pub(crate) fn listen(path: &Path) -> Result<(UnixListener, SocketFile), ServerError> {
    let failed = |source: io::Error| ServerError::Ipc { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
        Ok(file) if !file.file_type().is_socket() => return Err(ServerError::IpcNotASocket(path.to_owned())),
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(failed)?
            }
            Err(error) => return Err(failed(error)),
            Ok(_) => return Err(ServerError::IpcInUse(path.to_owned())),
        },
    }
    let socket = UnixSocket::new_stream().map_err(failed)?;
    socket.bind(path).map_err(failed)?;
    let file = SocketFile(path.to_owned());
    // Nobody can connect before `listen`, so nobody connects with the permissions before these.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let listener = socket.listen(BACKLOG).map_err(failed)?;
    Ok((listener, file))
}

/// Serves one connection until its end: the client closes, breaks the protocol, or the server stops.
pub(crate) async fn serve(
    stream: UnixStream,
    dispatcher: Arc<Dispatcher>,
    limits: TransportLimits,
    connection: usize,
    stop: CancellationToken,
) {
    let (reader, writer) = tokio::io::split(Patient::new(stream, limits.stall));
    let (session, outbox) = session::open(dispatcher, &limits, connection);
    tokio::select! {
        // Ends when all is written, which it is only after the reader's end, or when the client is gone.
        () = write(writer, outbox) => {}
        () = async {
            read(reader, session, limits.request_bytes, stop).await;
            std::future::pending().await
        } => {}
    }
}

async fn read(
    mut reader: ReadHalf<Patient<UnixStream>>,
    mut session: Session,
    most: usize,
    stop: CancellationToken,
) {
    let mut splitter = Splitter::new(most);
    loop {
        loop {
            let refusal = match splitter.next() {
                Ok(Some(document)) => tokio::select! {
                    () = session.receive(document) => continue,
                    () = stop.cancelled() => return session.finish().await,
                },
                Ok(None) => break,
                Err(Broken::NotADocument) => {
                    session.dispatcher().metrics().rejected(Rejection::Malformed);
                    session.dispatcher().refusal(
                        code::PARSE,
                        "Parse error: a request begins with { or [; the connection ends",
                    )
                }
                Err(Broken::TooLarge) => {
                    session.dispatcher().metrics().rejected(Rejection::Size);
                    let message =
                        format!("the request exceeds the limit of {most} bytes; the connection ends");
                    session.dispatcher().refusal(OVERSIZED_REQUEST_CODE, &message)
                }
            };
            session.say(refusal).await;
            return session.finish().await;
        }
        let buffer = splitter.buffer();
        buffer.reserve(CHUNK);
        let read = tokio::select! {
            read = reader.read_buf(buffer) => read,
            () = stop.cancelled() => Ok(0),
        };
        // A client that only closed its side still gets the answers in flight.
        if !matches!(read, Ok(1..)) {
            return session.finish().await;
        }
    }
}

async fn write(mut writer: WriteHalf<Patient<UnixStream>>, mut outbox: Outbox) {
    while let Some(first) = outbox.next().await {
        let mut message = Some(first);
        while let Some(mut next) = message {
            next.text.push('\n');
            if writer.write_all(next.text.as_bytes()).await.is_err() {
                return;
            }
            message = outbox.ready();
        }
        if writer.flush().await.is_err() {
            return;
        }
    }
    let _ = writer.shutdown().await;
}

//! Why a server does not start.

use std::{io, net::SocketAddr, path::PathBuf};

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Somebody else has the port.
    #[error("port {} is in use on {}: stop the program that listens there, or choose another port", .0.port(), .0.ip())]
    PortInUse(SocketAddr),
    /// The system refuses.
    #[error("port {} may not be opened on {}: ports below 1024 belong to the system; choose a higher one", .0.port(), .0.ip())]
    PortDenied(SocketAddr),
    /// The address is not this machine's.
    #[error("{} is not an address of this machine: listen on one of its own, on 127.0.0.1, or on 0.0.0.0 for all", .0.ip())]
    NotOurs(SocketAddr),
    /// Another failure of listening.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Another process serves the Unix socket.
    #[error("{} is in use: another process answers there; stop it, or choose another path", .0.display())]
    IpcInUse(PathBuf),
    /// A file is in the way.
    #[error("{} exists and is not a socket: move it away, or choose another path", .0.display())]
    IpcNotASocket(PathBuf),
    /// Another failure of the Unix socket.
    #[error("cannot listen on the Unix socket {}: {source}; its folder has to exist and be writable, and the path be short (under 100 bytes)", path.display())]
    Ipc {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ServerError {
    pub(crate) fn listen(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::PortInUse(address),
            io::ErrorKind::PermissionDenied => Self::PortDenied(address),
            io::ErrorKind::AddrNotAvailable => Self::NotOurs(address),
            _ => Self::Listen { address, source },
        }
    }
}

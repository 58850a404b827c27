//! The proxy between nodes, over real sockets. Nothing here depends on how long anything takes.

use mundi_network::faults::{Gate, PeerKey, ProxiedNode, Proxy, ProxyConfig, Quality};
use std::{net::SocketAddr, num::NonZeroU64, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Longer than anything takes: a test that hangs should end.
const PATIENCE: Duration = Duration::from_secs(120);

/// Nodes that listen, behind a proxy.
struct Nodes {
    proxy: Proxy,
    listeners: Vec<TcpListener>,
}

/// Both ends of a connection between two nodes, as they see it.
struct Connection {
    dialer: TcpStream,
    listener: TcpStream,
}

fn key(node: usize) -> PeerKey {
    PeerKey([u8::try_from(node).unwrap() + 1; 32])
}

fn anywhere() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// The first bytes of a node that dials.
fn prelude(node: usize) -> Vec<u8> {
    [&[32][..], &key(node).0].concat()
}

impl Nodes {
    async fn start(nodes: usize) -> Self {
        let mut listeners = Vec::new();
        let mut proxied = Vec::new();
        for node in 0..nodes {
            let listener = TcpListener::bind(anywhere()).await.unwrap();
            let listen = listener.local_addr().unwrap();
            proxied.push(ProxiedNode { key: key(node), public: anywhere(), listen });
            listeners.push(listener);
        }
        let config = ProxyConfig { seed: 7, window: 64 << 10, ..ProxyConfig::new(proxied) };
        Self { proxy: Proxy::start(config).await.unwrap(), listeners }
    }

    /// Dials as a node does: who it is comes first.
    async fn dial(&self, from: usize, to: usize) -> TcpStream {
        let mut stream = TcpStream::connect(self.proxy.address(to)).await.unwrap();
        stream.write_all(&prelude(from)).await.unwrap();
        stream
    }

    async fn connect(&self, from: usize, to: usize) -> Connection {
        let dialer = self.dial(from, to).await;
        let (mut listener, _) = within(self.listeners[to].accept()).await.unwrap();
        assert_eq!(read(&mut listener, 33).await, prelude(from), "who dials is passed on");
        Connection { dialer, listener }
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it does not hang")
}

async fn read(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut read = vec![0; bytes];
    within(stream.read_exact(&mut read)).await.unwrap();
    read
}

/// Whether the other side has closed the connection, in one way or another.
async fn is_closed(stream: &mut TcpStream) -> bool {
    !matches!(within(stream.read(&mut [0])).await, Ok(1..))
}

/// Bytes that are easily told from each other.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * 31 % 251) as u8).collect()
}

/// Sends in both directions at once, and checks what arrives.
async fn exchange(connection: &mut Connection, count: usize) {
    let sent = bytes(count);
    let both = async |mut reads: tokio::net::tcp::ReadHalf<'_>,
                      mut writes: tokio::net::tcp::WriteHalf<'_>| {
        let mut got = vec![0; count];
        let (written, read) = tokio::join!(writes.write_all(&sent), reads.read_exact(&mut got));
        written.unwrap();
        read.unwrap();
        assert!(got == sent, "what arrives is what was sent");
    };
    let Connection { dialer, listener } = connection;
    let ((a, b), (c, d)) = (dialer.split(), listener.split());
    within(async { tokio::join!(both(a, b), both(c, d)) }).await;
}

#[tokio::test]
async fn a_perfect_link_passes_everything_on_and_ends_when_they_end() {
    let nodes = Nodes::start(3).await;
    let mut connection = nodes.connect(0, 2).await;
    exchange(&mut connection, 300_000).await;
    // One direction can end before the other.
    connection.dialer.shutdown().await.unwrap();
    assert!(is_closed(&mut connection.listener).await);
    connection.listener.write_all(b"still here").await.unwrap();
    assert_eq!(read(&mut connection.dialer, 10).await, b"still here");
    drop(connection.listener);
    assert!(is_closed(&mut connection.dialer).await);
    let counts = nodes.proxy.links().counts(0, 2);
    assert_eq!((counts.connections, counts.bytes), (1, 300_033));
    assert_eq!((counts.delayed, counts.lost, counts.stalled, counts.severed), (0, 0, 0, 0));
    assert_eq!(nodes.proxy.links().counts(2, 0).bytes, 300_010);
}

#[tokio::test]
async fn a_bad_link_loses_time_and_no_bytes() {
    let nodes = Nodes::start(2).await;
    let quality = Quality {
        delay: Duration::from_millis(3),
        jitter: Duration::from_millis(5),
        loss: 0.02,
        bandwidth: NonZeroU64::new(20_000_000),
    };
    nodes.proxy.links().set_quality(0, 1, quality);
    let mut connection = nodes.connect(0, 1).await;
    exchange(&mut connection, 100_000).await;
    let there = nodes.proxy.links().counts(0, 1);
    assert!(there.delayed > 0 && there.bytes == 100_033, "{there:?}");
    let back = nodes.proxy.links().counts(1, 0);
    assert_eq!((back.delayed, back.lost, back.bytes), (0, 0, 100_000));
    // Better from now on, also for a connection that exists.
    nodes.proxy.links().perfect();
    exchange(&mut connection, 100_000).await;
    assert_eq!(nodes.proxy.links().counts(0, 1).bytes, 200_033);
}

#[tokio::test]
async fn lost_packets_are_counted() {
    let nodes = Nodes::start(2).await;
    nodes.proxy.links().set_quality(1, 0, Quality { loss: 0.5, ..Quality::default() });
    let mut connection = nodes.connect(0, 1).await;
    connection.listener.write_all(&bytes(10_000)).await.unwrap();
    assert_eq!(read(&mut connection.dialer, 10_000).await, bytes(10_000));
    assert!(nodes.proxy.links().counts(1, 0).lost > 0);
    assert_eq!(nodes.proxy.links().counts(0, 1).lost, 0);
}

#[tokio::test]
async fn a_cut_closes_what_exists_and_refuses_what_is_new_until_it_heals() {
    let nodes = Nodes::start(4).await;
    let mut apart = nodes.connect(0, 2).await;
    let mut together = nodes.connect(0, 1).await;
    nodes.proxy.links().partition(&[vec![0, 1], vec![2, 3]], Gate::Cut);
    assert!(is_closed(&mut apart.dialer).await);
    assert!(is_closed(&mut apart.listener).await);
    // Refused whoever dials.
    for (from, to) in [(0, 2), (2, 0), (3, 1)] {
        let mut refused = nodes.dial(from, to).await;
        assert!(is_closed(&mut refused).await);
        assert_eq!(nodes.proxy.links().counts(from, to).refused, 1);
    }
    exchange(&mut together, 5_000).await;
    let severed = |from, to| nodes.proxy.links().counts(from, to).severed;
    assert!(severed(0, 2) + severed(2, 0) > 0 && severed(0, 1) + severed(1, 0) == 0);
    nodes.proxy.links().heal();
    let mut again = nodes.connect(2, 0).await;
    exchange(&mut again, 5_000).await;
}

#[tokio::test]
async fn a_cut_ends_a_connection_whose_reader_is_stuck() {
    let nodes = Nodes::start(2).await;
    let mut connection = nodes.connect(0, 1).await;
    // Nobody reads at the other end, until all that can be held on the way is.
    let stuck = bytes(64 << 20);
    let cut = async {
        while nodes.proxy.links().counts(0, 1).bytes < 1_000 {
            tokio::task::yield_now().await;
        }
        nodes.proxy.links().set_gate(1, 0, Gate::Cut);
    };
    let (written, ()) = within(async { tokio::join!(connection.dialer.write_all(&stuck), cut) }).await;
    assert!(written.is_err());
}

#[tokio::test]
async fn a_stalled_link_holds_bytes_in_one_direction_and_closes_nothing() {
    let nodes = Nodes::start(2).await;
    let mut connection = nodes.connect(0, 1).await;
    nodes.proxy.links().set_gate(0, 1, Gate::Stalled);
    connection.dialer.write_all(b"held").await.unwrap();
    // The other direction passes, and by then the held bytes have come as far as they can.
    connection.listener.write_all(b"passes").await.unwrap();
    assert_eq!(read(&mut connection.dialer, 6).await, b"passes");
    within(async {
        while nodes.proxy.links().counts(0, 1).stalled == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(nodes.proxy.links().counts(0, 1).bytes, 33, "who dials, and nothing since");
    assert!(connection.listener.try_read(&mut [0; 4]).is_err(), "nothing has come");
    nodes.proxy.links().heal();
    assert_eq!(read(&mut connection.listener, 4).await, b"held");
}

#[tokio::test]
async fn a_stalled_link_holds_no_more_than_its_window() {
    let nodes = Nodes::start(2).await;
    let mut connection = nodes.connect(0, 1).await;
    nodes.proxy.links().set_gate(0, 1, Gate::Stalled);
    let much = bytes(64 << 20);
    let heal = async {
        // The sender is held up once the window and the buffers of the system are full.
        within(async {
            while nodes.proxy.links().counts(0, 1).stalled == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(nodes.proxy.links().counts(0, 1).bytes, 33);
        nodes.proxy.links().heal();
    };
    let sent = async {
        let got = async {
            let mut got = vec![0; much.len()];
            connection.listener.read_exact(&mut got).await.unwrap();
            assert!(got == much);
        };
        tokio::join!(connection.dialer.write_all(&much), got).0.unwrap();
    };
    within(async { tokio::join!(sent, heal) }).await;
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let nodes = Nodes::start(2).await;
    for (number, first) in [&prelude(5)[..], b"GET / HTTP/1.1\r\n\r\n", &[32, 1, 2]].into_iter().enumerate() {
        let mut stranger = TcpStream::connect(nodes.proxy.address(0)).await.unwrap();
        stranger.write_all(first).await.unwrap();
        stranger.shutdown().await.unwrap();
        assert!(is_closed(&mut stranger).await);
        within(async {
            while nodes.proxy.strangers() <= number as u64 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    // Nothing of them came through.
    let mut connection = nodes.connect(1, 0).await;
    exchange(&mut connection, 100).await;
}

#[tokio::test]
async fn a_node_that_is_down_is_as_if_nobody_listened() {
    let mut nodes = Nodes::start(2).await;
    drop(nodes.listeners.pop());
    let mut refused = nodes.dial(0, 1).await;
    assert!(is_closed(&mut refused).await);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let nodes = Nodes::start(1).await;
    let public = nodes.proxy.address(0);
    let config = ProxyConfig::new(vec![ProxiedNode { key: key(0), public, listen: anywhere() }]);
    let error = Proxy::start(config).await.unwrap_err().to_string();
    assert!(error.contains(&public.to_string()) && error.contains("other ports"), "{error}");
}

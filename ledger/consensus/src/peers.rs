//! Connections between validators: authenticated by their keys, encrypted, and found by what peers tell of each other.

use crate::scheme::{PrivateKey, PublicKey};
use commonware_cryptography::ChaCha20Poly1305;
use commonware_p2p::{Ingress, authenticated::discovery};
use commonware_runtime::Quota;
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{Hostname, NZU32, NZUsize};
use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

/// How connections are authenticated and encrypted.
pub(crate) type Handshake = Cups<Sake<PrivateKey>, ChaCha20Poly1305>;

/// Connections per second from one address and from one subnet: all validators may be behind one.
const CONNECTIONS: NonZeroU32 = NZU32!(256);

/// How far clocks of validators may be apart.
const CLOCKS: Duration = Duration::from_secs(5);

/// How old a handshake may be.
const HANDSHAKE_AGE: Duration = Duration::from_secs(10);

/// Before trying again to connect to somebody: others come and restart within seconds.
const RECONNECT: Duration = Duration::from_secs(1);

/// Between any two attempts to connect.
const DIAL_EVERY: Duration = Duration::from_millis(100);

/// How long validators talk about who is where.
const GOSSIP_EVERY: Duration = Duration::from_secs(5);

/// Messages that wait between parts of the network.
const MAILBOX: NonZeroUsize = NZUsize!(1_024);

/// A node and those that it connects to.
pub(crate) struct Peers {
    pub(crate) signer: PrivateKey,
    /// What is signed between peers begins with it.
    pub(crate) namespace: Vec<u8>,
    pub(crate) listen: SocketAddr,
    /// Where the others reach this node, which may lead to `listen`.
    pub(crate) dialable: Ingress,
    pub(crate) others: Vec<(PublicKey, Ingress)>,
    /// Largest message on any channel.
    pub(crate) max_message_size: u32,
}

impl Peers {
    pub(crate) fn config(self) -> discovery::Config<Handshake> {
        let handshake = Cups::new(
            Sake {
                signer: self.signer,
                synchrony_bound: CLOCKS,
                max_handshake_age: HANDSHAKE_AGE,
                version: sake::Version::V1,
            },
            cups::Version::V1,
        );
        let most = NonZeroUsize::new(self.others.len() + 1).unwrap_or(NonZeroUsize::MIN);
        let mut network = discovery::Config::recommended(
            handshake,
            &self.namespace,
            self.listen,
            self.dialable,
            self.others,
            most,
            self.max_message_size,
            MAILBOX,
        );
        network.allow_private_ips = true;
        network.allow_dns = true;
        network.peer_connection_cooldown = RECONNECT;
        network.allowed_handshake_rate_per_ip = Quota::per_second(CONNECTIONS);
        network.allowed_handshake_rate_per_subnet = Quota::per_second(CONNECTIONS);
        network.dial_frequency = DIAL_EVERY;
        network.gossip_bit_vec_frequency = GOSSIP_EVERY;
        network.tracked_peer_sets = NonZeroUsize::MIN;
        network
    }
}

/// Where to dial an address, `host:port`; otherwise what is wrong with it.
pub(crate) fn ingress(address: &str) -> Result<Ingress, String> {
    if let Ok(socket) = address.parse::<SocketAddr>() {
        return Ok(Ingress::Socket(socket));
    }
    let (host, port) = address.rsplit_once(':').ok_or("it has no port")?;
    let port = port.parse().map_err(|error| format!("the port {port} is none: {error}"))?;
    let host = Hostname::new(host).map_err(|error| error.to_string())?;
    Ok(Ingress::Dns { host, port })
}

//! Who dials: the first bytes of a connection between nodes.
//!
//! Whoever dials first sends its public key in the clear, as a frame: the length as one byte, then the key. It is a claim that
//! the one who listens checks by what follows. The proxy believes it: a node of a network of its own has no reason to lie to it.

use alloy_primitives::hex;
use std::{fmt, str::FromStr, time::Duration};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How long a dialer may take to say who it is.
pub const PRELUDE_TIME: Duration = Duration::from_secs(10);

/// Bytes of a public key.
const KEY: usize = 32;
/// Bytes of the frame.
pub(super) const PRELUDE: usize = 1 + KEY;

/// The public key by which nodes know each other: Ed25519.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerKey(pub [u8; KEY]);

impl FromStr for PeerKey {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut key = [0; KEY];
        hex::decode_to_slice(text, &mut key)?;
        Ok(Self(key))
    }
}

impl fmt::Display for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerKey({self})")
    }
}

/// Reads the frame: who dials, and the bytes, to be passed on. `None`: what comes is something else, or nothing in time.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<(PeerKey, [u8; PRELUDE])> {
    let mut bytes = [0; PRELUDE];
    let read = async {
        // What does not begin like a key is turned away at once.
        bytes[0] = stream.read_u8().await.ok()?;
        if usize::from(bytes[0]) != KEY {
            return None;
        }
        stream.read_exact(&mut bytes[1..]).await.ok()
    };
    tokio::time::timeout(PRELUDE_TIME, read).await.ok()??;
    let key = PeerKey(bytes[1..].try_into().expect("a key is what follows the length"));
    Some((key, bytes))
}

/// The frame with which a node begins when it dials.
#[cfg(test)]
pub(super) fn of(key: PeerKey) -> [u8; PRELUDE] {
    let mut bytes = [0; PRELUDE];
    bytes[0] = u8::try_from(KEY).expect("a key is short");
    bytes[1..].copy_from_slice(&key.0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_read_and_anything_else_is_turned_away() {
        let key = PeerKey([7; 32]);
        let frame = of(key);
        assert_eq!(read(&mut [&frame[..], b"more"].concat().as_slice()).await, Some((key, frame)));
        for wrong in [&b"GET / HTTP/1.1\r\n"[..], b"", &frame[..20], &[0xff; 40]] {
            assert_eq!(read(&mut &wrong[..]).await, None);
        }
    }

    #[test]
    fn keys_are_hexadecimal() {
        let key = PeerKey([0xab; 32]);
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(format!("0x{key}").parse(), Ok(key));
        assert!("ab".parse::<PeerKey>().is_err());
    }
}

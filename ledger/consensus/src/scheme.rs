//! Who signs, and what for: the one place that names the signature scheme.
//!
//! Votes are BLS12-381 partial signatures (`MinSig`: 48-byte signatures, 96-byte keys); a quorum of 2f + 1 of them gives one
//! signature under the *group key*, the certificate. Whoever knows the group key checks it, without knowing the validators.
//!
//! Every signature is made over the network's [namespace], which holds the hash of the genesis block: a certificate also proves
//! which chain it is for.

use alloy_primitives::{B256, hex};
use commonware_codec::{Copying, DecodeExt, Encode};
use commonware_consensus::simplex::scheme::bls12381_threshold::standard;
use commonware_cryptography::{
    bls12381::primitives::{
        group, sharing,
        variant::{self, MinSig},
    },
    certificate::Verifier,
    ed25519, sha256,
};
use std::{fmt, str::FromStr};

/// How votes and certificates are signed.
pub type Scheme = standard::Scheme<PublicKey, MinSig>;

/// A signature of a quorum under the group key.
pub type Certificate = <Scheme as Verifier>::Certificate;

/// A validator's identity.
pub type PublicKey = ed25519::PublicKey;

/// What a validator proves its identity with.
pub type PrivateKey = ed25519::PrivateKey;

/// The public polynomial, of which the group key is the constant term.
pub type Sharing = sharing::Sharing<MinSig>;

/// A validator's share of the group's secret.
pub type Share = group::Share;

/// The digest of a payload.
pub type Digest = sha256::Digest;

/// What every signature of a network begins with.
const NAMESPACE: &[u8] = b"_MUNDI_LEDGER_";

/// The namespace of a network: what all its signatures are made over beside their subject.
pub fn namespace(genesis: B256) -> Vec<u8> {
    [NAMESPACE, genesis.as_slice()].concat()
}

/// The key of a network: what its certificates are checked with. It never changes, whoever the validators are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct GroupKey(<MinSig as variant::Variant>::Public);

impl GroupKey {
    /// Encoded length in bytes.
    pub const SIZE: usize = 96;

    /// The key that a polynomial stands for.
    pub fn of(sharing: &Sharing) -> Self {
        Self(*sharing.public())
    }

    /// A scheme that checks certificates of the network with this genesis, and nothing else.
    pub fn verifier(&self, genesis: B256) -> Scheme {
        Scheme::certificate_verifier(&namespace(genesis), self.0)
    }

    /// Reads a key, checking that it is a point of the right group.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidGroupKey> {
        if bytes.len() != Self::SIZE {
            return Err(InvalidGroupKey::Length(bytes.len()));
        }
        DecodeExt::decode(Copying(bytes)).map(Self).map_err(|_| InvalidGroupKey::Point)
    }

    /// The key as bytes: a compressed point of G2.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let encoded = self.0.encode();
        let mut bytes = [0; Self::SIZE];
        bytes.copy_from_slice(&encoded);
        bytes
    }
}

/// Why something is no group key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGroupKey {
    /// It is not hexadecimal.
    #[error("a group key is 96 bytes in hexadecimal: {0}")]
    Hex(#[from] hex::FromHexError),
    /// It has another length.
    #[error("a group key has 96 bytes, this one {0}")]
    Length(usize),
    /// It is no point of the group.
    #[error("these bytes are no group key: they are no point of the group G2 of BLS12-381")]
    Point,
}

impl FromStr for GroupKey {
    type Err = InvalidGroupKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(&hex::decode(text.trim())?)
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_prefixed(self.to_bytes()))
    }
}

impl fmt::Debug for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupKey({self})")
    }
}

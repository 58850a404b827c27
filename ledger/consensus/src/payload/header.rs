//! What a certificate proves.

use super::{Content, digest_of};
use crate::{
    dissemination::Dissemination,
    scheme::{Certificate, Digest, PublicKey},
};
use alloy_primitives::{Address, B256};
use bytes::BufMut;
use commonware_codec::{Buf, EncodeSize, Error, FixedSize, MaxEncodeSize, Read, ReadExt, Write};
use commonware_consensus::{
    simplex::types::Context,
    types::{Epoch, Height, Round, View},
};
use commonware_cryptography::{Digest as _, Hasher, Sha256};

/// An Ethereum block that was executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    /// Its height.
    pub height: u64,
    /// Its hash.
    pub hash: B256,
}

/// Where a payload's randomness comes from: the one signature that a quorum makes over the parent, which nobody knows before the
/// parent is voted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beacon {
    /// The parent was notarised.
    Notarized(Certificate),
    /// The parent was finalised.
    Finalized(Certificate),
}

impl Beacon {
    const NONE: u8 = 0;
    const NOTARIZED: u8 = 1;
    const FINALIZED: u8 = 2;

    /// What `PREVRANDAO` returns in the block: the SHA-256 of the signature.
    pub fn randomness(&self) -> B256 {
        let (Self::Notarized(certificate) | Self::Finalized(certificate)) = self;
        B256::from_slice(&digest_of(certificate))
    }
}

/// What a certificate proves: everything of a payload but the transactions, and their hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<K: Dissemination> {
    /// Round, leader and parent, as consensus knows them.
    pub context: Context<K::Commitment, PublicKey>,
    /// The parent's digest.
    pub parent: Digest,
    /// One more than the parent's.
    pub height: Height,
    /// Milliseconds since 1970, not less than the parent's.
    pub time: u64,
    /// Who gets the fees.
    pub beneficiary: Address,
    /// Where randomness comes from; `None` right after the genesis only.
    pub beacon: Option<Beacon>,
    /// The newest block that the leader had executed; not older than the parent's.
    pub anchor: Anchor,
    /// The transactions.
    pub content: Content,
}

impl<K: Dissemination> Header<K> {
    /// Most bytes of an encoded header.
    pub const MAX_ENCODE_SIZE: usize = Context::<K::Commitment, PublicKey>::MAX_ENCODE_SIZE
        + Digest::SIZE
        + Height::MAX_ENCODE_SIZE
        + u64::SIZE
        + Address::len_bytes()
        + 1
        + Certificate::SIZE
        + Height::MAX_ENCODE_SIZE
        + B256::len_bytes()
        + Content::SIZE;

    /// The header of the payload before the first.
    pub(super) fn genesis(leader: PublicKey, hash: B256, seconds: u64) -> Self {
        let round = Round::new(Epoch::zero(), View::zero());
        Self {
            context: Context { round, leader, parent: (View::zero(), K::nothing()) },
            parent: Digest::EMPTY,
            height: Height::zero(),
            time: seconds.saturating_mul(1000),
            beneficiary: Address::ZERO,
            beacon: None,
            anchor: Anchor { height: 0, hash },
            content: Content::of(&[]),
        }
    }

    /// The payload's digest.
    pub fn digest(&self) -> Digest {
        digest_of(self)
    }

    /// What `PREVRANDAO` returns in the block: of the beacon, or right after the genesis, of its hash.
    pub fn randomness(&self) -> B256 {
        self.beacon.as_ref().map_or_else(
            || B256::from_slice(&Sha256::hash(&[self.anchor.hash.as_slice()])),
            Beacon::randomness,
        )
    }

    /// Seconds since 1970, for the Ethereum block.
    pub const fn seconds(&self) -> u64 {
        self.time / 1000
    }
}

impl<K: Dissemination> Write for Header<K> {
    fn write(&self, buf: &mut impl BufMut) {
        self.context.write(buf);
        self.parent.write(buf);
        self.height.write(buf);
        self.time.write(buf);
        buf.put_slice(self.beneficiary.as_slice());
        match &self.beacon {
            None => Beacon::NONE.write(buf),
            Some(Beacon::Notarized(certificate)) => {
                Beacon::NOTARIZED.write(buf);
                certificate.write(buf);
            }
            Some(Beacon::Finalized(certificate)) => {
                Beacon::FINALIZED.write(buf);
                certificate.write(buf);
            }
        }
        Height::new(self.anchor.height).write(buf);
        buf.put_slice(self.anchor.hash.as_slice());
        self.content.write(buf);
    }
}

impl<K: Dissemination> EncodeSize for Header<K> {
    fn encode_size(&self) -> usize {
        self.context.encode_size()
            + Digest::SIZE
            + self.height.encode_size()
            + u64::SIZE
            + Address::len_bytes()
            + 1
            + self.beacon.as_ref().map_or(0, |_| Certificate::SIZE)
            + Height::new(self.anchor.height).encode_size()
            + B256::len_bytes()
            + Content::SIZE
    }
}

impl<K: Dissemination> Read for Header<K> {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, Error> {
        let context = Context::read(buf)?;
        let parent = Digest::read(buf)?;
        let height = Height::read(buf)?;
        let time = u64::read(buf)?;
        let beneficiary = Address::from(<[u8; 20]>::read(buf)?);
        let beacon = match u8::read(buf)? {
            Beacon::NONE => None,
            Beacon::NOTARIZED => Some(Beacon::Notarized(Certificate::read(buf)?)),
            Beacon::FINALIZED => Some(Beacon::Finalized(Certificate::read(buf)?)),
            other => return Err(Error::InvalidEnum(other)),
        };
        let anchor = Anchor { height: Height::read(buf)?.get(), hash: B256::from(<[u8; 32]>::read(buf)?) };
        let content = Content::read(buf)?;
        Ok(Self { context, parent, height, time, beneficiary, beacon, anchor, content })
    }
}

//! How payloads get to all validators, and what votes name them by.

use crate::{
    payload::Payload,
    scheme::{Digest, PublicKey},
};
use commonware_coding::ReedSolomon;
use commonware_consensus::{
    marshal::{
        coding::{self, types::CodedBlock},
        core::Variant,
        standard::Standard,
    },
    types::coding::Commitment,
};
use commonware_cryptography::{Digest as _, Digested, Digestible, Sha256};
use commonware_utils::NZU16;
use std::{fmt, sync::Arc};

/// The least number of validators among whom payloads are erasure-coded.
pub const LEAST_CODED: usize = 4;

/// What shards are made with.
pub(crate) type Coding = ReedSolomon<Sha256>;

/// The smallest code, for what nobody codes.
const NO_CODE: commonware_coding::Config =
    commonware_coding::Config { minimum_shards: NZU16!(1), extra_shards: NZU16!(1) };

/// A way of spreading payloads. All validators of a network use the same one: [`Coded`] from [`LEAST_CODED`] validators,
/// [`Whole`] under that.
pub trait Dissemination:
    Clone + Copy + Default + PartialEq + Eq + fmt::Debug + Send + Sync + Unpin + 'static
{
    /// What votes name a payload by.
    type Commitment: commonware_cryptography::Digest;

    /// What marshal works with.
    type Variant: Variant<ApplicationBlock = Payload<Self>, Commitment = Self::Commitment>;

    /// What these networks say in files: see [`Header`](crate::Header).
    const CODED: bool;

    /// The payload's digest, which the commitment contains.
    fn digest(commitment: &Self::Commitment) -> Digest;

    /// What the payload before the first names as its parent.
    fn nothing() -> Self::Commitment;

    /// The payload before the first, as marshal holds it.
    fn genesis(payload: Digested<Payload<Self>>) -> <Self::Variant as Variant>::Block;
}

/// Payloads are sent whole to everybody; votes name their digest (32 bytes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole;

impl Dissemination for Whole {
    type Commitment = Digest;
    type Variant = Standard<Payload<Self>>;
    const CODED: bool = false;

    fn digest(commitment: &Digest) -> Digest {
        *commitment
    }

    fn nothing() -> Digest {
        Digest::EMPTY
    }

    fn genesis(payload: Digested<Payload<Self>>) -> Digested<Payload<Self>> {
        payload
    }
}

/// Everybody gets a shard and passes it on; votes name digest, root of the shards, context and code (100 bytes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coded;

impl Dissemination for Coded {
    type Commitment = Commitment<Payload<Self>, Coding, Sha256>;
    type Variant = coding::Coding<Payload<Self>, Coding, Sha256, PublicKey>;
    const CODED: bool = true;

    fn digest(commitment: &Self::Commitment) -> Digest {
        commitment.block()
    }

    fn nothing() -> Self::Commitment {
        Commitment::from((Digest::EMPTY, Digest::EMPTY, Digest::EMPTY, NO_CODE))
    }

    fn genesis(payload: Digested<Payload<Self>>) -> Arc<CodedBlock<Payload<Self>, Coding, Sha256>> {
        let digest = payload.digest();
        let context = coding::types::hash_context::<Sha256, _>(&payload.inner().header().context);
        let commitment = Commitment::from((digest, digest, context, NO_CODE));
        Arc::new(CodedBlock::precomputed(payload, commitment))
    }
}

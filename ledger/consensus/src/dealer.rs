//! A dealer for networks of tests: one program that knows all secrets while it hands them out.
//!
//! Whoever runs the dealer could sign as everybody. Where validators do not trust each other they generate their shares together
//! ([`dkg`](crate::dkg)), and nobody ever knows the group's secret.

use crate::{
    files::{Committee, FileError, Member, NetworkFile, ValidatorFile},
    scheme::{GroupKey, PrivateKey, PublicKey},
};
use alloy_primitives::B256;
use commonware_codec::Encode;
use commonware_cryptography::{
    Signer,
    bls12381::{
        dkg::feldman_desmedt::deal as deal_shares,
        primitives::{sharing::Mode, variant::MinSig},
    },
};
use commonware_math::algebra::Random;
use commonware_utils::{N3f1, TryCollect, ordered::Set};
use rand_core::CryptoRng;

/// A network, and what each of its validators has.
#[derive(Clone, Debug)]
pub struct Dealt {
    /// What all may know.
    pub network: NetworkFile,
    /// What each validator alone may know, in the order of the addresses that were given.
    pub validators: Vec<ValidatorFile>,
}

/// Makes keys for validators with these names and addresses (`host:port`), and nothing that they sign together with: that they
/// [make themselves](crate::dkg).
pub fn introduce(
    mut rng: impl CryptoRng,
    genesis: B256,
    members: &[(String, String)],
) -> Result<Dealt, FileError> {
    let keys: Vec<PrivateKey> = members.iter().map(|_| PrivateKey::random(&mut rng)).collect();
    players(&keys)?;
    let validators = keys.iter().map(|key| ValidatorFile::new(key, None)).collect();
    let members = members.iter().zip(&keys).map(|((name, address), key)| Member {
        name: name.clone(),
        public_key: B256::from_slice(&key.public_key()),
        address: address.clone(),
    });
    Ok(Dealt { network: NetworkFile::new(genesis, members.collect()), validators })
}

/// Makes keys and shares for validators with these names and addresses (`host:port`), for the chain with this genesis.
pub fn deal(
    mut rng: impl CryptoRng,
    genesis: B256,
    members: &[(String, String)],
) -> Result<Dealt, FileError> {
    let Dealt { mut network, validators } = introduce(&mut rng, genesis, members)?;
    let keys = validators.iter().map(ValidatorFile::key).collect::<Result<Vec<_>, _>>()?;
    let (output, shares) = deal_shares::<MinSig, _, N3f1>(&mut rng, Mode::NonZeroCounter, players(&keys)?)
        .map_err(|error| wrong(format!("shares cannot be dealt: {error}")))?;
    network.group_key = GroupKey::of(output.public()).to_bytes().into();
    network.polynomial = output.public().encode().to_vec().into();
    let validators = keys.iter().map(|key| ValidatorFile::new(key, shares.get_value(&key.public_key())));
    let validators = validators.collect();
    let Committee { .. } = network.committee()?;
    Ok(Dealt { network, validators })
}

/// Whose keys these are.
fn players(keys: &[PrivateKey]) -> Result<Set<PublicKey>, FileError> {
    let players: Result<Set<PublicKey>, _> = keys.iter().map(Signer::public_key).try_collect();
    players.map_err(|_| wrong("a key was made twice: the randomness is broken".into()))
}

fn wrong(reason: String) -> FileError {
    FileError::Field { field: "validators", reason }
}

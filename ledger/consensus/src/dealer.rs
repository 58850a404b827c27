//! A dealer for networks of tests: one program that knows all secrets while it hands them out.
//!
//! Whoever runs the dealer could sign as everybody. Where validators do not trust each other they generate their shares together
//! ([`dkg`](crate::dkg)), and nobody ever knows the group's secret.

use crate::{
    files::{Committee, FileError, Member, NetworkFile, ValidatorFile},
    rules::{Pace, Rules},
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

/// A network that was dealt.
#[derive(Clone, Debug)]
pub struct Dealt {
    /// What all may know.
    pub network: NetworkFile,
    /// What each validator alone may know, in the order of the addresses that were given.
    pub validators: Vec<ValidatorFile>,
}

/// Makes keys and shares for validators with these names and addresses (`host:port`), for the chain with this genesis.
pub fn deal(
    mut rng: impl CryptoRng,
    genesis: B256,
    members: &[(String, String)],
) -> Result<Dealt, FileError> {
    let keys: Vec<PrivateKey> = members.iter().map(|_| PrivateKey::random(&mut rng)).collect();
    let players: Result<Set<PublicKey>, _> = keys.iter().map(Signer::public_key).try_collect();
    let wrong = |reason: String| FileError::Field { field: "validators", reason };
    let players = players.map_err(|_| wrong("a key was made twice: the randomness is broken".into()))?;
    let (output, shares) = deal_shares::<MinSig, _, N3f1>(&mut rng, Mode::NonZeroCounter, players)
        .map_err(|error| wrong(format!("shares cannot be dealt: {error}")))?;
    let validators = keys.iter().map(|key| ValidatorFile::new(key, shares.get_value(&key.public_key())));
    let validators: Vec<ValidatorFile> = validators.collect();
    let public = members.iter().zip(&keys).map(|((name, address), key)| Member {
        name: name.clone(),
        public_key: B256::from_slice(&key.public_key()),
        address: address.clone(),
    });
    let (rules, pace) = (Rules::new(0), Pace::default());
    let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let network = NetworkFile {
        genesis_hash: genesis,
        group_key: GroupKey::of(output.public()).to_bytes().into(),
        polynomial: output.public().encode().to_vec().into(),
        validators: public.collect(),
        payload_bytes: rules.bounds.bytes,
        payload_transactions: rules.bounds.transactions,
        max_lag: rules.max_lag,
        max_drift_ms: millis(rules.max_drift),
        min_interval_ms: millis(pace.interval),
        idle_interval_ms: millis(pace.idle),
        patience_ms: millis(pace.patience),
    };
    let Committee { .. } = network.committee()?;
    Ok(Dealt { network, validators })
}

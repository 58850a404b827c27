//! Keys that follow from a seed, and what they sign.

use alloy_consensus::{SignableTransaction, TxEnvelope};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B256, Signature, keccak256};
use k256::ecdsa::SigningKey;

/// Whose keys or addresses: the same index gives different ones for different roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Those who send transactions.
    Sender,
    /// Those who only sign authorizations.
    Authority,
    /// Those who only receive. Nobody has their keys.
    Account,
    /// Those who are rewarded.
    Beneficiary,
}

fn secret(seed: u64, role: Role, index: u64) -> B256 {
    keccak256([[role as u8; 8], seed.to_be_bytes(), index.to_be_bytes()].concat())
}

/// An address without a key.
pub(crate) fn address(seed: u64, role: Role, index: u64) -> Address {
    Address::from_word(secret(seed, role, index))
}

/// A key with its address.
#[derive(Debug)]
pub(crate) struct Signer {
    key: SigningKey,
    pub(crate) address: Address,
}

impl Signer {
    pub(crate) fn new(seed: u64, role: Role, index: u64) -> Self {
        let secret = secret(seed, role, index);
        let key = SigningKey::from_slice(secret.as_slice())
            .expect("all but one in 2¹²⁸ hashes are keys, and finding another would be news");
        let point = key.verifying_key().to_encoded_point(false);
        let address = Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..]);
        Self { key, address }
    }

    /// Signs deterministically (RFC 6979), with a low `s`.
    fn sign(&self, hash: B256) -> Signature {
        let (signature, recovery) =
            self.key.sign_prehash_recoverable(hash.as_slice()).expect("a hash can be signed");
        Signature::from_bytes_and_parity(&signature.to_bytes(), recovery.is_y_odd())
    }

    pub(crate) fn transaction<T>(&self, tx: T) -> TxEnvelope
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.sign(tx.signature_hash());
        tx.into_signed(signature).into()
    }

    pub(crate) fn authorization(&self, authorization: Authorization) -> SignedAuthorization {
        let signature = self.sign(authorization.signature_hash());
        authorization.into_signed(signature)
    }
}

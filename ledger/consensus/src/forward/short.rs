//! Short names of transactions.

use alloy_primitives::B256;
use commonware_cryptography::{Hasher, PublicKey, Sha256};

/// Eight bytes that stand for a transaction when one tells another what it has.
///
/// They are made with a key that is the receiver's own: who finds two transactions with the same short id, which takes 2³²
/// tries, troubles one receiver with them, and only as far as these two transactions go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShortId(pub(super) [u8; Self::SIZE]);

impl ShortId {
    /// Bytes of it.
    pub(super) const SIZE: usize = 8;
}

/// What the short ids of one receiver are made with.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShortIds([u8; 32]);

impl ShortIds {
    const DOMAIN: &[u8] = b"_FORWARD_SHORT_ID";

    /// Those of a receiver in the network of a namespace.
    pub(super) fn of(namespace: &[u8], receiver: &impl PublicKey) -> Self {
        let length = (namespace.len() as u64).to_be_bytes();
        Self(Sha256::hash(&[&length, namespace, Self::DOMAIN, receiver.as_ref()]).0)
    }

    /// The short id of a transaction.
    pub(super) fn name(&self, hash: &B256) -> ShortId {
        let digest = Sha256::hash(&[&self.0, hash.as_slice()]).0;
        ShortId(std::array::from_fn(|at| digest[at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};

    #[test]
    fn short_ids_depend_on_network_receiver_and_transaction() {
        let receiver = PrivateKey::from_seed(1).public_key();
        let id = ShortIds::of(b"net", &receiver).name(&B256::ZERO);
        assert_eq!(hex::encode(id.0), "6655df19b3077b03", "golden");
        let other = PrivateKey::from_seed(2).public_key();
        assert_ne!(ShortIds::of(b"net", &other).name(&B256::ZERO), id);
        assert_ne!(ShortIds::of(b"tent", &receiver).name(&B256::ZERO), id);
        assert_ne!(ShortIds::of(b"net", &receiver).name(&B256::repeat_byte(1)), id);
    }
}

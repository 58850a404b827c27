//! Keys that the node signs with.

use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;
use std::collections::BTreeSet;
use std::sync::RwLock;

/// Keys that the node signs with, and accounts that it sends for without a key. Only developers' chains have any.
#[derive(Debug, Default)]
pub struct Accounts {
    signers: Vec<PrivateKeySigner>,
    impersonated: RwLock<BTreeSet<Address>>,
}

impl Accounts {
    /// These keys.
    pub fn new(signers: Vec<PrivateKeySigner>) -> Self {
        Self { signers, impersonated: RwLock::default() }
    }

    /// The addresses of the keys.
    pub fn addresses(&self) -> Vec<Address> {
        self.signers.iter().map(PrivateKeySigner::address).collect()
    }

    /// The key of an address.
    pub fn signer(&self, address: Address) -> Option<&PrivateKeySigner> {
        self.signers.iter().find(|signer| signer.address() == address)
    }

    /// Whether transactions are sent for the address without a signature.
    pub fn is_impersonated(&self, address: &Address) -> bool {
        self.impersonated.read().expect("no holder panics").contains(address)
    }

    /// Begins or ends impersonation; returns whether that changed something.
    pub fn impersonate(&self, address: Address, on: bool) -> bool {
        let mut impersonated = self.impersonated.write().expect("no holder panics");
        if on { impersonated.insert(address) } else { impersonated.remove(&address) }
    }

    /// Accounts that are impersonated, in order.
    pub fn impersonated(&self) -> Vec<Address> {
        self.impersonated.read().expect("no holder panics").iter().copied().collect()
    }
}

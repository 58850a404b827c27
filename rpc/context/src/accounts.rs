//! Keys that the node signs with.

use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;
use std::collections::BTreeSet;
use std::sync::{
    RwLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// Keys that the node signs with, and accounts that it sends for without a key. Only developers' chains have any.
#[derive(Debug, Default)]
pub struct Accounts {
    signers: Vec<PrivateKeySigner>,
    impersonated: RwLock<BTreeSet<Address>>,
    impersonate_all: AtomicBool,
}

impl Accounts {
    /// These keys.
    pub fn new(signers: Vec<PrivateKeySigner>) -> Self {
        Self { signers, ..Self::default() }
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
        self.impersonates_all() || self.impersonated.read().expect("no holder panics").contains(address)
    }

    /// Begins or ends impersonation; returns whether that changed something.
    pub fn impersonate(&self, address: Address, on: bool) -> bool {
        let mut impersonated = self.impersonated.write().expect("no holder panics");
        if on { impersonated.insert(address) } else { impersonated.remove(&address) }
    }

    /// Whether transactions are sent for any address without a signature.
    pub fn impersonates_all(&self) -> bool {
        self.impersonate_all.load(Relaxed)
    }

    /// Begins or ends the impersonation of everybody. Addresses that are impersonated by name stay so.
    pub fn impersonate_all(&self, on: bool) {
        self.impersonate_all.store(on, Relaxed);
    }

    /// Accounts that are impersonated by name, in order.
    pub fn impersonated(&self) -> Vec<Address> {
        self.impersonated.read().expect("no holder panics").iter().copied().collect()
    }
}

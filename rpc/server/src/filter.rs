//! Which methods a listener serves.

use std::collections::BTreeSet;

/// Who a method is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Privilege {
    /// Everybody.
    Public,
    /// Developers of contracts: methods that bend a chain.
    Developer,
    /// Operators of the node: methods that change it, its keys or its peers.
    Admin,
}

const DEVELOPER: [&str; 4] = ["anvil_", "evm_", "hardhat_", "testing_"];
const ADMIN: [&str; 8] = [
    "admin_",
    "miner_",
    "personal_",
    "debug_set",
    "debug_start",
    "debug_stop",
    "debug_write",
    "debug_chaindb",
];

/// Who a method is for, by its name.
pub fn privilege(method: &str) -> Privilege {
    let one_of = |prefixes: &[&str]| prefixes.iter().any(|prefix| method.starts_with(prefix));
    if one_of(&ADMIN) {
        Privilege::Admin
    } else if one_of(&DEVELOPER) {
        Privilege::Developer
    } else {
        Privilege::Public
    }
}

/// Which methods a listener serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MethodFilter {
    namespaces: Option<BTreeSet<String>>,
    without: BTreeSet<String>,
}

impl MethodFilter {
    /// All.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those of some namespaces, such as `eth` and `net`. `rpc`, by which a client asks what there is, is always among them.
    pub fn namespaces<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut names: BTreeSet<String> = names.into_iter().map(Into::into).collect();
        names.insert("rpc".to_owned());
        Self { namespaces: Some(names), without: BTreeSet::new() }
    }

    /// The same without some methods.
    #[must_use]
    pub fn without<S: Into<String>>(mut self, methods: impl IntoIterator<Item = S>) -> Self {
        self.without.extend(methods.into_iter().map(Into::into));
        self
    }

    /// Whether a method is served.
    pub fn admits(&self, method: &str) -> bool {
        let namespace = method.split(['_', '.']).next().unwrap_or(method);
        !self.without.contains(method)
            && self.namespaces.as_ref().is_none_or(|namespaces| namespaces.contains(namespace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileges_go_by_the_name() {
        for (method, expected) in [
            ("eth_call", Privilege::Public),
            ("debug_traceCall", Privilege::Public),
            ("debug_setHead", Privilege::Admin),
            ("admin_addPeer", Privilege::Admin),
            ("personal_sign", Privilege::Admin),
            ("anvil_setBalance", Privilege::Developer),
            ("evm_mine", Privilege::Developer),
            ("hardhat_reset", Privilege::Developer),
            ("testing_buildBlockV1", Privilege::Developer),
        ] {
            assert_eq!(privilege(method), expected, "{method}");
        }
    }

    #[test]
    fn a_filter_admits_whole_namespaces() {
        let filter = MethodFilter::namespaces(["eth"]).without(["eth_sign"]);
        assert!(filter.admits("eth_call"));
        assert!(filter.admits("rpc.discover"));
        assert!(!filter.admits("eth_sign"));
        assert!(!filter.admits("ethereum_call"));
        assert!(!filter.admits("net_version"));
        assert!(MethodFilter::all().admits("anything"));
    }
}

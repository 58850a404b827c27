//! What a storage slot holds, where that can be derived.
//!
//! Solidity puts `mapping[key]` at `keccak256(key ‖ index)`, Vyper at `keccak256(index ‖ key)`. A hash cannot be
//! turned back, but the addresses that appear in a block are few: trying all of them with the first few indices
//! explains most of a block's hot slots.

use super::names::Names;
use alloy_primitives::{Address, B256, U256, b256, keccak256};
use mundi_execution::{Location, MemoryState, StateSnapshot};
use std::collections::{HashMap, HashSet};

/// Mappings are looked for at slots 0 to this, exclusive.
const MAPPING_SLOTS: u8 = 11;
/// Most addresses of a block that are tried.
const MAX_ADDRESSES: usize = 4096;

/// EIP-1967: implementation behind a proxy.
const IMPLEMENTATION: B256 = b256!("0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
/// EIP-1967: administrator of a proxy.
const ADMIN: B256 = b256!("0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103");
/// Code hash of every Uniswap v2 pair.
const UNISWAP_V2_PAIR: B256 = b256!("0x5b83bdbcc56b2e630f2807bbadd2b0c21619108066b92a58de081261089e9ce5");

/// A place in the state, as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// Name of the account, or its address shortened.
    pub(crate) account: String,
    /// What is there.
    pub(crate) what: String,
}

/// Explains the places of one block.
#[derive(Debug)]
pub(crate) struct Labels<'a> {
    names: &'a Names,
    /// Tells Uniswap v2 pairs by their code.
    state: &'a MemoryState,
    mappings: HashMap<U256, (Address, u8)>,
    /// Contracts that are called as tokens are.
    tokens: &'a HashSet<Address>,
}

impl<'a> Labels<'a> {
    /// Tries `addresses` as keys of mappings; `tokens` are contracts that are called as tokens are.
    pub(crate) fn new(
        names: &'a Names,
        state: &'a MemoryState,
        tokens: &'a HashSet<Address>,
        addresses: impl IntoIterator<Item = Address>,
    ) -> Self {
        let mut mappings = HashMap::new();
        for address in addresses.into_iter().take(MAX_ADDRESSES) {
            for index in 0..MAPPING_SLOTS {
                let (mut solidity, mut vyper) = ([0; 64], [0; 64]);
                solidity[12..32].copy_from_slice(address.as_slice());
                solidity[63] = index;
                vyper[31] = index;
                vyper[44..].copy_from_slice(address.as_slice());
                for key in [keccak256(solidity), keccak256(vyper)] {
                    mappings.insert(key.into(), (address, index));
                }
            }
        }
        Self { names, state, mappings, tokens }
    }

    pub(crate) fn account(&self, address: &Address) -> String {
        match self.names.contract(address) {
            Some(known) => known.name.to_owned(),
            None if self.is_pair(address) => format!("Uniswap v2 pair {}", short(address)),
            None => short(address),
        }
    }

    pub(crate) fn label(&self, location: &Location) -> Label {
        let address = location.address();
        let what = match location {
            Location::Account(_) => "balance, nonce, code".to_owned(),
            Location::Slot(_, slot) => self.slot(&address, slot),
        };
        Label { account: self.account(&address), what }
    }

    fn slot(&self, address: &Address, slot: &U256) -> String {
        if let Some((key, index)) = self.mappings.get(slot) {
            let holder = self.account(key);
            return match self.names.contract(address).and_then(|known| known.balances) {
                Some(balances) if balances == *index => format!("token balance of {holder}"),
                // Allowances lie a mapping deeper: what a token keeps by one address is a balance, as a rule.
                _ if self.tokens.contains(address) => {
                    format!("likely token balance of {holder} (mapping {index})")
                }
                _ => format!("mapping {index}, entry of {holder}"),
            };
        }
        if self.is_pair(address)
            || self.names.contract(address).is_some_and(|k| k.name.starts_with("Uniswap v2 "))
        {
            match slot.try_into() {
                Ok(8_u64) => return "reserves".to_owned(),
                Ok(9 | 10) => return "cumulative price".to_owned(),
                Ok(12) => return "reentrancy lock".to_owned(),
                _ => {}
            }
        }
        if *slot == U256::ZERO
            && self.names.contract(address).is_some_and(|k| k.name.starts_with("Uniswap v3 "))
        {
            return "price and tick (slot0)".to_owned();
        }
        match B256::from(*slot) {
            IMPLEMENTATION => "proxy implementation (EIP-1967)".to_owned(),
            ADMIN => "proxy administrator (EIP-1967)".to_owned(),
            hash if *slot > U256::from(u64::MAX) => {
                let hash = hash.to_string();
                format!("slot {}…{}", &hash[..8], &hash[hash.len() - 4..])
            }
            _ => format!("slot {slot}"),
        }
    }

    fn is_pair(&self, address: &Address) -> bool {
        matches!(self.state.account(address), Ok(Some(account)) if account.code_hash == UNISWAP_V2_PAIR)
    }
}

/// An address cut to what people compare.
pub(crate) fn short(address: &Address) -> String {
    let text = address.to_checksum(None);
    format!("{}…{}", &text[..6], &text[38..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;

    #[test]
    fn a_balance_slot_is_named_after_token_and_holder() {
        let names = Names::mainnet();
        let weth = address!("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2");
        let router = address!("0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D");
        let state = MemoryState::new();
        let tokens = HashSet::new();
        let labels = Labels::new(&names, &state, &tokens, [router]);
        let mut preimage = [0; 64];
        preimage[12..32].copy_from_slice(router.as_slice());
        preimage[63] = 3;
        let label = labels.label(&Location::Slot(weth, keccak256(preimage).into()));
        assert_eq!(label.account, "WETH");
        assert_eq!(label.what, "token balance of Uniswap v2 router");
        let unknown = labels.label(&Location::Slot(weth, U256::from(7)));
        assert_eq!(unknown.what, "slot 7");
    }

    #[test]
    fn proxy_slots_are_those_of_eip_1967() {
        let slot = |name: &str| B256::from(U256::from_be_bytes(keccak256(name).0) - U256::from(1));
        assert_eq!(slot("eip1967.proxy.implementation"), IMPLEMENTATION);
        assert_eq!(slot("eip1967.proxy.admin"), ADMIN);
    }
}

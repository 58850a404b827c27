//! From the prestate of each transaction to the state before the block.
//!
//! `debug_traceBlockByNumber` with the prestate tracer lists, for each transaction, what it touches with the values
//! *before that transaction*. Whatever a transaction changes it also lists, so the first listing of an account or slot
//! is its value before the block. The one exception are accounts that do not exist yet: the tracer leaves
//! them out, and once an earlier transaction made them, a later one lists what that made. So accounts that are first
//! listed after the first transaction are looked up in the parent's state as well.

use super::rpc::RpcError;
use crate::format::{PreAccount, Quantity};
use alloy_primitives::{Address, Bytes};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::collections::{BTreeMap, HashMap};

/// One entry of the answer of `debug_traceBlockByNumber`.
#[derive(Deserialize)]
struct TransactionTrace {
    #[serde(default)]
    result: Option<HashMap<Address, TracedAccount>>,
    #[serde(default)]
    error: Option<String>,
}

/// An account as the tracer lists it. Clients add fields of their own.
#[derive(Clone, Debug, Default, Deserialize)]
struct TracedAccount {
    #[serde(default)]
    balance: Quantity,
    #[serde(default, deserialize_with = "number_or_hex")]
    nonce: u64,
    #[serde(default)]
    code: Option<Bytes>,
    #[serde(default)]
    storage: HashMap<Quantity, Quantity>,
}

/// The merged prestates of a block.
#[derive(Debug, Default)]
pub(crate) struct Prestate {
    pub(crate) accounts: BTreeMap<Address, PreAccount>,
    /// Accounts that were not listed by the first transaction, whose first listing may be too late.
    pub(crate) uncertain: Vec<Address>,
}

impl Prestate {
    /// Merges the answer of `debug_traceBlockByNumber`, one trace for each of `transactions`.
    pub(crate) fn merge(json: &str, transactions: usize) -> Result<Self, RpcError> {
        let unusable = |message: String| RpcError::answer("debug_traceBlockByNumber", message);
        let traces: Vec<TransactionTrace> =
            serde_json::from_str(json).map_err(|error| unusable(error.to_string()))?;
        if traces.len() != transactions {
            return Err(unusable(format!("{} traces for {transactions} transactions", traces.len())));
        }
        let mut merged = Self::default();
        for (index, trace) in traces.into_iter().enumerate() {
            let Some(accounts) = trace.result else {
                let reason = trace.error.unwrap_or_else(|| "no result".to_owned());
                return Err(unusable(format!("transaction {index}: {reason}")));
            };
            for (address, traced) in accounts {
                merged.list(index, address, traced);
            }
        }
        merged.uncertain.sort_unstable();
        Ok(merged)
    }

    fn list(&mut self, index: usize, address: Address, traced: TracedAccount) {
        let account = self.accounts.entry(address).or_insert_with(|| {
            if index > 0 {
                self.uncertain.push(address);
            }
            PreAccount {
                balance: traced.balance,
                nonce: traced.nonce,
                code: traced.code.filter(|code| !code.is_empty()),
                storage: Default::default(),
            }
        });
        for (slot, value) in traced.storage {
            account.storage.0.entry(slot).or_insert(value);
        }
    }
}

/// Clients differ in how they write a nonce.
fn number_or_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Nonce {
        Number(u64),
        Hex(Quantity),
    }
    match Nonce::deserialize(deserializer)? {
        Nonce::Number(number) => Ok(number),
        Nonce::Hex(number) => number.0.try_into().map_err(|_| D::Error::custom("nonce over 64 bits")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;

    #[test]
    fn the_first_listing_of_each_account_and_slot_counts() {
        let a = Address::with_last_byte(0xa);
        let b = Address::with_last_byte(0xb);
        let json = format!(
            r#"[{{"txHash":"0x","result":{{"{a}":{{"balance":"0x1","nonce":7,"storage":{{"0x01":"0x0a"}}}}}}}},
               {{"result":{{"{a}":{{"balance":"0x2","nonce":8,"storage":{{"0x1":"0xff","0x2":"0x0b"}}}},
                          "{b}":{{"balance":"0x0","nonce":"0x1","code":"0x00","codeHash":"0x12"}}}}}}]"#
        );
        let merged = Prestate::merge(&json, 2).unwrap();
        let account = &merged.accounts[&a];
        assert_eq!((account.balance.0, account.nonce), (U256::from(1), 7));
        assert_eq!(account.slot(U256::from(1)), U256::from(10));
        assert_eq!(account.slot(U256::from(2)), U256::from(11));
        assert_eq!(merged.accounts[&b].nonce, 1);
        assert_eq!(merged.uncertain, [b]);
    }

    #[test]
    fn answers_that_do_not_fit_the_block_are_refused() {
        for json in
            ["", "{}", "[]", r#"[{"error":"timeout"}]"#, r#"[{"result":{"0x1":{}}}]"#, r#"[{"result":null}]"#]
        {
            assert!(Prestate::merge(json, 1).is_err(), "{json}");
        }
    }
}

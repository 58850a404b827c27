//! Finding where two results differ, as precisely as they can tell: which transaction, which field, both values.

use mundi_execution::{AccountChange, BlockOutput, Outcome, StateChanges, TxIndex, TxReceipt};
use serde::Serialize;
use std::fmt;

/// Most differences that one block reports; the first one is what matters.
pub const MAX_DIFFERENCES: usize = 16;

/// Two values that should be equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What was expected to hold: the header's figures, or the result of sequential execution.
    pub against: Against,
    /// The transaction, where the difference is one transaction's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TxIndex>,
    /// The field.
    pub field: String,
    /// Its value in the header or in sequential execution.
    pub expected: String,
    /// Its value in the execution under test.
    pub found: String,
}

/// What an execution is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The block's header.
    Header,
    /// Sequential execution.
    Sequential,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.transaction {
            write!(f, "transaction {index}, ")?;
        }
        let against = match self.against {
            Against::Header => "the header says",
            Against::Sequential => "sequential execution gives",
        };
        write!(f, "{}: {against} {}, this execution gives {}", self.field, self.expected, self.found)
    }
}

/// Collects differences up to the limit.
#[derive(Debug)]
pub(crate) struct Differences {
    against: Against,
    list: Vec<Difference>,
}

impl Differences {
    pub(crate) const fn new(against: Against) -> Self {
        Self { against, list: Vec::new() }
    }

    pub(crate) fn into_list(self) -> Vec<Difference> {
        self.list
    }

    fn is_full(&self) -> bool {
        self.list.len() >= MAX_DIFFERENCES
    }

    /// Notes a difference if the values differ.
    pub(crate) fn compare<T: PartialEq + fmt::Display>(
        &mut self,
        transaction: Option<TxIndex>,
        field: impl fmt::Display,
        expected: &T,
        found: &T,
    ) {
        if expected != found {
            self.note(transaction, field, expected, found);
        }
    }

    pub(crate) fn note(
        &mut self,
        transaction: Option<TxIndex>,
        field: impl fmt::Display,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) {
        if !self.is_full() {
            self.list.push(Difference {
                against: self.against,
                transaction,
                field: field.to_string(),
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
    }
}

/// Compares an execution with the sequential one. Both outputs' changes must be
/// [sorted](StateChanges::sort).
pub(crate) fn outputs(expected: &BlockOutput, found: &BlockOutput) -> Vec<Difference> {
    let mut differences = Differences::new(Against::Sequential);
    let d = &mut differences;
    d.compare(None, "number of outcomes", &expected.outcomes.len(), &found.outcomes.len());
    for (index, (expected, found)) in expected.outcomes.iter().zip(&found.outcomes).enumerate() {
        if expected != found && !d.is_full() {
            outcome(d, TxIndex(u32::try_from(index).unwrap_or(u32::MAX)), expected, found);
        }
    }
    d.compare(None, "gasUsed", &expected.gas_used, &found.gas_used);
    d.compare(None, "blobGasUsed", &expected.blob_gas_used, &found.blob_gas_used);
    if expected.changes != found.changes {
        changes(d, None, &expected.changes, &found.changes);
    }
    if expected.requests != found.requests {
        d.note(
            None,
            "requests",
            format_args!("{:?}", expected.requests),
            format_args!("{:?}", found.requests),
        );
    }
    if let (Some(expected), Some(found)) = (&expected.access_list, &found.access_list)
        && expected != found
    {
        d.compare(None, "number of accounts in the access list", &expected.len(), &found.len());
        if let Some((expected, found)) = expected.iter().zip(found).find(|(a, b)| a != b) {
            d.note(
                None,
                "access list",
                serde_json::to_string(expected).unwrap_or_default(),
                serde_json::to_string(found).unwrap_or_default(),
            );
        }
    }
    differences.into_list()
}

fn outcome(d: &mut Differences, index: TxIndex, expected: &Outcome, found: &Outcome) {
    match (expected, found) {
        (Outcome::Executed(expected), Outcome::Executed(found)) => receipt(d, index, expected, found),
        _ => d.note(Some(index), "outcome", describe(expected), describe(found)),
    }
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Executed(receipt) => format!("executed with {} gas", receipt.gas_used),
        Outcome::Skipped(reason) => format!("skipped ({reason})"),
    }
}

fn receipt(d: &mut Differences, index: TxIndex, expected: &TxReceipt, found: &TxReceipt) {
    let tx = Some(index);
    d.compare(tx, "type", &expected.tx_type, &found.tx_type);
    d.compare(tx, "success", &expected.success, &found.success);
    d.compare(tx, "gasUsed", &expected.gas_used, &found.gas_used);
    d.compare(tx, "cumulativeGasUsed", &expected.cumulative_gas_used, &found.cumulative_gas_used);
    if expected.created != found.created {
        d.note(tx, "contractAddress", shown(expected.created), shown(found.created));
    }
    d.compare(tx, "number of logs", &expected.logs.len(), &found.logs.len());
    for (number, (expected, found)) in expected.logs.iter().zip(&found.logs).enumerate() {
        d.compare(tx, format_args!("logs[{number}].address"), &expected.address, &found.address);
        if expected.topics() != found.topics() {
            d.note(
                tx,
                format_args!("logs[{number}].topics"),
                format_args!("{:?}", expected.topics()),
                format_args!("{:?}", found.topics()),
            );
        }
        d.compare(tx, format_args!("logs[{number}].data"), &expected.data.data, &found.data.data);
    }
}

/// Compares two sorted sets of changes, of the block or of one transaction.
pub(crate) fn changes(
    d: &mut Differences,
    tx: Option<TxIndex>,
    expected: &StateChanges,
    found: &StateChanges,
) {
    let key = |change: &AccountChange| change.address;
    for pair in merge(&expected.accounts, &found.accounts, key) {
        if d.is_full() {
            return;
        }
        match pair {
            (Some(expected), Some(found)) => account(d, tx, expected, found),
            (Some(expected), None) => {
                d.note(tx, format_args!("account {}", expected.address), "changed", "unchanged")
            }
            (None, Some(found)) => {
                d.note(tx, format_args!("account {}", found.address), "unchanged", "changed")
            }
            (None, None) => {}
        }
    }
    for pair in merge(&expected.code, &found.code, |(hash, _)| *hash) {
        match pair {
            (Some((hash, _)), None) => d.note(tx, format_args!("code {hash}"), "put in place", "absent"),
            (None, Some((hash, _))) => d.note(tx, format_args!("code {hash}"), "absent", "put in place"),
            _ => {}
        }
    }
}

fn account(d: &mut Differences, tx: Option<TxIndex>, expected: &AccountChange, found: &AccountChange) {
    let at = expected.address;
    match (&expected.account, &found.account) {
        (Some(expected), Some(found)) => {
            d.compare(tx, format_args!("balance of {at}"), &expected.balance, &found.balance);
            d.compare(tx, format_args!("nonce of {at}"), &expected.nonce, &found.nonce);
            d.compare(tx, format_args!("code hash of {at}"), &expected.code_hash, &found.code_hash);
        }
        (None, None) => {}
        (expected, found) => {
            let exists = |account: bool| if account { "exists" } else { "does not exist" };
            d.note(tx, format_args!("account {at}"), exists(expected.is_some()), exists(found.is_some()));
        }
    }
    d.compare(tx, format_args!("storage of {at} wiped"), &expected.storage_wiped, &found.storage_wiped);
    for pair in merge(&expected.storage, &found.storage, |(slot, _)| *slot) {
        match pair {
            (Some((slot, expected)), Some((_, found))) => {
                d.compare(
                    tx,
                    format_args!("slot {slot:#x} of {at}"),
                    &format!("{expected:#x}"),
                    &format!("{found:#x}"),
                );
            }
            (Some((slot, expected)), None) => {
                d.note(
                    tx,
                    format_args!("slot {slot:#x} of {at}"),
                    format_args!("{expected:#x}"),
                    "no change",
                );
            }
            (None, Some((slot, found))) => {
                d.note(tx, format_args!("slot {slot:#x} of {at}"), "no change", format_args!("{found:#x}"));
            }
            (None, None) => {}
        }
    }
}

/// Walks two sorted lists side by side.
fn merge<'a, T, K: Ord>(
    left: &'a [T],
    right: &'a [T],
    key: impl Fn(&T) -> K + 'a,
) -> impl Iterator<Item = (Option<&'a T>, Option<&'a T>)> {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    std::iter::from_fn(move || match (left.peek(), right.peek()) {
        (None, None) => None,
        (Some(_), None) => Some((left.next(), None)),
        (None, Some(_)) => Some((None, right.next())),
        (Some(a), Some(b)) => Some(match key(a).cmp(&key(b)) {
            std::cmp::Ordering::Less => (left.next(), None),
            std::cmp::Ordering::Greater => (None, right.next()),
            std::cmp::Ordering::Equal => (left.next(), right.next()),
        }),
    })
}

fn shown(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, U256};
    use mundi_execution::Account;

    fn change(address: u8, nonce: u64, storage: &[(u64, u64)]) -> AccountChange {
        AccountChange {
            address: Address::with_last_byte(address),
            account: Some(Account { nonce, ..Account::default() }),
            storage_wiped: false,
            storage: storage.iter().map(|(k, v)| (U256::from(*k), U256::from(*v))).collect(),
        }
    }

    #[test]
    fn a_difference_in_the_state_names_account_slot_and_both_values() {
        let expected = StateChanges {
            accounts: vec![change(1, 1, &[(1, 10), (2, 20)]), change(2, 1, &[])],
            code: vec![],
        };
        let found = StateChanges {
            accounts: vec![change(1, 2, &[(1, 11), (3, 30)]), change(3, 1, &[])],
            code: vec![],
        };
        let mut differences = Differences::new(Against::Sequential);
        changes(&mut differences, Some(TxIndex(7)), &expected, &found);
        let lines: Vec<_> = differences.into_list().iter().map(ToString::to_string).collect();
        let a = Address::with_last_byte(1);
        assert_eq!(
            lines,
            [
                format!("transaction 7, nonce of {a}: sequential execution gives 1, this execution gives 2"),
                format!(
                    "transaction 7, slot 0x1 of {a}: sequential execution gives 0xa, this execution gives 0xb"
                ),
                format!(
                    "transaction 7, slot 0x2 of {a}: sequential execution gives 0x14, this execution gives no change"
                ),
                format!(
                    "transaction 7, slot 0x3 of {a}: sequential execution gives no change, this execution gives 0x1e"
                ),
                format!(
                    "transaction 7, account {}: sequential execution gives changed, this execution gives unchanged",
                    Address::with_last_byte(2)
                ),
                format!(
                    "transaction 7, account {}: sequential execution gives unchanged, this execution gives changed",
                    Address::with_last_byte(3)
                ),
            ]
        );
    }
}

//! Whether two runs gave the same.

use mundi_execution::{BlockOutput, TxIndex};

/// What sequential execution gave.
pub(crate) struct Verdict(BlockOutput);

impl Verdict {
    pub(crate) fn new(mut output: BlockOutput) -> Self {
        output.changes.sort();
        Self(output)
    }

    /// The first difference, with the value expected and the value found.
    pub(crate) fn compare(&self, mut found: BlockOutput) -> Result<(), String> {
        let expected = &self.0;
        let differ = |what: &str, expected: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug| {
            Err(format!("{what}: expected {expected:?}, found {found:?}"))
        };
        if expected.outcomes.len() != found.outcomes.len() {
            return differ("transactions", &expected.outcomes.len(), &found.outcomes.len());
        }
        for (index, (expected, found)) in expected.outcomes.iter().zip(&found.outcomes).enumerate() {
            if expected != found {
                return differ(&format!("transaction {}", TxIndex(index as u32)), expected, found);
            }
        }
        if expected.gas_used != found.gas_used {
            return differ("gas used", &expected.gas_used, &found.gas_used);
        }
        if expected.blob_gas_used != found.blob_gas_used {
            return differ("blob gas used", &expected.blob_gas_used, &found.blob_gas_used);
        }
        if expected.requests != found.requests {
            return differ("requests", &expected.requests, &found.requests);
        }
        found.changes.sort();
        if expected.changes == found.changes {
            return Ok(());
        }
        let (expected, found) = (&expected.changes.accounts, &found.changes.accounts);
        match expected.iter().zip(found).find(|(expected, found)| expected != found) {
            Some((expected, found)) => differ("changed account", expected, found),
            None => differ("number of changed accounts, or new code", &expected.len(), &found.len()),
        }
    }
}

//! Transactions that are in no block yet.

use alloy_consensus::{Transaction as _, TxEnvelope, transaction::Recovered};
use alloy_primitives::Address;
use alloy_rpc_types_eth::Transaction;
use mundi_mempool::PooledTransaction;
use serde::Serialize;

/// A transaction with the time of its block, which is `null` as long as there is none. The other places are too.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unmined {
    #[serde(flatten)]
    transaction: Transaction,
    block_timestamp: Option<u64>,
}

/// A transaction that waits, in the two forms that clients ask for.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum PendingTransaction {
    /// It waits.
    Unmined(Box<Unmined>),
    /// It is in a block.
    Mined(Box<Transaction>),
}

impl From<Transaction> for PendingTransaction {
    fn from(transaction: Transaction) -> Self {
        Self::Mined(Box::new(transaction))
    }
}

impl From<&PooledTransaction> for PendingTransaction {
    fn from(tx: &PooledTransaction) -> Self {
        Self::Unmined(Box::new(pending_transaction(tx.envelope(), tx.sender())))
    }
}

/// A transaction that is in no block. Its gas price is the most that it may pay.
pub fn pending_transaction(tx: &TxEnvelope, sender: Address) -> Unmined {
    Unmined {
        transaction: Transaction {
            effective_gas_price: Some(tx.effective_gas_price(None)),
            inner: Recovered::new_unchecked(tx.clone(), sender),
            block_hash: None,
            block_number: None,
            transaction_index: None,
            block_timestamp: None,
        },
        block_timestamp: None,
    }
}
